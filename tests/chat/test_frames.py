"""Single frames, and the odd shapes that other servers send."""

import json

import pytest

from seatrial.chat.assembly import NativeTurn
from seatrial.chat.fragments import FRAMES_REWRITTEN
from seatrial.chat.frames import ChatFrames, CompletionFrames
from seatrial.chat.overflow import ContextOverflowError
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import ToolSchema
from seatrial.toolcalls import Parsed

TOOL = ToolSchema("f", "", {"type": "object", "properties": {"a": {"type": "integer"}}})
TEXT = ToolSchema(
    "text",
    "",
    {
        "type": "object",
        "properties": {"t": {"type": "string"}},
        "required": ["t"],
        "additionalProperties": False,
    },
)


def frame(data: bytes, name: str = "") -> SseEvent:
    return SseEvent(data, b"", name)


def test_null_choices_and_unknown_fields():
    piece = ChatFrames().read(frame(b'{"choices": null, "usage": null, "x": 1}'))
    assert (piece.text, piece.finish, piece.usage, piece.last) == ("", None, None, False)


def choice(index: int, text: str) -> bytes:
    return b'{"index": %d, "delta": {"content": "%b"}}' % (index, text.encode())


def test_only_the_first_choice_is_read():
    reader = ChatFrames()
    frames = [[choice(1, "b"), choice(0, "a")], [choice(1, "b")], [choice(0, "a")]]
    texts = [reader.read(frame(b'{"choices": [%b]}' % b", ".join(said))).text for said in frames]
    assert texts == ["a", "", "a"]


def test_a_server_may_count_its_choices_from_one():
    reader = ChatFrames()
    frames = [choice(1, "a"), choice(2, "b"), choice(1, "a")]
    texts = [reader.read(frame(b'{"choices": [%b]}' % said)).text for said in frames]
    assert texts == ["a", "", "a"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b'{"choices": [{"delta": {"content": "ok \xff."}}]}', "ok \ufffd."),
        (b'{"choices": [{"delta": {"content": "ok \\ud83d"}}]}', "ok \ufffd"),
        (b'{"choices": [{"delta": {"content": "ok"}, "logprobs": [NaN, -Infinity]}]}', "ok"),
    ],
)
def test_what_clients_read_although_it_is_no_json(data, text):
    piece = ChatFrames(lenient=True).read(frame(data))
    assert (piece.text, piece.unread) == (text, False)
    with pytest.raises(FormatError):
        ChatFrames().read(frame(data))


def test_a_call_with_broken_text_is_not_read():
    data = b'{"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "\xff"}}]}}]}'
    with pytest.raises(FormatError, match="broken text"):
        ChatFrames(lenient=True).read(frame(data))


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


def test_a_number_as_id():
    delta = b'{"index": 0, "id": 0, "function": {"name": "f", "arguments": "{}"}}'
    assert calls_of(delta) == [("0", "f", "{}")]


def test_no_arguments_at_all():
    assert calls_of(b'{"index": 0, "id": "x", "function": {"name": "f"}}') == [("x", "f", "{}")]


def test_a_number_as_a_string_is_a_labelled_repair():
    (call,) = calls_of(b'{"id": "x", "function": {"name": "f", "arguments": "{\\"a\\": \\"1\\"}"}}')
    assert call[2] == '{"a": 1}'


def read(*deltas: dict) -> Parsed:
    """What two tools make of the fragments."""
    turn = NativeTurn((TOOL, TEXT), "call_0")
    for delta in deltas:
        data = json.dumps({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]})
        turn.feed(ChatFrames().read(frame(data.encode())))
    return turn.finish(Finish.TOOL_CALLS)[1]


def part(index=0, id="", name=None, arguments=None):
    return {"index": index, "id": id or None, "function": {"name": name, "arguments": arguments}}


A = '{"t": "a"}'


@pytest.mark.parametrize(
    "deltas",
    [
        (part(None, "x", "text", A),),
        (part(None, "x", "text", ""), part(None, arguments=A[:4]), part(None, arguments=A[4:])),
        (part(0, "x", "text", {"t": "a"}),),
        (part(0, "x", "te"), part(0, "", "xt", A)),
        (part(0, "x", "Text", A),),
        (part(0, "x", " text", A),),
        (part(0, "x", "functions.text", A),),
        (part(0, "x", "text<|channel|>commentary", A),),
        (part(0, "x", "text", json.dumps(A)),),
        (part(0, "x", "text", "{}"), part(0, arguments=A)),
        (part(0, "x", "text", A[:4]), part(0, arguments=A)),
        (part(0, "", "text", A),),
    ],
)
def test_frames_that_clients_read_otherwise_are_marked(deltas):
    parsed = read(*deltas)
    assert [(call.name, json.loads(call.arguments)) for call in parsed.calls] == [
        ("text", {"t": "a"})
    ]
    assert FRAMES_REWRITTEN in parsed.repairs


@pytest.mark.parametrize("second", [part(0, "y", "text", A), part(1, "x", "text", A)])
def test_two_calls_under_one_number_or_one_id(second):
    parsed = read(part(0, "x", "text", '{"t": '), part(0, arguments='"b"}'), second)
    assert [call.arguments for call in parsed.calls] == ['{"t": "b"}', A]
    assert len({call.id for call in parsed.calls}) == 2
    assert FRAMES_REWRITTEN in parsed.repairs


@pytest.mark.parametrize(
    "deltas",
    [
        (part(0, "x", "text", A),),
        (part(0, "x", "text", A[:3]), part(0, "x", "text", A[3:])),
        (part(0, "x", "text", A[:3]), part(0, "y", None, A[3:])),
        (part(1, "x", "text", A), part(2, "y", "text", A)),
    ],
)
def test_frames_that_everybody_reads_alike_stay(deltas):
    parsed = read(*deltas)
    assert (parsed.verdict, parsed.repairs) == ("ok", ())


@pytest.mark.parametrize(
    ("kind", "deltas"),
    [
        ("unfit", (part(0, "x", "other", A),)),
        ("unfit", (part(0, "x", "text", '{"t": "a", "u": 1}'),)),
        ("unfit", (part(0, "x", "text", "{}"),)),
        ("unfit", (part(0, "x", "text", '{"t": ["a"]}'), part(1, "y", "text", A))),
        ("unreadable", (part(0, "x", "text", '{"t": "a", "t": "b"}'),)),
        ("unreadable", (part(0, "x", "text", A + A),)),
        ("unreadable", (part(0, "x", "text", "[1]"),)),
        ("unreadable", (part(None, "x", "other", A),)),
        ("unreadable", (part(0, "x", "other", A), part(1, "y", "text", "{"))),
    ],
)
def test_what_does_not_fit_is_told_from_what_cannot_be_read(kind, deltas):
    parsed = read(*deltas)
    assert (parsed.verdict, parsed.kind) == ("reask", kind)
