"""`vllm serve` as a program.

Its window counts prompt and answer together; adapters become models of their own, which a client
must name, so none is given here. In: a `LaunchSpec`. Out: arguments, and a `Condition` read from
`/v1/models`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import FormatError, UserError
from seatrial.serve.engines.folders import check_folder, folder_files, model_word
from seatrial.serve.engines.program import LOADING, Condition, refuse_threads
from seatrial.serve.engines.spec import LaunchSpec


class _Model(msgspec.Struct):
    id: str
    root: str | None = None
    max_model_len: int | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


class Vllm:
    """`vllm serve`."""

    id = "vllm"
    family = "vllm"
    has_own_sizes = True
    hint = "pip install vllm (it needs a GPU), or give its path: --program PATH/vllm"

    def check(self, spec: LaunchSpec) -> None:
        check_folder(spec, "vllm")
        refuse_threads(spec, "vllm")
        if spec.adapters:
            raise UserError(
                "vllm serves an adapter as a model of its own",
                hint="behind --: --enable-lora --lora-modules NAME=FOLDER, and ask for NAME",
            )

    def files(self, spec: LaunchSpec) -> tuple[Path, ...]:
        return folder_files(spec)

    def arguments(self, spec: LaunchSpec, port: int) -> tuple[str, ...]:
        words = ["serve", model_word(spec.model), "--host", spec.host, "--port", str(port)]
        if spec.window_tokens:
            words += ["--max-model-len", str(spec.window_tokens)]
        if spec.slots:
            words += ["--max-num-seqs", str(spec.slots)]
        return (*words, *spec.extra)

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        return {"VLLM_API_KEY": spec.api_key} if spec.api_key else {}

    def prepare(self, spec: LaunchSpec) -> None:
        pass

    async def condition(self, server: Transport, spec: LaunchSpec) -> Condition:
        # 200 without a body once the engine behind it runs.
        if not await _healthy(server):
            return LOADING
        listed = (await server.get_json("/v1/models", _Models)).data
        asked = model_word(spec.model)
        model = next((one for one in listed if asked in (one.root, one.id)), None)
        if model is None:
            found = ", ".join(one.root or one.id for one in listed) or "nothing"
            return Condition("failed", f"model {asked} was asked, {found} is served")
        if spec.window_tokens and model.max_model_len != spec.window_tokens:
            return Condition(
                "failed",
                f"a window of {spec.window_tokens} tokens was asked, "
                f"{model.max_model_len} is served",
            )
        return Condition("serving", await _version(server))


async def _healthy(server: Transport) -> bool:
    try:
        await server.get_json("/health", msgspec.Raw)
    except RefusedError:
        return False
    except FormatError:  # an empty body is its way to say yes
        return True
    return True


async def _version(server: Transport) -> str:
    try:
        told = await server.get_json("/version", dict[str, str])
    except (RefusedError, FormatError):
        return "vllm"
    return f"vllm {told.get('version', '')}".strip()
