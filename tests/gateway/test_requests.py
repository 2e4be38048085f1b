"""Bodies taken apart and put together again."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.endpoint import NO_CAP
from seatrial.core.config import GuardSpec
from seatrial.core.errors import FormatError
from seatrial.core.message import Message
from seatrial.gateway.requests import changed_body, read_inbound, read_scalars
from seatrial.guard.rules.history import HistoryRule

replace = msgspec.structs.replace

BODY = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "look"}], "name": "me"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "provider_specific_fields": {"refusal": None},
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
    ],
    "max_completion_tokens": 77,
    "temperature": 0.5,
    "store": True,
    "unheard_of": {"deep": [1, 2.5, None]},
}
RAW = json.dumps(BODY).encode()


def asked(raw=RAW):
    inbound = read_inbound(raw)
    assert inbound.request is not None
    return inbound.request


def changed(**fields):
    request = asked()
    return json.loads(changed_body(RAW, request, replace(request, **fields)))


def test_a_body_as_the_rules_see_it():
    request = asked()
    assert [message.role for message in request.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]
    assert request.messages[1].text == "look"
    assert request.messages[2].think == "hm"
    assert request.messages[2].calls[0].name == "ls"
    assert request.max_tokens == 77
    assert request.sampling.temperature == 0.5


def test_what_nobody_changed_is_the_same_bytes():
    request = asked()
    assert changed_body(RAW, request, request) is RAW
    assert changed_body(RAW, request, replace(request)) is RAW


def test_only_the_sampler_is_changed():
    sampling = replace(asked().sampling, temperature=None, dry_multiplier=0.8)
    expected = {**BODY, "dry_multiplier": 0.8}
    del expected["temperature"]
    assert changed(sampling=sampling) == expected


def test_the_cap_keeps_its_name():
    assert changed(max_tokens=5) == {**BODY, "max_completion_tokens": 5}


def test_a_cap_where_there_was_none():
    raw = json.dumps({"messages": [{"role": "user", "content": "x"}]}).encode()
    request = asked(raw)
    assert request.max_tokens == NO_CAP
    assert json.loads(changed_body(raw, request, replace(request, max_tokens=9)))["max_tokens"] == 9


def test_thinking_goes_where_the_client_puts_it():
    raw = json.dumps({**BODY, "chat_template_kwargs": {"preserve_thinking": True}}).encode()
    request = asked(raw)
    new = json.loads(changed_body(raw, request, replace(request, thinking=False)))
    kwargs = {"preserve_thinking": True, "enable_thinking": False}
    assert new["chat_template_kwargs"] == kwargs


def test_a_message_that_is_edited_keeps_its_other_fields():
    messages = list(asked().messages)
    messages[1] = replace(messages[1], text="look again")
    new = changed(messages=tuple(messages))["messages"]
    assert new[1] == {"role": "user", "content": "look again", "name": "me"}
    assert [new[0], *new[2:]] == [BODY["messages"][0], *BODY["messages"][2:]]


def test_messages_that_go_and_come_leave_the_others_alone():
    first, _second, third, fourth = asked().messages
    new = changed(messages=(first, third, fourth, Message("user", "go on")))["messages"]
    said = BODY["messages"]
    assert new == [said[0], said[2], said[3], {"role": "user", "content": "go on"}]


def test_images_stay_beside_an_edited_text():
    image = {"type": "image_url", "image_url": {"url": "data:x"}}
    parts = [{"type": "text", "text": "see"}, image]
    raw = json.dumps({"messages": [{"role": "user", "content": parts}]}).encode()
    request = asked(raw)
    edited = replace(request, messages=(replace(request.messages[0], text="look"),))
    content = json.loads(changed_body(raw, request, edited))["messages"][0]["content"]
    assert content == [{"type": "text", "text": "look"}, image]


IMAGE = {"type": "image_url", "image_url": {"url": "data:x"}}


def mended(*messages):
    """What of a conversation is sent on when its history was mended."""
    raw = json.dumps({"messages": messages}).encode()
    request = asked(raw)
    decision = HistoryRule(GuardSpec()).on_request(request)
    return json.loads(changed_body(raw, request, decision.request))["messages"]


def test_an_image_stays_where_two_messages_become_one():
    look = {"role": "user", "content": [{"type": "text", "text": "Look"}, IMAGE], "name": "me"}
    empty = {"role": "assistant", "content": ""}
    new = mended(look, empty, {"role": "user", "content": "What is on it?"})
    said = [{"type": "text", "text": "Look"}, IMAGE, {"type": "text", "text": "What is on it?"}]
    assert new == [{"role": "user", "content": said, "name": "me"}]
    new = mended({"role": "user", "content": "a"}, empty, {"role": "user", "content": "b"})
    assert new == [{"role": "user", "content": "a\n\nb"}]


def test_an_image_stays_in_a_message_that_a_nudge_follows():
    look = {"role": "user", "content": [{"type": "text", "text": "Look"}, IMAGE]}
    raw = json.dumps({"messages": [{"role": "assistant", "content": ""}, look]}).encode()
    request = asked(raw)
    nudged = replace(request.messages[1], text=request.messages[1].text + "\n\nCall a tool.")
    body = changed_body(raw, request, replace(request, messages=(nudged,)))
    (new,) = json.loads(body)["messages"]
    assert IMAGE in new["content"]
    assert new["content"][-1] == {"type": "text", "text": "Call a tool."}


@pytest.mark.parametrize("unanswered", [False, True])
def test_what_signs_a_call_stays_when_another_is_mended(unanswered):
    def call(id, arguments, **more):
        return {"id": id, "function": {"name": "bash", "arguments": arguments}, **more}

    said = {
        "role": "assistant",
        "content": "x",
        "name": "bot",
        "tool_calls": [call("c1", "{bad", sig="A"), call("c2", "{}", sig="B")],
    }
    results = [{"role": "tool", "tool_call_id": id, "content": "r"} for id in ("c1", "c2")]
    new = mended({"role": "user", "content": "hi"}, said, *results[: 1 if unanswered else 2])
    assert len(new) == 4
    first, second = new[1]["tool_calls"]
    assert json.loads(first["function"]["arguments"]) == {"unparsed_arguments": "{bad"}
    assert (first["sig"], second, new[1]["name"]) == ("A", said["tool_calls"][1], "bot")


def test_turns_with_sound_or_a_refusal_are_not_empty():
    spoken = {"role": "assistant", "content": None, "audio": {"id": "a1"}, "function_call": None}
    refused = {"role": "assistant", "content": None, "refusal": "No."}
    raw = json.dumps({"messages": [spoken, {"role": "user", "content": "x"}, refused]}).encode()
    assert [message.text for message in asked(raw).messages] == ["[audio]", "x", "No."]


def test_calls_of_the_old_form_are_the_servers_to_judge():
    said = {"role": "assistant", "content": None, "function_call": {"name": "f"}}
    raw = json.dumps({"model": "m", "messages": [said]}).encode()
    inbound = read_inbound(raw)
    assert (inbound.request, inbound.raw, inbound.model) == (None, raw, "m")


def test_the_plain_fields():
    assert read_scalars(RAW) == {
        "model": "m",
        "max_completion_tokens": 77,
        "temperature": 0.5,
        "store": True,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": "none"},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"content": "x"}]},
        {"temperature": "hot"},
        {"tools": {"a": 1}},
        {"n": 2},
    ],
)
def test_a_shape_that_no_rule_can_read_is_the_servers_to_judge(fields):
    raw = json.dumps({**BODY, "stream": True, **fields}).encode()
    inbound = read_inbound(raw)
    assert inbound.request is None
    assert inbound.raw is raw
    assert inbound.stream
    assert inbound.model == "m"


@pytest.mark.parametrize("raw", [b"", b"[]", b"3", b"{", b"\xff", b"[" * 100_000, b'"x"'])
def test_no_json_object_is_refused(raw):
    with pytest.raises(FormatError):
        read_inbound(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["messages", "model", "tools", "stream", "stop", "n", "max_tokens", "x"]), JSON
)


@given(FIELDS | JSON)
def test_any_json_is_read_or_refused(value):
    raw = json.dumps(value).encode()
    try:
        assert read_inbound(raw).raw is raw
    except FormatError:
        assert not isinstance(value, dict)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    with contextlib.suppress(FormatError):
        read_inbound(raw)


@given(FIELDS, st.floats(0, 2))
def test_an_edit_touches_nothing_else(extra, temperature):
    tree = {**extra, "messages": BODY["messages"]}
    raw = json.dumps(tree).encode()
    try:
        request = read_inbound(raw).request
    except FormatError:
        return
    if request is None:
        return
    sampling = replace(request.sampling, temperature=temperature)
    new = json.loads(changed_body(raw, request, replace(request, sampling=sampling)))
    assert new == {**json.loads(raw), "temperature": temperature}


def test_what_bounds_the_calls_is_read_and_stays():
    forced = {"type": "function", "function": {"name": "ls"}}
    fields = {
        "tool_choice": forced,
        "parallel_tool_calls": False,
        "response_format": {"type": "json_object"},
    }
    raw = json.dumps({**BODY, **fields}).encode()
    request = read_inbound(raw).request
    assert (request.tool_choice, request.forced_tool) == (None, "ls")
    assert request.parallel_calls is False and request.json_answer
    wanted = replace(request, max_tokens=5)
    assert json.loads(changed_body(raw, request, wanted)).items() >= fields.items()
