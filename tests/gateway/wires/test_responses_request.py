"""Requests of `/v1/responses`: as codex sends them, to chat completions and back."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.gateway.wires import RESPONSES, UnsupportedError, Upstream
from tests.gateway.wires.speaking import from_chat, lost_fields, to_chat

ARGUMENTS = '{"cmd" : "printf \'a\\\\\\"b\'", "n": 1.50}'
SCHEMA = {"type": "object", "properties": {"cmd": {"type": "string"}}}

REQUEST = {
    "model": "dinghy",
    "stream": True,
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k1",
    "client_metadata": {"turn_id": "t1"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"verbosity": "low"},
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_output_tokens": 900,
    "min_p": 0.05,
    "instructions": "Be brief.",
    "tools": [
        {
            "type": "function",
            "name": "exec",
            "description": "Runs it.",
            "strict": False,
            "parameters": SCHEMA,
        },
        {
            "type": "namespace",
            "name": "agents",
            "tools": [{"type": "function", "name": "close", "parameters": SCHEMA}],
        },
        {
            "type": "custom",
            "name": "patch",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /x/"},
        },
        {"type": "web_search", "external_web_access": False},
    ],
    "input": [
        {
            "type": "message",
            "role": "developer",
            "id": "msg_0",
            "content": [{"type": "input_text", "text": "Use tools."}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "cwd: /w"}],
        },
        {"role": "user", "content": "go"},
        {
            "type": "reasoning",
            "summary": [],
            "content": None,
            "encrypted_content": "seatrial-plain:I look.",
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Looking."}],
        },
        {"type": "function_call", "call_id": "c1", "name": "exec", "arguments": ARGUMENTS},
        {
            "type": "function_call",
            "call_id": "c2",
            "name": "close",
            "namespace": "agents",
            "arguments": "{}",
        },
        {"type": "custom_tool_call", "call_id": "c3", "name": "patch", "input": 'a\n"b"'},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {
            "type": "function_call_output",
            "call_id": "c2",
            "output": [{"type": "input_text", "text": "two"}],
        },
        {"type": "custom_tool_call_output", "call_id": "c3", "output": "three"},
        {"type": "message", "role": "developer", "content": "careful"},
    ],
}


def function_call(identifier, name, arguments):
    function = {"name": name, "arguments": arguments}
    return {"id": identifier, "type": "function", "function": function}


def test_a_whole_request():
    chat, done = to_chat(RESPONSES, REQUEST)
    assert chat["messages"] == [
        {"role": "system", "content": "Be brief.\n\nUse tools."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "cwd: /w"}, {"type": "text", "text": "go"}],
        },
        {
            "role": "assistant",
            "content": "Looking.",
            "reasoning_content": "I look.",
            "tool_calls": [
                function_call("c1", "exec", ARGUMENTS),
                function_call("c2", "agents__close", "{}"),
                function_call("c3", "patch", '{"input":"a\\n\\"b\\""}'),
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": "two"},
        {"role": "tool", "tool_call_id": "c3", "content": "three"},
        {"role": "user", "content": "careful"},
    ]
    assert [tool["function"]["name"] for tool in chat["tools"]] == [
        "exec",
        "agents__close",
        "patch",
    ]
    assert chat["tools"][0]["function"] == {
        "name": "exec",
        "description": "Runs it.",
        "parameters": SCHEMA,
    }
    assert chat["tools"][2]["function"]["parameters"]["required"] == ["input"]
    kept = {"max_tokens": 900, "min_p": 0.05, "verbosity": "low", "prompt_cache_key": "k1"}
    assert kept.items() <= chat.items()
    assert lost_fields(done) == {
        "request.client_metadata",
        "reasoning.summary",
        "reasoning effort",
        "tools[].format",
        "tools[] of type web_search",
        "messages[].role",
    }
    assert done.keeps_reasoning
    assert set(done.offers) == {"agents__close", "patch"}


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"prompt": {"id": "p1"}},
        {"background": True},
        {"input": [{"type": "item_reference", "id": "x"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        {"input": [{"role": "critic", "content": "x"}]},
    ],
)
def test_what_builds_on_a_server_that_keeps_things_is_refused(more):
    with pytest.raises(UnsupportedError) as caught:
        to_chat(RESPONSES, {"model": "m", "input": "x", **more})
    assert caught.value.hint


def test_two_tools_with_one_name():
    tool = {"type": "function", "name": "a__b", "parameters": {}}
    inner = {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "b"}]}
    with pytest.raises(UnsupportedError):
        to_chat(RESPONSES, {"model": "m", "input": "x", "tools": [tool, inner]})


def test_null_counts_as_absent():
    body = {"model": "m", "input": "x", "previous_response_id": None, "tools": None}
    assert to_chat(RESPONSES, body)[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
    }


def test_images():
    image = {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"}
    chat, _ = to_chat(RESPONSES, {"model": "m", "input": [{"role": "user", "content": [image]}]})
    url = {"url": "data:image/png;base64,QUJD", "detail": "low"}
    assert chat["messages"][0]["content"] == [{"type": "image_url", "image_url": url}]
    output = {"type": "function_call_output", "call_id": "c1", "output": [image]}
    chat, _ = to_chat(RESPONSES, {"model": "m", "input": [output]})
    assert [message["role"] for message in chat["messages"]] == ["tool", "user"]


def test_reasoning_of_another_vendor_is_lost_and_said_so():
    item = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    chat, done = to_chat(RESPONSES, {"model": "m", "input": [item]})
    assert chat["messages"] == [] and lost_fields(done) == {"input[].encrypted_content"}


def test_two_answers_in_a_row_stay_two():
    said = [{"role": "assistant", "content": text} for text in ("a", "b")]
    chat, _ = to_chat(RESPONSES, {"model": "m", "input": said})
    assert [message["content"] for message in chat["messages"]] == ["a", "b"]


def test_there_and_back_keeps_arguments():
    again = json.loads(from_chat("/v1/responses", to_chat(RESPONSES, REQUEST)[1].body)[0])
    assert again["instructions"] == "Be brief.\n\nUse tools."
    calls = [item for item in again["input"] if item["type"] == "function_call"]
    assert [call["arguments"] for call in calls][:2] == [ARGUMENTS, "{}"]
    assert [item["type"] for item in again["input"]] == [
        "message",
        "reasoning",
        "message",
        *["function_call"] * 3,
        *["function_call_output"] * 3,
        "message",
    ]
    assert again["tools"][0] == REQUEST["tools"][0]


def test_what_this_protocol_has_no_place_for():
    chat = {"model": "m", "messages": [], "stop": ["x"], "seed": 1, "temperature": 0.5}
    body, done = from_chat("/v1/responses", chat)
    assert json.loads(body)["temperature"] == 0.5
    assert lost_fields(done) == {"request.stop", "request.seed"}


def test_a_schema_for_the_answer():
    shape = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}
    chat, done = to_chat(RESPONSES, {"model": "m", "input": "x", "text": {"format": shape}})
    schema = {"name": "n", "schema": SCHEMA, "strict": True}
    assert chat["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert json.loads(from_chat("/v1/responses", done.body)[0])["text"] == {"format": shape}


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("role content type text name arguments tools output call_id".split()),
            inner,
            max_size=5,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["input", "tools", "include", "text", "messages"]), _json))
def test_any_body_is_translated_or_refused(body):
    for ask in (
        lambda raw: RESPONSES.ask(raw, Upstream()),
        lambda raw: from_chat("/v1/responses", raw),
    ):
        with contextlib.suppress(UnsupportedError, FormatError):
            ask(json.dumps(body).encode())
