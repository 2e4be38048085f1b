"""A body read with what is known of earlier ones is the body read alone, whatever came before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.gateway import histories
from seatrial.gateway.histories import Histories
from seatrial.gateway.requests import read_inbound, read_scalars
from tests.gateway.load import conversation

LONG = conversation(60_000)


@pytest.fixture(autouse=True)
def short_bodies_count_too(monkeypatch):
    monkeypatch.setattr(histories, "MIN_BODY_BYTES", 0)


def body(messages, **fields):
    return json.dumps({"model": "m", **fields, "messages": messages, "stream": True}).encode()


def facts(inbound):
    return inbound.raw, inbound.model, inbound.stream, inbound.request, inbound.cache_key


def alike(known, raw):
    """Read twice: the second reading knows the first."""
    for _ in range(2):
        assert facts(known.read(raw)) == facts(read_inbound(raw))


def test_a_history_that_comes_again_gives_the_same_objects():
    known = Histories()
    before = known.read(body(LONG)).request
    longer = [*LONG, {"role": "user", "content": "And now?"}]
    after = known.read(body(longer)).request
    assert after == read_inbound(body(longer)).request
    assert all(one is other for one, other in zip(before.messages, after.messages, strict=False))


def test_what_is_read_is_far_shorter():
    known = Histories()
    known.read(body(LONG, temperature=0.5))
    found = known.read(body([*LONG, {"role": "user", "content": "And now?"}], temperature=0.5))
    assert 0 < len(found.fields) < 1000
    assert read_scalars(found.fields) == read_scalars(found.raw)


def test_a_message_that_was_rewritten_is_read_anew():
    known = Histories()
    known.read(body(LONG))
    for place in (0, 1, 2, len(LONG) // 2, len(LONG) - 1):
        edited = [dict(message) for message in LONG]
        edited[place] = {"role": "user", "content": "something else"}
        alike(known, body(edited))


def test_conversations_that_begin_alike_do_not_mix():
    known = Histories()
    system = {"role": "system", "content": "You are a coding agent. " * 50}
    for number in range(20):
        said = [{"role": "user", "content": f"task {number % 4}"}] * (1 + number % 3)
        alike(known, body([system, *said]))


def test_a_second_list_of_messages_wins_as_it_does_alone():
    known = Histories()
    first, second = json.dumps(LONG), json.dumps([{"role": "user", "content": "no, this"}])
    alike(known, f'{{"messages": {first}}}'.encode())
    for twice in (
        f'{{"messages": {first}, "messages": {second}}}',
        f'{{"messages": {second}, "messages": {first}}}',
        f'{{"messages": {first}, "messages": {first}}}',
        f'{{"messages": {first}, "\\u006dessages": {second}}}',
        f'{{"x": {first}, "messages": {first}}}',
        f'{{"x": {{"messages": {first}}}, "messages": {second}}}',
        f'{{"x": {json.dumps(first)}, "messages": {first}}}',
    ):
        alike(known, twice.encode())


def test_a_body_that_is_none_fails_as_it_does_alone():
    known = Histories()
    raw = body(LONG)
    known.read(raw)
    for broken in (raw[:-1], raw[:-200], raw + b"}", raw[:500] + b"\xff" + raw[501:]):
        with pytest.raises(FormatError) as alone:
            read_inbound(broken)
        with pytest.raises(FormatError) as behind:
            known.read(broken)
        assert str(behind.value) == str(alone.value)
    odd = raw.replace(b'"stream": true', b'"stream": "maybe"')
    assert facts(known.read(odd)) == facts(read_inbound(odd))
    strange = body([*LONG, {"role": "alien", "content": "hi"}])
    assert facts(known.read(strange)) == facts(read_inbound(strange))


def test_what_is_kept_is_bounded():
    known = Histories(max_bytes=300_000)
    for number in range(30):
        known.read(body([{"role": "user", "content": f"{number}"}, *LONG]))
        assert sum(one.size for one in known._known) <= 300_000
    alike(known, body(LONG * 9))


_TEXT = st.text(max_size=8) | st.sampled_from(['"messages"', '{"a": [', "]}", "\\", "é", "🎉"])
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system"]), "content": _TEXT}
)


@given(
    st.lists(
        st.tuples(st.lists(_MESSAGE, max_size=6), st.integers(0, 5), st.booleans()), max_size=8
    ),
    st.sampled_from([None, 0, 2]),
)
def test_any_order_of_bodies(bodies, indent):
    known, said = Histories(max_bytes=4_000), []
    for new, kept, before in bodies:
        said = [*said[:kept], *new]
        fields = {"model": "m", "messages": said, "user": "u"}
        if before:
            fields = dict(reversed(fields.items()))
        raw = json.dumps(fields, indent=indent, ensure_ascii=before).encode("utf-8", "replace")
        alike(known, raw)
