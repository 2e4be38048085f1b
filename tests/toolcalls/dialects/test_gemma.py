"""Gemma: quote tokens, plain quotes in their place, and missing markers."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import gemma
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

Q = '<|"|>'
VIEW = ("view", {"file": "a.py"})
ONE = f"<|tool_call>call:view{{file:{Q}a.py{Q}}}<tool_call|>"
CODE = [text.replace(Q, "").replace("<escape>", "") for text in PAYLOADS]


def saved(text):
    return ("save", {"file": "a", "text": text})


def body(text, quote=Q):
    return f"{{file:{quote}a{quote},text:{quote}{text}{quote}}}"


@pytest.mark.parametrize("text", CODE)
def test_calls_are_read(text):
    one = f"<|tool_call>call:save{body(text)}<tool_call|>"
    check(f"I look.\n{one}", saved(text))
    check(f"{one}{ONE}<turn|>", saved(text), VIEW)
    check(f"{ONE}\n{one}", VIEW, saved(text))
    other = f"<start_function_call>call:save{body(text, '<escape>')}<end_function_call>"
    check(f"{other}<start_function_response>", saved(text))


def test_values():
    text = (
        f"<|tool_call>call:find{{pattern:{Q}x{Q}, n:-3.5,hidden:true,none:null,"
        f"ignore:[{Q}a{Q},{Q}b}}{Q}],deep:{{k:{{}},{Q}odd key{Q}:[]}}}}<tool_call|>"
    )
    value = {
        "pattern": "x", "n": -3.5, "hidden": True, "none": None, "ignore": ["a", "b}"],
        "deep": {"k": {}, "odd key": []},
    }  # fmt: skip
    check(text, ("find", value))
    check("<|tool_call>call:status{}<tool_call|>", ("status", {}))


@pytest.mark.parametrize("text", CODE)
def test_missing_and_foreign_markers(text):
    call = f"call:save{body(text)}"
    check(f"<|tool_call>{call}", saved(text), repairs=["closer_missing"])
    check(f"<|tool_call>{call}<turn|>", saved(text), repairs=["closer_missing"])
    check(f"<|tool_call>{call}\n{ONE}", saved(text), VIEW, repairs=["closer_missing"])
    check(f"<|tool_call>{call}</tool_call>", saved(text), repairs=["closer_foreign"])
    check(f"<|tool_call>{call}<|tool_call>", saved(text), repairs=["closer_foreign"])
    check(f"<|tool_call><|tool_call>{call}<tool_call|>", saved(text), repairs=["opener_doubled"])
    check(f"<|tool_call|>{call}<|tool_call|>", saved(text), repairs=["tag_variant"])
    check(f"<tool_call>{call}</tool_call>", saved(text), repairs=["tag_variant"])
    check(f"<|tool_call>{call}{ONE[12:]}", saved(text), VIEW, repairs=["several_in_wrapper"])


@pytest.mark.parametrize("text", CODE)
@pytest.mark.parametrize("key", ["{}", '"{}"'])
def test_plain_quotes(text, key):
    file, free = key.replace("{}", "file"), key.replace("{}", "text")
    call = f'<|tool_call>call:save{{{file}:"a",{free}:{json.dumps(text)}}}<tool_call|>'
    check(call, saved(text), repairs=["plain_quotes"])
    check(call.removesuffix("<tool_call|>"), saved(text), repairs=["plain_quotes"])
    mixed = f"<|tool_call>call:save{{file:{Q}a{Q},text:{json.dumps(text)}}}<tool_call|>"
    check(mixed, saved(text), repairs=["plain_quotes"])


@pytest.mark.parametrize(
    "text",
    [
        f"<|tool_call>call:save{{file:{Q}a",
        f"<|tool_call>call:save{{file:{Q}a{Q} b{Q}}}<tool_call|>",
        f"<|tool_call>call:save{{file:{Q}a{Q},file:{Q}b{Q}}}<tool_call|>",
        f"<|tool_call>call:save{{file:{Q}a{Q}}} and more",
        '<|tool_call>call:save{file:"say "a", text:"b" c"}<tool_call|>',
        f"<|tool_call>call:save{{file:{Q}a{Q}}}}}<tool_call|>",
        f"<|tool_call>call:save{{file:{Q}a{Q},text:b c}}<tool_call|>",
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


@pytest.mark.parametrize(
    "text",
    ["The <|tool_call> token.", "<|tool_call>call:NAME{...}<tool_call|>", "<|tool_call>call it"],
)
def test_what_is_no_call(text):
    no_call(text)


def bare(text, tail=Tail.STOPPED):
    return gemma.read_bare(Window(text, tail, TOOLS), 0)


@pytest.mark.parametrize("text", CODE)
def test_both_markers_are_missing(text):
    for closer in ("", "\n", "<tool_call|>", "<turn|>"):
        read = bare(f"call:save{body(text)}{closer}")
        assert isinstance(read, Envelope)
        assert read.calls[0].arguments == saved(text)[1]
        assert "opener_missing" in read.calls[0].repairs
    assert not isinstance(bare(f"call:save{body(text)}", Tail.CUT), Envelope)
    assert not isinstance(bare(f"call:save{body(text)} is it"), Envelope)
    assert bare(f"call:other{body(text)}") is None


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = gemma.DIALECT.render("save", value)
    found = scan(text)
    assert found.plain == [("save", value)]
    assert set(found.repairs) <= {"plain_quotes"}
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=200, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        for opener in gemma.DIALECT.openers:
            scan(f"{opener}call:save{text}", tail)
            scan(f"{opener}call:save{{file:{text}", tail)
        bare("call:save{" + text, tail)
