"""The connection of one survey: asks within a budget, and keeps what was said.

Not a transport: that is `chat.transport`. A request that fails is a `Reply` that says so, since
what a server refuses is an observation too; only a spent budget is an exception. In: questions.
Out: `Reply`s, each read leniently and kept for quoting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from seatrial.chat.failures import RefusedError, TimedOutError, error_message
from seatrial.chat.transport import Transport
from seatrial.core.errors import BudgetError, EngineError, FormatError, UserError
from seatrial.serve.facts import ServerFacts, Traits
from seatrial.serve.survey.frames import Gathered
from seatrial.serve.survey.reply import RAW_CHARS, Broken, Reply, of_body

Messages = str | Sequence[dict[str, Any]]

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"

_SLACK_FRAMES = 64
"""Frames beyond twice the cap: then the server does not keep it, and is left."""
_LONGEST_TIMEOUTS = 2
"""Requests in a row without an answer: the rest would only wait."""
_TRIES = 3
"""Of one request, once the server has failed and answered the same request again."""
_PARSER = "failed to parse"
"""llama.cpp's parser refuses the same text every time: no failure that comes and goes."""
_PATIENCE = 8.0
_LEAST_PATIENCE_SECONDS = 12.0
"""Later requests may take so many times what the slowest took so far, and at least so long."""


class Session:
    """Asks one server about one model."""

    def __init__(
        self,
        server: Transport,
        facts: ServerFacts,
        *,
        model: str | None = None,
        max_requests: int = 200,
        max_seconds: float = 120.0,
        request_seconds: float = 30.0,
        first_seconds: float | None = None,
        patient: bool = True,
    ) -> None:
        """`first_seconds`: for the first request, which may have to wait for a model to load.

        Not `patient`: a server that has answered fast is not waited for as long as a new one.
        """
        self.server = server
        self.facts = facts
        self.model = model_to_ask(facts, model)
        """Goes into each request; None = left out, the server takes its own."""
        self.replies: list[Reply] = []
        self.requests = 0
        self.lost = 0
        """Requests that met no server at all."""
        self.stumbles: list[Reply] = []
        """Failures of requests that the server answered when they were sent once more."""
        self.no_stream: Reply | None = None
        """A stream that failed where the same in one piece did not: no more are asked."""
        self.hot: dict[str, Any] | None = None
        """Fields of the hottest request that this server takes, once that is known."""
        self._max_requests = max_requests
        self._request_seconds = request_seconds
        self._first_seconds = request_seconds if first_seconds is None else first_seconds
        self._deadline = time.monotonic() + max_seconds
        self._patient = patient
        self._slowest_seconds: float | None = None
        self._timeouts = 0
        self._asks_usage = True
        self._memory: dict[str, Reply] = {}

    @property
    def family(self) -> Traits:
        return self.facts.family

    def remaining_seconds(self) -> float:
        """What is left of the budget."""
        return self._deadline - time.monotonic()

    def hurry(self, seconds: float) -> None:
        """From now on no request may take longer."""
        self._request_seconds = min(self._request_seconds, seconds)

    async def once(self, key: str, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        """The answer to a question that several probes share; asked the first time only."""
        if key not in self._memory:
            self._memory[key] = await ask()
        return self._memory[key]

    async def chat(
        self,
        messages: Messages,
        *,
        max_tokens: int,
        stream: bool = False,
        model: str | None = None,
        **fields: Any,  # noqa: ANN401 - fields of a request
    ) -> Reply:
        """Ask the chat endpoint.

        Raises:
            BudgetError: no request or no time is left.
        """
        turns = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        body = {"messages": list(turns), "max_tokens": max_tokens, **fields}
        return await self._ask(CHAT, body, stream, model)

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        stream: bool = False,
        **fields: Any,  # noqa: ANN401
    ) -> Reply:
        """Ask the plain completion endpoint; raises like `chat`."""
        body = {"prompt": prompt, "max_tokens": max_tokens, **fields}
        return await self._ask(COMPLETIONS, body, stream, None)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """What a path that does not generate answers; None when it does not."""
        self._spend()
        named = body if self.model is None else {"model": self.model, **body}
        try:
            return await self.server.post_json(
                path, named, dict[str, Any], timeout_seconds=self._seconds()
            )
        except (EngineError, FormatError):
            return None

    async def _ask(self, path: str, body: dict[str, Any], stream: bool, model: str | None) -> Reply:
        named = model or self.model
        if named is not None:
            body["model"] = named
        reply = Reply(asked=body, path=path, streamed=stream)
        if stream and self.no_stream is not None:
            return msgspec.structs.replace(reply, broken="refused", error=_NO_STREAM)
        self._spend()
        reply = await self._tried(reply)
        failed: list[Reply] = []
        tries = _TRIES if self.stumbles else 2
        while _may_pass(reply) and len(failed) + 1 < tries and self._has_budget():
            failed.append(reply)
            self.requests += 1
            reply = await self._tried(Reply(asked=body, path=path, streamed=stream))
        if failed and not _may_pass(reply):
            self.stumbles += [one for one in failed if one.status != _BUSY]
        self._timeouts = self._timeouts + 1 if reply.broken == "timeout" else 0
        self.lost += reply.broken == "lost"
        if reply.ok:
            self._slowest_seconds = max(reply.seconds, self._slowest_seconds or 0.0)
        self.replies.append(reply)
        return reply

    async def _tried(self, reply: Reply) -> Reply:
        """What comes of one request, whatever it is."""
        start = time.monotonic()
        try:
            found = await (self._stream(reply) if reply.streamed else self._whole(reply))
        except RefusedError as error:
            if reply.streamed and self._asks_usage and b"stream_options" in error.body:
                self._asks_usage = False
                return await self._tried(reply)
            found = _failed(reply, error)
        except (EngineError, FormatError) as error:
            found = _failed(reply, error)
        return msgspec.structs.replace(found, seconds=time.monotonic() - start)

    async def _whole(self, reply: Reply) -> Reply:
        body = await self.server.post_json(
            reply.path, {**reply.asked, "stream": False}, Any, timeout_seconds=self._seconds()
        )
        raw = msgspec.json.encode(body)[:RAW_CHARS].decode("utf-8", "replace")
        found = of_body(msgspec.structs.replace(reply, status=200, raw=raw), body)
        if not isinstance(body, dict) or "choices" not in body:
            return _broken(found, "garbled", f"the answer has no choices: {raw[:200]}")
        return found

    async def _stream(self, reply: Reply) -> Reply:
        asked = {**reply.asked, "stream": True}
        if self._asks_usage:
            asked["stream_options"] = {"include_usage": True}
        gathered = Gathered(2 * int(reply.asked["max_tokens"]) + _SLACK_FRAMES)
        try:
            async with aclosing(
                self.server.post_stream(reply.path, asked, timeout_seconds=self._seconds())
            ) as events:
                async for event in events:
                    if not gathered.take(event.data):
                        break
        except RefusedError:
            raise
        except EngineError as error:
            if not gathered.began:
                raise
            kind: Broken = "timeout" if isinstance(error, TimedOutError) else "lost"
            gathered.give_up(kind, error.message)
        return gathered.complete(reply)

    def _seconds(self) -> float:
        longest = self._request_seconds if self.replies else self._first_seconds
        if not self._patient and self._slowest_seconds is not None:
            due = max(_LEAST_PATIENCE_SECONDS, _PATIENCE * self._slowest_seconds)
            longest = min(longest, due)
        return max(0.1, min(longest, self.remaining_seconds()))

    def _has_budget(self) -> bool:
        return self.requests < self._max_requests and self.remaining_seconds() > 0

    def _spend(self) -> None:
        if self.requests >= self._max_requests:
            raise BudgetError(f"the {self._max_requests} requests of this survey are spent")
        if self.remaining_seconds() <= 0:
            raise BudgetError("the time of this survey ran out")
        if self._timeouts >= _LONGEST_TIMEOUTS:
            raise BudgetError(f"{self._timeouts} requests in a row got no answer in time")
        self.requests += 1


async def together(*asking: Awaitable[Reply]) -> list[Reply]:
    """The answers to requests that are under way at the same time."""
    return list(await asyncio.gather(*asking))


def model_to_ask(facts: ServerFacts, model: str | None) -> str | None:
    """The id that requests name: the one given, else the only one that can be meant.

    Raises:
        UserError: several could be meant, and naming one would load it.
    """
    known = facts.model.value if facts.model is not None else None
    if model is not None:
        return model
    if facts.loaded:
        return known if known in facts.loaded else facts.loaded[0]
    if facts.family.listing == "cache":
        # Whatever is named gets loaded; without a name the server takes what it was started with.
        return None
    if not facts.listed:
        return None
    if len(facts.listed) == 1 or not facts.family.loads_on_request:
        return known if known in facts.listed else facts.listed[0]
    if known in facts.listed:
        return known
    raise UserError(
        f"{facts.url} serves {len(facts.listed)} models and has none of them in memory",
        hint=f"name one: --model {facts.listed[0]}",
    )


_NO_STREAM = "not asked: streams do not work"
_BUSY = 503
"""It loads, or has too much to do: it says so, and is no failure."""


def _may_pass(reply: Reply) -> bool:
    """Whether a request failed in a way that sending it once more could mend."""
    if reply.broken == "lost":
        return True
    return reply.status >= 500 and reply.status != 501 and _PARSER not in reply.error.lower()


def _failed(reply: Reply, error: EngineError | FormatError) -> Reply:
    if isinstance(error, RefusedError):
        raw = error.body[:RAW_CHARS].decode("utf-8", "replace")
        said = error_message(error.body) or f"status {error.status}"
        held = msgspec.structs.replace(reply, status=error.status, raw=raw)
        return _broken(held, "refused", said)
    if isinstance(error, TimedOutError):
        return _broken(reply, "timeout", error.message)
    kind: Broken = "garbled" if isinstance(error, FormatError) else "lost"
    return _broken(reply, kind, error.message)


def _broken(reply: Reply, kind: Broken, said: str) -> Reply:
    return msgspec.structs.replace(reply, broken=kind, error=said[:500])
