"""The rules over recordings."""

from __future__ import annotations

from functools import partial
from itertools import count

from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Caps, Finish, Usage
from seatrial.core.message import Call, Message, ToolSchema, tools_digest
from seatrial.core.trace import TraceEvent
from seatrial.guard import Replay, gateway_rules, replay
from seatrial.guard.rules import Memory
from tests.guard.conversation.asks import BASH
from tests.guard.streams import WRITE, XML

LOOP = "I will read the file again, then stop. " * 400
LONG = "\n".join(f"value_{n} = {n * 7919 % 1013}" for n in range(900))


class Recording:
    """A trace in the making."""

    def __init__(self, tools: tuple[ToolSchema, ...] = (WRITE,)) -> None:
        self._tools = self._declared = tools
        self.events: list[TraceEvent] = []
        self._seq = count()
        self._history = [Message("user", "Do it.")]
        self._say(self._history[0])

    def turn(
        self,
        message: Message,
        finish: Finish,
        completion: int,
        *,
        prompt: int = 10,
        guard: str = "",
        **fields: object,
    ) -> None:
        number = len(self._history)
        self._add(
            events.Request,
            turn=number,
            id=f"r{number}",
            messages=tuple(m.digest for m in self._history),
            tools_digest=tools_digest(self._declared),
            caps=Caps(max_tokens=100_000),
        )
        self._say(message)
        if guard:
            more = {"channel": "request", "finding": "it did not fit", "before": ""}
            self._add(events.Guard, turn=number, rule=guard, mode="enforce", action="edit", **more)
        self._add(
            events.Response,
            turn=number,
            id=f"r{number}",
            message=message.digest,
            finish=finish,
            usage=Usage(prompt=prompt, completion=completion),
            **fields,
        )
        self._history.append(message)
        for call in message.calls:
            result = Message("tool", f"ok {number}", call_id=call.id)
            self._say(result)
            self._history.append(result)

    def ask(self, text: str, tools: tuple[ToolSchema, ...]) -> None:
        """The next turn answers `text` and may use `tools`."""
        self._declared = tools
        self._history.append(Message("user", text))
        self._say(self._history[-1])

    def _say(self, m: Message) -> None:
        self._add(
            events.MessageEvent,
            turn=0,
            digest=m.digest,
            role=m.role,
            text=m.text,
            think=m.think,
            calls=m.calls,
            call_id=m.call_id,
        )

    def _add(self, kind: type, **fields: object) -> None:
        seq = next(self._seq)
        self.events.append(kind(seq=seq, t=float(seq), **fields))

    def replay(self) -> Replay:
        return replay(self.events, lambda: gateway_rules(GuardSpec()), self._tools)


def write(number: int, content: str = LONG) -> Message:
    body = f'{{"path":"{number}.py","content":{events.msgspec.json.encode(content).decode()}}}'
    return Message("assistant", "I write it.", calls=(Call(f"c{number}", "write", body),))


def test_a_loop_is_cut_and_sound_writes_are_not_touched() -> None:
    recording = Recording()
    for number in range(3):
        recording.turn(write(number), Finish.TOOL_CALLS, 4000)
    recording.turn(Message("assistant", LOOP), Finish.LENGTH, 4000)
    recording.turn(Message("assistant", LONG), Finish.LENGTH, 4000)
    found = recording.replay()
    assert (found.turns, found.length_stops, found.cut_length_stops) == (5, 2, 1)
    assert (found.sound_writes, found.touched_writes) == (3, 0)
    assert 3000 < found.saved_tokens < 4000
    assert found.by_rule == {"text_loop": 1, "length_nudge": 1}
    assert found.summary() == (
        f"would have cut 1 of 2 length stops, saved {found.saved_tokens} tokens, "
        "touched 0 of 3 legitimate calls"
    )


def test_ends_without_a_check_and_compactions_are_seen() -> None:
    order = (
        "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for another "
        "LLM that will resume the task."
    )
    recording = Recording((WRITE, BASH))
    recording.turn(write(1), Finish.TOOL_CALLS, 40)
    recording.turn(Message("assistant", "Done, all of it works."), Finish.STOP, 10)
    recording.ask(order, ())
    recording.turn(Message("assistant", "Goal: do it."), Finish.STOP, 10)
    found = recording.replay()
    assert found.by_rule == {"verify_before_done": 1, "compaction_pin": 2}
    assert (found.touched_writes, found.cut_length_stops) == (0, 0)
    unchecked, pinned, lacking = (seen.decision for seen in found.seen)
    assert (unchecked.action, pinned.action, lacking.action) == ("retry", "edit", "pass")


def test_a_call_in_text_would_have_been_rescued() -> None:
    recording = Recording()
    recording.turn(Message("assistant", XML), Finish.STOP, 50)
    [seen] = recording.replay().seen
    assert (seen.rule, seen.decision.action, seen.saved_tokens) == ("rescue", "edit", 0)
    assert seen.request == "r1"


def test_a_cut_call_stands_in_the_raw_text() -> None:
    recording = Recording()
    cut = XML[:90]
    recording.turn(Message("assistant", ""), Finish.LENGTH, 50, raw=cut)
    assert any("cut" in seen.decision.finding.detail for seen in recording.replay().seen)


def test_recordings_add_up() -> None:
    recording = Recording()
    recording.turn(Message("assistant", LOOP), Finish.LENGTH, 60_000)
    one = recording.replay()
    both = one + one
    assert both.length_stops == 2 and len(both.seen) == 2 * len(one.seen)
    assert "saved 1" in both.summary() and "k tokens" in both.summary()


def test_a_broken_recording_is_no_error() -> None:
    recording = Recording()
    recording.turn(Message("assistant", LOOP), Finish.LENGTH, 100)
    for left_out in range(len(recording.events)):
        kept = [event for n, event in enumerate(recording.events) if n != left_out]
        replay(kept, lambda: gateway_rules(GuardSpec()))


def test_the_count_of_a_prompt_that_was_shortened_says_nothing() -> None:
    """The same count for a conversation that grew is else a sign of a server that cuts."""
    for guard, found in (("elide", 0), ("", 1)):
        recording = Recording()
        for number in range(2):
            call = Call(f"c{number}", "write", '{"path": "%s"}' % ("x" * 4_000))
            recording.turn(
                Message("assistant", calls=(call,)),
                Finish.TOOL_CALLS,
                5,
                prompt=900,
                guard=guard,
            )
        seen = replay(recording.events, partial(gateway_rules, GuardSpec(), memory=Memory())).seen
        assert sum(each.rule == "silent_truncation" for each in seen) == found


def test_tools_that_are_recorded_are_known_though_nothing_was_called() -> None:
    recording = Recording()
    recording.turn(Message("assistant", XML), Finish.STOP, 50)
    recording.turn(Message("assistant", XML), Finish.STOP, 50)
    unknown = replay(recording.events, lambda: gateway_rules(GuardSpec()))
    assert (unknown.by_rule.get("rescue"), unknown.unknown_tools) == (None, 2)
    assert "could not be judged in 2 of 2 turns: their tools are not recorded" in unknown.summary()
    told = [
        events.msgspec.structs.replace(event, tools=(WRITE,))
        if isinstance(event, events.Request) and event.id == "r1"
        else event
        for event in recording.events
    ]
    known = replay(told, lambda: gateway_rules(GuardSpec()))
    assert (known.by_rule["rescue"], known.unknown_tools) == (2, 0)
    assert "could not be judged" not in known.summary()
