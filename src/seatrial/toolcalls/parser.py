"""The turn parser: raw text of a model, whole or in pieces, to calls, prose and reasoning.

One pass from left to right over reasoning, prose and envelopes; dialects read the envelopes.
What is decided is decided for every continuation of the text, so a result does not depend on
how a stream was cut. It repairs nothing itself beyond stray tags; it executes nothing.

What may be executed: calls in reasoning never; after a defect nothing; calls before a defect or
a cut only in a dialect that quotes its values. Without quotes a payload can hold a whole ending,
so such calls count only if the turn ends by itself and nothing in it is odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls.accept import accept, same_call
from seatrial.toolcalls.prose import Prose
from seatrial.toolcalls.reading import (
    CUT_OFF,
    MORE,
    Broken,
    Complete,
    Dialect,
    NoCall,
    Opener,
    Parsed,
    Tail,
    skip_blanks,
    starts,
)
from seatrial.toolcalls.registry import DIALECTS

_THINK = "<think>"
_THINK_END = "</think>"
_BLANKS = " \t\r\n"
_BLANKS_HELD = 32
"""Blanks next to markup belong to the markup, up to so many."""
_PARTIAL_OPENER = 5
"""A response that ends in so many characters of an opening tag tried to call."""

_OPENERS = [(dialect, opener) for dialect in DIALECTS.values() for opener in dialect.openers]
_BY_LITERAL = {
    opener.literal: [pair for pair in _OPENERS if pair[1].literal == opener.literal]
    for _, opener in _OPENERS
}
_CLOSERS = {closer for dialect in DIALECTS.values() for closer in dialect.closers}
_TAGS = sorted({opener.literal for _, opener in _OPENERS if opener.literal != "{"})
_LITERALS = [_THINK, _THINK_END, *sorted(_CLOSERS), *_TAGS]
_JSON_LINE = r'(?:(?<=\n)|\A)[ \t]{0,3}(\{)(?=\s{0,16}")'
_TOKEN = re.compile("|".join([*(re.escape(literal) for literal in _LITERALS), _JSON_LINE]))
_JSON_LINE_HELD = re.compile(r"(?:(?<=\n)|\A)[ \t]{0,3}(?:\{\s{0,16})?\Z")
_LINE_REST = re.compile(r"[ \t]{0,64}(\n|\Z)")
_BODY_NEAR = 256
"""The body of a call begins within so many blanks of its opening tag."""


class TurnParser:
    """Reads one turn; feed it pieces, then finish it once."""

    def __init__(
        self, tools: tuple[ToolSchema, ...], *, prefill: str = "", id_prefix: str = "call"
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._id_prefix = id_prefix
        self._buf = ""
        self._base = 0
        self._pos = self._scan = 0
        self._json_from = 0
        self._prose = Prose(0)
        self._text: list[str] = []
        self._think: list[str] = []
        self._think_shown = 0
        self._calls: list[Call] = []
        self._repairs: list[str] = []
        self._broken: Broken | None = None
        self._dialect: Dialect | None = None
        self._unquoted: int | None = None
        self._unquoted_think = 0
        self._call_end = -1
        self._marked = False
        self._drop_blanks = False
        self._opened: tuple[int, int, Dialect, Opener] = (0, 0, *_OPENERS[0])
        self._opener_repairs: tuple[str, ...] = ()
        self._next_try = 0
        in_think = prefill.rfind(_THINK) > prefill.rfind(_THINK_END)
        self._step: Callable[[Tail], bool] = self._in_think if in_think else self._in_prose

    def feed(self, delta: str) -> str:
        """Take the next piece; give the visible text that is now certain."""
        self._compact()
        self._buf += delta
        shown = len(self._text)
        self._run(Tail.OPEN)
        return "".join(self._text[shown:])

    def take_think(self) -> str:
        """The reasoning that came since the last time this was asked."""
        new = "".join(self._think[self._think_shown :])
        self._think_shown = len(self._think)
        return new

    def finish(self, finish: Finish) -> Parsed:
        """The whole turn, given why it ended."""
        tail = Tail.of(finish)
        self._run(tail)
        if self._step == self._in_think and self._broken is None:
            self._end_in_think(tail)
        self._drop_uncertain(tail)
        repairs = [repair for call in self._calls for repair in call.repairs] + self._repairs
        if self._broken is not None:
            verdict = "reask"
        elif self._calls:
            verdict = "repaired" if repairs else "ok"
        else:
            verdict = "no_call"
        return Parsed(
            verdict=verdict,  # type: ignore[arg-type]
            calls=tuple(self._calls),
            text="".join(self._text),
            think="".join(self._think),
            repairs=tuple(repairs),
            reason=self._broken.reason if self._broken else None,
            tool=self._broken.name if self._broken else None,
            dialect=self._dialect.id if self._dialect else None,
        )

    def _run(self, tail: Tail) -> None:
        while self._broken is None and self._step(tail):
            pass
        if self._broken is not None:
            self._pos = self._scan = len(self._buf)

    def _compact(self) -> None:
        """Drop what was read; the current line stays, it decides what is quoted."""
        if self._pos < 8192 or self._step == self._in_call:
            return
        cut = self._pos
        if self._step == self._in_prose and self._broken is None:
            cut = min(cut, self._prose.line)
        self._buf = self._buf[cut:]
        self._base += cut
        self._pos -= cut
        self._scan -= cut
        self._json_from -= cut
        self._call_end -= cut
        self._prose.shift(cut)

    # Reasoning

    def _in_think(self, tail: Tail) -> bool:
        end = self._buf.find(_THINK_END, self._pos)
        if end < 0:
            safe = len(self._buf) if tail is not Tail.OPEN else self._partial([_THINK_END])
            self._add_think(safe)
            return False
        self._add_think(end)
        self._marked = self._drop_blanks = True
        self._to_prose(end + len(_THINK_END))
        return True

    def _add_think(self, end: int) -> None:
        if end > self._pos:
            self._think.append(self._buf[self._pos : end])
            self._pos = end

    def _end_in_think(self, tail: Tail) -> None:
        """A call at the end of reasoning that was never closed is neither a call nor an answer."""
        end = "".join(self._think[-64:]).rstrip()
        closed = any(end.endswith(closer) for closer in _CLOSERS)
        if tail is Tail.STOPPED and closed and not self._calls and not "".join(self._text).strip():
            self._broken = Broken("the call stands inside reasoning that was never closed")

    # Prose

    def _to_prose(self, at: int) -> None:
        self._pos = self._scan = at
        self._prose.restart(at)
        self._step = self._in_prose

    def _in_prose(self, tail: Tail) -> bool:
        if self._drop_blanks:
            self._to_prose(skip_blanks(self._buf, self._pos))
            self._drop_blanks = self._pos == len(self._buf)
        match = _TOKEN.search(self._buf, self._scan)
        if match is None:
            return self._no_token(tail)
        at = match.start(1) if match.group(1) else match.start()
        if match.group(1) and at < self._json_from:
            self._scan = match.end()
            return True
        quoted = self._prose.quoted(self._buf, at, tail is not Tail.OPEN)
        if quoted is None:
            return self._wait(at)
        token = match.group(1) or match.group()
        if token in _CLOSERS and self._unquoted is not None:
            self._release(at, markup=True)
            return self._break("the end of the call before is not certain", None)
        if quoted:
            self._scan = match.end()
            return True
        return self._token(token, at, tail)

    def _no_token(self, tail: Tail) -> bool:
        size = len(self._buf)
        if tail is Tail.OPEN:
            held = self._partial(_LITERALS)
            json_line = _JSON_LINE_HELD.search(self._buf, max(self._pos, size - 24))
            self._wait(min(held, json_line.start() if json_line else size))
            return False
        start = self._partial(_TAGS)
        tried = size - start >= _PARTIAL_OPENER and self._prose.line_start(self._buf, start)
        if tried and not self._prose.quoted(self._buf, start, True):
            self._release(start, markup=True)
            self._break(CUT_OFF if tail is Tail.CUT else "the call is not closed", None)
        else:
            self._release(size, markup=self._marked)
        return False

    def _partial(self, literals: list[str]) -> int:
        """Where a tag of `literals` may have begun at the end of the text; else its end."""
        size = len(self._buf)
        at = self._buf.rfind("<", max(self._pos, size - 16))
        if at >= 0 and any(literal.startswith(self._buf[at:]) for literal in literals):
            return at
        return size

    def _wait(self, at: int) -> bool:
        """Show what stands before `at` and look again from there when more has come."""
        stripped = self._strip(at)
        self._scan = max(at, self._pos)
        self._release(stripped, markup=False)
        return False

    def _strip(self, end: int) -> int:
        """`end` without the blanks before it, as many as belong to markup."""
        first = max(self._pos, end - _BLANKS_HELD)
        return first + len(self._buf[first:end].rstrip(_BLANKS))

    def _release(self, end: int, *, markup: bool) -> None:
        stop = self._strip(end) if markup else end
        if stop > self._pos:
            self._text.append(self._buf[self._pos : stop])
        self._pos = max(self._pos, end)
        self._scan = max(self._scan, self._pos)

    def _break(self, reason: str, name: str | None) -> bool:
        self._broken = Broken(reason, name)
        return False

    def _as_text(self, token: str, at: int) -> bool:
        self._scan = at + len(token)
        return True

    def _token(self, token: str, at: int, tail: Tail) -> bool:
        if token == _THINK:
            return self._open_think(at)
        if token == _THINK_END:
            return self._stray_think_end(at)
        if token in _CLOSERS:
            return self._stray_closer(token, at, tail)
        return self._open_call(token, at, tail)

    def _open_think(self, at: int) -> bool:
        if not self._prose.line_start(self._buf, at):
            return self._as_text(_THINK, at)
        self._release(at, markup=True)
        self._pos = at + len(_THINK)
        self._step = self._in_think
        return True

    def _stray_think_end(self, at: int) -> bool:
        """What stood before was reasoning; shown text stays shown, calls in it were drafts."""
        self._release(at, markup=True)
        if self._calls:
            self._calls.clear()
            return self._break("the call may be a draft: reasoning ended only after it", None)
        self._repairs.append("think_closer_stray")
        self._marked = self._drop_blanks = True
        self._to_prose(at + len(_THINK_END))
        return True

    def _stray_closer(self, token: str, at: int, tail: Tail) -> bool:
        end = at + len(token)
        if 0 <= self._call_end <= at and not self._buf[self._call_end : at].strip(_BLANKS):
            self._repairs.append("closer_doubled")
            self._to_prose(end)
            self._call_end = end
            return True
        rest = _LINE_REST.match(self._buf, end)
        line_start = self._prose.line_start(self._buf, at)
        unknown = rest is not None and rest.end() == len(self._buf) and not rest.group(1)
        if unknown and tail is Tail.OPEN and not line_start:
            return self._wait(at)
        if rest is None and not line_start:
            return self._as_text(token, at)
        self._release(at, markup=True)
        return self._break(f"{token} without the beginning of a call", None)

    # Calls

    def _open_call(self, token: str, at: int, tail: Tail) -> bool:
        candidates = _BY_LITERAL[token]
        line_start = self._prose.line_start(self._buf, at)
        start = skip_blanks(self._buf, at + len(token))
        near = start - at <= _BODY_NEAR
        stands = {pair: near and starts(self._buf, start, pair[1].body) for pair in candidates}
        for (dialect, opener), found in stands.items():
            if found and (line_start or not opener.orphan):
                return self._enter(at, start if opener.body else at, dialect, opener)
        if candidates[0][1].orphan:
            return self._as_text(token, at)
        again = near and not self._opener_repairs and starts(self._buf, start, token)
        if again:
            self._release(at, markup=True)
            self._opener_repairs = ("opener_doubled",)
            self._marked = True
            self._to_prose(start)
            return True
        if tail is Tail.OPEN and (again is None or None in stands.values()):
            return self._wait(at)
        cut = tail is Tail.CUT and start == len(self._buf)
        if not line_start and not cut:
            return self._as_text(token, at)
        self._release(at, markup=True)
        return self._break(CUT_OFF if cut else f"nothing that can be read follows {token}", None)

    def _enter(self, at: int, start: int, dialect: Dialect, opener: Opener) -> bool:
        self._wait(at)
        self._opened = (at, start, dialect, opener)
        self._next_try = 0
        self._step = self._in_call
        return True

    def _in_call(self, tail: Tail) -> bool:
        if tail is Tail.OPEN and len(self._buf) < self._next_try:
            return False
        at, start, dialect, opener = self._opened
        read = dialect.read(self._buf, start, tail, self._tools, opener.orphan)
        if read is MORE:
            # Tries at growing distances: together they cost no more than a few readings.
            size = len(self._buf)
            self._next_try = size + max(32, (size - start) // 4)
            return False
        if isinstance(read, NoCall):
            self._json_from = read.end
            self._step = self._in_prose
            return self._as_text(opener.literal, at)
        self._release(at, markup=True)
        self._dialect = dialect
        if isinstance(read, Complete):
            return self._take(read, at, dialect)
        return self._break(read.reason, read.name)

    def _take(self, read: Complete, at: int, dialect: Dialect) -> bool:
        call_id = f"{self._id_prefix}_{len(self._calls)}"
        span = (self._base + at, self._base + read.end)
        call = accept(read, self._tools, call_id, span, self._opener_repairs)
        self._opener_repairs = ()
        if isinstance(call, Broken):
            return self._break(call.reason, call.name)
        if not dialect.quoted and self._unquoted is None:
            self._unquoted = len(self._calls)
            self._unquoted_think = len(self._think)
        if self._calls and same_call(self._calls[-1], call):
            self._repairs.append("repeat_collapsed")
        else:
            self._calls.append(call)
        self._marked = True
        self._call_end = read.end
        self._to_prose(read.end)
        return True

    def _drop_uncertain(self, tail: Tail) -> None:
        """Take back calls without quoting unless the turn is clean to its end."""
        if self._unquoted is None:
            return
        later = "".join(self._think[self._unquoted_think :])
        if self._broken is None and any(closer in later for closer in _CLOSERS):
            self._broken = Broken("the end of the call before is not certain")
        if self._broken is None and tail is not Tail.STOPPED:
            self._broken = Broken(CUT_OFF)
        if self._broken is not None:
            del self._calls[self._unquoted :]


def parse(
    raw: str, tools: tuple[ToolSchema, ...], *, finish: Finish = Finish.STOP, prefill: str = ""
) -> Parsed:
    """Read one whole turn."""
    parser = TurnParser(tools, prefill=prefill)
    parser.feed(raw)
    return parser.finish(finish)
