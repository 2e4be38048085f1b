"""One pass over a trace: feeds the detectors turn by turn and leaves a `Trial`.

Holds the last few messages, the calls of the last reply and counters, whatever the length of
the trace. It takes events as they come: an order or a digest that no writer of ours produces
loses evidence, and never raises.

In: numbered events. Out: a `Trial`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.evidence import Evidence
from seatrial.core.generation import Finish
from seatrial.core.message import Call, tools_digest
from seatrial.core.trace import TraceEvent
from seatrial.diagnose.facts import CallLoopSeen, Passage, Tally, TextLoopSeen, Trial, Turn
from seatrial.diagnose.registry import DETECTORS
from seatrial.diagnose.verify import is_verifier, verdict_of
from seatrial.guard import CallLoop, CallStep, find_text_loop

_MESSAGES = 32
"""Replies that are remembered: one that is repeated word by word is on the trace only once."""
_STEPS = 32
_FAULTS = 8
_TAIL_CHARS = 8192
"""What a loop is looked for in; more than any loop needs to show."""
_ENDED_LOOP_CHARS = 240
"""A text that was cut off in repeats needs fewer of them than one that may still go on."""
_NO_TOOLS = ("", tools_digest(()))
_BY_ITSELF = (Finish.STOP, Finish.TOOL_CALLS)
_WINDOW_KEYS = ("window", "window_tokens", "n_ctx")


class _Step:
    """An executed call and the place of its arguments."""

    def __init__(self, call: Call, place: Passage) -> None:
        self.key = (call.name, call.arguments)
        self.place = place


class TrialReader:
    """Collects one trial; `trial` is valid after any event."""

    def __init__(self, guard: GuardSpec) -> None:
        self.trial = Trial(guard)
        self._messages: OrderedDict[str, tuple[int, events.MessageEvent]] = OrderedDict()
        self._request: events.Request | None = None
        self._pending: dict[str, tuple[Call, Passage]] = {}
        self._loop = CallLoop(guard.repeat_calls, guard.cycle_calls)
        self._steps: deque[_Step] = deque(maxlen=_STEPS)
        self._shown: deque[tuple[str, str, str]] = deque(maxlen=_STEPS)
        self._window: int | None = None
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            events.Begin: self._begin,
            events.MessageEvent: self._message,
            events.Request: self._on_request,
            events.Response: self._response,
            events.Guard: self._guard,
            events.Tool: self._tool,
            events.Fault: self._fault,
            events.Oracle: self._oracle,
            events.End: self._end,
        }

    def feed(self, line: int, event: TraceEvent) -> None:
        """Take the event that stands on `line`."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(line, event)

    def close(self) -> Trial:
        """The trial after the last event."""
        self.trial.open_call = bool(self._pending)
        return self.trial

    def _begin(self, line: int, event: events.Begin) -> None:
        self.trial.task = event.trial.task
        self.trial.model = str(event.identity.get("model") or "")
        sizes = [event.identity.get(key) for key in _WINDOW_KEYS]
        self._window = next((int(s) for s in sizes if isinstance(s, int | float) and s > 0), None)

    def _message(self, line: int, event: events.MessageEvent) -> None:
        if event.role != "assistant":
            return
        self._messages.setdefault(event.digest, (line, event))
        if len(self._messages) > _MESSAGES:
            self._messages.popitem(last=False)

    def _on_request(self, line: int, event: events.Request) -> None:
        self._request = event
        self.trial.requests += event.side_call is None

    def _response(self, line: int, event: events.Response) -> None:
        request = self._request
        if request is not None and request.side_call is not None:
            return
        placed = self._messages.get(event.message)
        if placed is not None:
            self._messages.move_to_end(event.message)
        message_line, message = placed or (0, None)
        turn = Turn(
            index=self.trial.turns,
            line=line,
            response=event,
            request=request,
            message=message,
            message_line=message_line,
            tools_offered=request is not None and request.tools_digest not in _NO_TOOLS,
            window=self._window,
            loop=None,
        )
        if not turn.answered:
            return
        if event.finish not in _BY_ITSELF:
            turn = _with_loop(turn, self.trial.guard)
        self._take(turn)

    def _take(self, turn: Turn) -> None:
        trial = self.trial
        trial.turns += 1
        trial.calls += len(turn.calls)
        trial.last = turn
        self._pending = {
            call.id: (call, turn.call_arguments(index)) for index, call in enumerate(turn.calls)
        }
        for detector in DETECTORS.values():
            sign = detector.sight(turn) if detector.sight else None
            if sign is not None:
                trial.tallies.setdefault(detector.id, Tally()).add(turn.index, sign)

    def _guard(self, line: int, event: events.Guard) -> None:
        if event.mode == "enforce" and event.action == "stop":
            self.trial.stop = (line, event)

    def _tool(self, line: int, event: events.Tool) -> None:
        call, place = self._pending.pop(event.call_id, (None, None))
        trial = self.trial
        if event.files:
            trial.changed, trial.verify, trial.verify_evidence = True, "none", None
        if call is None or place is None:
            return
        trial.steps += 1
        if is_verifier(call.name, call.arguments):
            output = Passage(line, "/output", event.output)
            trial.verify = verdict_of(event)
            trial.verify_evidence = output.tail() if event.output else place.quote()
        shown = (call.name, call.arguments, event.output)
        if event.files or shown not in self._shown:
            trial.productive_steps = trial.steps
        self._shown.append(shown)
        self._steps.append(_Step(call, place))
        self._look_for_call_loop(CallStep.of(call, event.output))

    def _look_for_call_loop(self, step: CallStep) -> None:
        finding = self._loop.feed(step)
        if finding is None:
            return
        trial, known = self.trial, self.trial.call_loops.get(finding.mode_id)
        longest = max(finding.count, known.count if known else 0)
        evidence = known.evidence if known else self._distinct_calls()
        trial.call_loops[finding.mode_id] = CallLoopSeen(
            longest, len(evidence), trial.steps, evidence
        )

    def _distinct_calls(self) -> tuple[Evidence, ...]:
        """The latest occurrence of each of the last three different calls, in order."""
        latest: dict[tuple[str, str], Passage] = {}
        for step in reversed(self._steps):
            if step.key in latest:
                break
            latest[step.key] = step.place
            if len(latest) == 3:
                break
        return tuple(place.quote() for place in reversed(latest.values()))

    def _fault(self, line: int, event: events.Fault) -> None:
        if len(self.trial.faults) == _FAULTS:
            # The last fault is the one that a trial ended on; the first ones say how it began.
            self.trial.faults.pop()
        self.trial.faults.append((line, event))

    def _oracle(self, line: int, event: events.Oracle) -> None:
        if event.phase == "run":
            self.trial.oracle_event = (line, event)

    def _end(self, line: int, event: events.End) -> None:
        self.trial.ended, self.trial.verified = event.ended, event.verified
        self.trial.end_line = line
        self.trial.ended_evidence = Passage(line, "/ended", event.ended.value).quote()


def _with_loop(turn: Turn, guard: GuardSpec) -> Turn:
    # Reasoning first: the text before parsing may hold it too.
    stopped = turn.response.finish is Finish.GUARD
    seen = _loop_in(turn.think, "think", guard, stopped)
    seen = seen or _loop_in(turn.written, "text", guard, stopped)
    return msgspec.structs.replace(turn, loop=seen)


def _loop_in(
    passage: Passage, channel: Literal["text", "think"], guard: GuardSpec, stopped: bool
) -> TextLoopSeen | None:
    """The loop in which the text ends; a rule that stopped it stopped it there."""
    offset = max(0, len(passage.text) - _TAIL_CHARS)
    tail = passage.text[offset:]
    chars = min(guard.loop_chars, _ENDED_LOOP_CHARS)
    finding = find_text_loop(tail, chars, guard.loop_repeats, channel, fences=False)
    if finding is None:
        return None
    period = len(finding.quote) // 2
    if not stopped and tail[-period:] != tail[-2 * period : -period]:
        return None
    return TextLoopSeen(channel, finding.count, passage.quote(offset + finding.start))
