"""The run of a survey: probes in order, within a budget, whatever each of them meets.

A probe that cannot judge says `unknown`; one that does not fit the budget is skipped with the
reason. Only a server that cannot be asked at all is an error. In: a server and its facts. Out: a
`Survey`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import BudgetError, EngineError, FormatError, UserError
from seatrial.serve.facts import ServerFacts
from seatrial.serve.survey.observe import bad, good
from seatrial.serve.survey.probes import PROBES
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.survey import Depth, Observation, Probe, Survey

OnProgress = Callable[[Probe], None]
"""Called before each probe."""

_STEADY = "answers.steady"
_UNSTEADY = "not known, because requests fail now and then"

FAILED = "the probe itself failed"
"""Begins the reason of a skipped probe that broke: a defect of ours."""

_RANK: dict[Depth, int] = {"quick": 0, "full": 1, "overflow": 2}
_SECONDS: dict[Depth, float] = {"quick": 120.0, "full": 600.0, "overflow": 900.0}
_REQUEST_SECONDS: dict[Depth, float] = {"quick": 30.0, "full": 180.0, "overflow": 300.0}
_REQUESTS = 160
_LONGEST_ALIVE_SECONDS = 5.0


async def survey(
    server: Transport,
    facts: ServerFacts,
    *,
    depth: Depth = "quick",
    model: str | None = None,
    max_seconds: float | None = None,
    max_requests: int = _REQUESTS,
    request_seconds: float | None = None,
    first_seconds: float | None = None,
    only: Collection[str] | None = None,
    on_progress: OnProgress | None = None,
) -> Survey:
    """Ask `server` what it really does.

    `model`: the id that requests name. `only`: ids of probes; they run whatever their depth.
    `first_seconds`: for the first request, where more or less is due than for a model to load.

    Raises:
        EngineError: nothing answers, or it wants a key that was not given.
        UserError: no such probe, or it is not clear which model is meant.
    """
    chosen = _chosen(depth, only)
    seconds = _SECONDS[depth] if max_seconds is None else max_seconds
    session = Session(
        server,
        facts,
        model=model,
        max_requests=max_requests,
        max_seconds=seconds,
        request_seconds=_REQUEST_SECONDS[depth] if request_seconds is None else request_seconds,
        first_seconds=_first_seconds(seconds, request_seconds, first_seconds),
        patient=depth != "quick",
    )
    start = time.monotonic()
    await _reachable(server)
    found, skipped = await _ask_all(session, chosen, on_progress)
    return Survey(
        depth=depth,
        observations=tuple(found),
        requests=session.requests,
        seconds=time.monotonic() - start,
        skipped=skipped,
    )


def _first_seconds(total: float, request: float | None, first: float | None) -> float | None:
    if first is not None:
        return first
    return total / 2 if request is None else None


async def _ask_all(
    session: Session, probes: list[Probe], on_progress: OnProgress | None
) -> tuple[list[Observation], dict[str, str]]:
    """What the probes observed, and why those that are missing did not run."""
    found: list[Observation] = []
    skipped: dict[str, str] = {}
    over: str | None = None
    for probe in probes:
        if over is not None:
            skipped[probe.id] = over
            continue
        if on_progress is not None:
            on_progress(probe)
        lost = session.lost
        try:
            found += await probe.run(session)
        except BudgetError as error:
            skipped[probe.id] = error.message
        except Exception as error:
            # What a server sends may break a probe in ways that nobody thought of; the others run.
            skipped[probe.id] = f"{FAILED}: {type(error).__name__}: {error}"
        _check_key(session)
        if session.lost > lost and not await _alive(session.server):
            over = f"the server went away during the probe {probe.id}"
            found.append(bad("answers.alive", over, session.replies[-1], probe=probe.id))
        elif probe.id == "answers":
            over = _hopeless(found)
    return _steadily(session, found, "answers" in {probe.id for probe in probes}), skipped


def _hopeless(found: list[Observation]) -> str | None:
    """Why nothing more is worth asking."""
    bad_ones = {one.id for one in found if one.verdict == "bad"}
    if "answers.chat" in bad_ones:
        return "the chat endpoint does not answer"
    if "stops.max_tokens" in bad_ones:
        return "answers do not end at max_tokens, so each further question would take too long"
    return None


def _steadily(session: Session, found: list[Observation], all_: bool) -> list[Observation]:
    """`found`, with whether the server failed and then answered the same request.

    What failed once may have failed by the same chance elsewhere, so it proves nothing more.
    """
    failed = session.stumbles
    if not failed:
        steady = good(_STEADY, "no request failed that was answered when it was sent again")
        return [*found, steady] if all_ and session.replies else found
    said = (
        f"fails now and then: {len(failed)} of {session.requests} requests failed and were "
        f"answered when they were sent again: {failed[0].error[:200]}"
    )
    cleared = [
        msgspec.structs.replace(one, verdict="unknown", said=f"{_UNSTEADY}: {one.said}")
        if one.verdict == "bad" and _from_failure(one)
        else one
        for one in found
    ]
    steady = bad(_STEADY, said, failed[0], failed=len(failed), requests=session.requests)
    return [*cleared, steady]


def _from_failure(one: Observation) -> bool:
    status = one.values.get("status")
    return isinstance(status, int) and status >= 500 and one.id != "tools.parse_failure"


def _chosen(depth: Depth, only: Collection[str] | None) -> list[Probe]:
    if only is None:
        return [probe for probe in PROBES if _RANK[probe.depth] <= _RANK[depth]]
    known = [probe.id for probe in PROBES]
    for id_ in only:
        if id_ not in known:
            raise UserError(f"no probe {id_}", hint=f"one of {', '.join(known)}")
    return [probe for probe in PROBES if probe.id in only]


async def _reachable(server: Transport) -> None:
    """Raises EngineError when there is no server; any answer is one."""
    await _models(server)


async def _alive(server: Transport) -> bool:
    try:
        await _models(server)
    except EngineError:
        return False
    return True


async def _models(server: Transport) -> None:
    try:
        await server.get_json("/v1/models", Any, timeout_seconds=_LONGEST_ALIVE_SECONDS)
    except RefusedError as error:
        if error.status in (401, 403):
            raise
    except FormatError:
        pass


def _check_key(session: Session) -> None:
    """Raises EngineError when the server answers nothing without a key."""
    refused = [reply for reply in session.replies if reply.status in (401, 403)]
    if refused and len(refused) == len(session.replies):
        status, url = refused[0].status, session.server.url
        hint = "put the key of this server into SEATRIAL_API_KEY, or use --api-key-env NAME"
        raise EngineError(f"{url} answers {status} to every request", hint=hint)
