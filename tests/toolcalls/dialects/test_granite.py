"""Granite: a list behind the token, up to the end of the turn."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import granite
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

VIEW = ("view", {"file": "a.py"})
ITEM = '{"name": "view", "arguments": {"file": "a.py"}}'


def saved(text):
    return ("save", {"file": "a", "text": text})


@pytest.mark.parametrize("opener", ["<|tool_call|>", "<tool_call>"])
@pytest.mark.parametrize("text", PAYLOADS)
def test_calls_are_read(opener, text):
    item = json.dumps({"name": "save", "arguments": {"file": "a", "text": text}})
    check(f"{opener}[{item}]", saved(text))
    check(f"I look.\n{opener} [{item}, {ITEM}]<|end_of_text|>", saved(text), VIEW)
    check(f"{opener}[{item}]\n{opener}[{ITEM}]", saved(text), VIEW)
    check(f"{opener}{opener}[{item}]", saved(text), repairs=["opener_doubled"])
    assert scan(f"<|tool_call|>[{item}]\nI wait.").plain == [saved(text)]


@pytest.mark.parametrize(
    "text",
    [
        '<|tool_call|>[{"name": "save", "arguments": {"file": "a',
        '<|tool_call|>[{"name": "save", "arguments": {"file": "a", "file": "b"}}]',
        '<|tool_call|>[{"name": "save", "arguments": {"file": "a"}}] or {"x": 1}',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


def test_what_is_no_call():
    no_call("The <|tool_call|> token.")
    no_call('<|tool_call|>[{"name": <function-name>, "arguments": {}}]')


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = granite.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=150, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        for opener in granite.DIALECT.openers:
            scan(f"{opener}[{text}", tail)
            scan(f'{opener}[{{"name": "save", {text}', tail)
