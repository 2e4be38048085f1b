"""Trace events: what happened in one trial or session, one JSON object a line.

Every event has `seq` (0, 1, 2 ... without a gap), `t` (monotonic seconds from the start), `turn`
(0 before the first request) and `kind`. A message is stored once and named by its digest
afterwards, so a trace grows with the conversation and not with its square. Readers of other
tools' runs produce exactly these kinds and set `source` to the line that an event came from.

Types only: `store` reads and writes them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from seatrial.core.errors import Boundary
from seatrial.core.generation import Caps, Finish, Sampling, Timings, Usage
from seatrial.core.message import Call, Role, ToolSchema
from seatrial.core.result import Ended, Verified

Wire = Literal["native", "raw_chat", "raw_completion"]
"""Who parses tool calls: the server, or we from chat content, or we from a raw completion."""

ParseVerdict = Literal["ok", "repaired", "reask", "no_call"]


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who wrote an event: the producer (on `begin`), or the line of another tool's file."""

    producer: str = ""
    file: str = ""
    line: int = 0


class TrialRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """task@digest x arm x seed x attempt; a session has no task digest."""

    task: str
    task_digest: str = ""
    arm: str = ""
    seed: int = 0
    attempt: int = 1


class FileChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """A workspace file that a tool call changed; digests of its bytes, None = absent."""

    path: str
    before: str | None = None
    after: str | None = None


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower, omit_defaults=True
):
    seq: int
    t: float
    turn: int
    source: Source | None = None


class Begin(_Event, frozen=True, kw_only=True):
    trial: TrialRef
    schema_version: int
    """`TRACE_VERSION` when this package wrote it; always on disk."""
    identity: dict[str, str | int | float | None] = {}
    """What answers: the attested facts of the endpoint, flat."""


class MessageEvent(_Event, frozen=True, kw_only=True, tag="message"):
    digest: str
    role: Role
    text: str = ""
    think: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str | None = None


class Request(_Event, frozen=True, kw_only=True):
    id: str
    messages: tuple[str, ...]
    """Digests, in order."""
    tools_digest: str = ""
    tools: tuple[ToolSchema, ...] = ()
    """The declared tools, with the first request that declares them; `tools_digest` names them
    from then on. Empty: there are none, or whoever wrote the trace did not keep them."""
    sampling: Sampling = Sampling()
    caps: Caps = Caps()
    wire: Wire = "native"
    side_call: str | None = None
    """Set when the request is not a turn of the agent: `reask`, `compaction`, ..."""
    sent: dict[str, str | int | float | bool | None] = {}
    """The scalar fields of the body as it left: what a delivery check reads."""
    body_sha256: str = ""


class Response(_Event, frozen=True, kw_only=True):
    id: str
    message: str
    """Digest of the assistant message."""
    finish: Finish
    raw_finish: str | None = None
    usage: Usage = Usage()
    discarded: Usage = Usage()
    """Tokens of attempts that a guard threw away before this one, as the server counted them."""
    timings: Timings = Timings()
    raw: str = ""
    """The model's text before parsing, where we parse; empty on the native wire."""
    verdict: ParseVerdict = "no_call"
    reason: str | None = None
    """Why a call was not read as it stood."""


class Guard(_Event, frozen=True, kw_only=True):
    rule: str
    mode: Literal["observe", "enforce"]
    action: Literal["pass", "hold", "edit", "retry", "stop"]
    channel: str
    finding: str
    before: str = ""
    """What an edit replaced, or a retry or a stop threw away; a long answer is cut."""


class Tool(_Event, frozen=True, kw_only=True):
    call_id: str
    exit: int | None
    """Exit status of a command; 0 or 1 for the other tools; None = killed."""
    output: str
    """What the model was shown."""
    cut_bytes: int = 0
    seconds: float = 0.0
    files: tuple[FileChange, ...] = ()


class Compaction(_Event, frozen=True, kw_only=True):
    rung: str
    before: int
    after: int
    kept: tuple[str, ...] = ()


class Fault(_Event, frozen=True, kw_only=True):
    boundary: Boundary
    type: str
    message: str
    channel: Literal["server", "harness", "sandbox", "disk"]


class Oracle(_Event, frozen=True, kw_only=True):
    phase: Literal["setup", "run", "policy"]
    exit: int | None
    reward: float | None = None
    subtests: dict[str, bool] = {}
    output: str = ""


class End(_Event, frozen=True, kw_only=True):
    ended: Ended
    verified: Verified


TraceEvent = (
    Begin | MessageEvent | Request | Response | Guard | Tool | Compaction | Fault | Oracle | End
)
