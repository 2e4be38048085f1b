"""A plain client for tests of personalities: asks as each family wants to be asked."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from seatrial.fakes.personalities import PersonalityServer, personality

CHAT = "/v1/chat/completions"
OPEN = "Tell me of the sea."
TOOL = {
    "type": "function",
    "function": {
        "name": "keep_note",
        "description": "Keeps a short note in the log.",
        "parameters": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "copies": {"type": "integer"}},
            "required": ["text"],
        },
    },
}
CALL = "Call the tool keep_note with the text: the tide turns at noon."


class Answer:
    """Status, body, and for streams what the frames add up to."""

    def __init__(self, status: int, raw: bytes) -> None:
        self.status = status
        self.raw = raw
        self.frames = [
            json.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: {")
        ]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def message(self) -> dict[str, Any]:
        return self.body["choices"][0]["message"]

    @property
    def text(self) -> str:
        if not self.frames:
            return self.message.get("content") or ""
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [frame["choices"][0]["delta"] for frame in self.frames if frame.get("choices")]

    @property
    def finish(self) -> str | None:
        if not self.frames:
            return self.body["choices"][0]["finish_reason"]
        found = [f["choices"][0]["finish_reason"] for f in self.frames if f.get("choices")]
        return next((one for one in found if one), None)

    @property
    def calls(self) -> list[tuple[str, str]]:
        if not self.frames:
            rows = self.message.get("tool_calls") or []
            return [(row["function"]["name"], row["function"]["arguments"]) for row in rows]
        names, arguments = [], ""
        for delta in self.deltas:
            for row in delta.get("tool_calls") or []:
                names += [row["function"]["name"]] if "name" in row["function"] else []
                arguments += row["function"].get("arguments", "")
        return [(name, arguments) for name in names]

    @property
    def prompt_tokens(self) -> int:
        return self.body["usage"]["prompt_tokens"]


class Client:
    """One server and a session."""

    def __init__(self, server: PersonalityServer, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http
        self.family = server.persona.id
        self.model = server.machine.name

    async def get(self, path: str, **headers: str) -> Answer:
        async with self.http.get(self.server.url + path, headers=headers) as response:
            return Answer(response.status, await response.read())

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        async with self.http.post(self.server.url + path, json=body, headers=headers) as response:
            return Answer(response.status, await response.read())

    async def chat(self, user: str, system: str | None = None, **fields: Any) -> Answer:
        messages = [{"role": "user", "content": user}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        return await self.post(CHAT, {"model": self.model, "messages": messages, **fields})

    async def texts(self, count: int, **fields: Any) -> list[str]:
        return [(await self.chat(OPEN, **fields)).text for _ in range(count)]

    @property
    def penalty(self) -> str:
        """How this family calls the repeat penalty."""
        named = {field: name for field, name in self.server.persona.knobs.items()}
        return next(field for field, name in named.items() if name == "repeat_penalty")


@asynccontextmanager
async def opened(family: str, *faults: str, **settings: Any):
    async with (
        personality(family, *faults, **settings) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        yield Client(server, http)
