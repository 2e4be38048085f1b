"""Raw mode: the upstream as an endpoint whose text we parse, for one exchange.

Each `generate` is two requests: the server renders the prompt from the client's own body
(`/apply-template`), then it only continues text (`/completion`, always streamed). The text is
read as `chat` reads that wire. No event has bytes of its own: the client's answer is written by
`rendering`, under a head of ours.

What the chat of the server would add beyond the prompt is not there: its grammar for calls, stop
words of single templates, a budget for reasoning that the server was started with.

In: `Request`s. Out: events; the server's refusal as it was.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from seatrial.chat.assembly import RawTurn
from seatrial.chat.endpoint import Event, Facts, Request
from seatrial.chat.failures import refused
from seatrial.chat.frames import CompletionFrames
from seatrial.chat.overflow import ContextOverflowError, read_overflow
from seatrial.chat.sse import SseDecoder, SseEvent
from seatrial.chat.stream import ResponseStream
from seatrial.chat.wires import (
    COMPLETION_PATH,
    TEMPLATE_PATH,
    TOKENIZE_PATH,
    call_id_prefix,
    prefill_of,
    tokenize_body,
)
from seatrial.core.errors import EngineError, FormatError, HarnessError
from seatrial.core.generation import Timings, Usage
from seatrial.gateway.asking import Refusal
from seatrial.gateway.output import Headers, Output
from seatrial.gateway.raw_request import completion_fields, forced_call
from seatrial.gateway.rendering import usage_body
from seatrial.gateway.requests import Inbound, changed_body, read_object
from seatrial.gateway.upstream import Answer, Upstream
from seatrial.guard.rules.asked import callable_tools, wants_no_call
from seatrial.toolcalls import Options

_JSON = (b"content-type", b"application/json")
_NO_REASONING = "\n</think>\n\n"


class _Prompt(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


_AnswerT = TypeVar("_AnswerT", _Prompt, _Tokens)


class _Last(msgspec.Struct, gc=False):
    timings: msgspec.Raw = msgspec.Raw(b"null")


class RawAnswer:
    """One completion under way, and what is said of it beside its events."""

    def __init__(self, stream: ResponseStream, model: str) -> None:
        self._stream = stream
        self._identity = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }
        self._timings = b"null"
        self.held = b""
        """Nothing: bytes of another protocol are of no use to a client."""

    def feed(self, frame: SseEvent) -> list[Event]:
        """The events that `frame` completes; see `ResponseStream.feed`."""
        events = self._stream.feed(frame)
        if self._stream.done:
            # A copy: the frame repeats the prompt.
            self._timings = bytes(msgspec.json.decode(frame.data, type=_Last).timings)
        return [msgspec.structs.replace(event, raw=b"") for event in events]

    @property
    def usage(self) -> Usage | None:
        return self._stream.usage

    @property
    def done(self) -> bool:
        return self._stream.done

    def finish(self) -> None:
        """Raises FormatError: the stream was closed before its end."""
        self._stream.finish()

    @property
    def head(self) -> bytes:
        """An answer of the chat without its choices."""
        usage = self._stream.usage
        told = {} if usage is None else {"usage": usage_body(usage)}
        return msgspec.json.encode({**self._identity, **told, **self.closing})

    @property
    def closing(self) -> dict[str, Any]:
        """The server's own measurements, as it sends them."""
        none = self._timings == b"null"
        return {} if none else {"timings": msgspec.Raw(self._timings)}

    def timings(self) -> Timings:
        return self._stream.timings()

    def partner(self, event: Event) -> Event | None:
        """None: no event has bytes."""
        return None


class RawAttempt:
    """An `Endpoint` for one exchange; may be asked several times, one after the other."""

    streams = False
    """No answer of this protocol goes to a client as it is."""

    def __init__(
        self,
        upstream: Upstream,
        inbound: Inbound,
        headers: Headers,
        output: Output,
        *,
        keep_credentials: bool,
    ) -> None:
        self._upstream = upstream
        self._inbound = inbound
        self._headers = [*(pair for pair in headers if pair[0] != b"content-type"), _JSON]
        self._output = output
        self._keep_credentials = keep_credentials
        self.on_count: Callable[[int], None] | None = None
        """Hears the tokens of the next prompt, and may raise to have it not sent."""
        self._answer: Answer | None = None
        self.turn: RawAnswer | None = None
        self.tail: list[Event] = []
        """Always empty: every event is written anew."""
        self.refusal: Refusal | None = None
        self.error_frames = self.error_data = b""
        """The bytes in which the server reported an error inside a stream."""
        self.discarded = Usage()
        """Tokens of the attempts before the last one, as far as the server counted them."""
        self.body = b"{}"
        """What the last attempt sent, without the prompt: that says the messages once more."""

    @property
    def facts(self) -> Facts:
        upstream = self._upstream
        return Facts(
            wire="raw_completion",
            family=upstream.family,
            model=self._inbound.model,
            window=upstream.window,
            slots=upstream.slots,
        )

    async def count(self, request: Request) -> int:
        raise HarnessError("a gateway counts no tokens of a request in flight")

    def sent(self, request: Request) -> dict[str, Any]:
        """The body for `/completion`, but for the prompt, which the server renders."""
        return completion_fields(read_object(self._body_of(request)))

    def took(self, event: Event) -> bool:
        """Never: there are no bytes that could be passed on."""
        return False

    def answer_headers(self) -> Headers:
        return []

    def close(self) -> None:
        """Leave the server."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Ask the server; see `Endpoint.generate`."""
        self.close()
        if self.turn is not None and self.turn.usage is not None:
            self.discarded += self.turn.usage
        self.turn, self.refusal, self.error_frames, self.error_data = None, None, b"", b""
        chat = self._body_of(request)
        fields = completion_fields(read_object(chat))
        prompt = await self._render(chat)
        if request.tool_choice == "required":
            # Only the ladder asks for it here. A schema binds from the first token on, so
            # reasoning that the template opened is closed first.
            fields["json_schema"] = forced_call(request.tools)
            prompt += _NO_REASONING if prefill_of(prompt) else ""
        self.body = msgspec.json.encode(fields)
        await self._weigh(prompt)
        stream = self._stream_of(request, prompt)
        turn = self.turn = RawAnswer(stream, self._model())
        answer = await self._open(
            COMPLETION_PATH, msgspec.json.encode({**fields, "prompt": prompt})
        )
        try:
            if not answer.is_stream:
                raise FormatError(f"{self._upstream.url}{COMPLETION_PATH} answered no stream")
            async with aclosing(self._frames(answer)) as frames:
                async for frame in frames:
                    for event in self._read(turn, frame):
                        yield event
                    if turn.done:
                        break
            turn.finish()
        finally:
            answer.close()

    def _body_of(self, request: Request) -> bytes:
        return changed_body(self._inbound.raw, self._inbound.request, request)

    async def _render(self, chat: bytes) -> str:
        """The prompt, as the template of the server makes it of the client's body."""
        return (await self._call(TEMPLATE_PATH, chat, _Prompt)).prompt

    async def _weigh(self, prompt: str) -> None:
        on_count, self.on_count = self.on_count, None
        if on_count is not None:
            body = msgspec.json.encode(tokenize_body(prompt))
            on_count(len((await self._call(TOKENIZE_PATH, body, _Tokens)).tokens))

    async def _call(self, path: str, body: bytes, type_: type[_AnswerT]) -> _AnswerT:
        answer = await self._open(path, body)
        try:
            said = await answer.whole()
        finally:
            answer.close()
        try:
            return msgspec.json.decode(said, type=type_)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            where = f"{self._upstream.url}{path}"
            raise FormatError(f"{where} answered what cannot be read") from None

    def _stream_of(self, request: Request, prompt: str) -> ResponseStream:
        prefix = call_id_prefix(request.messages)
        options = Options(loose="none" if wants_no_call(request) else "all")
        return ResponseStream(
            CompletionFrames(),
            RawTurn(callable_tools(request), prefill_of(prompt), prefix, options),
            max_tokens=request.max_tokens,
            window_tokens=self._upstream.window,
            keep_raw_text=True,
        )

    def _model(self) -> str:
        """As the server's chat would say it, where it has one model."""
        known = self._upstream.models
        return known[0] if len(known) == 1 else self._inbound.model

    async def _open(self, path: str, body: bytes) -> Answer:
        """The answer of success.

        Raises:
            ContextOverflowError, EngineError: the server refuses, or is not there.
        """
        answer = self._answer = await self._upstream.open(
            "POST", path, body, self._headers, keep_credentials=self._keep_credentials
        )
        if 200 <= answer.status < 300:
            return answer
        said = await answer.whole()
        self.refusal = Refusal(answer.status, answer.headers(), said)
        overflow = read_overflow(said, answer.status)
        raise overflow or refused(self._upstream.url + path, answer.status, said)

    async def _frames(self, answer: Answer) -> AsyncGenerator[SseEvent, None]:
        decoder = SseDecoder()
        while True:
            # Everything that the rules let go has been added by now.
            if self._output.pending:
                await self._output.flush()
            chunk = await answer.read()
            for frame in decoder.feed(chunk) if chunk else decoder.finish():
                yield frame
            if not chunk:
                return

    def _read(self, turn: RawAnswer, frame: SseEvent) -> list[Event]:
        try:
            return turn.feed(frame)
        except ContextOverflowError:
            raise
        except EngineError:
            # The chat reports an error in the very same frame.
            if self._inbound.stream:
                self.error_frames, self.error_data = frame.raw, frame.data
            raise
