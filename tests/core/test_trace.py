"""Trace events: the kinds of the contract, and nothing lost between writing and reading."""

from typing import get_args

import msgspec
import pytest

from seatrial.core import trace as events
from seatrial.core.errors import Boundary
from seatrial.core.generation import Caps, Finish, Usage
from seatrial.core.message import Call
from seatrial.core.result import Ended, Verified

KINDS = {"begin", "message", "request", "response", "guard", "tool", "compaction", "fault"}
KINDS |= {"oracle", "end"}

AT = {"seq": 3, "t": 0.25, "turn": 2}
SAMPLES = [
    events.Begin(**AT, trial=events.TrialRef("t"), schema_version=1, identity={"model": "m"}),
    events.MessageEvent(
        **AT,
        digest="d",
        role="assistant",
        text="é",
        calls=(Call("c", "f", "{}", (0, 3), "orphan"),),
    ),
    events.Request(**AT, id="r1", messages=("d",), caps=Caps(), sent={"seed": 1, "stream": True}),
    events.Response(**AT, id="r1", message="d", finish=Finish.LENGTH, usage=Usage(1, 2, 3)),
    events.Guard(**AT, rule="r", mode="observe", action="pass", channel="text", finding="f"),
    events.Tool(
        **AT, call_id="c", exit=None, output="o", files=(events.FileChange("p", None, "a"),)
    ),
    events.Compaction(**AT, rung="cut", before=9, after=4),
    events.Fault(**AT, boundary=Boundary.ENGINE, type="X", message="m", channel="server"),
    events.Oracle(**AT, phase="run", exit=1, reward=0.0, subtests={"a": False}),
    events.End(**AT, ended=Ended.FINISHED, verified=Verified.YES),
]


def test_the_kinds_are_those_of_the_contract():
    assert {cls.__struct_config__.tag for cls in get_args(events.TraceEvent)} == KINDS
    assert {type(event) for event in SAMPLES} == set(get_args(events.TraceEvent))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_reads_back_as_it_was_written(event):
    data = msgspec.json.encode(event)
    assert msgspec.json.decode(data, type=events.TraceEvent) == event
    assert {"seq", "t", "turn", "kind"} <= msgspec.json.decode(data).keys()
    assert b"\n" not in data


def test_the_version_is_always_on_disk():
    assert b'"schema_version":1' in msgspec.json.encode(SAMPLES[0])


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind":"wish","seq":0,"t":0,"turn":0}',
        b'{"seq":0,"t":0,"turn":0}',
        b'{"kind":"end","seq":0,"t":0,"turn":0,"ended":"happy","verified":"yes"}',
        b'{"kind":"fault","seq":0,"t":0,"turn":0,"boundary":"them","type":"","message":"","channel":"server"}',
    ],
)
def test_another_shape_is_refused(line):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(line, type=events.TraceEvent)
