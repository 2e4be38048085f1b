"""The detectors' share of a guarded stream, in CPU time: their part of 100 µs a chunk."""

import argparse
import inspect
import json
import pydoc_data.topics

import pytest

from seatrial.chat.endpoint import CallEvent, Text, Think
from seatrial.core.config import GuardSpec
from seatrial.core.loop_limits import LoopLimits
from seatrial.core.message import Call, Message
from seatrial.guard.loops import ArgumentLoop, NearLoop, TextLoop, recent_steps, turn_loop
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf

CHUNK = 20
BUDGET_MICROSECONDS = 10
SPEC, LIMITS = GuardSpec(), LoopLimits()

STREAMS = {
    "prose": "\n".join(list(pydoc_data.topics.topics.values())[:20]),
    "code": inspect.getsource(argparse),
    "rows": "".join(f"{n},name{n % 7},active,2024-01-0{n % 9}\n" for n in range(4000)),
    "grid": ("." * 79 + "\n") * 700,
    "short runs": "".join("ab " * (20 + n % 40) + str(n) for n in range(800)),
}


def per_chunk(text, event):
    """Microseconds a chunk of the exact and of the near detector."""
    events = [event(text[at : at + CHUNK]) for at in range(0, len(text), CHUNK)]

    def run(make):
        detector = make()
        for one in events:
            detector.feed(one)

    def took(make):
        return cpu_seconds(lambda: run(make)) / len(events) * 1e6

    return (
        took(lambda: TextLoop(SPEC.loop_chars, SPEC.loop_repeats)),
        took(lambda: NearLoop(LIMITS.text_near, LIMITS.think_near)),
    )


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("event", [Text, Think])
def test_loop_detectors_per_chunk(kind, event):
    exact, near = per_chunk(STREAMS[kind], event)
    print(f"{kind}: exact {exact:.2f}, near {near:.2f} microseconds a chunk of {CHUNK} characters")
    assert exact + near < BUDGET_MICROSECONDS


def test_a_large_write_is_looked_at_quickly():
    content = "".join(f"row {n}, {n * 7919 % 1000003}\n" for n in range(50_000))
    call = CallEvent(Call("1", "write", json.dumps({"content": content})))
    seconds = cpu_seconds(lambda: ArgumentLoop(LIMITS.arguments).feed(call))
    print(f"{len(content)} characters of arguments: {seconds * 1e3:.1f} ms")
    assert seconds < 0.1


def test_the_history_of_a_long_session():
    messages = [Message("user", "Fix it.")]
    for n in range(400):
        call = Call(f"c{n}", "bash", json.dumps({"command": f"sed -n '{n},{n + 99}p' a.py"}))
        result = "".join(f"line {n} of {m}\n" for m in range(60))
        messages += [Message("assistant", calls=(call,)), Message("tool", result, call_id=call.id)]
    seconds = cpu_seconds(lambda: turn_loop(recent_steps(messages, 64), LIMITS.calls))
    print(f"{sum(len(m.text) for m in messages)} characters of history: {seconds * 1e3:.2f} ms")
    assert seconds < 0.002
