"""Hostile text made harmless to look at: what a terminal or a page would act on is spelled out.

A model may write escape sequences that move the cursor, and marks that turn the order of letters
around; both would let a transcript show something else than what was written. Not an HTML
escape: the page's template does that. In: any text. Out: text that is only text.
"""

from __future__ import annotations

import re

_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks of direction
    "\u2028\u2029\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """`text` with control characters, marks of direction and lone surrogates as `\\x1b`."""
    return _ACTING.sub(_spelled, text)


def one_line(text: str, limit: int = 100) -> str:
    """A quote on one line, cut where it is long; the full one stands in the trace."""
    # Cut first: a text of megabytes is not worth spelling out. One more shows that there is more.
    shown = visible(text[: limit + 1].replace("\n", "\\n").replace("\t", "\\t"))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _spelled(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
