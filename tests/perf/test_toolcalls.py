"""Budget of the parser: an ordinary turn, and hostile text."""

from __future__ import annotations

import json

import pytest

from seatrial.models import profile_for
from seatrial.toolcalls import parse
from tests.perf.measure import cpu_seconds

pytestmark = pytest.mark.perf

PROFILE = profile_for("dinghy")
assert PROFILE is not None
TOOLS = PROFILE.schemas


def test_an_ordinary_turn_takes_under_a_millisecond() -> None:
    body = {"name": "write_file", "arguments": {"path": "a.py", "content": "x = 1\n" * 300}}
    text = f"I will write it.\n<tool_call>\n{json.dumps(body)}\n</tool_call>"
    seconds = cpu_seconds(lambda: [parse(text, TOOLS) for _ in range(200)]) / 200
    print(f"parser: {1e6 * seconds:.0f} us CPU for a turn of {len(text)} characters")
    assert seconds <= 0.001


@pytest.mark.parametrize("piece", ["<", "{", "`", "<tool_call>", '"', "</tool_call>", "<think>"])
def test_2_mb_of_hostile_text_take_under_a_second(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    seconds = cpu_seconds(lambda: parse(text, TOOLS), repeats=2)
    print(f"parser: 2 MB of {piece!r}: {seconds:.2f} s CPU")
    assert seconds <= 1.0
