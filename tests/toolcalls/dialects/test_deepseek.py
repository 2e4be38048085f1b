"""DeepSeek: both forms of a call, the spellings of the markers, and missing ones."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import deepseek
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
NEW = "<｜tool▁call▁begin｜>{}<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
OLD = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{}\n```json\n{}\n```<｜tool▁call▁end｜>"
SECTION = "<｜tool▁calls▁begin｜>{}<｜tool▁calls▁end｜>"


def call(form, name, value):
    return form.replace("{}", name, 1).replace("{}", value)


ONE = call(NEW, "view", '{"file": "a.py"}')


def saved(text):
    return ("save", {"file": "a", "text": text})


@pytest.mark.parametrize("form", [NEW, OLD])
@pytest.mark.parametrize("text", PAYLOADS)
def test_calls_are_read(form, text):
    one = call(form, "save", json.dumps({"file": "a", "text": text}))
    check(SECTION.replace("{}", one), saved(text))
    check(SECTION.replace("{}", one + ONE), saved(text), VIEW)
    check(SECTION.replace("{}", f"{ONE}\n{one}"), VIEW, saved(text))
    check(f"I look.{SECTION.replace('{}', one)}<｜end▁of▁sentence｜>", saved(text))


@pytest.mark.parametrize("form", [NEW, OLD])
@pytest.mark.parametrize("text", PAYLOADS)
def test_missing_markers(form, text):
    body = json.dumps({"file": "a", "text": text})
    one = call(form, "save", body)
    check(one, saved(text), repairs=["marker_missing"])
    check(f"{one}<｜tool▁calls▁end｜>", saved(text), repairs=["marker_missing"])
    check(f"<｜tool▁calls▁begin｜>{one}", saved(text), repairs=["closer_missing"])
    open_call = one.removesuffix("<｜tool▁call▁end｜>")
    check(f"<｜tool▁calls▁begin｜>{open_call}", saved(text), repairs=["closer_missing"])
    check(SECTION.replace("{}", open_call), saved(text), repairs=["closer_missing"])
    check(SECTION.replace("{}", open_call + ONE), saved(text), VIEW, repairs=["closer_missing"])


@pytest.mark.parametrize("pipe", "｜|")
@pytest.mark.parametrize("gap", "▁_")
@pytest.mark.parametrize("form", [NEW, OLD])
def test_spellings(form, pipe, gap):
    text = SECTION.replace("{}", call(form, "view", '{"file": "a.py"}'))
    text = text.replace("｜", pipe).replace("▁", gap)
    check(text, VIEW, repairs=[] if pipe + gap == "｜▁" else ["tag_variant"])


@pytest.mark.parametrize(
    "text",
    [
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>save<｜tool▁sep｜>{"file": "a',
        '<｜tool▁call▁begin｜>save<｜tool▁sep｜>{"file": "a"} and<｜tool▁call▁end｜>',
        '<｜tool▁call▁begin｜>save<｜tool▁sep｜>{"file": "a"}{"file": 1}<｜tool▁call▁end｜>',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


def test_calls_before_a_defect_are_kept():
    reask(f"<｜tool▁calls▁begin｜>{ONE}<｜tool▁call▁begin｜>save<｜tool▁sep｜>{{", "save", [VIEW])


def test_what_is_no_call():
    no_call("The <｜tool▁calls▁begin｜> token begins a section.")
    no_call("<｜tool▁call▁begin｜>view")
    no_call("<｜tool▁call▁begin｜>view<｜tool▁sep｜>")


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = deepseek.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=150, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        scan(f"<｜tool▁calls▁begin｜>{text}", tail)
        scan(f"<｜tool▁call▁begin｜>save<｜tool▁sep｜>{{{text}", tail)
