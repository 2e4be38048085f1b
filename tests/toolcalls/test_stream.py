"""What a stream shows early: prose at once, blocks when they are over, calls never."""

import pytest

from seatrial.core.generation import Finish
from seatrial.toolcalls import EXAMPLE_TOOLS, TurnParser

CALL = '<tool_call>\n{"name": "view", "arguments": {"file": "a"}}\n</tool_call>'


def shown(text, **options):
    parser = TurnParser(EXAMPLE_TOOLS, **options)
    return "".join(parser.feed(character) for character in text)


@pytest.mark.parametrize(
    "text",
    [
        "I will look at the file, then run the tests and see whether they pass.",
        "1. First\n2. Second, with `code` and a [link](http://x/y)\n3. Third: a < b > c",
        "Call me later. Use the force. Running late, as always, my friend; it is what it is.",
        "The tag <tool_call> opens a call in this dialect, as everybody knows by now, I hope.",
        "view the file with care, and save the text that it holds before somebody else does.",
    ],
)
def test_prose_is_shown_but_for_32_characters(text):
    assert len(shown(text)) >= len(text) - 32


@pytest.mark.parametrize(
    "block",
    ["```python\nx = 1\n```\n", '{"a": 1}\n', "[1, 2]\n", "| a | b |\n|---|---|\n", "- view\n"],
)
def test_a_block_is_shown_when_it_is_over(block):
    text = f"So:\n\n{block}\nThat is how it is done, and nothing else follows here today."
    assert len(shown(text)) >= len(text) - 32


@pytest.mark.parametrize(
    "form",
    [CALL, "<function=view>\n<parameter=file>\na", '```json\n{"name": "view"', 'view {"file": "a"}',
     'Calling tool: view({"file": "a"})', 'Action: view\nAction Input: {"file": "a"}',
     '{"name": "view", "arguments": {"file": "a"}}', 'view(file="a")', "[TOOL_CALLS]view[ARGS]{}"],
)  # fmt: skip
def test_nothing_of_a_call_is_shown(form):
    text = shown(f"I look.\n{form}")
    assert text == "I look."


def test_reasoning_is_taken_apart_from_text():
    parser = TurnParser(EXAMPLE_TOOLS, prefill="<think>\n")
    pieces = [(parser.feed(char), parser.take_think()) for char in "Hm, so.</think>\n\nYes, I do."]
    assert "".join(think for _, think in pieces) == "Hm, so."
    assert "Yes, I do.".startswith("".join(text for text, _ in pieces).strip())
    assert parser.finish(Finish.STOP).text == "Yes, I do."


def test_a_role_header_is_never_shown():
    assert shown("<|im_start|>assistant\nHello there, how are you today?").startswith("Hello")
