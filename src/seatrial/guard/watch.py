"""The rules of one attempt: events in, decisions carried out, events out.

Each rule is a stage with its own store for events that it holds back; what a stage lets go, the
next one sees. After the last stage stands a gate: it keeps complete calls back until the end of
the turn is known, and, where asked, the beginning of the prose, because a retry is possible only
as long as the consumer has seen nothing. No clock, no I/O: the same object replays a recording.

In: a request, events. Out: events; unedited ones are the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think, UsageEvent
from seatrial.chat.growing import GrowingText
from seatrial.core.errors import Boundary, GuardError, attribute
from seatrial.core.generation import Finish
from seatrial.guard.dropped import dropped_text
from seatrial.guard.ladder import Climb, Failure
from seatrial.guard.protocol import PASS, PROSE, Decision, PassingRule, Rule

OnDecision = Callable[[Rule, Decision], None]


class Holding(msgspec.Struct, frozen=True):
    """How much of the beginning is kept back, so that a retry is still possible."""

    text_chars: int = 1_600
    """Visible text. What agents say beside their calls is shorter; a long answer flows from
    there on."""
    think_chars: int = 140_000
    """Reasoning. A client that shows it live shows nothing so long, and once it has shown some,
    nothing can be tried again."""


class Watch:
    """One attempt."""

    def __init__(
        self,
        rules: Sequence[Rule],
        on_decision: OnDecision | None = None,
        climb: Climb | None = None,
        holding: Holding | None = None,
    ) -> None:
        asked = [rule for rule in rules if rule.mode != "off"]
        self._stages = [_Stage(index, rule) for index, rule in enumerate(asked)]
        looking = [stage for stage in self._stages if stage.looks]
        self._looking: dict[type[Event], list[_Stage]] = {
            kind: [stage for stage in looking if kind not in stage.ignores] for kind in _KINDS
        }
        self._on_decision = on_decision
        self._climb = climb
        self._gate = _Gate(holding)
        self._said: list[tuple[type[Event], GrowingText]] = []
        """What was said, in runs of text and of reasoning."""
        self._saying: type[Event] | None = None
        self._say: Callable[[str], object] = str
        self._calls: list[CallEvent] = []
        self._usage: UsageEvent | None = None
        self._last: Event | None = None
        self._final: list[Event] | None = None
        self.retry: Request | None = None
        """The next attempt; nothing of this one was passed on."""
        self.because: tuple[Rule, Decision] | None = None
        """Why there is a next attempt."""
        self.kept = ""
        """What the next attempt goes on from: the beginning of its answer."""

    @property
    def done(self) -> bool:
        """Nothing more of this attempt is wanted."""
        return self._gate.closed or self._final is not None

    def before(self, request: Request) -> tuple[Request, Sequence[Event]]:
        """The request that goes on; with events, they are the answer and nothing is asked."""
        for stage in self._stages:
            decision = self._ask(stage.rule, partial(stage.rule.on_request, request))
            if decision is PASS:
                continue
            if decision.action == "edit" and decision.request is not None:
                request = decision.request
            elif decision.action == "stop":
                return request, self._stop(decision)
            else:
                raise _refused(stage.rule, decision, "before a request")
        return request, ()

    def during(self, event: Event) -> Sequence[Event]:
        """What is passed on now."""
        kind = type(event)
        if kind in PROSE:
            if kind is not self._saying:
                self._begin(kind)
            self._say(event.text)  # type: ignore[union-attr]
        elif kind is UsageEvent:
            self._usage = event  # type: ignore[assignment]
        elif kind is CallEvent:
            self._calls.append(event)  # type: ignore[arg-type]
        self._last = event
        if kind is End:
            return self._advance(0, (event,))
        # Hot path: once for every rule that looks at events, and every event.
        for stage in self._looking[kind]:
            try:
                decision = stage.on_event(event)
            except Exception as error:
                raise attribute(error, Boundary.GUARD, f"rule {stage.rule.id}") from error
            if decision is PASS and not stage.held:
                continue
            out = self._carry_out(stage, event, self._effect(stage.rule, decision))
            return self._advance(stage.index + 1, out)
        return self._gate.release((event,))

    def after(self) -> Sequence[Event]:
        """The stream is over. Without an `End`, whatever was held is all there is."""
        out: list[Event] = []
        if self.done:
            return out
        for index, stage in enumerate(self._stages):
            out += self._advance(index + 1, stage.take())
            if self._final is not None:
                return out
        return out + self._gate.rest()

    def failed(self, error: Exception) -> bool:
        """The upstream failed with `error`: does a rule want another attempt, and is there one?"""
        for stage in self._stages:
            on_error = getattr(stage.rule, "on_error", None)
            if on_error is None:
                continue
            decision = self._ask(stage.rule, partial(on_error, error))
            if decision.action == "retry":
                self._again(stage.rule, decision)
                return self.retry is not None
        return False

    @property
    def stops(self) -> bool:
        """There is a next attempt, and where none is possible the turn ends in an error."""
        return self.because is not None and self.because[1].otherwise == "stop"

    def no_room(self, before: Watch) -> Sequence[Event]:
        """How this retry of `before` ends when the window has no room for it."""
        assert before.because is not None
        rule, decision = before.because
        note = "no retry: what was added to the prompt does not fit the window"
        done = msgspec.structs.replace(decision, action="stop", ending="final_error", note=note)
        self._tell(rule, done)
        return self._stop(done)

    def _advance(self, index: int, events: Sequence[Event]) -> Sequence[Event]:
        events = self._through(index, events)
        return self._final if self._final is not None else self._gate.release(events)

    def _through(self, index: int, events: Sequence[Event]) -> Sequence[Event]:
        """What is left of `events` behind the stages from `index` on."""
        for stage in self._stages[index:]:
            passed: list[Event] = []
            for event in events:
                if self._final is not None:
                    return ()
                decision = self._ask(stage.rule, partial(stage.on_event, event))
                passed += self._carry_out(stage, event, decision)
                if _ends(passed):
                    # Ended early: what still follows is no part of the turn.
                    break
            events = passed
            if not events:
                break
        return events

    def _carry_out(self, stage: _Stage, event: Event, decision: Decision) -> list[Event]:
        """What `stage` lets go after its `decision` on `event`."""
        out = self._effect_of(stage, event, decision, "on an event")
        if type(event) is not End or self._final is not None:
            return out
        if _ends(out):
            decision = self._ask(stage.rule, stage.rule.on_turn)
            if decision is not PASS:
                stage.held, last = out[:-1], out[-1]
                out = self._effect_of(stage, last, decision, "at the end of a turn")
        if self._final is None and not _ends(out):
            raise _refused(stage.rule, decision, "in place of the end of a turn")
        return out

    def _effect_of(
        self, stage: _Stage, event: Event, decision: Decision, where: str
    ) -> list[Event]:
        rule, action = stage.rule, decision.action
        if action == "retry":
            decision = self._again(rule, decision)
            action = decision.action
        if action == "pass":
            return [*stage.take(), event]
        if action == "hold" and type(event) is not End:
            stage.held.append(event)
            return []
        if action == "edit" and decision.events is not None:
            stage.take()
            self._gate.edited = True
            return list(decision.events)
        if action == "edit" and decision.event is not None:
            if type(event) not in PROSE:
                self._gate.edited = True
            return [*stage.take(), decision.event]
        if action == "stop":
            self._stop(decision)
            return []
        if action == "retry":
            return []
        raise _refused(rule, decision, where)

    def _again(self, rule: Rule, decision: Decision) -> Decision:
        """Take the next rung; what was done in the end."""
        step = None
        if self._climb is not None and not self._gate.seen:
            step = self._climb.again(Failure(decision, self._words(Text), self._words(Think)))
        if step is None:
            done = self._instead(decision)
        else:
            self.retry, self.kept, self._final = step.request, step.kept, []
            self.because = (rule, decision)
            done = msgspec.structs.replace(
                decision, request=step.request, rungs=step.rungs, note=self._cost()
            )
        done = self._with_dropped(done)
        self._tell(rule, done)
        return done

    def _instead(self, decision: Decision) -> Decision:
        why = "no retry: the consumer has seen a part"
        ending = decision.ending
        if self._climb is None:
            why = "no retry: there is no ladder"
        elif not self._gate.seen:
            why = f"given up after {self._climb.attempts} retries"
            # The client's own retry would meet the same.
            ending = "final_error" if ending == "retryable_error" else ending
        return msgspec.structs.replace(decision, action=decision.otherwise, ending=ending, note=why)

    def _cost(self) -> str:
        return f"{len(self._words())} characters dropped"

    def _with_dropped(self, done: Decision) -> Decision:
        """`done`, with what it throws away."""
        if done.action not in ("retry", "stop") or done.before:
            return done
        dropped = dropped_text(self._words(), self._words(Think), self._calls, self._last)
        return msgspec.structs.replace(done, before=dropped)

    def _begin(self, kind: type[Event]) -> None:
        run = GrowingText()
        self._said.append((kind, run))
        self._saying, self._say = kind, run.add

    def _words(self, kind: type[Event] | None = None) -> str:
        """All that was said; of one `kind` only, if it is given."""
        runs = (run for spoken, run in self._said if kind is None or spoken is kind)
        return "".join(run.whole() for run in runs)

    def _stop(self, decision: Decision) -> Sequence[Event]:
        finding, last = decision.finding, self._last
        reason = finding.detail if finding else None
        said = self._words()
        if isinstance(last, End):
            end = msgspec.structs.replace(
                last, finish=Finish.GUARD, text=last.text or said, reason=reason, raw=b""
            )
        else:
            end = End(finish=Finish.GUARD, text=said, reason=reason)
        end = msgspec.structs.replace(end, ending=decision.ending)
        # What it cost is true; calls of a stopped turn must not be executed.
        usage = [] if self._usage is None else [_bare(self._usage)]
        self._final = [*usage, end]
        return self._final

    def _ask(self, rule: Rule, hook: Callable[[], Decision]) -> Decision:
        try:
            decision = hook()
        except Exception as error:
            raise attribute(error, Boundary.GUARD, f"rule {rule.id}") from error
        return self._effect(rule, decision)

    def _effect(self, rule: Rule, decision: Decision) -> Decision:
        """`decision` where it is enforced; a retry is told of when its outcome is known."""
        action = decision.action
        if action == "pass":
            if decision.finding is not None:
                self._tell(rule, decision)
            return PASS
        enforced = rule.mode == "enforce"
        if enforced and action == "stop":
            decision = self._with_dropped(decision)
        if action != "hold" and not (enforced and action == "retry"):
            self._tell(rule, decision)
        return decision if enforced else PASS

    def _tell(self, rule: Rule, decision: Decision) -> None:
        if self._on_decision is not None:
            self._on_decision(rule, decision)


class _Stage:
    """A rule and the events that it holds back."""

    def __init__(self, index: int, rule: Rule) -> None:
        self.index = index
        self.rule = rule
        self.on_event = rule.on_event
        self.looks = getattr(type(rule), "on_event", None) is not PassingRule.on_event
        """False: every event passes it."""
        self.ignores: frozenset[type[Event]] = getattr(rule, "ignores", frozenset())
        self.held: list[Event] = []

    def take(self) -> list[Event]:
        held, self.held = self.held, []
        return held


class _Gate:
    """The last door before the consumer."""

    def __init__(self, holding: Holding | None) -> None:
        self._kept: list[Event] = []
        self._open = holding is None
        self._text_left = holding.text_chars if holding else 0
        self._think_left = holding.think_chars if holding else 0
        self.seen = False
        """The consumer has seen something."""
        self.closed = False
        self.edited = False
        """The turn is no longer the server's own: the raw bytes of its end do not fit."""

    def release(self, events: Sequence[Event]) -> Sequence[Event]:
        if self._open and not self._kept and len(events) == 1 and type(events[0]) in PROSE:
            self.seen = True
            return events
        out: list[Event] = []
        for event in events:
            kind = type(event)
            if kind in PROSE:
                self._count(event)  # type: ignore[arg-type]
                self._kept.append(event)
                if self._open and not self._complete:
                    out += self._take()
                continue
            self._kept.append(_bare(event) if self.edited else event)
            if kind is End:
                out += self._take()
                self.closed = True
                break
        self.seen = self.seen or bool(out)
        return out

    def rest(self) -> list[Event]:
        rest = self._take()
        self.seen = self.seen or bool(rest)
        return rest

    @property
    def _complete(self) -> bool:
        """A call or the usage is kept: nothing overtakes it, the end decides."""
        return bool(self._kept) and isinstance(self._kept[0], CallEvent | UsageEvent)

    def _count(self, event: Text | Think) -> None:
        if self._open:
            return
        if type(event) is Text:
            self._text_left -= len(event.text)
        else:
            self._think_left -= len(event.text)
        self._open = min(self._text_left, self._think_left) < 0

    def _take(self) -> list[Event]:
        kept, self._kept = self._kept, []
        return kept


_KINDS: tuple[type[Event], ...] = (Text, Think, CallEvent, UsageEvent, End)


def _ends(events: Sequence[Event]) -> bool:
    return bool(events) and type(events[-1]) is End


def _bare(event: Event) -> Event:
    """`event` without bytes: it is written anew."""
    return msgspec.structs.replace(event, raw=b"") if event.raw else event


def _refused(rule: Rule, decision: Decision, where: str) -> GuardError:
    what = "edit without anything new" if decision.action == "edit" else decision.action
    return GuardError(f"rule {rule.id}: {what!r} is not possible {where}")
