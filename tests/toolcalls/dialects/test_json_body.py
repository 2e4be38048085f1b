"""Laws that all dialects with quoted values share: cost, silence, and what may end a body."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.toolcalls.dialects import json_body
from seatrial.toolcalls.reading import Broken, Tail, Window
from tests.toolcalls.dialects.drive import ALL, MARKERS, TOOLS, scan

OPENERS = sorted({opener for dialect in ALL for opener in dialect.openers})
HEADS = [
    "", "{", "[{", '{"', '{"name": "save", "arguments": {"text": "', "save[ARGS]{", "save\n{",
    "functions.save:0<|tool_call_argument_begin|>{", "save<｜tool▁sep｜>{", "save(text='",
    "call:save{text:", 'call:save{text:<|"|>', "commentary to=functions.save<|message|>{", "{}",
    " ", "```",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_many_openers_are_read_in_linear_time(head):
    start = time.process_time()
    for opener in OPENERS:
        piece = opener + head
        for tail in Tail:
            scan(piece * (40_000 // len(piece)), tail)
    assert time.process_time() - start < 6


@pytest.mark.parametrize(
    "noise", ["{", "[", '"', "\\", "'", "`", "<", "\n", " ", "a", "{}", '"}', ","]
)
def test_one_opener_before_noise_is_read_in_linear_time(noise):
    start = time.process_time()
    for opener in OPENERS:
        for head in HEADS:
            scan(opener + head + noise * (20_000 // len(noise)), Tail.STOPPED)
    assert time.process_time() - start < 20


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(OPENERS),
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(MARKERS) | st.characters(), max_size=10).map("".join),
)
def test_no_text_raises(opener, head, text):
    for tail in Tail:
        scan(opener + head + text, tail)


def body(text, tail=Tail.STOPPED, **options):
    behind = json_body.ends("</x>", openers="<x>", **options)
    return json_body.read_body(Window(text, tail, TOOLS), 0, behind)


def test_what_ends_a_body():
    assert body('{"a": 1}\n</x>').value == {"a": 1}
    assert body('{"a": 1}</x>', Tail.CUT).exact
    assert body('{"a": 1}<x>', Tail.CUT).exact
    assert body('{"a": 1}').exact
    assert body('{"a": 1}', Tail.CUT) == Broken("cut off")
    assert body('{"a": 1} </', Tail.CUT) == Broken("cut off")
    assert isinstance(body('{"a": 1} and'), Broken)
    assert body('{"a": 1} and', prose=True).exact
    assert isinstance(body('{"a": 1} and', Tail.CUT, prose=True), Broken)
    assert isinstance(body('{"a": 1} "and"}', prose=True), Broken)


def test_a_repaired_body_needs_more():
    assert body('{"a": 1,}</x>').repairs == ("trailing_comma",)
    assert not body('{"a": 1,}</x>\n').exact
    assert isinstance(body('{"a": 1,}</x>', Tail.CUT), Broken)
    assert isinstance(body('{"a": 1,}</x> and'), Broken)
