"""A llama.cpp server as an `Endpoint`, over any of the three wires.

`raw_chat` needs a server that leaves the content alone (`--skip-chat-parsing`), `raw_completion`
any llama.cpp server, `native` any server with an OpenAI chat API. The events are the same.

Not a judge of identity: facts are given by who attested the server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from seatrial.chat.assembly import NativeTurn, RawTurn, Turn
from seatrial.chat.capture import OnExchange
from seatrial.chat.endpoint import Event, Facts, Request
from seatrial.chat.failures import RefusedError
from seatrial.chat.frames import ChatFrames, CompletionFrames
from seatrial.chat.overflow import read_overflow
from seatrial.chat.stream import ResponseStream
from seatrial.chat.timeouts import Pace, TimeoutPolicy
from seatrial.chat.transport import Limits, Transport
from seatrial.chat.wires import (
    CHAT_PATH,
    COMPLETION_PATH,
    TEMPLATE_PATH,
    TOKENIZE_PATH,
    call_id_prefix,
    chat_body,
    check_messages,
    completion_body,
    prefill_of,
    template_body,
    tokenize_body,
)
from seatrial.core.errors import EngineError
from seatrial.core.parse_options import Options
from seatrial.core.trace import Wire


class _Prompt(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


_AnswerT = TypeVar("_AnswerT", _Prompt, _Tokens)


class LlamaCppEndpoint:
    """One served model. Use it as an async context manager, or call `aclose`."""

    def __init__(
        self,
        url: str,
        facts: Facts,
        *,
        wire: Wire | None = None,
        options: Options | None = None,
        model: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        limits: Limits | None = None,
        timeouts: TimeoutPolicy | None = None,
        on_exchange: OnExchange | None = None,
    ) -> None:
        self._facts = msgspec.structs.replace(facts, wire=wire or facts.wire)
        self._options = options or Options()
        self._model = model
        self._pace = Pace(timeouts)
        self._prefills: dict[bool | None, str] = {}
        self._rendered: tuple[Request, str] | None = None
        self._transport = Transport(
            url,
            api_key=api_key,
            headers=headers,
            secrets=secrets,
            limits=limits,
            on_exchange=on_exchange,
        )

    async def __aenter__(self) -> LlamaCppEndpoint:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; a generation under way ends with an error."""
        await self._transport.aclose()

    @property
    def facts(self) -> Facts:
        return self._facts

    def sent(self, request: Request) -> dict[str, Any]:
        """The body that `generate` would send.

        On raw_completion `prompt` is in it only after `generate` or `count` of the same request,
        because the server renders it.
        """
        if self._facts.wire != "raw_completion":
            return chat_body(request, self._model)
        rendered = self._rendered
        known = rendered is not None and rendered[0] == request
        return completion_body(request, rendered[1] if rendered and known else None, self._model)

    async def count(self, request: Request) -> int:
        """Prompt tokens of `request`, by the server's own template and tokenizer."""
        prompt = await self._render(request)
        answer = await self._call(TOKENIZE_PATH, tokenize_body(prompt), _Tokens)
        return len(answer.tokens)

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Stream one generation; see `Endpoint.generate`."""
        check_messages(request.messages)
        path, body, prefill = await self._prepare(request)
        stream = self._stream(request, prefill)
        frames = self._transport.post_stream(
            path, body, timeout_seconds=self._timeout_seconds(request)
        )
        try:
            async with aclosing(frames):
                async for frame in frames:
                    for event in stream.feed(frame):
                        yield event
                    if stream.done:
                        break
        except RefusedError as error:
            raise _refusal(error) from error
        stream.finish()
        if stream.usage is not None:
            self._pace.update(stream.usage, stream.timings())

    async def _prepare(self, request: Request) -> tuple[str, dict[str, Any], str]:
        """Path, body, and what the template writes of the answer already."""
        if self._facts.wire == "raw_completion":
            prompt = await self._render(request)
            body = completion_body(request, prompt, self._model)
            return COMPLETION_PATH, body, prefill_of(prompt)
        prefill = ""
        if self._facts.wire == "raw_chat":
            # Chat does not show its prompt. The end of it is the same for every request with the
            # same switch for reasoning, so the first one is rendered once: without it, reasoning
            # could pass for an answer.
            if request.thinking not in self._prefills:
                self._prefills[request.thinking] = prefill_of(await self._render(request))
            prefill = self._prefills[request.thinking]
        return CHAT_PATH, chat_body(request, self._model), prefill

    def _stream(self, request: Request, prefill: str) -> ResponseStream:
        wire = self._facts.wire
        id_prefix = call_id_prefix(request.messages)
        turn: Turn
        if wire == "native":
            turn = NativeTurn(request.tools, id_prefix)
        else:
            turn = RawTurn(request.tools, prefill, id_prefix, self._options)
        return ResponseStream(
            CompletionFrames() if wire == "raw_completion" else ChatFrames(),
            turn,
            max_tokens=request.max_tokens,
            window_tokens=self._facts.window,
            keep_raw_text=wire != "native",
        )

    async def _render(self, request: Request) -> str:
        answer = await self._call(TEMPLATE_PATH, template_body(request), _Prompt)
        self._rendered = (request, answer.prompt)
        return answer.prompt

    async def _call(self, path: str, body: dict[str, Any], type_: type[_AnswerT]) -> _AnswerT:
        try:
            return await self._transport.post_json(path, body, type_)
        except RefusedError as error:
            raise _refusal(error) from error

    def _timeout_seconds(self, request: Request) -> float:
        if request.timeout_seconds is not None:
            return request.timeout_seconds
        characters = sum(
            len(message.text) + len(message.think) + sum(len(c.arguments) for c in message.calls)
            for message in request.messages
        )
        characters += sum(len(str(tool.parameters)) for tool in request.tools)
        return self._pace.timeout_seconds(characters, request.max_tokens)


def _refusal(error: RefusedError) -> EngineError:
    """An overflow where the refusal reports one, else the refusal."""
    return read_overflow(error.body) or error
