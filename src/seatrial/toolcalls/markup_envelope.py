"""Envelopes around calls whose values have no quotes: wrapper, heads, parameters, closing tags.

Shared by the dialects that differ in their tags only. In: a window, a place, a grammar. Out: an
`Envelope` (never sure: a value can hold a whole ending) or `Broken`. What is missing is repaired
only where the tags that are there leave no doubt, and an ending is invented only if the model
stopped by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    FENCE_IN_WRAPPER,
    OPENER_DOUBLED,
    OPENER_MISSING,
    SEVERAL_IN_WRAPPER,
    TAG_SPELLING,
    TEXT_IN_ENVELOPE,
)
from seatrial.toolcalls.markup import NOT_CLOSED, Grammar, Parameters, Reader, Tag, Unclear, opened
from seatrial.toolcalls.markup_flat import read_flat
from seatrial.toolcalls.markup_frames import settled
from seatrial.toolcalls.markup_scan import Balanced
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.reading import (
    BLANK,
    CUT_OFF,
    Broken,
    Envelope,
    RawCall,
    Window,
    skip_blanks,
)

_NEAR = 64
_HEAD = 300
_FENCE = re.compile(r"```[\w-]{0,12}[ \t]{0,8}\n[ \t\n]{0,8}")
_FENCE_END = re.compile(r"[ \t\n]{0,8}```[ \t]{0,8}\n[ \t\n]{0,8}")


def shown(value: object) -> str:
    """A value as these dialects write it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rendered(pairs: Mapping[str, Any], opening: str, closing: str, *, block: bool) -> list[str]:
    """The parameters, one entry each; `opening` and `closing` hold {} for the key.

    On lines of its own stands a value that would otherwise begin with a newline, where one
    newline is taken off on each side, and then every value of several lines.
    """
    rows = []
    texts = {key: shown(value) for key, value in pairs.items()}
    some = any(text.startswith("\n") for text in texts.values())
    for key, text in texts.items():
        inner = f"\n{text}\n" if block or (some and "\n" in text) else text
        rows.append(f"{opening.replace('{}', key)}{inner}{closing.replace('{}', key)}")
    return rows


def read_parameters(reader: Reader, at: int, first: Tag | None = None) -> Parameters:
    """The parameters behind the head of a call that ends at `at`."""
    values: dict[str, Any] = {}
    repairs: list[str] = []
    flat = False
    while True:
        tag = first or reader.next(at)
        first = None
        if tag is None or tag.kind != "open":
            break
        if tag.name in values:
            raise Unclear(f"the parameter {tag.name[:40]!r} stands twice")
        spelled = reader.text[tag.start : tag.end]
        repairs += (OPENER_MISSING,) if tag.late else reader.grammar.repair_of(spelled)
        value = opened(reader, tag)
        found = None if flat else Balanced(reader, value).run()
        if found is None:
            if not reader.window.stopped or reader.grammar.keyed:
                raise Unclear(NOT_CLOSED, ended=True)
            flat = True
            found = read_flat(reader, value, values)
        values[tag.name] = msgspec.structs.replace(found, opening=spelled)
        repairs += found.repairs
        at = found.end
    reader.check(values)
    return Parameters(settled(values, reader.grammar), at, tuple(repairs))


class EnvelopeReader:
    """Reads one envelope of a dialect whose calls stand in a wrapper; `read` once."""

    def __init__(self, window: Window, grammar: Grammar) -> None:
        self._window = window
        self._text = window.text
        self._grammar = grammar
        self._calls: list[RawCall] = []
        self._repairs: list[str] = []
        self._name: str | None = None
        self._wrapped = False

    def read(self, at: int) -> Envelope | Broken:
        if self._inside(at):
            return Broken("the call stands inside a parameter")
        end = at
        try:
            here = self._openers(at)
            start: int | None = at
            while start is not None:
                here, end, start = self._call(here, start)
        except Unclear as unclear:
            cut = unclear.ended and not self._window.stopped
            broken = Broken(CUT_OFF if cut else unclear.reason, self._name)
            if not self._calls:
                return broken
            return Envelope(end, tuple(self._calls), broken, sure=False)
        return Envelope(end, tuple(self._calls), sure=False)

    def _inside(self, at: int) -> bool:
        """Does the tag of a parameter stand directly before `at`? It has lost its own call."""
        before = self._text[max(0, at - _HEAD) : at].rstrip(BLANK)
        match = self._grammar.tag.fullmatch(before, max(0, before.rfind("<")))
        return match is not None and match.lastgroup == "open"

    def _openers(self, at: int) -> int:
        """The place behind the tags that open the wrapper."""
        opened_tags = 0
        while (match := self._grammar.tag.match(self._text, at)) and match.lastgroup == "wrap":
            self._repairs += self._grammar.repair_of(match.group())
            opened_tags += 1
            at = skip_blanks(self._text, match.end())
        if opened_tags > 2:
            raise Unclear("the opening tag stands too often")
        self._wrapped = opened_tags > 0
        fence = _FENCE.match(self._text, at) if self._wrapped else None
        if fence is not None:
            self._repairs.append(FENCE_IN_WRAPPER)
            at = fence.end()
        self._repairs += {0: [OPENER_MISSING], 1: [], 2: [OPENER_DOUBLED]}[opened_tags]
        return at

    def _call(self, at: int, start: int) -> tuple[int, int, int | None]:
        """Read the call at `at`: where the next begins, the end, its start or None at the end."""
        name, here = self._head(at)
        self._name = name
        reader = Reader(self._window, self._grammar, name, wrapped=self._wrapped)
        read = read_parameters(reader, here)
        self._repairs += read.repairs
        here = self._tail(reader, read)
        here, more = self._behind(reader, here)
        odd = {CLOSER_MISSING, TEXT_IN_ENVELOPE} & set(self._repairs)
        loose = TEXT_IN_ENVELOPE in odd or not self._window.at_end(here)
        if reader.declared and not read.values and odd and self._wrapped and loose:
            # Its parameters may stand behind a closing tag that is out of its place.
            raise Unclear("the call holds no parameters and is not closed")
        arguments, untyped = (
            self._grammar.values(read.values)
            if self._grammar.values
            else ({key: value.text for key, value in read.values.items()}, True)
        )
        repairs = tuple(dict.fromkeys(self._repairs))
        self._calls.append(
            RawCall(name, arguments, (start, here), repairs=repairs, untyped=untyped)
        )
        self._repairs = [] if self._grammar.several else [SEVERAL_IN_WRAPPER]
        following = skip_blanks(self._text, here)
        return following, here, following if more else None

    def _head(self, at: int) -> tuple[str, int]:
        match = self._grammar.tag.match(self._text, at)
        if match is not None and match.lastgroup == "head":
            self._repairs += self._grammar.repair_of(match.group())
            return match["name"], match.end()
        bare = self._grammar.unclosed_head
        found = bare.match(self._text, at) if bare is not None else None
        if found is not None and resolve(found["name"], self._window.tools):
            self._repairs.append(TAG_SPELLING)
            return found["name"], found.end()
        raise Unclear("the name of the tool cannot be read", ended=self._near_end(at))

    def _near_end(self, at: int) -> bool:
        rest = len(self._text) - at
        return rest < _NEAR and ">" not in self._text[at:]

    def _tail(self, reader: Reader, read: Parameters) -> int:
        """The place behind the closing tag of the call."""
        tag = reader.next(read.end)
        if tag is not None and tag.kind == "tail":
            self._repairs += self._grammar.repair_of(self._text[tag.start : tag.end])
            twin = reader.next(tag.end)
            if twin is not None and twin.kind == "tail":
                self._repairs.append(CLOSER_DOUBLED)
                return twin.end
            return tag.end
        ends = tag.kind == "unwrap" if tag is not None else self._window.at_end(read.end)
        if ends and (read.values or tag is not None):
            self._repairs.append(CLOSER_MISSING)
            return read.end
        ended = tag is None and self._near_end(skip_blanks(self._text, read.end))
        raise Unclear("text stands between the parameters", ended=ended)

    def _behind(self, reader: Reader, at: int) -> tuple[int, bool]:
        """The end of the envelope behind a call that ends at `at`, or that more calls follow."""
        tag = reader.next(at) or reader.text_then_unwrap(at)
        if tag is None:
            if not self._window.at_end(at):
                ended = self._near_end(skip_blanks(self._text, at))
                raise Unclear("text stands behind the call and no closing tag", ended=ended)
            self._repairs.append(CLOSER_MISSING)
            return at, False
        if tag.kind == "unwrap":
            return self._unwrapped(reader, at, tag), False
        if tag.kind == "head":
            if not self._wrapped:
                self._repairs.append(CLOSER_MISSING)
            return at, self._wrapped
        if tag.kind != "wrap":
            raise Unclear("the end of the call is not certain")
        if self._wrapped and self._window.at_end(tag.end):
            self._repairs.append(CLOSER_FOREIGN)
            return tag.end, False
        if not reader.begins_call(tag):
            raise Unclear("the end of the call is not certain", ended=self._near_end(tag.end))
        self._repairs.append(CLOSER_MISSING)
        return at, False

    def _unwrapped(self, reader: Reader, at: int, tag: Tag) -> int:
        if skip_blanks(self._text, at) != tag.start:
            fence = _FENCE_END.fullmatch(self._text, at, tag.start)
            self._repairs.append(FENCE_IN_WRAPPER if fence else TEXT_IN_ENVELOPE)
        self._repairs += self._grammar.repair_of(self._text[tag.start : tag.end])
        behind = reader.next(tag.end)
        if behind is not None and behind.kind == "unwrap":
            self._repairs.append(CLOSER_DOUBLED)
            tag, behind = behind, reader.next(behind.end)
        kind = behind.kind if behind is not None else ""
        half = behind is not None and kind == "head" and not reader.is_header(behind)
        if half or kind in ("open", "close", "tail", "unwrap"):
            raise Unclear("the end of the call is not certain")
        return tag.end


def header_follows(
    window: Window, at: int, grammar: Grammar, heads: tuple[str, ...]
) -> bool | None:
    """May a call begin at `at`: a head, behind the tags of the wrapper if they stand there?

    `heads` are the beginnings of a head without blanks, in small letters and ASCII. Looks at no
    more than 300 characters. None = the text ends too early to say.
    """
    near = window.text[at : at + _HEAD]
    open_end = at + len(near) == len(window.text) and not window.stopped
    here = 0
    while (match := grammar.tag.match(near, here)) and match.lastgroup == "wrap":
        here = skip_blanks(near, match.end())
    fence = _FENCE.match(near, here) if here else None
    if fence is not None:
        here = fence.end()
        match = grammar.tag.match(near, here)
    if match is not None and match.lastgroup == "head":
        return near[skip_blanks(near, match.end()) :][:1] != "{"
    if _compact(near[here:]).startswith(heads):
        return True
    return None if open_end and _is_partial(near[here:]) else False


def _is_partial(text: str) -> bool:
    """May `text`, with which everything ends, be the beginning of a tag or of a fence?"""
    return not text or (text[0] in "<`" and ">" not in text and "\n" not in text)


def _compact(text: str) -> str:
    """The beginning of a tag in its plainest spelling."""
    plain = "".join(text[:_NEAR].split()).lower().replace("\uff5c", "|").replace("\u2016", "|")
    return plain.replace("||", "|")


def orphan_follows(window: Window, at: int, grammar: Grammar) -> bool | None:
    """Is a head that stands without a wrapper at `at` meant? Prose on its line says no."""
    text = window.text
    match = grammar.tag.match(text, at, at + _HEAD)
    if match is None or match.lastgroup != "head":
        return True
    here = skip_blanks(text, match.end())
    behind = grammar.tag.match(text, here)
    if behind is not None and behind.lastgroup in ("open", "tail", "unwrap"):
        return True
    if not window.stopped and len(text) - here < _HEAD and _is_partial(text[here:]):
        return None
    line = text[max(0, text.rfind("\n", max(0, at - 100), at) + 1) : at]
    rest = text[match.end() : match.end() + 100].lstrip(" \t")
    known = resolve(match["name"], window.tools) is not None
    return known and not line.strip() and rest[:1] in ("", "\n")
