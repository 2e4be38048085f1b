"""Streams and requests for the tests of the guard."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from seatrial.chat.endpoint import (
    NO_CAP,
    CallEvent,
    End,
    Event,
    Facts,
    Request,
    Text,
    Think,
    UsageEvent,
)
from seatrial.core.config import GuardSpec, LadderSpec
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Call, Message, ToolSchema
from seatrial.guard import Decision, Holding, Rule, Watch, gateway_rules, guarded

WRITE = ToolSchema(
    "write",
    "Write a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"],
    },
)
CALL = Call("c1", "write", '{"path":"a.txt","content":"hello"}')
XML = (
    "<tool_call>\n<function=write>\n<parameter=path>\na.txt\n</parameter>\n"
    "<parameter=content>\nhello\n</parameter>\n</function>\n</tool_call>"
)
KNOBS = frozenset({"temperature", "seed", "dry_multiplier", "enable_thinking", "tool_choice"})

Script = list[Event] | Exception


def request(*messages: Message, **fields: Any) -> Request:
    fields.setdefault("tools", (WRITE,))
    return Request(messages=messages or (Message("user", "Do it."),), **fields)


def stream(
    text: str = "",
    *,
    think: str = "",
    calls: Sequence[Call] = (),
    finish: Finish = Finish.STOP,
    completion: int = 5,
    piece: int = 7,
    **end: Any,
) -> list[Event]:
    """What a native server sends, in pieces."""
    events: list[Event] = [Think(t, b"t") for t in pieces(think, piece)]
    events += [Text(t, b"x") for t in pieces(text, piece)]
    events += [CallEvent(call, b"c") for call in calls]
    events.append(UsageEvent(Usage(prompt=3, completion=completion), Timings(), b"u"))
    if calls and finish is Finish.STOP:
        finish = Finish.TOOL_CALLS
    end.setdefault("verdict", "ok" if calls else "no_call")
    events.append(End(finish, finish.value, raw=b"e", **end))
    return events


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


class Upstream:
    """Gives one script a request, the last one again and again; an exception is raised."""

    facts = Facts(wire="native", family="scripted", model="m")

    def __init__(self, *scripts: Script) -> None:
        self.scripts, self.requests, self.closed = scripts, [], 0

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        try:
            if isinstance(script, Exception):
                raise script
            for event in script:
                yield event
        finally:
            self.closed += 1

    async def count(self, request: Request) -> int:
        return 7

    def sent(self, request: Request) -> dict[str, Any]:
        return {"n": 1}


class Run:
    """One generation through rules, and all that was heard of it."""

    def __init__(
        self,
        *scripts: Script,
        rules: Callable[[], Sequence[Rule]] | None = None,
        ladder: LadderSpec | None = LadderSpec(),  # noqa: B008 (frozen)
        knobs: frozenset[str] = KNOBS,
        holding: Holding | None = Holding(),  # noqa: B008 (frozen)
    ) -> None:
        self.upstream = Upstream(*scripts)
        self.heard: list[tuple[str, Decision]] = []
        self.events: list[Event] = []
        self.endpoint = guarded(
            self.upstream,
            rules or (lambda: gateway_rules(GuardSpec())),
            lambda rule, decision: self.heard.append((rule.id, decision)),
            ladder=ladder,
            knobs=knobs,
            holding=holding,
        )

    async def ask(self, asked: Request | None = None) -> Run:
        self.events = [event async for event in self.endpoint.generate(asked or request())]
        return self

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))

    @property
    def calls(self) -> list[Call]:
        return [event.call for event in self.events if isinstance(event, CallEvent)]

    @property
    def end(self) -> End:
        last = self.events[-1]
        assert isinstance(last, End)
        return last

    @property
    def actions(self) -> list[tuple[str, str]]:
        return [(rule, decision.action) for rule, decision in self.heard]

    def told(self, number: int) -> str:
        """The last message of the `number`th request that reached the server."""
        return self.upstream.requests[number - 1].messages[-1].text


def look(
    rule: Rule, events: Sequence[Event], asked: Request | None = None
) -> tuple[list[Event], list[Decision]]:
    """`events` through one rule, without retries: what passes, and what it decided."""
    heard: list[Decision] = []
    watch = Watch([rule], lambda _, decision: heard.append(decision))
    _, answer = watch.before(asked or request(max_tokens=NO_CAP))
    out = list(answer)
    for event in [] if answer else events:
        out += watch.during(event)
        if watch.done:
            break
    return out, heard
