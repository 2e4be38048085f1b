"""Window and slots of `seatrial serve` where a person names none.

In: an option, and the model file. Out: a number that llama.cpp serves exactly.
"""

from __future__ import annotations

from pathlib import Path

from seatrial.core.errors import UserError
from seatrial.serve.engines.gguf_files import WINDOW_STEP_TOKENS
from seatrial.serve.gguf import read_header

DEFAULT_WINDOW = 4096
DEFAULT_SLOTS = 1


def size(given: int | None, option: str, default: int) -> int:
    """What was asked, or the default."""
    if given is not None and given < 1:
        raise UserError(f"{option} begins at 1")
    return default if given is None else given


def default_window(model: Path) -> int:
    """The usual window, or all that a smaller model was trained for."""
    trained = read_header(model).trained_window_tokens or DEFAULT_WINDOW
    below = trained // WINDOW_STEP_TOKENS * WINDOW_STEP_TOKENS
    return min(DEFAULT_WINDOW, max(below, WINDOW_STEP_TOKENS))
