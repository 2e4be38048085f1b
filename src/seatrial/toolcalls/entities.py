"""A call that a model wrote in character entities as a whole: `&lt;tool_call&gt;...`.

Only a block from the beginning of a line to the end of the turn counts, and only if nothing in it
is left unescaped: then unescaping once gives what was meant. In: a place. Out: the block.
"""

from __future__ import annotations

import html

from seatrial.toolcalls.reading import BLANK
from seatrial.toolcalls.repairs import EXAMPLE_TURN, declare

ENTITIES_UNESCAPED = declare(
    "entities_unescaped",
    "envelope",
    "A call that is written in character entities as a whole is unescaped once.",
    html.escape(EXAMPLE_TURN, quote=False),
)
MAX_TRIED = 4
"""So many lines of a turn are tried: each time all of the rest is looked at."""


def unescaped_block(text: str, at: int) -> tuple[str, int] | None:
    """The block at `at`, unescaped, and where it ends; None = not escaped as a whole."""
    block = text[at:].rstrip(BLANK)
    if "<" in block or ">" in block or not block.endswith("&gt;"):
        return None
    return html.unescape(block), at + len(block)
