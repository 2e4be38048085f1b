"""The endpoint: what the rest of the house sees of a server that generates.

An `Endpoint` turns a `Request` into a stream of events, the same five kinds on every wire.
Protocol and value types only; `chat.llamacpp` and the guard implement it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal, Protocol

import msgspec

from seatrial.core.generation import Finish, Sampling, Timings, Usage
from seatrial.core.message import Call, Message, ToolSchema
from seatrial.core.trace import ParseVerdict, Wire

NO_CAP = 2**31 - 1
"""`max_tokens` of a request that names none."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One generation."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    sampling: Sampling = Sampling()
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    """Wall clock of the whole call; None = derived from `max_tokens` and measured speed."""
    tool_choice: str | None = None
    """`auto`, `none`, `required`; None = not sent. No completion wire can carry it."""
    forced_tool: str | None = None
    """The one tool that must be called (`tool_choice` as an object); None = not sent."""
    parallel_calls: bool | None = None
    """Whether one answer may hold several calls; None = not sent."""
    json_answer: bool = False
    """The answer in words is to be JSON. Only read: what form it takes stands in the client's
    own body."""
    thinking: bool | None = None
    """Reasoning on or off by the template's own switch; None = not sent."""


Ending = Literal["retryable_error", "final_error", "length", "overflow"]
"""How a stopped generation is told to a client that speaks a wire: never as `stop`, which every
client takes for a final answer.

`retryable_error`: a server error that clients try again after. `final_error`: one that they do
not. `length`: the token cap. `overflow`: the client's own overflow error, so that it compacts."""


class Think(msgspec.Struct, frozen=True):
    """A piece of reasoning; `raw` is the bytes of the frame it came from."""

    text: str
    raw: bytes = b""


class Text(msgspec.Struct, frozen=True):
    """A piece of visible text that no later byte can turn into something else."""

    text: str
    raw: bytes = b""


class CallEvent(msgspec.Struct, frozen=True):
    """A complete tool call."""

    call: Call
    raw: bytes = b""


class UsageEvent(msgspec.Struct, frozen=True):
    """Tokens and times, once, before the end."""

    usage: Usage
    timings: Timings
    raw: bytes = b""


class End(msgspec.Struct, frozen=True):
    """The last event of every stream that did not raise."""

    finish: Finish
    raw_finish: str | None = None
    text: str = ""
    """All the model's text before parsing, where we parse; on the native wire empty, except that
    a re-ask finds here what the server gave."""
    verdict: ParseVerdict = "no_call"
    reason: str | None = None
    """Why a call was not read as it stood; what a re-ask tells the model."""
    tool: str | None = None
    """With `reask`: the tool that was meant, where it is known."""
    unfit: bool = False
    """With `reask`, on the native wire: every call is whole, and some fit no declared tool. Who
    executes them says so to the model."""
    dialect: str | None = None
    """The dialect of the last call or attempt, where we parse."""
    repairs: tuple[str, ...] = ()
    """Ids of all repairs of the turn, those of its calls included."""
    raw: bytes = b""
    ending: Ending | None = None
    """With `Finish.GUARD`: how the stop is told on a wire."""
    unread: bool = False
    """The answer holds what stands on no event: sound, a call of the old form, an unknown shape."""


Event = Think | Text | CallEvent | UsageEvent | End


class Exchange(msgspec.Struct, frozen=True):
    """The exact bytes of one call, secrets replaced; what a delivery check reads."""

    method: str
    path: str
    request_headers: dict[str, str]
    request: bytes
    status: int | None
    """HTTP status; None = no answer came."""
    response: bytes
    cut_bytes: int = 0
    """Bytes of request and response that were not kept; 0 = both are whole."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an endpoint; every value was read or proven, nothing is guessed."""

    wire: Wire
    family: str
    model: str
    window: int | None = None
    """Tokens of one slot."""
    slots: int | None = None
    identity: dict[str, str | int | float | None] = {}


class Endpoint(Protocol):
    """One served model behind one protocol."""

    @property
    def facts(self) -> Facts: ...

    def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Stream one generation.

        Leaving the loop early (`aclose`) cancels it on the server.

        Raises:
            ContextOverflowError: the prompt does not fit the window.
            EngineError: unreachable, died under way, timed out, or refused the request.
            FormatError: the stream breaks its own framing.
        """
        ...

    async def count(self, request: Request) -> int:
        """Prompt tokens of `request`, by the server's own template and tokenizer."""
        ...

    def sent(self, request: Request) -> dict[str, Any]:
        """The body that `generate` would send, as plain data."""
        ...
