"""Budgets of the parser: an ordinary turn, hostile text, and the memory that a large one takes."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from seatrial.core.generation import Finish
from seatrial.models import profile_for
from seatrial.toolcalls import DIALECTS, TurnParser, parse
from tests.perf.measure import cpu_seconds
from tests.toolcalls.defects import TOOLS as DECLARED

pytestmark = pytest.mark.perf

PROFILE = profile_for("dinghy")
assert PROFILE is not None
TOOLS = PROFILE.schemas

SIZE = 2_000_000
OPENERS = sorted({opener for dialect in DIALECTS.values() for opener in dialect.openers})
HOSTILE = [
    *"<{`\"'[(\\\n&>|",
    '{"', '{\n"', '\n{"a":1}', "\n> <tool_call>", "` <tool_call>x ", "</tool_call>", "<think>",
    "</think>", "<think></think>", "</parameter>x ", "\n<parameter=a>\n", "\n</parameter>\n",
    "<function=save><parameter=path>", "<tool_call>\n<function=save>\n", "```\n", "```json\n{",
    '<tool_call>{"', '<tool_call>{"name":"save",', "<save>", "<save><path>", "save(",
    "\n<save>\n<path>a</path>", "save[ARGS]{", "\nsave(path='", "&lt;tool_call&gt;", "Human:",
    "\nHuman: ", "Action: save\n", '\n{"name":"save","arguments":{', "x <tool_call> y ", "'''",
    "<|im_end|> x", '"""', "\\u12", "{{", "[[",
]  # fmt: skip


def test_an_ordinary_turn_takes_under_a_millisecond() -> None:
    body = {"name": "write_file", "arguments": {"path": "a.py", "content": "x = 1\n" * 300}}
    text = f"I will write it.\n<tool_call>\n{json.dumps(body)}\n</tool_call>"
    seconds = cpu_seconds(lambda: [parse(text, TOOLS) for _ in range(200)]) / 200
    print(f"parser: {1e6 * seconds:.0f} us CPU for a turn of {len(text)} characters")
    assert seconds <= 0.001


def test_an_ordinary_streamed_turn_takes_little_more() -> None:
    text = "I will write the function and run its tests.\n" * 40
    chunks = [text[at : at + 4] for at in range(0, len(text), 4)]

    def stream() -> None:
        parser = TurnParser(TOOLS)
        for chunk in chunks:
            parser.feed(chunk)
        parser.finish(Finish.STOP)

    seconds = cpu_seconds(stream) / len(chunks)
    print(f"parser: {1e6 * seconds:.1f} us CPU for a streamed chunk of prose")
    assert seconds <= 0.00006


@pytest.mark.parametrize("piece", [*HOSTILE, *OPENERS])
def test_2_mb_of_hostile_text_take_under_a_second(piece: str) -> None:
    text = piece * (SIZE // len(piece))
    seconds = cpu_seconds(lambda: parse(text, DECLARED), repeats=2)
    print(f"parser: 2 MB of {piece!r}: {seconds:.2f} s CPU")
    assert seconds <= 1.0


@pytest.mark.parametrize(
    "head", ['<tool_call>{"name":"save","arguments":{"path":"', "<think>", "{", "```json\n"]
)
@pytest.mark.parametrize("piece", ["<", "{", "`", '"', "\\", "<tool_call>", "\n"])
def test_2_mb_behind_an_opener_take_under_a_second(head: str, piece: str) -> None:
    text = head + piece * (SIZE // len(piece))
    seconds = cpu_seconds(lambda: parse(text, DECLARED), repeats=2)
    assert seconds <= 1.0, seconds


@pytest.mark.parametrize(
    "text",
    [
        "word " * (SIZE // 5),
        "x" * 10_000_000,
        DIALECTS["hermes"].render("save", {"path": "a", "content": "x = 1\n" * (SIZE // 7)}),
        DIALECTS["qwen_xml"].render("save", {"path": "a", "content": "x = 1\n" * (SIZE // 7)}),
        "<" * SIZE,
        "\n{" * (SIZE // 2),
    ],
    ids=["words", "one line of 10 MB", "json call", "xml call", "tags", "braces"],
)
def test_memory_is_at_most_four_times_the_input(text: str) -> None:
    tracemalloc.start()
    parser = TurnParser(DECLARED)
    for at in range(0, len(text), 4096):
        parser.feed(text[at : at + 4096])
    parser.finish(Finish.STOP)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"parser: {peak / len(text):.1f} bytes a character of {len(text)}")
    assert peak <= 4 * len(text)
