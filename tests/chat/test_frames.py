"""Single frames, and the odd shapes that other servers send."""

import pytest

from seatrial.chat.assembly import NativeTurn
from seatrial.chat.frames import ChatFrames, CompletionFrames
from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import ToolSchema

TOOL = ToolSchema("f", "", {"type": "object", "properties": {"a": {"type": "integer"}}})


def frame(data: bytes, name: str = "") -> SseEvent:
    return SseEvent(data, b"", name)


def test_null_choices_and_unknown_fields():
    piece = ChatFrames().read(frame(b'{"choices": null, "usage": null, "x": 1}'))
    assert (piece.text, piece.finish, piece.usage, piece.last) == ("", None, None, False)


def test_only_the_first_choice_is_read():
    data = b'{"choices": [{"index": 1, "delta": {"content": "b"}}]}'
    assert ChatFrames().read(frame(data)).text == ""


def test_the_last_completion_frame():
    data = (
        b'{"content": "", "stop": true, "stop_type": "limit", "tokens_predicted": 72,'
        b' "tokens_evaluated": 440, "truncated": true, "timings": {"cache_n": 5, "prompt_n": 435}}'
    )
    piece = CompletionFrames().read(frame(data))
    assert piece.last and piece.finish == "limit"
    assert piece.usage == Usage(prompt=440, cached=5, completion=72)


@pytest.mark.parametrize("reader", [ChatFrames(), CompletionFrames()])
@pytest.mark.parametrize("data", [b"", b"[", b"[]", b"1", b'"x"', b"\xff", b"[" * 99999])
def test_garbage(reader, data):
    with pytest.raises(FormatError, match="cannot be read"):
        reader.read(frame(data))


@pytest.mark.parametrize("reader", [ChatFrames(), CompletionFrames()])
def test_errors(reader):
    with pytest.raises(EngineError, match="broke off: boom"):
        reader.read(frame(b'{"error": {"message": "boom"}}'))
    with pytest.raises(EngineError, match="broke off: boom"):
        reader.read(frame(b'{"code": 500, "message": "boom"}', "error"))
    with pytest.raises(ContextOverflowError):
        reader.read(frame(b'{"error": {"type": "exceed_context_size_error"}}'))


def calls_of(*deltas: bytes) -> list[tuple[str, str, str]]:
    turn = NativeTurn((TOOL,), "call_0")
    for delta in deltas:
        data = b'{"choices": [{"index": 0, "delta": {"tool_calls": [' + delta + b"]}}]}"
        turn.feed(ChatFrames().read(frame(data)))
    _, parsed = turn.finish(Finish.TOOL_CALLS)
    assert parsed.verdict in ("ok", "repaired"), parsed.reason
    return [(call.id, call.name, call.arguments) for call in parsed.calls]


def test_arguments_as_an_object():
    assert calls_of(b'{"id": "x", "function": {"name": "f", "arguments": {"a": 1}}}') == [
        ("x", "f", '{"a": 1}')
    ]


def test_no_index():
    deltas = (
        b'{"id": "x", "function": {"name": "f", "arguments": "{"}}',
        b'{"function": {"arguments": "}"}}',
        b'{"id": "y", "function": {"name": "f", "arguments": "{}"}}',
    )
    assert calls_of(*deltas) == [("x", "f", "{}"), ("y", "f", "{}")]


def test_no_arguments_at_all():
    assert calls_of(b'{"index": 0, "id": "x", "function": {"name": "f"}}') == [("x", "f", "{}")]


def test_a_number_as_a_string_is_a_labelled_repair():
    (call,) = calls_of(b'{"id": "x", "function": {"name": "f", "arguments": "{\\"a\\": \\"1\\"}"}}')
    assert call[2] == '{"a": 1}'
