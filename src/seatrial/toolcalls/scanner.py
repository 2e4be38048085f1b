"""The scan of one turn, left to right: reasoning, prose, envelopes, and where the turn ends.

In: a window on the text and where to begin. Out: a `Scan` with accepted calls, visible text,
reasoning, repairs and the first defect. It reads no envelope itself (the dialects do), tries no
loose form and gives no verdict (`turn` does), and executes nothing.

What may be executed: calls in reasoning never; after a defect nothing; calls before a defect only
if no value of theirs can have swallowed it. Values without quotes can hold a whole ending, so
such calls count only if the turn goes on cleanly to its end or straight into another call.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.toolcalls import orphans
from seatrial.toolcalls.admit import Admission
from seatrial.toolcalls.certainty import NOT_CERTAIN, Certainty
from seatrial.toolcalls.dialects import dsml, mistral
from seatrial.toolcalls.entities import ENTITIES_UNESCAPED, MAX_TRIED, unescaped_block
from seatrial.toolcalls.envelope_repairs import CLOSER_DOUBLED, ZERO_WIDTH
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.markup import NOT_CLOSED
from seatrial.toolcalls.places import (
    Mentions,
    early_end,
    line_rest,
    odd_end,
    stray_tags,
    zero_width_before,
)
from seatrial.toolcalls.reading import (
    CUT_OFF,
    Broken,
    Dialect,
    Envelope,
    Mention,
    Window,
    skip_blanks,
)
from seatrial.toolcalls.registry import TOOL_TAGS
from seatrial.toolcalls.scanned import Scanned
from seatrial.toolcalls.tokens import Kind, tokens_for
from seatrial.toolcalls.turn_ends import (
    RESIDUE_STRIPPED,
    THINK_CLOSER_STRAY,
    TURN_CUT,
    ends_turn,
    fiction_follows,
    reasoning_end,
    speaks,
)

_PARTIAL_OPENER = 5
"""A response that ends in so many characters of an opening tag tried to call."""

PROSE_FOLLOWS = re.compile(r"[ \t]+[^\W\d_]")
WEAK = ("<tool>", "<tools>", "<function", "<invoke", "&lt;")
"""Openers that are ordinary text or markup unless a call follows."""


class Scan(Scanned):
    """One pass over one turn; `run` it once, then read its fields."""

    def __init__(
        self, window: Window, start: int, admission: Admission, *, drafts: bool = False
    ) -> None:
        super().__init__(window, start, admission)
        self.unclosed: int | None = None
        """Where reasoning began that was never closed."""
        self.end = len(window.text)
        """Where the turn ends."""
        self.tags_left = False
        """Does a tag of calls stand in the visible text as if it were meant?"""
        self._text = window.text
        self._tokens = tokens_for(window.tools, admission.options.nonce)
        self._prose = self.visible.prose
        self._at = start
        self._drafts = drafts
        self._done = False
        self._mentions = Mentions()
        self._escaped_tried = 0
        self._think_mentioned = False
        self._call_end = -1
        self._unread_from = start
        """Where the text begins in which a call may have been lost."""
        self._certainty = Certainty()
        self._orphan_tried = -1

    def run(self, *, thinking: bool) -> None:
        """Scan to the end of the turn; `thinking` = it begins inside reasoning."""
        if thinking:
            self._reason(self.visible.pos)
        while not self._done:
            match = self._tokens.search(self._text, self._at)
            if match is None:
                self._finish(len(self._text))
            else:
                self._token(match.group(), match.start())
        stopped = self._window.stopped
        self.broken = self._certainty.settle(
            self.calls, self.think, self.broken, self._tokens, stopped
        )

    def _token(self, literal: str, at: int) -> None:
        if self._mentions.knows(self._text, literal, at, self.visible.pos):
            self._as_text(literal, at)
            return
        kind = self._tokens.kinds[literal]
        # In a cut text a code span may still be closed: then the token is shown, not meant.
        quoted = self._prose.quoted(self._text, at, self._window.stopped) is not False
        if kind is Kind.CLOSER and self._certainty.doubtful:
            self._closer_after_unquoted(literal, at)
        elif quoted or (kind is Kind.CLOSER and self._admission.options.nonce):
            self._as_text(literal, at)
        elif kind is Kind.OPENER:
            self._open_call(literal, at)
        elif kind is Kind.ARGS:
            self._named_arguments(literal, at)
        elif kind is Kind.CLOSER:
            self._stray_closer(literal, at)
        elif kind is Kind.THINK:
            self._open_think(literal, at)
        elif kind is Kind.THINK_END:
            self._stray_think_end(literal, at)
        elif kind is Kind.ESCAPED:
            self._escaped(literal, at)
        else:
            self._turn_end(literal, at, kind)

    # Text and ends

    def _as_text(self, literal: str, at: int) -> None:
        self._at = at + len(literal)

    def _emit(self, end: int, *, markup: bool) -> None:
        if self.visible.emit(end, markup=markup):
            self.group = len(self.calls)

    def _restart(self, at: int) -> None:
        """Go on at `at`, behind markup."""
        self._at = at
        self.visible.restart(at)

    def _break(self, broken: Broken) -> None:
        self.broken = broken
        self._done = True

    def _finish(self, end: int) -> None:
        """The turn ends at `end`."""
        self._done = True
        self.end = end
        if end < len(self._text):
            return self._emit(end, markup=True)
        residue = dsml.RESIDUE.search(self._text, max(self.visible.pos, end - 64))
        if residue and self._window.stopped and skip_blanks(self._text, residue.end()) == end:
            return self._finish_residue(residue.start())
        start = self._tokens.partial(self._text, max(self.visible.pos, self._at), openers=True)
        tried = end - start >= _PARTIAL_OPENER and self._prose.line_start(self._text, start)
        if tried and not self._prose.quoted(self._text, start, True):
            self._emit(start, markup=True)
            return self._break(Broken(NOT_CLOSED if self._window.stopped else CUT_OFF))
        return self._emit(end, markup=self.visible.marked)

    def _turn_end(self, literal: str, at: int, kind: Kind) -> None:
        line_start = self._prose.line_start(self._text, at)
        if not ends_turn(self._text, literal, at, kind, line_start=line_start):
            return self._as_text(literal, at)
        before = self.visible.text + self._text[self.visible.pos : at]
        if kind is Kind.ROLE and not (self.calls or speaks(self._text, literal, at, before)):
            return self._as_text(literal, at)
        if fiction_follows(self._text, at + len(literal), self._tokens):
            self.repairs.append(TURN_CUT)
        if kind is Kind.ROLE:
            at = self._text.rfind("\n", 0, at) + 1
        return self._finish(at)

    # Reasoning

    def _reason(self, at: int) -> None:
        """Reasoning from `at` to its first end, or to the end of the text."""
        end = reasoning_end(self._text, at)
        if end is None:
            self.think.append(self._text[at:])
            self.unclosed = at
            self.visible.pos = len(self._text)
            self._done = True
            return
        self.think.append(self._text[at : end.start()])
        self._restart(skip_blanks(self._text, end.end()))
        self._unread_from = self._at

    def _open_think(self, literal: str, at: int) -> None:
        if not self._prose.line_start(self._text, at):
            self._think_mentioned = True
            return self._as_text(literal, at)
        self._emit(at, markup=True)
        return self._reason(at + len(literal))

    def _stray_think_end(self, literal: str, at: int) -> None:
        """What stood before was reasoning; shown text stays shown, calls in it were drafts."""
        if self._think_mentioned and not self._prose.line_start(self._text, at):
            return self._as_text(literal, at)
        self._emit(at, markup=True)
        end = at + len(literal)
        last = self._window.stopped and skip_blanks(self._text, end) == len(self._text)
        if self.calls and not last:
            self.calls.clear()
            return self._break(Broken("the call may be a draft: reasoning ended only after it"))
        self.repairs.append(THINK_CLOSER_STRAY)
        return self._restart(skip_blanks(self._text, end))

    # Calls

    def _open_call(self, literal: str, at: int) -> None:
        unknown = False
        dialects = self._tokens.dialects[literal]
        bound = literal, self._text
        if literal in self._tokens.unbound:
            literal = self._unbind(literal, at)
        for dialect in dialects:
            opens = dialect.opens(self._window, at, literal)
            read = dialect.read(self._window, at, literal) if opens else None
            if read is not None:
                return self._take(read, literal, at, dialect)
            unknown = unknown or opens is None
        literal = self._rebind(*bound)
        if unknown and not self._window.stopped:
            self._emit(at, markup=True)
            return self._break(Broken(CUT_OFF))
        return self._unreadable(literal, at)

    def _unbind(self, literal: str, at: int) -> str:
        """Take the nonce out of the opener at `at`, so that the dialects can read on."""
        plain = self._tokens.unbound[literal]
        self._text = self._text[:at] + plain + self._text[at + len(literal) :]
        self._window = msgspec.structs.replace(self._window, text=self._text)
        self.visible.replace(self._text)
        self._admission.cuts.append((at, len(literal) - len(plain)))
        return plain

    def _rebind(self, literal: str, text: str) -> str:
        """Take `_unbind` back: no call was read."""
        if text is not self._text:
            self._text = text
            self._window = msgspec.structs.replace(self._window, text=text)
            self.visible.replace(text)
            self._admission.cuts.pop()
        return literal

    def _named_arguments(self, literal: str, at: int) -> None:
        name = literal.removesuffix("[ARGS]")
        read = mistral.read_args(self._window, at, name)
        if read is not None and self._prose.line_start(self._text, at):
            return self._take(read, literal, at, mistral.DIALECT)
        return self._as_text(literal, at)

    def _take(
        self, read: Envelope | Broken | Mention, literal: str, at: int, dialect: Dialect
    ) -> None:
        if isinstance(read, Mention):
            self._at = max(read.end, at + len(literal))
            return None
        self.dialect = dialect.id
        name = read.name if isinstance(read, Broken) else read.calls[0].name if read.calls else ""
        self._confirm(at, name)
        if isinstance(read, Broken):
            self._emit(at, markup=True)
            return self._break(read)
        if odd := self._odd_place(read, at, dialect):
            if self._drafts:
                self._at = read.end
                return None
            self._emit(at, markup=True)
            return self._break(Broken(odd, name))
        if zero_width_before(self._text, self.visible.pos, at):
            self.repairs.append(ZERO_WIDTH)
        self._emit(at, markup=True)
        return self._admit(read)

    def _admit(self, envelope: Envelope) -> None:
        first = len(self.calls)
        broken = self.admit(envelope)
        self._certainty.note(envelope, self.calls, first, len(self.think))
        if broken is not None:
            return self._break(broken)
        self._call_end = self._unread_from = envelope.end
        return self._restart(envelope.end)

    def _confirm(self, at: int, name: str | None) -> None:
        """Straight into another call of a declared tool: no value has swallowed the ending."""
        behind = self._call_end >= 0 and skip_blanks(self._text, self._call_end) == at
        if behind and self._admission.knows(name, self._window.tools):
            self._certainty.confirm(len(self.calls))

    def _odd_place(self, read: Envelope, at: int, dialect: Dialect) -> str:
        """Why a call is not certainly meant where it stands; empty = it is."""
        if dialect is TOOL_TAGS:
            if stray_tags(self._window, self.visible.piece_from, at):
                return "tags of tools stand before the call and cannot be read"
            if not introduces(self.visible.text + self._text[self.visible.pos : at]):
                return "the call may be an example"
        free = not (self._drafts or self._admission.options.nonce)
        if free and orphans.lost_call(self._window, self._unread_from, at):
            return "a call without its envelope stands before the call"
        if early := early_end(self._window, read, dialect.closers):
            return early
        line_start = self._prose.line_start(self._text, at)
        return odd_end(self._window, read.end, self._tokens, line_start=line_start)

    def _unreadable(self, literal: str, at: int) -> None:
        """An opener that no dialect can read on from."""
        behind = at + len(literal)
        rest = skip_blanks(self._text, behind)
        line_start = self._prose.line_start(self._text, at)
        if rest == len(self._text):
            if self._window.stopped and dsml.RESIDUE.match(self._text, at):
                return self._finish_residue(at)
            if line_start or not self._window.stopped:
                self._emit(at, markup=True)
                return self._break(Broken(NOT_CLOSED if self._window.stopped else CUT_OFF))
        prose = PROSE_FOLLOWS.match(self._text, behind) is not None
        if not line_start or prose or literal.startswith(WEAK):
            self._mentions.add(self._text, literal, at, self.visible.pos)
            self.tags_left = self.tags_left or (line_start and not prose)
            return self._as_text(literal, at)
        self._emit(at, markup=True)
        return self._break(Broken(f"nothing that can be read follows {literal}"))

    def _finish_residue(self, at: int) -> None:
        self.repairs.append(RESIDUE_STRIPPED)
        self._done, self.end = True, at
        self._emit(at, markup=True)

    def _stray_closer(self, literal: str, at: int) -> None:
        end = at + len(literal)
        if self._only_blanks(self._call_end, at):
            self.repairs.append(CLOSER_DOUBLED)
            self._call_end = end
            return self._restart(end)
        if (orphan := self._orphan(literal, at)) is not None:
            read, first, dialect = orphan
            return self._take(read, literal, first, dialect)
        if not self._prose.line_start(self._text, at) or PROSE_FOLLOWS.match(self._text, end):
            rest = line_rest(self._text, end)
            if self._text[rest : rest + 1] not in ("", "\n"):
                return self._as_text(literal, at)
        self._emit(at, markup=True)
        return self._break(Broken(f"{literal} without the beginning of a call"))

    def _closer_after_unquoted(self, literal: str, at: int) -> None:
        """Behind a value without quotes another ending may be the real one."""
        same = self._text.endswith(literal, 0, max(self._call_end, 0))
        if same and literal == "</tool_call>" and self._only_blanks(self._call_end, at):
            self.repairs.append(CLOSER_DOUBLED)
            self._call_end = at + len(literal)
            return self._restart(self._call_end)
        self._emit(at, markup=True)
        self._certainty.doubt()
        return self._break(Broken(NOT_CERTAIN))

    def _only_blanks(self, start: int, end: int) -> bool:
        return 0 <= start <= end and skip_blanks(self._text, start) == end

    def _orphan(self, literal: str, at: int) -> tuple[Envelope | Broken, int, Dialect] | None:
        start = self.visible.pos
        tried = self._orphan_tried == start or self.tags_left or not self._window.stopped
        if literal not in orphans.CLOSERS or tried:
            return None
        self._orphan_tried = start
        return orphans.find_orphan(self._window, start, at, literal)

    def _escaped(self, literal: str, at: int) -> None:
        """A block in character entities: a call if all of it is one."""
        self._escaped_tried += 1
        tried = self._escaped_tried <= MAX_TRIED and self._prose.line_start(self._text, at)
        alone = self._window.stopped and not self.calls
        block = unescaped_block(self._text, at) if tried and alone else None
        if block is None or not introduces(self.visible.text + self._text[self.visible.pos : at]):
            return self._as_text(literal, at)
        window = msgspec.structs.replace(self._window, text=block[0])
        inner = Scan(window, 0, self._admission)
        inner.run(thinking=False)
        if inner.dialect is None or inner.visible.text.strip():
            return self._as_text(literal, at)
        self._emit(at, markup=True)
        self.dialect = inner.dialect
        self.repairs += [*inner.repairs, ENTITIES_UNESCAPED]
        span = (at, block[1])
        self.calls += [msgspec.structs.replace(call, raw_span=span) for call in inner.calls]
        if inner.broken is not None:
            return self._break(inner.broken)
        self._call_end = self._unread_from = block[1]
        return self._restart(block[1])
