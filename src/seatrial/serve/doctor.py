"""The doctor: facts, attestation, survey and lint of one server, put together into one verdict.

Nothing is asked here that `families`, `attached` and `survey` do not ask, and nothing is judged
that no rule judges: this module only decides what to look at, in which order, and what the whole
is called. A part that fails is named and the rest goes on; a server that turns out to be another
one than is meant is not surveyed, because a request could load the wrong model. In: a `Visit`.
Out: an `Examination`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Limits, Transport
from seatrial.core.errors import EngineError, SeatrialError, UnattestedError, UserError
from seatrial.serve.attached import CHANGED_HINT, attest_url, is_cold
from seatrial.serve.attestation import Attestation
from seatrial.serve.canary import difference
from seatrial.serve.facts import ServerFacts
from seatrial.serve.families import read_facts
from seatrial.serve.families.owner import is_loopback
from seatrial.serve.gguf import GgufHeader, read_header
from seatrial.serve.gpu import cards
from seatrial.serve.lint.load import read_command
from seatrial.serve.lint.rule import Report, Severity, lint
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject, Turn
from seatrial.serve.memory import MemoryEstimate
from seatrial.serve.singing import sing_anywhere
from seatrial.serve.survey.run import survey
from seatrial.serve.survey.survey import Depth, Survey
from seatrial.serve.what_if import Setup, estimate_of, largest_window, setup_of, what_if
from seatrial.serve.witness_client import Witness

SCHEMA_VERSION = 1
MAX_LOG_LINES = 20_000
CANARY_SECONDS: dict[Depth, float] = {"quick": 20.0, "full": 180.0, "overflow": 180.0}
LOAD_SECONDS: dict[Depth, float] = {"quick": 60.0, "full": 300.0, "overflow": 300.0}
"""For a model that the first request loads."""
_FIRST_SECONDS: dict[Depth, float] = {"quick": 25.0, "full": 180.0, "overflow": 180.0}
"""For the first answer of the survey."""
LIMITS = Limits(connect_seconds=5.0, json_seconds=20.0)

Verdict = Literal["sound", "faulty", "inconclusive", "unattested"]
EXIT_CODES: dict[Verdict, int] = {"sound": 0, "faulty": 1, "inconclusive": 2, "unattested": 3}

_SECOND_CANARY = "second canary"
_KEY_HINT = "name the URL and put its key into SEATRIAL_API_KEY, or use --api-key-env NAME"
_CORE = ("answers.chat", "answers.stream")
"""What has to be seen right before anything is called sound."""

Config = ServerConfig | ClientConfig
OnStep = Callable[[str], None]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be examined."""

    url: str | None = None
    """None = only the files."""
    model: str | None = None
    """The id that the person's client asks for."""
    expected: str | None = None
    """The model that the person means to run: a path, a digest or an id."""
    api_key: str | None = None
    witness: Witness | None = None
    depth: Depth = "quick"
    configs: tuple[Config, ...] = ()
    turns: tuple[Turn, ...] = ()
    log: Path | None = None
    """The server's own log."""
    gpu_bytes: int | None = None
    what_if: str | None = None
    """Settings to estimate the memory of: `ctk=q8_0,c=262144`."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of one way to serve the model."""

    setup: Setup
    memory: MemoryEstimate
    largest_window_tokens: int | None = None
    """The largest `-c` that surely fits the card; None = none does, or no card is known."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found."""

    schema_version: int = SCHEMA_VERSION
    url: str | None
    verdict: Verdict
    line: str
    """The verdict in one sentence."""
    hint: str | None = None
    """What to do about a server that is not the one that is meant."""
    facts: ServerFacts | None
    attestation: Attestation | None
    survey: Survey | None
    report: Report
    estimate: Estimate | None = None
    failed: dict[str, str] = {}
    """Part of the examination -> why it could not be made."""
    seconds: float


async def examine(visit: Visit, on_step: OnStep = lambda _: None) -> Examination:
    """Look at everything that `visit` names.

    Raises:
        EngineError: the server cannot be reached, or asks for a key.
        FormatError: what answers there serves no models.
        UserError: a file cannot be read, or a what-if names no known setting.
    """
    start = time.monotonic()
    found = _Found()
    if visit.url is not None:
        await _ask(visit, visit.url, found, on_step)
    on_step("holds it against what is known to go wrong")
    servers = _servers(visit, found)
    header = await asyncio.to_thread(_header, found.facts, servers)
    report = lint(
        Subject(
            servers=servers,
            clients=tuple(one for one in visit.configs if isinstance(one, ClientConfig)),
            facts=found.facts,
            survey=found.survey,
            turns=visit.turns,
            log=await asyncio.to_thread(_log_lines, visit.log),
            header=header,
            asked=visit.model,
            expected=visit.expected,
            extra=await asyncio.to_thread(_machine, visit, found.facts),
        )
    )
    verdict = _verdict(visit, found, report)
    return Examination(
        # As the connection has it: a login in the URL must not be shown.
        url=visit.url if found.facts is None else found.facts.url,
        verdict=verdict,
        line=_line(verdict, found, report),
        hint=None if found.refused is None else found.refused.hint,
        facts=found.facts,
        attestation=found.attestation,
        survey=found.survey,
        report=report,
        estimate=_estimate(visit, header, servers),
        failed=found.failed,
        seconds=round(time.monotonic() - start, 3),
    )


class _Found:
    """What was learned from the server so far."""

    def __init__(self) -> None:
        self.facts: ServerFacts | None = None
        self.attestation: Attestation | None = None
        self.refused: UnattestedError | None = None
        self.survey: Survey | None = None
        self.failed: dict[str, str] = {}

    @property
    def unmet(self) -> str | None:
        """Why it is not known whether the expected model answers; None = it is, or none is."""
        expectation = self.attestation.expectation if self.attestation is not None else None
        return expectation.said if expectation is not None and expectation.met is None else None


async def _ask(visit: Visit, url: str, found: _Found, on_step: OnStep) -> None:
    async with Transport(url, api_key=visit.api_key, limits=LIMITS) as server:
        on_step("asks what it is")
        found.facts = await read_facts(server, model=visit.model)
        on_step("looks at its process and takes the canary")
        await _attest(visit, url, server.url, found)
        if found.refused is not None:
            found.failed["survey"] = "not made: a request could load or measure the wrong model"
            return
        try:
            await _survey(visit, server, found.facts, found, on_step)
        except SeatrialError as error:
            found.failed["survey"] = error.message
        if (seen := found.survey) is not None:
            if (other := seen.bad("identity.same_model")) is not None:
                found.refused = UnattestedError(other.said, hint=CHANGED_HINT)
            if other is not None or seen.bad("answers.chat") or seen.bad("answers.alive"):
                return
        on_step("takes the canary again")
        await _same_at_the_end(server, found)


async def _attest(visit: Visit, url: str, shown: str, found: _Found) -> None:
    """`shown`: the URL without a login in it."""
    try:
        found.attestation = await attest_url(
            url,
            model=visit.model,
            expected=visit.expected,
            api_key=visit.api_key,
            witness=visit.witness,
            canary_seconds=CANARY_SECONDS[visit.depth],
            load_seconds=LOAD_SECONDS[visit.depth],
        )
    except UnattestedError as error:
        found.refused = error
    except RefusedError as error:
        if error.status in (401, 403):
            raise EngineError(f"{shown} wants a key", hint=_KEY_HINT) from None
        found.failed["attestation"] = error.message
    except SeatrialError as error:
        found.failed["attestation"] = error.message


async def _survey(
    visit: Visit, server: Transport, facts: ServerFacts, found: _Found, on_step: OnStep
) -> None:
    """Ask the loaded model; its facts are read again where a request had to load it."""
    attested, first_seconds = found.attestation, _FIRST_SECONDS[visit.depth]
    asked = attested.asked if attested is not None else visit.model
    if facts.family.loads_on_request:
        sang = attested is not None and attested.canary.kind is not None
        if is_cold(facts, asked) and not sang:
            first_seconds = LOAD_SECONDS[visit.depth]
        facts = found.facts = await _loaded(server, facts, asked)
    found.survey = await survey(
        server,
        facts,
        depth=visit.depth,
        model=asked,
        first_seconds=first_seconds,
        on_progress=lambda probe: on_step(probe.title),
    )


async def _loaded(server: Transport, facts: ServerFacts, model: str | None) -> ServerFacts:
    """The facts as they are now that the model was asked for; `facts` where that fails."""
    try:
        return await read_facts(server, model=model)
    except SeatrialError:
        return facts


async def _same_at_the_end(server: Transport, found: _Found) -> None:
    """What answered the survey is what was attested before it, or nothing of it counts."""
    first, facts = found.attestation, found.facts
    if first is None or facts is None or first.canary.kind is None:
        return
    template = facts.template.value if facts.template is not None else None
    try:
        async with asyncio.timeout(CANARY_SECONDS["quick"]):
            again = await sing_anywhere(
                server, facts.family.id, model=first.asked, template=template
            )
    except (TimeoutError, SeatrialError):
        found.failed[_SECOND_CANARY] = "no answer"
        return
    if (part := difference(first.canary, again)) is not None:
        found.refused = UnattestedError(
            f"the model that answers changed during the examination: {part}", hint=CHANGED_HINT
        )


def _servers(visit: Visit, found: _Found) -> tuple[ServerConfig, ...]:
    """The settings that were given; else those of the process, where it shows them."""
    given = tuple(one for one in visit.configs if isinstance(one, ServerConfig))
    command = found.facts.command if found.facts is not None else None
    if given or command is None:
        return given
    try:
        return (read_command(command.value),)
    except UserError:  # such as an engine inside of another program
        return ()


def _header(facts: ServerFacts | None, servers: tuple[ServerConfig, ...]) -> GgufHeader | None:
    """Of the model file, where it lies on this machine and is one."""
    paths = [facts.model.value] if facts is not None and facts.model is not None else []
    paths += [str(one.get("model")) for one in servers[:1] if len(servers) == 1]
    for path in paths:
        if path.endswith(".gguf") and Path(path).is_file():
            try:
                return read_header(Path(path))
            except UserError:
                continue
    return None


def _machine(visit: Visit, facts: ServerFacts | None) -> dict[str, object]:
    """What is known of the machine of the server: rules on GPUs do not hold without one."""
    known: dict[str, object] = {}
    if visit.gpu_bytes is not None:
        known["gpu_bytes"] = visit.gpu_bytes
    here = facts is not None and (
        facts.pid is not None or is_loopback(urlsplit(facts.url).hostname or "")
    )
    if here and sys.platform == "darwin":
        known["platform"] = "darwin"
    elif here and visit.gpu_bytes is None and cards() is None:
        known["platform"] = "cpu"
    return known


def _log_lines(log: Path | None) -> tuple[str, ...]:
    if log is None:
        return ()
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return tuple(
                line.rstrip("\n")[:1000]
                for line, _ in zip(file, range(MAX_LOG_LINES), strict=False)
            )
    except OSError as error:
        raise UserError(
            f"{log}: cannot be read: {error.strerror}", hint="give the server's own log"
        ) from None


def _estimate(
    visit: Visit, header: GgufHeader | None, servers: tuple[ServerConfig, ...]
) -> Estimate | None:
    if visit.what_if is None:
        return None
    if header is None:
        raise UserError(
            "what-if needs the model file, and none is seen on this machine",
            hint='give it: --command "llama-server -m model.gguf"',
        )
    base = setup_of(servers[0]) if len(servers) == 1 else Setup()
    setup = what_if(visit.what_if, base)
    card = visit.gpu_bytes
    return Estimate(
        setup=setup,
        memory=estimate_of(header, setup),
        largest_window_tokens=None if card is None else largest_window(header, setup, card),
    )


def _verdict(visit: Visit, found: _Found, report: Report) -> Verdict:
    if found.refused is not None:
        return "unattested"
    if _count(report, Severity.ERROR):
        return "faulty"
    if visit.url is None:
        return "sound"
    if found.unmet is not None:
        return "inconclusive"
    if _SECOND_CANARY in found.failed:  # who answered the survey is not known
        return "inconclusive"
    open_ = _not_judged(found.survey)
    return "sound" if open_ is None and found.attestation is not None else "inconclusive"


def _not_judged(seen: Survey | None) -> str | None:
    """What was not seen although nothing can be called sound without it; None = all was."""
    if seen is None:
        return "no answer to judge"
    for id_ in _CORE:
        one = seen.find(id_)
        if one is None or one.verdict == "unknown":
            return one.said if one is not None else f"{id_} was not asked"
    judged = sum(one.verdict != "unknown" for one in seen.observations)
    if judged < 2 * len(seen.skipped):
        return "most was not asked: " + next(iter(seen.skipped.values()))
    return None


def _line(verdict: Verdict, found: _Found, report: Report) -> str:
    if found.refused is not None:
        return f"NOT THE MODEL YOU MEAN: {found.refused.message}"
    facts = found.facts
    what = "these settings"
    if facts is not None:
        what = f"{facts.model.value if facts.model else facts.url} on {facts.family.title}"
    errors = _many(_count(report, Severity.ERROR), "error")
    warnings = _many(_count(report, Severity.WARNING), "warning")
    if verdict == "faulty":
        return f"FAULTY: {what}: {errors}, {warnings}. First: {report.findings[0].title}"
    if verdict == "inconclusive":
        if found.unmet is not None:
            return f"INCONCLUSIVE: {found.unmet}"
        reasons = [f"{part}: {reason}" for part, reason in found.failed.items()]
        if "survey" not in found.failed and (open_ := _not_judged(found.survey)) is not None:
            reasons.append(open_)
        return f"INCONCLUSIVE: {what}: not everything could be asked ({'; '.join(reasons)})"
    return f"SOUND: {what}: no errors, {warnings}"


def _count(report: Report, severity: Severity) -> int:
    return sum(found.severity is severity for found in report.findings)


def _many(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
