"""Kimi: sections, ids, missing markers, and markers inside of arguments."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import kimi
from seatrial.toolcalls.reading import Tail
from tests.toolcalls.dialects.drive import (
    ALL,
    PAYLOADS,
    arguments,
    check,
    no_call,
    prefixes,
    reask,
    scan,
    soup,
)

BEGIN, END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
VIEW = ("view", {"file": "a.py"})


def call(text, id="functions.save:0"):
    body = json.dumps({"file": "a", "text": text})
    return f"<|tool_call_begin|>{id}<|tool_call_argument_begin|>{body}<|tool_call_end|>"


ONE = (
    "<|tool_call_begin|>functions.view:1<|tool_call_argument_begin|>"
    '{"file": "a.py"}<|tool_call_end|>'
)


def saved(text):
    return ("save", {"file": "a", "text": text})


@pytest.mark.parametrize("text", PAYLOADS)
def test_calls_are_read(text):
    one = call(text)
    check(f"I look.{BEGIN}{one}{END}<|im_end|>", saved(text))
    check(f"{BEGIN}\n{one}\n{ONE}\n{END}", saved(text), VIEW)
    check(f"{BEGIN}{ONE}{one}{END}", VIEW, saved(text))
    check(f"{BEGIN}{ONE}{END}{BEGIN}{one}{END}", VIEW, saved(text))


@pytest.mark.parametrize("text", PAYLOADS)
def test_missing_markers(text):
    one = call(text)
    check(one, saved(text), repairs=["marker_missing"])
    check(f"{BEGIN}{one}", saved(text), repairs=["closer_missing"])
    check(f"{one}{END}", saved(text), repairs=["marker_missing"])
    open_call = one.removesuffix("<|tool_call_end|>")
    check(f"{BEGIN}{open_call}", saved(text), repairs=["closer_missing"])
    check(f"{BEGIN}{open_call}{END}", saved(text), repairs=["closer_missing"])
    check(f"{BEGIN}{open_call}{ONE}{END}", saved(text), VIEW, repairs=["closer_missing"])
    bare = one.replace("<|tool_call_argument_begin|>", "")
    check(f"{BEGIN}{bare}{END}", saved(text), repairs=["marker_missing"])
    headless = one.removeprefix("<|tool_call_begin|>")
    check(f"{BEGIN}{headless}{END}", saved(text), repairs=["marker_missing"])
    check(f"{BEGIN}{one}{END}".replace("calls_section", "call_section"), saved(text),
          repairs=["tag_variant"])  # fmt: skip


@pytest.mark.parametrize("id", ["save:0", "functions.save", "save", "tools.save:12"])
@pytest.mark.parametrize("text", PAYLOADS)
def test_another_id_is_left_for_the_name(id, text):
    check(f"{BEGIN}{call(text, id)}{END}", (id, saved(text)[1]), repairs=["call_id_form"])


def test_no_arguments():
    head = "<|tool_call_begin|>functions.status:0<|tool_call_argument_begin|>"
    check(f"{BEGIN}{head}<|tool_call_end|>{END}", ("status", None))
    check(f"{BEGIN}{head}{{}}<|tool_call_end|>{END}", ("status", {}))


@pytest.mark.parametrize(
    "text",
    [
        BEGIN + call("a <|tool_call_argument_begin|> b") + END,
        BEGIN + call("a <|tool_call_end|> b") + END,
        BEGIN + call("x")[:-25],
        BEGIN + call("x").replace("}", "} and") + END,
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


def test_calls_before_a_defect_are_kept():
    reask(f"{BEGIN}{ONE}{call('<|tool_call_end|>')}{END}", "save", [VIEW])


def test_what_is_no_call():
    no_call(f"The {BEGIN} token begins a section.")
    no_call("<|tool_call_begin|>view")
    no_call("<|tool_call_begin|> is a token {x}")


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = kimi.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=150, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        scan(BEGIN + text, tail)
        scan(f"<|tool_call_begin|>save:0<|tool_call_argument_begin|>{{{text}", tail)
