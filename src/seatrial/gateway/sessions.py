"""Recorded exchanges as sessions of a run: the same files as trials have, without an oracle.

    runs/<run>/sessions/<client>/<id>/events.jsonl[.zst]

A session is one conversation of one client: as the client itself names it in a header, else found
by the messages (`conversations`). What a tool answered is read from the next request; how a command
ended is known only where its output says so, and counts as 0 elsewhere. Secrets are replaced before
anything is written.

For one thread. In: `Exchange`s. Out: files; errors of `core` when the disk refuses.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from seatrial.chat.capture import Redactor
from seatrial.core import trace as events
from seatrial.core.config import RunSpec, SuiteSpec
from seatrial.core.errors import Boundary, SeatrialError, boundary
from seatrial.core.generation import Caps, Finish
from seatrial.core.message import Call, Message, ToolSchema, tools_digest
from seatrial.core.result import Ended, Verified
from seatrial.core.trace import TrialRef
from seatrial.gateway.conversations import Conversation, Said
from seatrial.gateway.identity import UNATTESTED, still
from seatrial.gateway.record import Decided, Exchange, Identity
from seatrial.gateway.requests import read_scalars
from seatrial.guard.rules.empty import EmptyCompletionRule
from seatrial.store.layout import encode_name, slug
from seatrial.store.run import RunDir
from seatrial.store.trace import TraceWriter

MAX_OPEN = 512
"""Conversations that may go on; of more, the one that was silent longest is closed."""
MAX_FILES = 32
"""Files held open; the other conversations open theirs again when they go on."""
IDLE_SECONDS = 900.0
"""A conversation that was silent for so long is closed; what comes later is a new session."""
SIDE_SECONDS = 600.0
"""A side call belongs to the client's last conversation for so long."""
SESSIONS = "sessions"

_EXIT = re.compile(r'(?:exit(?:ed)?[ _](?:code|status)|with code|"?returncode"?)\W{0,3}(\d{1,3})\b')
_EXIT_CHARS = 400
_ENDED = {
    Finish.STOP: Ended.FINISHED,
    Finish.LENGTH: Ended.RUNAWAY_LENGTH,
    Finish.CONTEXT: Ended.CONTEXT_OVERFLOW,
}
_WHOLE = (Finish.STOP, Finish.TOOL_CALLS)
_STOPPED = {
    "gen.action": Ended.REPEAT_CALL_LOOP,
    "gen.text_loop": Ended.TEXT_LOOP,
    "gen.think": Ended.TEXT_LOOP,
    "config.": Ended.RUNAWAY_LENGTH,
    "stack.silent_truncation": Ended.CONTEXT_OVERFLOW,
}
"""By the beginning of the failure mode for which a rule stopped the answer."""


class Sessions:
    """The open sessions of one gateway, all in one run."""

    def __init__(self, root: Path, redactor: Redactor) -> None:
        self._root = root
        self._redactor = redactor
        self._run: RunDir | None = None
        self._open: list[_Session] = []
        self._latest: _Session | None = None

    @property
    def path(self) -> Path | None:
        """The run's folder, once there is one."""
        return self._run.path if self._run else None

    def record(self, exchange: Exchange) -> None:
        """Write `exchange` to its session.

        Raises:
            InfraError: the disk is full or broken.
            HarnessError: it holds what cannot be written.
        """
        said = Said(exchange.request.messages)
        session = self._session(exchange, said)
        session.used = time.monotonic()
        # The one that was used last stands last.
        self._open.remove(session)
        self._open.append(session)
        if len(self._open) > MAX_FILES:
            self._open[-MAX_FILES - 1].rest()
        if self._latest is not None and self._latest is not session:
            self._latest.forget()
        self._latest = session
        session.write(exchange, said)

    def close_idle(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Close what was silent for long, and the oldest of too many."""
        now = time.monotonic()
        while self._open and (
            len(self._open) > MAX_OPEN or now - self._open[0].used >= idle_seconds
        ):
            self._open.pop(0).close()

    def close(self) -> None:
        """Close everything; one that cannot be closed does not keep the others open.

        Raises:
            InfraError, HarnessError: the first that could not be closed.
        """
        errors: list[SeatrialError] = []
        while self._open:
            try:
                self._open.pop(0).close()
            except SeatrialError as error:
                errors.append(error)
        if self._run is not None:
            self._run.release()
        if errors:
            raise errors[0]

    def _session(self, exchange: Exchange, said: Said) -> _Session:
        mine = [session for session in self._open if session.may_hold(exchange)]
        session = _find(mine, exchange, said)
        if session is None:
            session = self._new(exchange)
            self._open.append(session)
            self.close_idle()
        return session

    def _new(self, exchange: Exchange) -> _Session:
        if self._run is None:
            # It has no arms and no tasks: nothing was run, something was overheard.
            spec = RunSpec(SuiteSpec(name="gateway"), arms=(), seeds=(), calibrate=False)
            self._run = RunDir.create(self._root, spec, "gateway")
        named = slug(exchange.session or exchange.cache_key, "session")
        name = f"{time.strftime('%H%M%S', time.gmtime())}-{named}-{secrets.token_hex(4)}"
        folder = self._run.path / SESSIONS / encode_name(exchange.client) / name
        with boundary(Boundary.INFRA, f"make {folder}"):
            folder.mkdir(parents=True)
        return _Session(folder, exchange, self._redactor)


def _find(sessions: Sequence[_Session], exchange: Exchange, said: Said) -> _Session | None:
    if exchange.session:
        return next((s for s in sessions if s.key == exchange.session), None)
    # A cache key may be of one conversation or of all: it tells apart, and joins nothing.
    alike = [s for s in sessions if s.cache_key == exchange.cache_key]
    if exchange.side:
        latest = max(alike or sessions, key=lambda session: session.used, default=None)
        if latest is not None and time.monotonic() - latest.used <= SIDE_SECONDS:
            return latest
        return None
    unnamed = [s for s in alike if not s.key]
    fits = [(fit, s) for s in unnamed if (fit := s.conversation.extended(said))]
    fits = fits or [(fit, s) for s in unnamed if (fit := s.conversation.edited(said))]
    return max(fits, key=lambda one: (one[0], one[1].used))[1] if fits else None


class _Session:
    """One conversation and its trace."""

    def __init__(self, folder: Path, exchange: Exchange, redactor: Redactor) -> None:
        self.client = exchange.client
        self.key = exchange.session
        self.cache_key = exchange.cache_key
        self.used = time.monotonic()
        self.conversation = Conversation()
        self._redactor = redactor
        self._turn = 0
        self._side_calls = 0
        self._digests: dict[int, str] = {}
        self._named: tuple[tuple[Message, ...], tuple[str, ...]] = ((), ())
        """Messages of the last request, and the digests that name them."""
        self._declared: set[str] = set()
        """Digests of the tools that stand on the trace."""
        self._unanswered: dict[str, Call] = {}
        self._ended = Ended.CANCELLED
        self._writer = TraceWriter(folder)
        self._identity = exchange.identity
        self._writer.emit(
            events.Begin,
            turn=0,
            trial=TrialRef(task=f"session of {exchange.client}", arm="gateway"),
            identity=_told(exchange, redactor),
            source=events.Source(producer="seatrial gateway"),
        )

    def may_hold(self, exchange: Exchange) -> bool:
        """The same client, and as far as known the same server: a trace has one identity."""
        return self.client == exchange.client and still(self._identity, exchange.identity)

    def write(self, exchange: Exchange, said: Said) -> None:
        if exchange.side:
            self._side_calls += 1
            identifier = f"s{self._side_calls}"
            self.conversation.heard(exchange.message)
        else:
            self._answers(exchange.request.messages)
            self._turn += 1
            identifier = f"r{self._turn}"
            whole = exchange.finish in _WHOLE and exchange.fault is None
            self.conversation.asked(said, exchange.message, whole=whole)
        self._request(exchange, identifier)
        for decided in exchange.decided:
            self._guard(decided)
        if exchange.fault is not None:
            self._fault(exchange.fault.boundary, exchange.fault.type, exchange.fault.message)
        self._response(exchange, identifier)

    def forget(self) -> None:
        """Let go of the messages of the last request: somebody else is talking."""
        self._named = (), ()

    def rest(self) -> None:
        """Hold no file until it goes on."""
        self._writer.rest()

    def close(self) -> None:
        """End the trace and compact it."""
        ended, verified = self._ended, Verified.NONE_AVAILABLE
        try:
            self._writer.emit(events.End, turn=self._turn, ended=ended, verified=verified)
        finally:
            self._writer.close()

    def _answers(self, messages: Sequence[Message]) -> None:
        """What tools answered to the calls of the last turn."""
        for message in messages[-len(self._unanswered) - 8 :] if self._unanswered else ():
            call = self._unanswered.pop(message.call_id or "", None)
            if message.role != "tool" or call is None:
                continue
            output = self._redactor.text(message.text)
            self._writer.emit(
                events.Tool, turn=self._turn, call_id=call.id, exit=_exit(output), output=output
            )

    def _request(self, exchange: Exchange, identifier: str) -> None:
        # No digest of the body: those of its messages say as much, and half a megabyte of history
        # is not hashed anew for every turn.
        request, plain = exchange.request, read_scalars(exchange.fields)
        declared = tools_digest(request.tools)
        tools = () if declared in self._declared else self._redacted_tools(request.tools)
        self._writer.emit(
            events.Request,
            turn=self._turn,
            id=identifier,
            messages=self._messages(request.messages),
            tools_digest=declared,
            tools=tools,
            sampling=request.sampling,
            caps=Caps(max_tokens=request.max_tokens),
            wire=exchange.wire,
            side_call="beside" if exchange.side else None,
            sent={
                key: self._redactor.text(value) if isinstance(value, str) else value
                for key, value in plain.items()
            },
        )

        self._declared.add(declared)

    def _response(self, exchange: Exchange, identifier: str) -> None:
        digest = self._message(exchange.message)
        self._writer.emit(
            events.Response,
            turn=self._turn,
            id=identifier,
            message=digest,
            finish=exchange.finish,
            raw_finish=exchange.raw_finish,
            usage=exchange.usage,
            discarded=exchange.discarded,
            timings=exchange.timings,
            raw=self._redactor.text(exchange.raw),
            verdict=exchange.verdict,
            reason=exchange.reason,
        )
        if exchange.side:
            return
        self._unanswered = {call.id: call for call in exchange.message.calls}
        self._ended = _ENDED.get(exchange.finish, Ended.CANCELLED)
        if exchange.finish is Finish.GUARD:
            self._ended = _stopped(exchange.decided)
        if exchange.fault is not None:
            engine = exchange.fault.boundary in (Boundary.ENGINE, Boundary.FORMAT)
            self._ended = Ended.ENGINE_ERROR if engine else Ended.AGENT_ERROR
            if exchange.finish is Finish.CONTEXT:
                self._ended = Ended.CONTEXT_OVERFLOW

    def _guard(self, decided: Decided) -> None:
        decision, finding = decided.decision, decided.decision.finding
        self._writer.emit(
            events.Guard,
            turn=self._turn,
            rule=decided.rule,
            mode="enforce" if decided.mode == "enforce" else "observe",
            action=decision.action,
            channel=finding.channel if finding else "",
            finding=self._redactor.text(finding.detail) if finding else "",
            before=self._redactor.text(decision.before or decision.shown),
        )

    def _fault(self, owner: Boundary, type_: str, message: str) -> None:
        text = self._redactor.text(message)
        self._writer.emit(
            events.Fault,
            turn=self._turn,
            boundary=owner,
            type=type_,
            message=text,
            channel="server",
        )

    def _messages(self, messages: tuple[Message, ...]) -> tuple[str, ...]:
        """The digests that name `messages`; most were named with the request before."""
        before, names = self._named
        if messages[: len(before)] != before:
            before, names = (), ()
        names += tuple(self._message(message) for message in messages[len(before) :])
        self._named = messages, names
        return names

    def _message(self, message: Message) -> str:
        """The digest that names `message`; known ones are not looked at again."""
        key = hash(message)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._writer.message(self._redacted(message), self._turn)
            self._digests[key] = digest
        return digest

    def _redacted_tools(self, tools: tuple[ToolSchema, ...]) -> tuple[ToolSchema, ...]:
        text = self._redactor.text(msgspec.json.encode(tools).decode())
        try:
            return msgspec.json.decode(text, type=tuple[ToolSchema, ...])
        except msgspec.DecodeError:
            # What was taken out was more than text: better none than a wrong one.
            return ()

    def _redacted(self, message: Message) -> Message:
        clean = self._redactor.text
        calls = tuple(
            msgspec.structs.replace(call, arguments=clean(call.arguments)) for call in message.calls
        )
        return msgspec.structs.replace(
            message, text=clean(message.text), think=clean(message.think), calls=calls
        )


def _told(exchange: Exchange, redactor: Redactor) -> Identity:
    """What answered, as attested, beside what the client asked for; `grade` says how sure."""
    told: Identity = {
        "model": exchange.model,
        "grade": UNATTESTED,
        **exchange.identity,
        "asked": exchange.model,
        "url": exchange.upstream,
        "observed_by": "gateway",
    }
    if exchange.window is not None:
        told["window"] = exchange.window
    return {
        key: redactor.text(value) if isinstance(value, str) else value
        for key, value in told.items()
    }


def _stopped(decided: Sequence[Decided]) -> Ended:
    stops = [one for one in decided if one.mode == "enforce" and one.decision.action == "stop"]
    if not stops:
        return Ended.GAVE_UP
    if stops[-1].rule == EmptyCompletionRule.id:
        return Ended.EMPTY_COMPLETION
    finding = stops[-1].decision.finding
    mode = finding.mode_id if finding else ""
    # Else no answer came that could be used, however often it was asked for.
    known = (ended for begin, ended in _STOPPED.items() if mode.startswith(begin))
    return next(known, Ended.GAVE_UP)


def _exit(output: str) -> int:
    match = _EXIT.search(output[:_EXIT_CHARS]) or _EXIT.search(output[-_EXIT_CHARS:])
    return int(match.group(1)) if match else 0
