"""The protocols a client may speak, each as the same handful of functions.

A gateway makes the client's request a chat completions body (`ask`), sends it, and writes the
answer back with a `Bridge` over the frames, with a writer over the events of a guarded endpoint,
or whole. `SERVERS` is the other direction: chat completions in front of a server that speaks
something else.

No I/O. In: bodies and frames. Out: bodies and frames.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from seatrial.chat.endpoint import Event
from seatrial.chat.sse import SseEvent
from seatrial.gateway.wires import chat_answer, chat_request, messages, responses
from seatrial.gateway.wires.answer import Answer, Head, Reader, Writer
from seatrial.gateway.wires.ask import Ask, Asked, Ledger, UnsupportedError, Upstream
from seatrial.gateway.wires.errors import (
    messages_error,
    messages_refusal,
    responses_error,
    responses_refusal,
)


class ClientWire(msgspec.Struct, frozen=True):
    """A protocol that a client speaks to us."""

    path: str
    ask: Callable[[bytes, Upstream], Asked]
    """Raises `UnsupportedError` and `FormatError`; both are the client's (400)."""
    writer: Callable[[Head, Asked], Writer]
    answer: Callable[[Answer, Asked], bytes]
    refusal: Callable[[int, bytes], tuple[int, bytes]]
    """The server's status and error body, for the client."""
    error: Callable[[Exception], bytes]
    """The body for an error of our own, before the client saw anything."""


class ServerWire(msgspec.Struct, frozen=True):
    """A protocol that a server behind us speaks, to a client of chat completions."""

    path: str
    ask: Callable[[bytes], Asked]
    reader: Callable[[], Reader]
    answer: Callable[[bytes], Answer]


class Bridge:
    """A stream of one protocol made a stream of another; both ends pure and incremental."""

    def __init__(self, reader: Reader, writer: Callable[[Head], Writer], fallback: Head) -> None:
        """`fallback` is used where the server does not name its answer."""
        self._reader = reader
        self._make = writer
        self._fallback = fallback
        self._writer: Writer | None = None

    def feed(self, frame: SseEvent) -> bytes:
        """Frames for the client; raises what the reader and the writer raise."""
        return self._write(self._reader.feed(frame))

    def finish(self) -> bytes:
        """The frames after the last byte came; raises `FormatError` where it came too early."""
        return self._write(self._reader.finish())

    def fail(self, error: Exception) -> bytes:
        """The frames that end the stream after an error."""
        return self._writing().fail(error)

    def alive(self) -> bytes:
        """A frame that says nothing, for a client that counts the silence."""
        return self._writing().alive()

    def _write(self, events: list[Event]) -> bytes:
        return b"".join(self._writing().feed(event) for event in events)

    def _writing(self) -> Writer:
        if self._writer is None:
            self._writer = self._make(_named(self._reader.head, self._fallback))
        return self._writer


def _named(head: Head | None, fallback: Head) -> Head:
    if head is None:
        return fallback
    return Head(
        head.id or fallback.id, head.model or fallback.model, head.created or fallback.created
    )


def bridge(wire: ClientWire, asked: Asked, fallback: Head) -> Bridge:
    """From a chat completions stream to the client's protocol."""
    return Bridge(chat_answer.ChatReader(), lambda head: wire.writer(head, asked), fallback)


def server_bridge(wire: ServerWire, fallback: Head, *, with_usage: bool = True) -> Bridge:
    """From a server's protocol to a chat completions stream."""
    return Bridge(
        wire.reader(),
        lambda head: chat_answer.ChatWriter(head, with_usage=with_usage),
        fallback,
    )


def _ask_messages(body: bytes, upstream: Upstream) -> Asked:
    ledger = Ledger()
    ask = messages.read(body, ledger)
    written = chat_request.write(ask, upstream, ledger)
    return Asked(written, ledger.lost(), ask.model, ask.stream)


def _ask_responses(body: bytes, upstream: Upstream) -> Asked:
    ledger = Ledger()
    ask = responses.read(body, ledger)
    special = {o.name: o for o in ask.offers if o.freeform or o.namespace}
    if len({offer.name for offer in ask.offers}) < len(ask.offers):
        raise UnsupportedError("two tools have one name", hint="rename one of them")
    return Asked(
        chat_request.write(ask, upstream, ledger),
        ledger.lost(),
        ask.model,
        ask.stream,
        offers=special,
        echo=responses.echo(body),
        keeps_reasoning=responses.keeps_reasoning(body),
    )


def _responses_error(error: Exception) -> bytes:
    return msgspec.json.encode(
        {"error": {"type": "invalid_request_error", **responses_error(error)}}
    )


def _from_chat(write: Callable[[Ask, Ledger], bytes]) -> Callable[[bytes], Asked]:
    def ask(body: bytes) -> Asked:
        ledger = Ledger()
        read = chat_request.read(body, ledger)
        return Asked(write(read, ledger), ledger.lost(), read.model, read.stream)

    return ask


MESSAGES = ClientWire(
    path="/v1/messages",
    ask=_ask_messages,
    writer=lambda head, asked: messages.MessagesWriter(head),
    answer=lambda answer, asked: messages.write_answer(answer),
    refusal=messages_refusal,
    error=messages_error,
)
RESPONSES = ClientWire(
    path="/v1/responses",
    ask=_ask_responses,
    writer=responses.ResponsesWriter,
    answer=responses.write_answer,
    refusal=responses_refusal,
    error=_responses_error,
)
CLIENTS = {wire.path: wire for wire in (MESSAGES, RESPONSES)}

SERVERS = {
    wire.path: wire
    for wire in (
        ServerWire(
            path="/v1/messages",
            ask=_from_chat(messages.write),
            reader=messages.MessagesReader,
            answer=messages.read_answer,
        ),
        ServerWire(
            path="/v1/responses",
            ask=_from_chat(responses.write),
            reader=responses.ResponsesReader,
            answer=responses.read_answer,
        ),
    )
}
