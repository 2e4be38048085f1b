"""Mistral: names with arguments, lists, and where a call without closer ends."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import mistral
from seatrial.toolcalls.reading import Envelope, Tail, Window
from tests.toolcalls.dialects.drive import (
    ALL,
    PAYLOADS,
    TOOLS,
    arguments,
    check,
    no_call,
    prefixes,
    reask,
    scan,
    soup,
)

VIEW = ("view", {"file": "a.py"})
ONE = '[TOOL_CALLS]view[ARGS]{"file": "a.py"}'


def saved(text):
    return ("save", {"file": "a", "text": text})


def test_a_call_is_read():
    found = check(f"I look.{ONE}</s>", VIEW)
    assert (found.text, found.calls[0].span) == ("I look.</s>", (7, 7 + len(ONE)))
    check(ONE, VIEW)


FORMS = [
    "[TOOL_CALLS]save[ARGS]{}",
    "[TOOL_CALLS] save [ARGS] {}",
    "[TOOL_CALLS]save{}",
    "[TOOL_CALLS]save\n{}",
    "[TOOL_CALLS]save[CALL_ID]abc123XYZ[ARGS]{}",
    '[TOOL_CALLS][{"name": "save", "arguments": {}}]',
    '[TOOL_CALLS] [{"name": "save", "arguments": {}, "id": "abc123XYZ"}]',
    '[TOOL_CALLS]{"name": "save", "arguments": {}}',
    '[TOOL_CALLS]{"name": "save", "arguments": {}}[/TOOL_CALLS]',
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", PAYLOADS)
def test_forms(form, text):
    call = form.replace("{}", json.dumps({"file": "a", "text": text}))
    check(call, saved(text))
    check(f"{call}</s>", saved(text))
    check(call + ONE, saved(text), VIEW)
    check(f"{ONE}\n{call}", VIEW, saved(text))
    assert scan(f'{call}\n\nI wait for the "result".').plain == [saved(text)]


@pytest.mark.parametrize("text", PAYLOADS)
def test_several_calls_behind_one_marker(text):
    body = json.dumps({"file": "a", "text": text})
    other = '{"name": "view", "arguments": {"file": "a.py"}}'
    named = f'{{"name": "save", "arguments": {body}}}'
    check(f"[TOOL_CALLS][{named}, {other}]", saved(text), VIEW)
    check(f"[TOOL_CALLS]{named}\n{other}", saved(text), VIEW)
    check(f'[TOOL_CALLS]save[ARGS]{body}, view[ARGS]{{"file": "a.py"}}', saved(text), VIEW)
    check(f"[TOOL_CALLS][TOOL_CALLS]save[ARGS]{body}", saved(text), repairs=["opener_doubled"])
    check(f"[TOOL_CALLS]\n```json\n[{named}]\n```", saved(text), repairs=["fence_in_wrapper"])
    check(f"[TOOL_CALLS]save[ARGS]{body}[TOOL_RESULTS]{{}}[/TOOL_RESULTS]", saved(text))


def test_no_arguments():
    check("[TOOL_CALLS]status[ARGS]{}", ("status", {}))
    check("[TOOL_CALLS]status[ARGS]", ("status", None))


@pytest.mark.parametrize("text", PAYLOADS)
def test_the_marker_is_missing(text):
    body = json.dumps({"file": "a", "text": text})
    read = mistral.read_args(Window(f"save[ARGS]{body}", Tail.STOPPED, TOOLS), 0, "save")
    assert isinstance(read, Envelope)
    assert read.calls[0].repairs == ("opener_missing",)
    assert read.calls[0].arguments == saved(text)[1]
    window = Window(f"save[ARGS] is how {body}", Tail.STOPPED, TOOLS)
    assert mistral.read_args(window, 0, "save") is None


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS]save[ARGS]{"file": "a", "text": "x',
        '[TOOL_CALLS]save[ARGS]{"file": "a", "text": "x"}"}',
        '[TOOL_CALLS]save[ARGS]{"file": "awk $1"}"}\'"}',
        '[TOOL_CALLS]save[ARGS]{"file": "a"} or {"file": "b"}',
        "[TOOL_CALLS]save[ARGS]nothing",
        '[TOOL_CALLS]save{"file": "a", "file": "b"}',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


def test_calls_before_a_defect_are_kept():
    reask(f'{ONE}[TOOL_CALLS]save[ARGS]{{"file": ', "save", [VIEW])


@pytest.mark.parametrize(
    "text",
    ["The [TOOL_CALLS] token.", "[TOOL_CALLS]", '[TOOL_CALLS][{"name": <name>, "arguments": {}}]'],
)
def test_what_is_no_call(text):
    no_call(text)


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = mistral.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=150, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        for opener in ("[TOOL_CALLS]", "[TOOL_CALLS]save[ARGS]{", "[TOOL_CALLS]save{"):
            scan(opener + text, tail)
        mistral.read_args(Window("save[ARGS]" + text, tail, TOOLS), 0, "save")
