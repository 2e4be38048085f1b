"""The loop rules of a gateway: what each asks for, and that it changes nothing else."""

import json

import msgspec
import pytest

from seatrial.chat.endpoint import CallEvent, End, Request, Text, Think
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.loop_limits import CallLimits, Grades, LoopLimits
from seatrial.core.message import Call, Message
from seatrial.guard.loop_rules import NOTE, ArgumentLoopRule, NearLoopRule, TurnLoopRule
from seatrial.guard.protocol import PASS
from seatrial.guard.rules import TextLoopRule
from tests.guard.streams import look
from tests.guard.test_loops_near import attempts

SPEC = GuardSpec()


def request(times, result="a.py"):
    messages = [Message("user", "Fix it.")]
    for n in range(times):
        call = Call(id=f"c{n}", name="bash", arguments='{"command": "ls"}')
        messages += [
            Message("assistant", calls=(call,)),
            Message("tool", result, call_id=f"c{n}"),
        ]
    return Request(messages=tuple(messages))


@pytest.mark.parametrize(("event", "word"), [(Text, "answer"), (Think, "reasoning")])
def test_circles_are_tried_again(event, word):
    rule = NearLoopRule(SPEC)
    assert rule.on_request(request(9)) is PASS
    decisions = [rule.on_event(event(f"{line}\n")) for line in attempts(150).splitlines()]
    (decision,) = [one for one in decisions if one is not PASS]
    assert decision.action == "retry" and word in decision.nudge
    assert decision.otherwise == "stop" and decision.ending == "retryable_error"
    assert rule.on_event(End(finish=Finish.STOP)) is PASS and rule.on_turn() is PASS


def test_calls_that_come_again_are_told_then_refused():
    rule = TurnLoopRule(SPEC)
    assert rule.on_request(request(2)) is PASS
    before = request(3)
    decision = rule.on_request(before)
    assert decision.action == "edit" and decision.finding.mode_id == "gen.action_loop"
    edited = decision.request
    assert all(a is b for a, b in zip(edited.messages[:-1], before.messages, strict=False))
    last = edited.messages[-1]
    assert last.text.startswith("a.py\n\n" + NOTE) and last.call_id == "c2"
    assert 'bash({"command": "ls"})' in last.text and "3 times" in last.text
    assert msgspec.structs.replace(last, text="a.py") == before.messages[-1]
    assert rule.on_request(edited) is PASS
    stopped = rule.on_request(request(6))
    assert (stopped.action, stopped.ending) == ("stop", "final_error")
    assert rule.on_event(Text("x")) is PASS and rule.on_turn() is PASS


def test_the_limits_are_those_of_the_spec():
    calls = CallLimits(same=Grades(nudge=5, stop=None))
    rule = TurnLoopRule(GuardSpec(loops=LoopLimits(calls=calls)))
    assert rule.on_request(request(4)) is PASS
    assert rule.on_request(request(60)).action == "edit"
    decoded = msgspec.json.decode(
        b'{"loops": {"calls": {"same": {"nudge": 2, "stop": 3}}}}', type=GuardSpec
    )
    assert TurnLoopRule(decoded).on_request(request(3)).action == "stop"
    assert b"loops" not in msgspec.json.encode(SPEC)


def test_an_empty_request_passes():
    assert TurnLoopRule(SPEC).on_request(Request(messages=())) is PASS


def test_arguments_are_only_observed():
    rule = ArgumentLoopRule(SPEC, "enforce")
    assert rule.mode == "observe" and ArgumentLoopRule(SPEC, "off").mode == "off"
    content = "def f():\n" + "    result = process(result)\n" * 300
    call = Call(id="1", name="write", arguments=json.dumps({"content": content}))
    assert rule.on_event(CallEvent(call)).finding.detector == "argument_loop"
    assert rule.on_event(Text("x")) is PASS
    assert rule.on_request(request(9)) is PASS and rule.on_turn() is PASS


def pieces(text):
    return [Text(text[at : at + 40]) for at in range(0, len(text), 40)]


def test_a_quoted_log_waits_until_it_is_known_to_be_one():
    log = "Here it is:\n\n```text\n" + "Waiting for the database...\n" * 60 + "```\nThat is all.\n"
    events = [*pieces(log), End(finish=Finish.STOP)]
    out, decisions = look(TextLoopRule(SPEC), events)
    assert decisions == [] and all(a is b for a, b in zip(out, events, strict=True))
    cut, _ = look(TextLoopRule(SPEC), pieces(log[:1_500]))
    assert 1_000 < sum(len(event.text) for event in cut) < 1_200


def test_a_loop_in_a_fence_is_found_while_its_text_is_held():
    events = pieces("```python\n" + "    result = compute(result)\n" * 400)
    out, (decision,) = look(TextLoopRule(SPEC), events)
    assert decision.finding.detector == "text_loop" and isinstance(out[-1], End)
    assert sum(len(event.text) for event in out[:-1]) < 1_200
