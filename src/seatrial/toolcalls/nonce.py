"""Envelopes that carry a word which only this request knows, against calls copied from elsewhere.

Text that a tool or a web page puts into the prompt can hold a whole envelope; a model that repeats
it would call. With a nonce in the opening tag, an envelope without it is text. Pure functions on
tags: the system prompt names the form, `render` writes it, the scan looks for it.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<(?!\|)[^<>=\s]+>|\[[A-Z_]+\]")


def nonce_opener(opener: str, nonce: str) -> str | None:
    """`opener` with the nonce in it: `<tool_call nonce="x7">`; None = it cannot carry one.

    A special token such as `<|tool_call_begin|>` cannot, and neither can the beginning of a tag.
    """
    if not nonce:
        return opener
    return f'{opener[:-1]} nonce="{nonce}"{opener[-1]}' if _TAG.fullmatch(opener) else None


def with_nonce(call: str, opener: str, nonce: str) -> str | None:
    """The canonical text of one call, with the nonce; None = its tag cannot carry one."""
    bound = nonce_opener(opener, nonce)
    return bound + call[len(opener) :] if bound and call.startswith(opener) else None
