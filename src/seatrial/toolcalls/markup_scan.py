"""One pass over the tags in a value that looks for its balanced and structural end.

In: a reader and an opened parameter. Out: the value, None if it has no such end, or `Unclear` if
it has one but the same text could mean something else. A closing tag that nothing opened and
that no end of the value follows is part of the value; so are whole calls.
"""

from __future__ import annotations

import re

from seatrial.toolcalls.envelope_repairs import CLOSER_DOUBLED
from seatrial.toolcalls.markup import (
    Opened,
    Reader,
    Tag,
    Value,
    cut,
    uncertain,
)
from seatrial.toolcalls.reading import skip_blanks

_DEEPEST = 64
_LOOSE = 64
"""So many closing tags without an opening one; more of them are no text."""
_WEAK = 3
_LINE_END = re.compile(r"[ \t\r]*+(?:\n|\Z)")


class Balanced:
    """The pass; `run` it once."""

    def __init__(self, reader: Reader, value: Opened) -> None:
        self._reader = reader
        self._value = value
        self._levels: list[bool] = []
        """The parameters open inside the value; True = its value began within a line."""
        self._calls: list[int] = []
        """The calls open inside the value: how many parameters were open before each."""
        self._wraps = 0
        self._inner: set[str] = set()
        self._before: Tag | None = None
        self._latest: Tag | None = None
        self._loose: list[Tag] = []
        """Tags that close what the value did not open."""
        self._rests: list[int] = []
        self._weak = 0
        self._ended = False
        """A whole ending of a call was passed: a call that begins later is another one."""
        self._lost = False
        self._doubtful = False
        self._passed = 0
        """Tags that were opened in the middle of the line up to `_passed_to`."""
        self._passed_to = value.start

    def run(self) -> Value | None:
        steps = {
            "open": self._open, "close": self._close, "head": self._head,
            "tail": self._tail, "wrap": self._wrap, "unwrap": self._unwrap,
        }  # fmt: skip
        for tag in self._reader.tags(self._value.start):
            found = None
            if self._counts(tag):
                self._before, self._latest = self._latest, tag
                found = steps[tag.kind](tag)
            else:
                self._pass(tag)
            if found is not None or self._lost:
                return found
        return None

    def _counts(self, tag: Tag) -> bool:
        """Within a line only what belongs to a value that began within a line."""
        inline = not self._value.block or bool(self._levels and self._levels[-1])
        if tag.anchored or inline:
            return True
        opens = tag.kind in ("open", "head", "wrap")
        return opens and self._reader.text.startswith("\n", tag.end)

    def _pass(self, tag: Tag) -> None:
        """A tag in the middle of a line of a value on lines of its own: text."""
        if self._reader.text.find("\n", self._passed_to, tag.start) >= 0:
            self._passed = 0
        self._passed_to = tag.end
        if tag.kind in ("open", "head", "wrap"):
            self._passed += 1
        elif self._passed:
            self._passed -= 1
        else:
            self._note(tag)
            top = tag.kind == "close" and not self._levels and not self._calls
            if top and _LINE_END.match(self._reader.text, tag.end):
                self._doubtful = self._doubtful or self._reader.ends_value(tag.end)

    def _note(self, tag: Tag) -> None:
        self._loose.append(tag)
        self._lost = len(self._loose) > _LOOSE

    def _open(self, tag: Tag) -> None:
        if not self._calls:
            self._inner.add(tag.name)
        again = tag.name == self._value.key and not self._reader.grammar.keyed and not self._calls
        if again or (self._is_first(tag) and self._reader.is_argument(tag.name)):
            # The opening tag twice, or two of them swapped.
            self._doubtful = True
        if self._reader.grammar.keyed and tag.name != self._value.key:
            return
        self._levels.append(not self._reader.text.startswith("\n", tag.end))
        self._lost = len(self._levels) > _DEEPEST

    def _close(self, tag: Tag) -> Value | None:
        if self._reader.grammar.keyed and tag.name != self._value.key:
            self._inner.add(tag.name)
            return None
        if self._levels:
            self._levels.pop()
            return None
        if tag.line or not self._value.block:
            if self._reader.ends_value(tag.end):
                return self._finish(tag, tag.end)
            twin = self._reader.twin(self._value, tag)
            if twin is not None and self._reader.ends_value(twin.end):
                return self._finish(tag, twin.end, CLOSER_DOUBLED)
        behind = self._reader.next(tag.end)
        if behind is None:
            self._doubtful = self._doubtful or self._reader.is_damaged(tag.end)
        elif behind.kind in ("head", "wrap"):
            # The closing tags of the call may be missing, and another call begins.
            self._doubtful = True
        self._note(tag)
        self._rests.append(tag.end)
        return None

    def _head(self, tag: Tag) -> None:
        if self._ended:
            self._lost = True
        elif not self._reader.is_header(tag):
            behind = self._reader.next(tag.end)
            stray = behind is not None and behind.kind == "close"
            stray = stray and not self._reader.grammar.sections
            self._doubtful = self._doubtful or stray or self._is_first(tag)
        else:
            self._calls.append(len(self._levels))
            self._lost = self._weak > _WEAK or len(self._calls) > _DEEPEST

    def _tail(self, tag: Tag) -> None:
        if self._calls:
            # A call that leaves a parameter open says nothing about what closes which.
            self._lost = self._calls.pop() != len(self._levels)
            return
        self._note(tag)
        self._ended = self._ended or self._reader.ends_call(tag.end)

    def _wrap(self, tag: Tag) -> None:
        if self._follows_end(tag) or (self._is_first(tag) and not self._reader.wrapped):
            self._doubtful = self._doubtful or not self._reader.begins_call(tag)
        exact = self._reader.grammar.exact.fullmatch(self._reader.text, tag.start, tag.end)
        self._wraps += exact is None or self._reader.begins_call(tag)

    def _follows_end(self, tag: Tag) -> bool:
        """Does `tag` stand directly behind the end of a call that the value did not open?"""
        loose = self._loose and self._loose[-1].kind in ("tail", "unwrap")
        return bool(loose) and skip_blanks(self._reader.text, self._loose[-1].end) == tag.start

    def _unwrap(self, tag: Tag) -> None:
        if self._wraps:
            self._wraps -= 1
            return
        self._note(tag)
        self._weak += 1

    def _begins_with(self, tag: Tag) -> bool:
        """Is `tag`, which closes nothing, the first thing, and may be what closed the value?"""
        return self._is_first(tag) and (tag.kind == "close" or not self._value.block)

    def _is_first(self, tag: Tag) -> bool:
        return skip_blanks(self._reader.text, self._value.start) == tag.start

    def _at_an_edge(self, closer: Tag, end: int) -> bool:
        """Does the value begin or end with a closing tag that may have closed it?"""
        text = self._reader.text
        loose, last = self._loose, self._before
        if loose and (
            self._begins_with(loose[0]) or skip_blanks(text, loose[-1].end) == closer.start
        ):
            return True
        adjacent = last is not None and skip_blanks(text, last.end) == closer.start
        if last is None or not adjacent:
            return False
        if last.kind == "open" or last.kind == "close":
            # A parameter that was closed at the very end, or one that was not and a closing tag
            # that stands twice.
            return True
        behind = self._reader.next(end)
        whole = behind is not None and behind.kind in ("open", "tail")
        # Behind a whole call at its end, this closing tag may be out of its place.
        return last.kind in ("close", "tail", "unwrap") and not whole

    def _finish(self, closer: Tag, end: int, *repairs: str) -> Value:
        text = self._reader.text
        body = cut(self._reader, self._value, closer)
        unclear = self._doubtful or bool(self._calls) or bool(repairs and self._loose)
        # A whole ending of a call inside the value: the call may have ended there.
        unclear = unclear or (self._ended and self._reader.grammar.sections)
        unclear = unclear or self._at_an_edge(closer, end)
        if unclear or self._reader.looks_closed(self._value, body, closer.start):
            raise uncertain(self._value.key)
        verbatim = text[self._value.start : closer.start]
        bare = self._reader.grammar.block
        marks = [tag.start for tag in self._loose if tag.kind == "close"] + [closer.start]
        rests = [text[a : next(m for m in marks if m >= a)] for a in self._rests]
        repairs = (*self._reader.grammar.repair_of(text[closer.start : closer.end]), *repairs)
        return Value(
            body,
            end,
            repairs,
            frozenset(self._inner),
            tuple(rests),
            framed=None if bare or body == verbatim else verbatim,
        )
