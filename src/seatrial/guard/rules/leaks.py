"""Leaks: control tokens and invented speakers in the visible text of an answer.

A model that runs past its own turn writes the next one too. What follows the leak is fiction and
is cut. Text alone is looked at, never arguments: a file may well hold a line `User:`, so behind
the beginning of a call in the text nothing is a leak. A leak must stand where the text does not
show it (outside of fences, code spans and quotations, not after a line that ends in a colon) and
must be followed by more; a role word must begin a paragraph, and another one must follow it or the
token cap must have ended it.

Certain is an end of the turn that more follows, a speaker who speaks twice in a row, and one whom
the cap ended. A sample of a dialogue or of a template looks like the rest: it is asked for again,
and where that is not possible, or is no help, it passes whole.

In: stream events. Out: an edit that ends the turn before the leak; a retry where that is not
certain, where nothing sound stands before it, or where calls came with it and nobody can say which
are meant.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import QUOTE_CHARS
from seatrial.toolcalls.prose import Prose
from seatrial.toolcalls.reading import skip_blanks
from seatrial.toolcalls.tokens import Kind, tokens_for
from seatrial.toolcalls.turn_ends import SILENT_ENDS, ends_turn

_ROLES = ("Human:", "User:")
_LOOKED_AT = (Kind.ROLE, Kind.TURN_END, Kind.OPENER, Kind.ARGS, Kind.ESCAPED)
_ROLE_LINE = re.compile(r"(?m)^(?:Human|User|Assistant):")
_SPEAKER = re.compile(r"\n[ \t]*\n(Human|User|Assistant):")
_ENDS = tuple(SILENT_ENDS)
_WAIT_CHARS = 2_000
"""A role word that no second one follows within so many characters is text."""
_BEHIND_CHARS = 16
"""So much is read behind a control token before it is judged."""
_COMPACT_CHARS = 8_192
_CALLS = b'"tool_calls"'
_HOLD = Decision("hold")
_WENT_ON = "in the text, and the text goes on"


class LeakRule(PassingRule):
    """Cuts an answer before the turn that somebody else should have written."""

    id = "leaks"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._text = ""
        """From the line of `_prose` on."""
        self._base = 0
        """Characters before `_text`."""
        self._sent = 0
        """Characters that went on, from the beginning."""
        self._scan = 0
        self._tokens = tokens_for({})
        self._prose = Prose(0)
        self._sound = False
        """Something but blanks went on or may go on."""
        self._held: list[Event] = []
        self._calls = False
        self._decided = False
        self._shown = False
        """The text has begun a call, or announced an example; what follows may belong to it."""
        self._found: Finding | None = None
        self._certain = True

    def on_request(self, request: Request) -> Decision:
        self._tokens = tokens_for({tool.name: tool for tool in request.tools})
        return PASS

    def on_event(self, event: Event) -> Decision:
        if self._decided:
            # Only where nobody carried it out.
            return PASS
        decision = self._look(event)
        self._decided = decision.action in ("edit", "retry")
        return decision

    def _look(self, event: Event) -> Decision:
        if _CALLS in event.raw or isinstance(event, CallEvent):
            self._calls = True
        if isinstance(event, End):
            return self._end(event)
        if isinstance(event, Text):
            self._text += event.text
            if self._found is None:
                return self._read(event)
        elif not self._held:
            return PASS
        self._held.append(event)
        return _HOLD

    def _read(self, event: Text) -> Decision:
        at = self._leak(ended=None)
        if at is not None:
            return self._leaked(at, event)
        if self._scan < len(self._text):
            self._held.append(event)
            return _HOLD
        self._sent = self._base + len(self._text)
        self._held.clear()
        self._compact()
        return PASS

    def _leaked(self, at: int, event: Event) -> Decision:
        self._found = self._finding(at)
        if not self._sound_before(at):
            return self._nothing_left()
        if self._calls or not self._certain:
            # Which of the calls are fiction, and what it is, shows at the end, if at all.
            self._held.append(event)
            return _HOLD
        end = End(Finish.STOP, reason=self._found.detail)
        return self._cut(at, (end,))

    def _end(self, end: End) -> Decision:
        at = None
        if self._found is None and end.finish is not Finish.GUARD:
            at = self._leak(ended=end)
            if at is None:
                return PASS
            self._found = self._finding(at)
        if self._found is None:
            return PASS
        if self._calls:
            words = "Your last answer went on after its end and was dropped. Call the tool again."
            return Decision("retry", self._found, nudge=words)
        if not self._certain:
            return msgspec.structs.replace(self._nothing_left(), otherwise="pass")
        if at is None or not self._sound_before(at):
            return self._nothing_left()
        kept = tuple(event for event in self._held if isinstance(event, UsageEvent))
        # What was cut is no part of the turn: it ended by itself before the leak.
        return self._cut(at, (*kept, End(Finish.STOP, end.raw_finish, reason=self._found.detail)))

    def _cut(self, at: int, rest: tuple[Event, ...]) -> Decision:
        before = self._text[max(0, self._sent - self._base) : at].rstrip()
        events = ((Text(before),) if before else ()) + rest
        return Decision("edit", self._found, events=events, before=self._text[at:])

    def _nothing_left(self) -> Decision:
        words = "Write only your own turn, and end it when you are done."
        return Decision("retry", self._found, nudge=words)

    def _leak(self, ended: End | None) -> int | None:
        """The first leak in what was not looked at yet; `_scan` stops where more text decides."""
        text = self._text
        while not self._shown and (match := self._tokens.search(text, self._scan)) is not None:
            verdict = self._judge(match, ended)
            if verdict is None:
                self._scan = match.start()
                return None
            if verdict:
                return match.start()
            self._scan = match.end()
        whole = self._shown or ended is not None
        self._scan = len(text) if whole else self._tokens.partial(text, self._scan, openers=False)
        return None

    def _judge(self, match: re.Match[str], ended: End | None) -> bool | None:
        """Is it a leak? None = more text is needed."""
        text, at, literal = self._text, match.start(), match.group()
        kind = self._tokens.kinds[literal]
        if kind not in _LOOKED_AT:
            return False
        quoted = self._prose.quoted(text, at, ended is not None)
        if quoted is None or quoted:
            return None if quoted is None else False
        self._shown = kind not in (Kind.ROLE, Kind.TURN_END) or _announced(text, at)
        if self._shown:
            return False
        line_start = self._prose.line_start(text, at)
        if kind is Kind.ROLE:
            speaks = line_start and literal in _ROLES
            return speaks and self._speaks(literal, match.end(), ended)
        if len(text) < match.end() + _BEHIND_CHARS and ended is None:
            return None
        if not ends_turn(text, literal, at, kind, line_start=line_start):
            return False
        more = skip_blanks(text, match.end()) < len(text)
        # A template that is shown begins with somebody's turn, a leak with the end of one.
        self._certain = literal in SILENT_ENDS or text[:at].rstrip().endswith(_ENDS)
        return more if more or ended is not None else None

    def _speaks(self, literal: str, end: int, ended: End | None) -> bool | None:
        """Does a role word at the beginning of a line begin the turn of somebody else?"""
        if not self._begins_paragraph(end - len(literal)):
            return False
        again = _SPEAKER.search(self._text, end)
        if again is not None:
            # `User:` begins lines of listings too; an answer to it does not.
            speaks = literal == "Human:" or again[1] == "Assistant"
            self._certain = again[1] != "Assistant"
            return speaks and bool(self._text[end : again.start()].strip())
        if len(self._text) - end > _WAIT_CHARS:
            return False
        if ended is None:
            return None
        unstopped = ended.finish in (Finish.LENGTH, Finish.CONTEXT)
        return unstopped and bool(self._text[end:].strip())

    def _begins_paragraph(self, at: int) -> bool:
        before = self._text[:at].rstrip(" \t#")
        return not before.strip() or before.rstrip(" \t").endswith(("\n\n", "\r\n"))

    def _sound_before(self, at: int) -> bool:
        return self._sound or bool(self._text[:at].strip())

    def _compact(self) -> None:
        if len(self._text) < _COMPACT_CHARS:
            return
        self._prose.line_start(self._text, len(self._text))
        cut = self._prose.line
        if cut == 0:
            return
        self._sound = self._sound or bool(self._text[:cut].strip())
        # Lines before are needed for the one question whether a colon ends them.
        cut = max(0, self._text.rfind("\n", 0, max(0, cut - 200)) + 1)
        self._text = self._text[cut:]
        self._prose.shift(cut)
        self._scan -= cut
        self._base += cut

    def _finding(self, at: int) -> Finding:
        match = self._tokens.search(self._text, at)
        literal = match.group() if match else ""
        role = literal in _ROLES
        return Finding(
            detector=self.id,
            mode_id="stack.role_leak" if role else "stack.control_token_leak",
            channel="text",
            detail=f"{literal} {_WENT_ON}",
            quote=self._text[at : at + QUOTE_CHARS],
            start=self._base + at,
        )


def was_cut(end: End) -> bool:
    """Whether this rule ended the turn: the model itself had gone on."""
    return (end.reason or "").endswith(_WENT_ON)


def _announced(text: str, at: int) -> bool:
    """Does a line that ends in a colon introduce what stands at `at`?"""
    lead = text[max(0, at - 400) : at].rstrip()
    return lead.endswith((":", "：")) and not _ROLE_LINE.match(lead, lead.rfind("\n") + 1)
