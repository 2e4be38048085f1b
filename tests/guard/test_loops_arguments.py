"""Repeats in tool arguments: far beyond what data does, in whole calls and in cut ones."""

import json

import pytest

from seatrial.chat.endpoint import CallEvent, End, Text, Think
from seatrial.core.generation import Finish
from seatrial.core.loop_limits import ArgumentLimits
from seatrial.core.message import Call
from seatrial.guard.loops import ArgumentLoop

LINE = "    result = process(result)\n"


def found(arguments):
    event = CallEvent(Call("1", "write", arguments))
    return ArgumentLoop(ArgumentLimits()).feed(event)


def test_a_write_that_repeats_without_end():
    content = "def run(result):\n" + LINE * 300
    finding = found(json.dumps({"path": "a.py", "edits": [{"new": [content, 1, None]}]}))
    assert finding is not None and finding.channel == "calls"
    assert content[finding.start : finding.start + 2 * len(LINE)] == finding.quote
    assert finding.count >= 16 and "29 characters repeated" in finding.detail


@pytest.mark.parametrize(
    "content",
    [
        LINE * 100,
        "x = 1\n" * 16 + "".join(f"x = {n}\n" for n in range(4000)),
        "0,0,0,0\n" * 8000,
        ("A long paragraph of some kind. " * 30 + "\n") * 3,
        "{'a': None},\n" * 4000,
    ],
)
def test_data_is_none(content):
    assert found(json.dumps({"path": "a.csv", "content": content})) is None


def test_text_that_is_no_json_is_read_as_it_stands():
    assert found('{"content": "' + LINE * 300) is not None
    assert found("{}") is None


def test_a_call_that_was_cut_off():
    detector = ArgumentLoop(ArgumentLimits())
    shown = "Now I write the file."
    assert detector.feed(Think("Hm.")) is None and detector.feed(Text(shown)) is None
    raw = f'Hm.{shown}<tool_call>{{"name": "write", "arguments": {{"content": "' + LINE * 300
    finding = detector.feed(End(finish=Finish.LENGTH, text=raw))
    assert finding is not None and detector.end() is None


def test_what_was_shown_is_not_counted_again():
    detector = ArgumentLoop(ArgumentLimits())
    detector.feed(Text(LINE * 300))
    assert detector.feed(End(finish=Finish.LENGTH, text=LINE * 300)) is None
