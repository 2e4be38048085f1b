"""An endpoint in this process that says what a test wrote down, parsed like the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from seatrial.chat import CallEvent, End, Event, Facts, Request, Text, UsageEvent
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.toolcalls import TurnParser

Reply = str | Exception | tuple[str, Finish] | float


NO_END = "<no end>"
"""A stream that stops without saying why."""


class ScriptedEndpoint:
    """Gives one reply a request; the last one again when the script is at its end.

    A text is streamed in small pieces; an exception is raised; a number is a hang in seconds.
    """

    def __init__(self, *script: Reply) -> None:
        self._script = list(script)
        self.requests: list[Request] = []

    @property
    def facts(self) -> Facts:
        return Facts(wire="raw_chat", family="scripted", model="scripted")

    async def count(self, request: Request) -> int:
        return sum(len(message.text) for message in request.messages) // 4

    def sent(self, request: Request) -> dict[str, Any]:
        return {"max_tokens": request.max_tokens, "messages": len(request.messages)}

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        reply = self._script[min(len(self.requests), len(self._script)) - 1]
        if isinstance(reply, Exception):
            raise reply
        if reply == NO_END:
            yield Text("and then")
            return
        if isinstance(reply, float):
            yield Text("thinking aloud")
            await asyncio.sleep(reply)
            return
        text, finish = reply if isinstance(reply, tuple) else (reply, Finish.STOP)
        parser = TurnParser(request.tools, id_prefix=f"c{len(self.requests)}")
        for start in range(0, len(text), 7):
            await asyncio.sleep(0)
            shown = parser.feed(text[start : start + 7])
            if shown:
                yield Text(shown)
        parsed = parser.finish(finish)
        for call in parsed.calls:
            yield CallEvent(call)
        yield UsageEvent(Usage(prompt=10, completion=len(text) // 4), Timings())
        yield End(finish, finish.value, text, parsed.verdict, parsed.reason)
