"""Where markup in visible text is certainly meant, and where it is talked about or doubtful.

Pure questions about places, and a memory of mentions: text that talks about tags repeats itself.
"""

from __future__ import annotations

import re

from seatrial.toolcalls.envelope_repairs import CLOSER_MISSING
from seatrial.toolcalls.reading import BLANK, CUT_OFF, END, Envelope, Window
from seatrial.toolcalls.tokens import Tokens
from seatrial.toolcalls.visible import HELD_BLANKS

_LINE_REST = re.compile("[ \\t\\r\\u200b-\\u200d\\u2060\\ufeff]{0,64}")
_LOOKAHEAD = 320
"""More than a dialect looks at to say whether it opens."""
_REMEMBERED = 64
_BEHIND_JSON = ("", "<", "[", ";", ",", *BLANK)
"""What may stand right behind a call that ends with its JSON."""


class Mentions:
    """Tokens that were found to be text, by all of their surroundings that could decide on them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def knows(self, text: str, literal: str, at: int, start: int) -> bool:
        """Was the token at `at`, in text that is visible from `start` on, found to be text?"""
        return bool(self._seen) and _surroundings(text, literal, at, start) in self._seen

    def add(self, text: str, literal: str, at: int, start: int) -> None:
        """The token at `at` is text."""
        if len(self._seen) < _REMEMBERED and (seen := _surroundings(text, literal, at, start)):
            self._seen.add(seen)


def _surroundings(text: str, literal: str, at: int, start: int) -> str:
    """Empty where more than what stands near decides, as at the beginning of a line."""
    before = text[at - 2 : at] if at - 2 >= start else ""
    if not before.strip(BLANK) or "\n" in before:
        return ""
    return text[at - 2 : at + len(literal) + _LOOKAHEAD]


def line_rest(text: str, at: int) -> int:
    """The first place from `at` on, on its line, that holds no blank."""
    match = _LINE_REST.match(text, at)
    return match.end() if match else at


def zero_width_before(text: str, start: int, at: int) -> bool:
    """Do characters without width stand right before `at`, in text from `start` on?"""
    before = text[max(start, at - HELD_BLANKS) : at]
    return bool(before[len(before.rstrip(BLANK)) :].strip(" \t\r\n"))


def odd_end(window: Window, end: int, tokens: Tokens, *, line_start: bool) -> str:
    """Why a call that ends at `end` is doubtful for what stands behind it; empty = it is not."""
    text = window.text
    if text[end - 1] in "}]" and text[end : end + 1] not in _BEHIND_JSON:
        return "text is glued to the end of the call"
    rest = line_rest(text, end)
    if line_start or text[rest : rest + 1] == "\n":
        return ""
    if rest == len(text):
        return "" if window.stopped else CUT_OFF
    markup = tokens.search(text, rest, rest + _LOOKAHEAD)
    if markup is not None and markup.start() == rest:
        return ""
    return "text stands before and behind the call on its line"


def early_end(window: Window, envelope: Envelope, closers: tuple[str, ...]) -> str:
    """Why an ending that only a token in the text supplied is doubtful; empty = it is not.

    A value can hold such a token: then the real ending stands behind it.
    """
    token = END.match(window.text, envelope.end)
    supplied = CLOSER_MISSING in envelope.calls[-1].repairs if envelope.calls else False
    if not supplied or token is None or token.end() == len(window.text):
        return ""
    if not window.stopped:
        return CUT_OFF
    more = any(window.text.find(closer, token.end()) >= 0 for closer in closers)
    return "an ending stands behind the end of the turn" if more else ""


def stray_tags(window: Window, start: int, end: int) -> bool:
    """Does `text[start:end]` hold tags that could be those of a call which was not read?"""
    before = window.text[start:end].lower()
    return "</" in before or any(f"<{name.lower()}" in before for name in window.tools)
