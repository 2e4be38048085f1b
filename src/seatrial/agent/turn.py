"""One turn of the agent: send a request through the guard and put it on the trace.

Keeps the order request, guard, message, response, so that a trace that ends in the middle of a
turn still says what was asked. In: a request. Out: a `Reply`.
"""

from __future__ import annotations

from contextlib import aclosing

import msgspec

from seatrial.agent.toolbox import ToolOutcome
from seatrial.chat import CallEvent, End, Endpoint, Request, Text, Think, UsageEvent
from seatrial.core import trace as events
from seatrial.core.config import GuardSpec
from seatrial.core.errors import FormatError
from seatrial.core.generation import Caps, Finish, Timings, Usage
from seatrial.core.message import Call, Message, tools_digest
from seatrial.core.schema import sha256_hex
from seatrial.core.trace import ParseVerdict
from seatrial.guard import Decision, Rule, guarded, rules_from
from seatrial.store import TraceWriter
from seatrial.toolcalls import Parsed


class Reply(msgspec.Struct, frozen=True):
    """What one request led to."""

    message: Message
    finish: Finish
    usage: Usage
    verdict: ParseVerdict
    parsed: Parsed
    stopped_by: str | None = None
    """The failure mode for which a guard rule stopped the reply."""


class _Collected:
    """The pieces of a stream as they came, so that a broken stream still leaves a record."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.think: list[str] = []
        self.calls: list[Call] = []
        self.usage = Usage()
        self.timings = Timings()
        self.end = End(Finish.CANCELLED)

    def add(self, event: Think | Text | CallEvent | UsageEvent | End) -> None:
        match event:
            case Text(text=text):
                self.text.append(text)
            case Think(text=text):
                self.think.append(text)
            case CallEvent(call=call):
                self.calls.append(call)
            case UsageEvent(usage=usage, timings=timings):
                self.usage, self.timings = usage, timings
            case End():
                self.end = event

    def message(self) -> Message:
        # A malformed call is shown back as the model wrote it: the re-ask refers to it.
        text = self.end.text if self.end.verdict == "reask" else "".join(self.text)
        calls = () if self.end.verdict == "reask" else tuple(self.calls)
        return Message("assistant", text, "".join(self.think), calls)


class TurnRecorder:
    """Runs requests of one trial and records them."""

    def __init__(
        self, endpoint: Endpoint, trace: TraceWriter, caps: Caps, guard: GuardSpec
    ) -> None:
        self._trace = trace
        self._caps = caps
        self._turn = 0
        self._stopped_by: str | None = None
        self._endpoint = guarded(endpoint, lambda: rules_from(guard), self._on_decision)

    async def generate(self, request: Request, turn: int, side_call: str | None = None) -> Reply:
        """Send `request` and record it; raises what the endpoint raises, after recording."""
        self._turn, self._stopped_by = turn, None
        identifier = f"r{turn}" if side_call is None else f"r{turn}-{side_call}"
        self._record_request(request, identifier, side_call)
        collected = _Collected()
        try:
            async with aclosing(self._endpoint.generate(request)) as stream:
                async for event in stream:
                    collected.add(event)
            if collected.end.finish is Finish.CANCELLED:
                raise FormatError("the stream ended without saying how")
        finally:
            message = self._record_response(collected, identifier)
        end = collected.end
        parsed = Parsed(
            end.verdict,
            message.calls,
            message.text,
            message.think,
            end.repairs,
            end.reason,
            end.tool,
            end.dialect,
        )
        return Reply(message, end.finish, collected.usage, end.verdict, parsed, self._stopped_by)

    def tool(self, call: Call, outcome: ToolOutcome, turn: int) -> None:
        """Record what a call did."""
        self._trace.emit(
            events.Tool,
            turn=turn,
            call_id=call.id,
            exit=outcome.exit,
            output=outcome.output,
            cut_bytes=outcome.cut_bytes,
            seconds=round(outcome.seconds, 6),
            files=outcome.files,
        )

    def _record_request(self, request: Request, identifier: str, side_call: str | None) -> None:
        body = self._endpoint.sent(request)
        self._trace.emit(
            events.Request,
            turn=self._turn,
            id=identifier,
            messages=tuple(self._trace.message(m, self._turn) for m in request.messages),
            tools_digest=tools_digest(request.tools),
            sampling=request.sampling,
            caps=self._caps,
            wire=self._endpoint.facts.wire,
            side_call=side_call,
            sent={k: v for k, v in body.items() if isinstance(v, str | int | float | bool)},
            body_sha256=sha256_hex(msgspec.json.encode(body)),
        )

    def _record_response(self, collected: _Collected, identifier: str) -> Message:
        message, end = collected.message(), collected.end
        digest = self._trace.message(message, self._turn)
        self._trace.emit(
            events.Response,
            turn=self._turn,
            id=identifier,
            message=digest,
            finish=end.finish,
            raw_finish=end.raw_finish,
            usage=collected.usage,
            timings=collected.timings,
            raw=end.text,
            verdict=end.verdict,
            reason=end.reason,
        )
        return message

    def _on_decision(self, rule: Rule, decision: Decision) -> None:
        finding = decision.finding
        if rule.mode == "enforce" and decision.action == "stop" and finding is not None:
            self._stopped_by = finding.mode_id
        self._trace.emit(
            events.Guard,
            turn=self._turn,
            rule=rule.id,
            mode="enforce" if rule.mode == "enforce" else "observe",
            action=decision.action,
            channel=finding.channel if finding else "",
            finding=finding.detail if finding else "",
            before="",
        )
