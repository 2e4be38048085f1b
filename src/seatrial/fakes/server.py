"""A scripted server on a real socket: speaks like llama.cpp and fails on demand.

For tests of anything that talks to a model server. It generates nothing: the n-th generation
gets the n-th reply of the script, the last reply repeats. It records what was asked, and whether
the client left before the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from seatrial.fakes import frames
from seatrial.fakes.script import (
    OK,
    After,
    CallTools,
    Drop,
    Hang,
    Loop,
    Refuse,
    Reply,
    Say,
    Script,
)


class Received(msgspec.Struct, frozen=True):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Lies(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says of itself, true or not."""

    model: str = "scripted.gguf"
    """What `/v1/models` and the frames say."""
    props_model_path: str = "/models/scripted.gguf"
    chat_template: str = "{{ messages }}"
    window: int = 4096
    slots: int = 1


class ScriptedServer:
    """Use it as `async with ScriptedServer([Say(pieces=("hi",))]) as server: server.url`."""

    def __init__(
        self,
        script: Sequence[Reply] | Script = (OK,),
        *,
        lies: Lies | None = None,
        prompt_end: str = "<|im_start|>assistant\n",
        whole_answers: bool = False,
    ) -> None:
        """`whole_answers`: a chat request that asks for no stream gets one body."""
        self._script = script
        self._whole_answers = whole_answers
        self._said = 0
        self._rendered: dict[str, dict[str, Any]] = {}
        self._prompt_end = prompt_end
        self._sending: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self.lies = lies or Lies()
        self.url = ""
        self.received: list[Received] = []
        self.left = asyncio.Event()
        """Set when a client left before the end of a generation."""
        self.generating = 0
        """Generations under way."""
        self.sent_characters = 0
        """Of text, thinking and arguments, in all generations."""

    async def __aenter__(self) -> ScriptedServer:
        app = web.Application(middlewares=[self._record], client_max_size=2**28)
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/v1/models", self._models),
                web.get("/props", self._props),
                web.get("/slots", self._slots),
                web.post("/apply-template", self._apply_template),
                web.post("/tokenize", self._tokenize),
                web.post("/completion", self._completion),
                web.post("/v1/chat/completions", self._chat),
            ]
        )
        # A handler must be cancelled when its client leaves, as a real server notices it.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._sending:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def count(self, characters: int) -> None:
        """Add what was sent of a generation."""
        self.sent_characters += characters

    def bodies(self, path: str) -> list[Any]:
        """The bodies that came to `path`."""
        return [request.body for request in self.received if request.path == path]

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            body = await _body(request)
        except msgspec.DecodeError:
            return _json({"error": {"code": 400, "message": "bad JSON"}}, 400)
        headers = dict(request.headers)
        self.received.append(Received(request.method, request.path, headers, body))
        return await handler(request)

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _models(self, _request: web.Request) -> web.Response:
        meta = {"n_ctx": self.lies.window, "n_ctx_train": self.lies.window, "n_vocab": 1024}
        model = {"id": self.lies.model, "object": "model", "meta": meta}
        return _json({"object": "list", "data": [model]})

    async def _props(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "model_path": self.lies.props_model_path,
                "chat_template": self.lies.chat_template,
                "total_slots": self.lies.slots,
                "build_info": "b0-scripted",
                "default_generation_settings": {"n_ctx": self.lies.window},
            }
        )

    async def _slots(self, _request: web.Request) -> web.Response:
        busy = self.generating
        return _json(
            [
                {"id": n, "n_ctx": self.lies.window, "is_processing": n < busy}
                for n in range(self.lies.slots)
            ]
        )

    async def _apply_template(self, request: web.Request) -> web.Response:
        body = await _body(request)
        prompt = rendered(body) + self._prompt_end
        self._rendered[prompt] = body
        return _json({"prompt": prompt})

    async def _tokenize(self, request: web.Request) -> web.Response:
        words = str((await _body(request))["content"]).split()
        return _json({"tokens": list(range(len(words)))})

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, chat=False)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._generate(request, chat=True)

    def _next(self, body: Mapping[str, Any]) -> Reply:
        if callable(self._script):
            return self._script(dict(body))
        reply = self._script[min(self._said, len(self._script) - 1)]
        self._said += 1
        return reply

    async def _generate(self, request: web.Request, chat: bool) -> web.StreamResponse:
        body = await _body(request)
        # A script answers a conversation; a completion only shows the prompt made of it.
        reply = self._next({**self._rendered.get(body.get("prompt", ""), {}), **body})
        if not chat:
            reply = frames.as_text(reply)
        task = asyncio.current_task()
        if task is not None:
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        self.generating += 1
        try:
            while isinstance(reply, After):
                await asyncio.sleep(reply.seconds)
                reply = reply.reply
            if isinstance(reply, Refuse):
                return _json(reply.body, reply.status)
            if isinstance(reply, Say | CallTools) and chat and await self._wants_whole(request):
                self.count(frames.characters(reply))
                return await _whole(request, reply, self.lies.model)
            return await self._act(request, reply, chat)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        finally:
            self.generating -= 1

    async def _wants_whole(self, request: web.Request) -> bool:
        return self._whole_answers and not (await _body(request)).get("stream")

    async def _act(self, request: web.Request, reply: Reply, chat: bool) -> web.StreamResponse:
        if isinstance(reply, Hang):
            await asyncio.Event().wait()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if isinstance(reply, Drop):
            _cut(request)
            return response
        await response.prepare(request)
        if chat:
            await response.write(frames.opening(self.lies.model))
        match reply:
            case Say():
                await self._say(request, response, reply, chat)
            case CallTools():
                self.count(frames.characters(reply))
                for data in frames.call_frames(reply, self.lies.model):
                    await response.write(data)
                await self._end_chat(response, reply, reply.completion_tokens)
            case Loop():
                while True:
                    await response.write(frames.text_frame(reply.text, self.lies.model, chat))
                    await asyncio.sleep(reply.pause_seconds)
        return response

    async def _say(
        self, request: web.Request, response: web.StreamResponse, say: Say, chat: bool
    ) -> None:
        model = self.lies.model
        if chat:
            for piece in say.think:
                await response.write(frames.delta({"reasoning_content": piece}, model))
                self.count(len(piece))
                if say.pause_seconds:
                    await asyncio.sleep(say.pause_seconds)
        for index, piece in enumerate(say.pieces):
            if say.pause_seconds:
                await asyncio.sleep(say.pause_seconds)
            await response.write(frames.text_frame(piece, model, chat, index))
            self.count(len(piece))
        if say.end == "done" and chat:
            await self._end_chat(response, say, _tokens(say))
        elif say.end == "done":
            prompt = (await _body(request)).get("prompt")
            await response.write(frames.completion_ending(say, _tokens(say), prompt))
        else:
            await _break_off(request, response, say)

    async def _end_chat(
        self, response: web.StreamResponse, reply: Say | CallTools, count: int
    ) -> None:
        for data in frames.chat_ending(reply, count, self.lies.model):
            await response.write(data)


def rendered(body: Mapping[str, Any]) -> str:
    """A prompt for `/apply-template`: readable, and different for different requests."""
    tools = [tool["function"]["name"] for tool in body.get("tools", ())]
    lines = [f"Tools: {', '.join(tools)}\n"] if tools else []
    for message in body["messages"]:
        calls = (
            msgspec.json.encode(message["tool_calls"]).decode() if "tool_calls" in message else ""
        )
        content = message.get("content") or ""
        lines.append(f"<|im_start|>{message['role']}\n{content}{calls}<|im_end|>\n")
    return "".join(lines)


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON of a request; the bytes are kept by it, so this may be asked again."""
    raw = await request.read()
    body: dict[str, Any] = msgspec.json.decode(raw) if raw else {}
    return body


def _json(value: object, status: int = 200) -> web.Response:
    data = msgspec.json.encode(value)
    return web.Response(body=data, status=status, content_type="application/json")


async def _break_off(request: web.Request, response: web.StreamResponse, say: Say) -> None:
    """End a stream otherwise than it should; `no_done` needs nothing."""
    match say.end:
        case "cut":
            # The pieces should be on their way before the connection goes.
            await asyncio.sleep(0.02)
            _cut(request)
        case "garbage":
            await response.write(b'data: {"choices": [{"del\n\n')
        case "error_frame":
            error = {"code": 500, "message": "slot failed", "type": "server_error"}
            await response.write(frames.frame({"error": error}))
        case "hang":
            await asyncio.Event().wait()


async def _whole(request: web.Request, reply: Say | CallTools, model: str) -> web.StreamResponse:
    """A generation as one body; an end that is none of the proper ones breaks it off."""
    pieces = (*reply.think, *reply.pieces) if isinstance(reply, Say) else ()
    if isinstance(reply, Say):
        await asyncio.sleep(reply.pause_seconds * len(pieces))
        if reply.end == "error_frame":
            error = {"code": 500, "message": "slot failed", "type": "server_error"}
            return _json({"error": error}, 500)
        if reply.end == "hang":
            await asyncio.Event().wait()
    count = reply.completion_tokens
    body = frames.whole_answer(reply, len(pieces) if count is None else count, model)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    if isinstance(reply, Say) and reply.end in ("cut", "garbage", "no_done"):
        await response.write(body[: len(body) // 2])
        await asyncio.sleep(0.02)
        _cut(request)
        return response
    await response.write(body)
    return response


def _tokens(say: Say) -> int:
    return len(say.pieces) if say.completion_tokens is None else say.completion_tokens


def _cut(request: web.Request) -> None:
    """Close the connection without a farewell."""
    if request.transport is not None:
        request.transport.abort()
