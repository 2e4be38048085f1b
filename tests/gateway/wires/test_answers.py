"""Whole answers and refusals, in each protocol."""

import json

import pytest

from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.core.generation import Usage
from seatrial.core.message import Call
from seatrial.gateway.wires import (
    MESSAGES,
    RESPONSES,
    SERVERS,
    Answer,
    BrokenCallError,
    BrokenOffError,
    Head,
    read_answer,
    write_answer,
    write_count,
)
from tests.gateway.wires.speaking import USAGE, WIRES, asked

ARGUMENTS = '{"cmd" : "ls",\n "n": 1.50}'
ANSWER = Answer(
    head=Head("1", "dinghy", 1_760_000_000),
    stop="tool_calls",
    think="I look.",
    text="Looking.",
    calls=(Call("c1", "bash", ARGUMENTS), Call("c2", "read", "{}")),
    usage=Usage(120, 100, 40, think=7),
)


def chat(message=None, finish="stop", **more):
    choice = {"index": 0, "message": message or {"content": "x"}, "finish_reason": finish}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [choice], **more}).encode()


def test_chat_there_and_back():
    assert read_answer(write_answer(ANSWER)) == ANSWER


@pytest.mark.parametrize("path", SERVERS)
def test_the_others_there_and_back(path):
    wire = {"/v1/messages": MESSAGES, "/v1/responses": RESPONSES}[path]
    again = SERVERS[path].answer(wire.answer(ANSWER, asked(wire)))
    assert (again.think, again.text, again.calls) == (ANSWER.think, ANSWER.text, ANSWER.calls)
    assert (again.stop, again.head.id, again.head.model) == ("tool_calls", "1", "dinghy")
    assert (again.usage.prompt, again.usage.cached, again.usage.completion) == (120, 100, 40)


def test_the_bytes_of_the_arguments_stand_in_the_body():
    body = MESSAGES.answer(ANSWER, asked(MESSAGES))
    assert b'"input":' + ARGUMENTS.encode() in body
    answer = json.loads(body)
    assert answer["stop_reason"] == "tool_use"
    assert answer["usage"]["input_tokens"] == 20


def test_what_chat_servers_send():
    call = {"id": "c1", "function": {"name": "f", "arguments": None}}
    message = {"content": None, "reasoning": "r", "tool_calls": [call]}
    answer = read_answer(chat(message, "tool_calls", usage=USAGE))
    assert (answer.think, answer.text, answer.calls) == ("r", "", (Call("c1", "f", "{}"),))
    assert answer.usage == Usage(120, 100, 40, think=7)


def test_cut_answers():
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}
    answer = read_answer(chat({"content": "x", "tool_calls": [call]}, "length"))
    assert (answer.stop, answer.calls) == ("length", ())
    body = json.loads(RESPONSES.answer(answer, asked(RESPONSES)))
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices": []}', chat(finish=None)])
def test_what_is_no_answer(body):
    with pytest.raises((FormatError, BrokenOffError)):
        read_answer(body)


def test_broken_calls():
    call = {"id": "c1", "function": {"name": "f", "arguments": '{"a": '}}
    with pytest.raises(BrokenCallError):
        read_answer(chat({"tool_calls": [call]}, "tool_calls"))


@pytest.mark.parametrize("path", SERVERS)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"type": "message"}'])
def test_what_is_no_answer_elsewhere(path, body):
    with pytest.raises((FormatError, BrokenOffError)):
        SERVERS[path].answer(body)


def test_errors_in_place_of_answers():
    error = b'{"type": "error", "error": {"type": "x", "message": "no room"}}'
    for read in (read_answer, *(server.answer for server in SERVERS.values())):
        with pytest.raises(EngineError, match="no room"):
            read(error)


OVERFLOW = (
    b'{"error": {"message": "request (9 tokens) exceeds the available context size (8 tokens)"}}'
)


def test_refusals():
    status, body = MESSAGES.refusal(500, OVERFLOW)
    error = json.loads(body)["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert error["message"] == "prompt is too long: 9 tokens > 8 maximum"
    status, body = RESPONSES.refusal(500, OVERFLOW)
    assert (status, json.loads(body)["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "overloaded_error"),
    ],
)
def test_a_refusal_keeps_its_status(status, kind):
    told, body = MESSAGES.refusal(status, b'{"error": {"message": "slot unavailable"}}')
    assert told == status
    error = {"type": kind, "message": "slot unavailable"}
    assert json.loads(body) == {"type": "error", "error": error}
    plain = b"<html>bad gateway</html>"
    assert RESPONSES.refusal(status, plain) == (status, plain)


@pytest.mark.parametrize("name", WIRES)
def test_errors_of_our_own(name):
    body = json.loads(WIRES[name].error(UserError("no such block", hint="send text")))
    assert body["error"]["message"] == "no such block (send text)"
    body = json.loads(WIRES[name].error(ContextOverflowError("x")))
    assert "prompt is too long" in body["error"]["message"]


def test_count():
    assert write_count(12) == b'{"input_tokens":12}'
