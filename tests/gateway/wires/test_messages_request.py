"""Requests of `/v1/messages`: as Claude Code sends them, to chat completions and back."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.gateway.wires import MESSAGES, UnsupportedError, Upstream
from tests.gateway.wires.speaking import from_chat, lost_fields, to_chat

INPUT = b'{"command" : "printf \'a\\\\\\"b\'", "timeout": 1.50, "n":1e3}'
"""With blanks and numbers that no second writer would write the same."""

REQUEST = b"""{
 "model": "dinghy", "max_tokens": 32000, "stream": true, "temperature": 1.0, "min_p": 0.05,
 "system": [{"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Use tools.", "cache_control": {"type": "ephemeral"}}],
 "messages": [
  {"role": "user", "content": [{"type": "text", "text": "note"}, {"type": "text", "text": "go"}]},
  {"role": "system", "content": "agents: none"},
  {"role": "assistant", "content": [
    {"type": "thinking", "thinking": "I look.", "signature": "unsigned"},
    {"type": "text", "text": "Looking."},
    {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": %b},
    {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {}}]},
  {"role": "user", "content": [
    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true,
     "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
    {"type": "tool_result", "tool_use_id": "toolu_2", "content": "three"},
    {"type": "text", "text": "and now?"}]}],
 "tools": [{"name": "Bash", "description": "Runs it.", "input_schema": {"type":"object", "x": 1.0}},
           {"type": "web_search_20250305", "name": "web_search"}],
 "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
 "stop_sequences": ["END"], "metadata": {"user_id": "u1"},
 "thinking": {"type": "enabled", "budget_tokens": 2000}, "output_config": {"effort": "high"},
 "context_management": {"edits": []}
}""".replace(b"%b", INPUT)


def test_a_whole_request():
    chat, done = to_chat(MESSAGES, REQUEST)
    arguments = INPUT.decode()
    assert chat["messages"] == [
        {"role": "system", "content": "Be brief.\n\nUse tools."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "note"},
                {"type": "text", "text": "go"},
                {"type": "text", "text": "agents: none"},
            ],
        },
        {
            "role": "assistant",
            "content": "Looking.",
            "reasoning_content": "I look.",
            "tool_calls": [
                {
                    "id": "toolu_1",
                    "type": "function",
                    "function": {"name": "Bash", "arguments": arguments},
                },
                {
                    "id": "toolu_2",
                    "type": "function",
                    "function": {"name": "Read", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "[the tool failed]\none\ntwo"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "three"},
        {"role": "user", "content": "and now?"},
    ]
    rest = {name: value for name, value in chat.items() if name != "messages"}
    function = {
        "name": "Bash",
        "description": "Runs it.",
        "parameters": {"type": "object", "x": 1.0},
    }
    assert rest == {
        "model": "dinghy",
        "max_tokens": 32000,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 1.0,
        "min_p": 0.05,
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "stop": ["END"],
        "user": "u1",
    }
    assert b'"parameters":{"type":"object", "x": 1.0}' in done.body
    assert lost_fields(done) == {
        "system.cache_control",
        "messages[].role",
        "tools[] web_search",
        "thinking.budget_tokens",
        "thinking on or off",
        "reasoning effort",
        "request.context_management",
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"is_error": True, "content": "Exit code 1"}, "[the tool failed]\nExit code 1"),
        ({"is_error": True}, "[the tool failed]"),
        ({"is_error": True, "content": "<tool_use_error>no file"}, "<tool_use_error>no file"),
        ({"is_error": False, "content": "fine"}, "fine"),
    ],
)
def test_a_failed_call_is_told_in_its_result(fields, told):
    result = {"type": "tool_result", "tool_use_id": "t", **fields}
    body = {"model": "m", "messages": [{"role": "user", "content": [result]}]}
    chat, done = to_chat(MESSAGES, json.dumps(body).encode())
    assert chat["messages"] == [{"role": "tool", "tool_call_id": "t", "content": told}]
    assert lost_fields(done) == set()


def test_a_server_that_takes_more():
    chat, done = to_chat(MESSAGES, REQUEST, Upstream(effort=True, thinking=True))
    assert chat["reasoning_effort"] == "high"
    assert chat["chat_template_kwargs"] == {"enable_thinking": True}
    assert "reasoning effort" not in lost_fields(done)


def request(*content, role="user", **more):
    message = {"role": role, "content": list(content)}
    return {"model": "m", "max_tokens": 9, "messages": [message], **more}


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}


def test_images():
    chat, _ = to_chat(MESSAGES, request(IMAGE, {"type": "text", "text": "what?"}))
    url = {"url": "data:image/png;base64,QUJD"}
    assert chat["messages"][0]["content"][0] == {"type": "image_url", "image_url": url}
    chat, done = to_chat(MESSAGES, request(IMAGE), Upstream(images=False))
    assert "takes no images" in chat["messages"][0]["content"]
    assert lost_fields(done) == {"an image"}


def test_an_image_in_a_result_follows_the_results():
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [IMAGE]}
    other = {"type": "tool_result", "tool_use_id": "t2", "content": "x"}
    chat, _ = to_chat(MESSAGES, request(result, other))
    assert [message["role"] for message in chat["messages"]] == ["tool", "tool", "user"]
    said, image = chat["messages"][2]["content"]
    assert "t1" in said["text"] and image["type"] == "image_url"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {"type": "document", "source": {"type": "base64", "data": "QUJD"}},
        {"type": "container_upload", "file_id": "f1"},
        {"text": "no type"},
    ],
)
def test_what_cannot_be_passed_on_is_refused(block):
    with pytest.raises(UnsupportedError):
        to_chat(MESSAGES, request(block))


def test_a_plain_document_is_its_text():
    block = {"type": "document", "title": "T", "source": {"type": "text", "data": "D"}}
    chat, _ = to_chat(MESSAGES, request(block))
    assert chat["messages"][0]["content"] == "T\nD"


def test_thoughts_of_another_vendor_are_lost_and_said_so():
    content = [{"type": "redacted_thinking", "data": "xx"}, {"type": "text", "text": "a"}]
    chat, done = to_chat(MESSAGES, request(*content, role="assistant"))
    assert chat["messages"] == [{"role": "assistant", "content": "a"}]
    assert lost_fields(done) == {"messages[].content[] of type redacted_thinking"}


@pytest.mark.parametrize(
    ("choice", "chat_choice"),
    [
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_choices(choice, chat_choice):
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    body = request({"type": "text", "text": "x"}, tools=tools, tool_choice=choice)
    assert to_chat(MESSAGES, body)[0]["tool_choice"] == chat_choice
    again = json.loads(from_chat("/v1/messages", to_chat(MESSAGES, body)[1].body)[0])
    assert again["tool_choice"] == choice


def test_a_schema_for_the_answer():
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    chat, done = to_chat(MESSAGES, request({"type": "text", "text": "x"}, output_config=wanted))
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}
    again = json.loads(from_chat("/v1/messages", done.body)[0])
    assert again["output_config"] == wanted


def test_there_and_back_keeps_the_bytes_of_arguments():
    chat = to_chat(MESSAGES, REQUEST)[1].body
    assert b'"input":' + INPUT in from_chat("/v1/messages", chat)[0]


def test_chat_to_messages():
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a" :1}'}}
    body, done = from_chat(
        "/v1/messages",
        {
            "model": "m",
            "max_completion_tokens": 7,
            "logprobs": True,
            "stop": "END",
            "top_k": 3,
            "user": "u",
            "messages": [
                {"role": "developer", "content": "S"},
                {"role": "user", "content": "U"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "R"},
            ],
        },
    )
    assert b'"input":{"a" :1}' in body
    assert json.loads(body) == {
        "model": "m",
        "max_tokens": 7,
        "system": [{"type": "text", "text": "S"}],
        "stop_sequences": ["END"],
        "top_k": 3,
        "metadata": {"user_id": "u"},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "U"}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "R"}],
            },
        ],
    }
    assert lost_fields(done) == {"request.logprobs"}


def test_arguments_that_are_no_object_cannot_be_written():
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"a": '}}
    messages = [{"role": "assistant", "tool_calls": [call]}]
    with pytest.raises(UnsupportedError, match="c1"):
        from_chat("/v1/messages", {"model": "m", "messages": messages})


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("role content type text id input messages system tools source".split()),
            inner,
            max_size=5,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["messages", "system", "tools", "model"]), _json))
def test_any_body_is_translated_or_refused(body):
    for ask in (
        lambda raw: MESSAGES.ask(raw, Upstream()),
        lambda raw: from_chat("/v1/messages", raw),
    ):
        with contextlib.suppress(UnsupportedError, FormatError):
            ask(json.dumps(body).encode())
