"""Harmony: recipients, constraints, stripped markers, and the messages of a turn."""

import json
import time

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import harmony
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


def saved(text):
    return ("save", {"file": "a", "text": text})


FORMS = [
    "<|channel|>commentary to=functions.save <|constrain|>json<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.save <|constrain|>json<|message|>{}",
    "<|channel|>commentary to=functions.save<|constrain|>JSON<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.save json<|message|>{}<|call|>",
    "<|channel|>commentary to=functions.save<|message|>{}<|call|>",
    "<|channel|>analysis to=functions.save code<|message|>{}<|call|>",
    "<|start|>assistant to=functions.save<|channel|>commentary json<|message|>{}<|call|>",
    "<|start|>assistant to=functions.save<|channel|>commentary <|constrain|>json<|message|>{}",
    "<|start|>assistant<|channel|>commentary to=functions.save <|message|>{}<|end|>",
    "to=functions.save<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", PAYLOADS)
def test_forms(form, text):
    check(form.replace("{}", json.dumps({"file": "a", "text": text})), saved(text))


@pytest.mark.parametrize("text", PAYLOADS)
def test_several_calls(text):
    one = FORMS[0].replace("{}", json.dumps({"file": "a", "text": text}))
    other = '<|start|>assistant<|channel|>commentary to=functions.view<|message|>{"file": "a.py"}'
    check(f"{one}{other}<|call|>", saved(text), VIEW)
    check(one.removesuffix("<|call|>") + other, saved(text), VIEW, repairs=["closer_missing"])


STRIPPED = [
    "commentary to=functions.save json{}",
    "commentary to=functions.save {}",
    "commentary to=functions.savejson{}",
    "assistantcommentary to=functions.save json{}",
    "I save it.assistantcommentary to=functions.save json{}",
    "assistant to=functions.savecommentary json{}",
    "I save it.\ncommentary to=functions.save <|constrain|>json<|message|>{}<|call|>",
    "to=functions.save json{}",
    "<|channel|>commentary to=functions.save <|constrain|>json{}",
]


@pytest.mark.parametrize("form", STRIPPED)
@pytest.mark.parametrize("text", PAYLOADS)
def test_markers_are_stripped(form, text):
    call = form.replace("{}", json.dumps({"file": "a", "text": text}))
    check(call, saved(text), repairs=["channel_markers"])
    other = 'assistantcommentary to=functions.view json{"file": "a.py"}'
    check(call.removesuffix("<|call|>") + other, saved(text), VIEW, repairs=["channel_markers"])


def test_a_doubled_or_broken_header():
    text = "<|channel|>commentary to=functions.view<|channel|>commentary json<|message|>{}<|call|>"
    check(text, ("view", {}), repairs=["opener_doubled"])
    assert split(text) == [("commentary", "functions.view", "{}", True)]
    text = "<|channel|>commentary to=functions.view <|message|{}<|call|>"
    assert split(text) == [("text", "functions.view", text.removesuffix("<|call|>"), True)]


def test_no_arguments():
    check("<|channel|>commentary to=functions.status<|message|><|call|>", ("status", None))


@pytest.mark.parametrize(
    "text",
    [
        '<|channel|>commentary to=functions.save json<|message|>{"file": "a',
        '<|channel|>commentary to=functions.save json<|message|>{"file": "a"} and<|call|>',
        "<|channel|>commentary to=save code<|message|>print(1)<|call|>",
        'commentary to=functions.save json{"file": "a',
        'commentary to=functions.save json{"file": "a"} and then',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>final<|message|>Done.",
        "<|channel|>commentary<|message|>{}<|end|>",
        'Then commentary to=functions.save json{"file": "a"} is written.',
        'commentary to=functions.other json{"file": "a"}',
        "<|channel|>commentary to=assistant<|message|>{}<|end|>",
        "commentary to=functions.save is what gpt-oss writes",
    ],
)
def test_what_is_no_call(text):
    no_call(text)


def split(text):
    found = harmony.split_channels(text)
    return found and [
        (channel, to, text[start:end], closed) for channel, to, start, end, closed in found
    ]


@pytest.mark.parametrize("text", PAYLOADS)
def test_channels(text):
    body = json.dumps({"file": "a", "text": text})
    turn = (
        "<|channel|>analysis<|message|>I save <it>.<|end|>\n"
        "<|start|>assistant<|channel|>commentary<|message|>Saving.<|end|>"
        "<|start|>assistant<|channel|>commentary to=functions.save <|constrain|>json<|message|>"
        f"{body}"
        "<|call|><|start|>functions.save to=assistant<|channel|>commentary<|message|>ok<|end|>"
        "<|start|>assistant<|channel|>final<|message|>Done."
    )
    assert split(turn) == [
        ("analysis", None, "I save <it>.", True),
        ("commentary", None, "Saving.", True),
        ("commentary", "functions.save", body, True),
        ("other", None, "ok", True),
        ("final", None, "Done.", False),
    ]


def test_turns_that_begin_in_another_way():
    assert split("Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>") == [
        ("text", None, "Hm.", True),
        ("final", None, "Hi", True),
    ]
    role = "<|start|>assistant to=functions.view<|channel|>commentary json<|message|>{}"
    assert split(role) == [("commentary", "functions.view", "{}", False)]
    assert split("<|start|>assistant<|message|>Hi<|end|>") == [("final", None, "Hi", True)]
    assert split("<|channel|>analysis") == [("text", None, "<|channel|>analysis", False)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "The `<|channel|>analysis<|message|>` header.",
        '<tool_call>\n{"name": "save", "arguments": {"text": "<|end|><|start|>assistant"}}',
        "```\n<|channel|>final<|message|>x\n```",
        'commentary to=functions.save json{"file": "a"}',
    ],
)
def test_turns_without_channels(text):
    assert split(text) is None


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = harmony.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    assert split(text) == [("commentary", "functions.save", found.calls[0].text, True)]
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=200, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        for opener in harmony.DIALECT.openers:
            scan(opener + text, tail)
            scan(f"{opener}save json<|message|>{{{text}", tail)
    spans = harmony.split_channels("<|channel|>" + text) or []
    ends = [place for _, _, start, end, _ in spans for place in (start, end)]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    "piece",
    ["<|channel|>", "<|start|>assistant", '<|channel|>commentary to=a<|message|>{"a": "',
     "<|channel|>commentary to=a<|message|>{", "<|channel|>final<|message|>x", "to=functions.a ",
     "<|end|>"],
)  # fmt: skip
def test_hostile_text_is_split_in_linear_time(piece):
    text = "<|channel|>" + piece * (1_000_000 // len(piece))
    start = time.process_time()
    harmony.split_channels(text)
    assert time.process_time() - start < 2
