"""Whether the files and sizes of a launch can be served by llama.cpp exactly as they are asked.

Not a loader: only headers are read. In: a `LaunchSpec` with GGUF files. Out: nothing, or an
error in plainer words than the engine would use.
"""

from __future__ import annotations

from seatrial.core.errors import UserError
from seatrial.serve.engines.spec import LaunchSpec
from seatrial.serve.gguf import GgufHeader, read_header

WINDOW_STEP_TOKENS = 256
"""llama.cpp rounds the window of a slot up to this; another one could not be attested."""


def check_gguf(spec: LaunchSpec) -> None:
    """Refuse what llama.cpp would refuse, or silently serve otherwise.

    Raises:
        UserError: a file or a size is not usable.
    """
    header = read_header(spec.model)
    if header.is_adapter:
        raise UserError(f"{spec.model}: an adapter, not a model", hint="give it as the adapter")
    if header.split_count > 1:
        raise UserError(
            f"{spec.model}: one of {header.split_count} parts of a model",
            hint="join the parts with llama-gguf-split --merge",
        )
    for adapter in spec.adapters:
        if not read_header(adapter.path).is_adapter:
            hint = "an adapter is a GGUF file of general.type = adapter"
            raise UserError(f"{adapter.path}: not an adapter", hint=hint)
    _check_sizes(spec, header)


def _check_sizes(spec: LaunchSpec, header: GgufHeader) -> None:
    window, trained = spec.window_tokens, header.trained_window_tokens
    if spec.slots < 1 or spec.threads < 1:
        raise UserError("slots and threads begin at 1")
    if window < 1 or window % WINDOW_STEP_TOKENS:
        above = max(1, -(-window // WINDOW_STEP_TOKENS)) * WINDOW_STEP_TOKENS
        raise UserError(
            f"a window of {window} tokens cannot be served as asked",
            hint=f"llama.cpp serves steps of {WINDOW_STEP_TOKENS}: ask for {above}",
        )
    if trained is not None and window > trained:
        raise UserError(
            f"a window of {window} tokens is more than the model was trained for",
            hint=f"{spec.model.name} goes up to {trained}",
        )
