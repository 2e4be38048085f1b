"""The agent: one bounded loop of request, calls, results.

It asks the endpoint for a reply, runs the calls of the reply in the sandbox, and shows the
model what came out, until the model finishes or a bound is reached. Every bound has a reason
code. It decides nothing about success: that is the oracle's.

In: an instruction, a guarded endpoint, a toolbox. Out: an `AgentEnd`, and every step on the
trace as it happens.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec

from seatrial.agent.toolbox import Toolbox
from seatrial.agent.turn import Reply, TurnRecorder
from seatrial.chat import ContextOverflowError, Endpoint, Request
from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.errors import Boundary, SeatrialError, attribute
from seatrial.core.generation import Caps, Finish, Sampling, Usage
from seatrial.core.message import Message
from seatrial.core.parse_options import Options
from seatrial.core.profile import Profile
from seatrial.core.result import Ended, Verified
from seatrial.store import TraceWriter
from seatrial.toolcalls import reask_message


class AgentEnd(msgspec.Struct, frozen=True):
    """How the loop ended."""

    ended: Ended
    verified: Verified
    turns: int
    usage: Usage
    detail: str = ""


@dataclass
class _State:
    messages: list[Message]
    turn: int = 0
    usage: Usage = field(default_factory=Usage)
    strikes: int = 0
    """Replies in a row that led to no call."""


class Agent:
    """One run of the loop; make a new one for each trial."""

    def __init__(
        self,
        endpoint: Endpoint,
        toolbox: Toolbox,
        profile: Profile,
        trace: TraceWriter,
        *,
        sampling: Sampling,
        caps: Caps | None = None,
        guard: GuardSpec | None = None,
        options: Options | None = None,
    ) -> None:
        self._toolbox = toolbox
        self._profile = profile
        self._trace = trace
        self._sampling = sampling
        self._caps = caps or profile.caps
        self._options = options or Options()
        self._recorder = TurnRecorder(endpoint, trace, self._caps, guard or GuardSpec())

    async def run(self, instruction: str) -> AgentEnd:
        """Work on `instruction` until an end; cancellation is recorded and passed on."""
        state = _State([Message("system", self._profile.system), Message("user", instruction)])
        wall = asyncio.timeout(self._caps.wall_seconds)
        try:
            async with wall:
                ended, detail = await self._loop(state), ""
        except asyncio.CancelledError:
            self._end(state, Ended.CANCELLED)
            raise
        except Exception as error:
            if isinstance(error, TimeoutError) and wall.expired():
                ended, detail = Ended.WALL_TIMEOUT, f"{self._caps.wall_seconds:g} s were used up"
            else:
                ended, detail = self._fault(state, error)
        self._end(state, ended)
        return AgentEnd(ended, self._toolbox.verified, state.turn, state.usage, detail)

    async def _loop(self, state: _State) -> Ended:
        while state.turn < self._caps.max_turns:
            state.turn += 1
            reply = await self._recorder.generate(self._request(state), state.turn)
            state.usage += reply.usage
            ended = await self._act(state, reply)
            if ended is not None:
                return ended
            limit = self._caps.total_tokens
            if limit is not None and state.usage.completion >= limit:
                return Ended.BUDGET
        return Ended.MAX_TURNS

    def _request(self, state: _State) -> Request:
        return Request(
            messages=tuple(state.messages),
            tools=self._profile.schemas,
            sampling=self._sampling,
            max_tokens=self._caps.max_tokens,
        )

    async def _act(self, state: _State, reply: Reply) -> Ended | None:
        """Do what the reply asks for; the end that follows from it, if any."""
        if reply.stopped_by is not None:
            looped = reply.stopped_by.startswith("gen.action")
            return Ended.REPEAT_CALL_LOOP if looped else Ended.TEXT_LOOP
        state.messages.append(reply.message)
        calls = reply.message.calls
        if not calls or reply.verdict == "reask":
            return self._strike(state, reply)
        state.strikes = 0
        for call in calls:
            outcome = await self._toolbox.run(call)
            self._recorder.tool(call, outcome, state.turn)
            if outcome.operation == "finish":
                return Ended.FINISHED
            result = Message("tool", outcome.output, call_id=call.id)
            self._trace.message(result, state.turn)
            state.messages.append(result)
        return None

    def _strike(self, state: _State, reply: Reply) -> Ended | None:
        """A reply without a call that can be run: say so once, end the second time."""
        state.strikes += 1
        if reply.finish is Finish.CONTEXT:
            return Ended.CONTEXT_OVERFLOW
        if reply.finish is Finish.LENGTH:
            ended, words = Ended.RUNAWAY_LENGTH, self._profile.texts.cut_off
        elif reply.verdict == "reask":
            ended = Ended.GAVE_UP
            words = reask_message(reply.parsed, self._profile.schemas, self._options)
        elif not reply.message.text.strip():
            ended, words = Ended.EMPTY_COMPLETION, self._profile.texts.nudge
        else:
            ended, words = Ended.GAVE_UP, self._profile.texts.nudge
        if state.strikes > 1:
            return ended
        state.messages.append(Message("user", words))
        return None

    def _fault(self, state: _State, error: Exception) -> tuple[Ended, str]:
        fault = attribute(error, Boundary.HARNESS, "agent loop")
        self._trace.emit(
            events.Fault,
            turn=state.turn,
            boundary=fault.boundary,
            type=type(error).__name__,
            message=fault.message,
            channel=_channel(fault),
        )
        return _ended(fault), fault.message

    def _end(self, state: _State, ended: Ended) -> None:
        self._trace.emit(events.End, turn=state.turn, ended=ended, verified=self._toolbox.verified)


def _channel(fault: SeatrialError) -> str:
    if fault.boundary in (Boundary.ENGINE, Boundary.FORMAT):
        return "server"
    cause = fault.__cause__ or fault.__context__
    if fault.boundary is Boundary.INFRA:
        return "disk" if isinstance(cause, OSError) else "sandbox"
    return "harness"


def _ended(fault: SeatrialError) -> Ended:
    if isinstance(fault, ContextOverflowError):
        return Ended.CONTEXT_OVERFLOW
    if fault.boundary in (Boundary.ENGINE, Boundary.FORMAT):
        return Ended.ENGINE_ERROR
    if fault.boundary in (Boundary.INFRA, Boundary.TASK):
        return Ended.ENV_ERROR
    return Ended.AGENT_ERROR
