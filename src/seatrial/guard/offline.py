"""The rules over recorded turns: what they would have done, before they do it.

The free test of a remedy: the very same rules read a recording, piece by piece as a stream would
have come, and nothing is asked of any server. A retry counts as the end of the turn, because what
a model would have said next stands in no recording. Where the declared tools are not recorded,
they are known by the calls that were made, and the turns are counted: what depends on the others
could not be judged there.

In: the events of a trace, rules. Out: a `Replay`: what each rule saw, what it would have cut, and
what sound work it would have touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think, UsageEvent
from seatrial.core import trace as events
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import Message, ToolSchema, tools_digest
from seatrial.core.trace import TraceEvent
from seatrial.guard.protocol import ELIDE, Decision, Rule
from seatrial.guard.watch import Watch

PIECE_CHARS = 24
"""Size of the pieces in which a recorded text is given to the rules: about six tokens."""

_LENGTH = (Finish.LENGTH, Finish.CONTEXT)
_BY_ITSELF = (Finish.STOP, Finish.TOOL_CALLS)


class Seen(msgspec.Struct, frozen=True):
    """One decision that a rule would have taken."""

    request: str
    """Id of the request on the trace."""
    turn: int
    rule: str
    decision: Decision
    saved_tokens: int = 0
    """Completion tokens that would not have been generated."""
    sound: bool = False
    """The turn ended by itself in calls that could be read: it was legitimate work."""


class Replay(msgspec.Struct, frozen=True):
    """What the rules would have done to some recordings."""

    turns: int = 0
    length_stops: int = 0
    cut_length_stops: int = 0
    """Turns that ran into their bound and that a rule would have ended before."""
    sound_writes: int = 0
    """Turns that ended by themselves in calls."""
    touched_writes: int = 0
    """... that a rule would have changed, tried again or stopped."""
    saved_tokens: int = 0
    unknown_tools: int = 0
    """Turns whose declared tools are not recorded."""
    seen: tuple[Seen, ...] = ()

    def __add__(self, other: Replay) -> Replay:
        return Replay(
            **{
                field: getattr(self, field) + getattr(other, field)
                for field in self.__struct_fields__
            }
        )

    @property
    def by_rule(self) -> dict[str, int]:
        """Decisions a rule, in the order of their first one."""
        counts: dict[str, int] = {}
        for seen in self.seen:
            counts[seen.rule] = counts.get(seen.rule, 0) + 1
        return counts

    def summary(self) -> str:
        """One line for a person."""
        told = (
            f"would have cut {self.cut_length_stops} of {self.length_stops} length stops, "
            f"saved {_thousands(self.saved_tokens)} tokens, "
            f"touched {self.touched_writes} of {self.sound_writes} legitimate calls"
        )
        if self.unknown_tools:
            told += (
                f"; rules about calls could not be judged in {self.unknown_tools} of {self.turns} "
                "turns: their tools are not recorded"
            )
        return told


def replay(
    trace: Iterable[TraceEvent],
    rules: Callable[[], Sequence[Rule]],
    tools: tuple[ToolSchema, ...] = (),
) -> Replay:
    """Run `rules()`, made anew for each response, over the responses of one trial or session."""
    reader = _Reader(rules, tools)
    for event in trace:
        reader.feed(event)
    return reader.total


class _Reader:
    """Collects requests and messages, and judges each response."""

    def __init__(self, rules: Callable[[], Sequence[Rule]], tools: tuple[ToolSchema, ...]) -> None:
        self.total = Replay()
        self._rules = rules
        self._declared = {tools_digest(()): (), tools_digest(tools): tools}
        self._called = {tool.name: tool for tool in tools}
        """Of turns whose tools are not recorded."""
        self._messages: dict[str, Message] = {}
        self._request: events.Request | None = None
        self._shortened = False
        """The server read less than the request says."""

    def feed(self, event: TraceEvent) -> None:
        if isinstance(event, events.MessageEvent):
            self._message(event)
        elif isinstance(event, events.Request):
            self._request, self._shortened = event, False
            if event.tools:
                self._declared[event.tools_digest] = event.tools
        elif isinstance(event, events.Guard):
            self._shortened = self._shortened or event.rule == ELIDE
        elif isinstance(event, events.Response):
            self.total += self._response(event)

    def _message(self, event: events.MessageEvent) -> None:
        self._messages[event.digest] = Message(
            event.role, event.text, event.think, event.calls, event.call_id
        )
        for call in event.calls:
            free = ToolSchema(call.name, "", {"type": "object"})
            self._called.setdefault(call.name, free)

    def _response(self, response: events.Response) -> Replay:
        asked = self._request
        message = self._messages.get(response.message)
        if asked is None or asked.id != response.id or message is None:
            return Replay()
        heard: list[tuple[Rule, Decision]] = []
        watch = Watch(self._rules(), lambda rule, decision: heard.append((rule, decision)))
        stream = _events_of(message, response, counted=not self._shortened)
        read = _run(watch, self._asked(asked), stream)
        judged = self._judged(response, message, heard, read)
        unknown = int(asked.tools_digest not in self._declared)
        return msgspec.structs.replace(judged, unknown_tools=unknown)

    def _asked(self, asked: events.Request) -> Request:
        known = [self._messages[name] for name in asked.messages if name in self._messages]
        called = tuple(self._called.values()) if asked.tools_digest else ()
        choice = asked.sent.get("tool_choice")
        return Request(
            messages=tuple(known),
            tools=self._declared.get(asked.tools_digest, called),
            tool_choice=choice if isinstance(choice, str) else None,
            sampling=asked.sampling,
            max_tokens=asked.caps.max_tokens,
        )

    def _judged(
        self,
        response: events.Response,
        message: Message,
        heard: list[tuple[Rule, Decision]],
        read: float,
    ) -> Replay:
        sound = bool(message.calls) and response.finish in _BY_ITSELF
        acted = [said for rule, said in heard if said.finding and rule.mode == "enforce"]
        changed = [said for said in acted if _changes(said)]
        saved = round(response.usage.completion * (1 - read)) if read < 1 else 0
        seen = tuple(
            Seen(response.id, response.turn, rule.id, decision, saved, sound)
            for rule, decision in heard
        )
        length_stop = response.finish in _LENGTH
        return Replay(
            turns=1,
            length_stops=int(length_stop),
            cut_length_stops=int(length_stop and read < 1),
            sound_writes=int(sound),
            touched_writes=int(sound and bool(changed)),
            saved_tokens=saved,
            seen=seen,
        )


def _run(watch: Watch, request: Request, stream: list[Event]) -> float:
    """Feed `stream` to `watch`; the share of it that was read before the rules had enough."""
    _, answer = watch.before(request)
    if answer:
        return 0.0
    whole = sum(_size(event) for event in stream)
    read = 0
    for event in stream:
        read += _size(event)
        watch.during(event)
        if watch.done and not isinstance(event, End | UsageEvent | CallEvent):
            return read / whole if whole else 1.0
        if watch.done:
            break
    return 1.0


def _changes(decision: Decision) -> bool:
    """Would the consumer have got something else than the model's own turn?"""
    # A mended history changes the next answer, and says nothing about this one.
    mends = decision.action == "edit" and decision.request is not None
    return decision.action in ("edit", "retry", "stop") and not mends


def _events_of(message: Message, response: events.Response, *, counted: bool) -> list[Event]:
    """The stream that `message` came in, as far as it can be known.

    `counted`: the server's count of the prompt is one of what the request says.
    """
    text = message.text
    if not message.calls and response.finish in _LENGTH and len(response.raw) > len(text):
        # A call that was cut stands in the raw text alone.
        text = response.raw
    stream: list[Event] = [Think(piece) for piece in _pieces(message.think)]
    stream += [Text(piece) for piece in _pieces(text)]
    stream += [CallEvent(call) for call in message.calls]
    usage = response.usage or Usage()
    if not counted:
        usage = msgspec.structs.replace(usage, prompt=0, cached=0)
    stream.append(UsageEvent(usage, response.timings))
    stream.append(
        End(
            response.finish,
            response.raw_finish,
            text=response.raw,
            verdict=response.verdict,
            reason=response.reason,
        )
    )
    return stream


def _pieces(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]


def _size(event: Event) -> int:
    if isinstance(event, Text | Think):
        return len(event.text)
    return len(event.call.arguments) if isinstance(event, CallEvent) else 0


def _thousands(tokens: int) -> str:
    return f"{tokens // 1000}k" if tokens >= 10_000 else str(tokens)
