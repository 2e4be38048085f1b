"""Attest an engine of ours: before the first trial, and again after the last.

Everything is proven or refused: the process is our living child and alone holds the listening
socket; the files it opened are the sealed ones and their digests are known; model, template,
window, slots and adapters are the asked ones; a canary fingerprints the weights that answer.
Where the system does not show who holds a port, the grade says so. A server that was there
before us is the business of `attached`. In: an `Engine`. Out: an `Attestation`, or an
`UnattestedError` that names every contradiction.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, FormatError, UnattestedError, UserError
from seatrial.core.schema import canonical_json, sha256_hex
from seatrial.serve import sockets
from seatrial.serve.attached import attest_url
from seatrial.serve.attestation import FAMILY, Attestation, Grade, make_attestation
from seatrial.serve.canary import difference
from seatrial.serve.engine import Engine
from seatrial.serve.gguf import file_digest, read_header
from seatrial.serve.seal import broken
from seatrial.serve.server import ServedAdapter, Statement, statement
from seatrial.serve.singing import sing

_HINT = "start the engine again; what was measured since the last proof does not count"
_SCALE_TOLERANCE = 1e-6
"""The engine keeps a scale as a 32-bit float."""


async def attest(engine: Engine) -> Attestation:
    """Prove what `engine` serves.

    Raises:
        UnattestedError: something contradicts the launch, the process or the files.
        EngineError: it does not answer.
    """
    return await _attest(engine, since_launch=True)


async def reattest(engine: Engine, first: Attestation) -> Attestation:
    """Prove that `engine` still serves what `first` says.

    Raises:
        UnattestedError: something changed or cannot be proven any more; says what.
    """
    try:
        now = await _attest(engine, since_launch=False)
    except UnattestedError:
        raise
    except (EngineError, FormatError, UserError) as error:
        raise UnattestedError(f"cannot be attested again: {error.message}", hint=_HINT) from None
    names = sorted(first.served.keys() | now.served.keys())
    problems = [
        f"{name} changed while it was served"
        for name in names
        if first.served.get(name) != now.served.get(name)
    ]
    if first.grade != now.grade:
        problems.append(f"the proof grade fell to {now.grade}")
    if part := difference(first.canary, now.canary):
        problems.append(f"the weights answer differently: {part}")
    _refuse(problems)
    return now


async def _attest(engine: Engine, *, since_launch: bool) -> Attestation:
    if engine.server_family != FAMILY:
        return await _attest_other(engine, since_launch=since_launch)
    reasons = prove_process(engine)
    # Looked at first too: a file that is written to while it is mapped spoils every answer.
    _check_seals(engine, since_launch=since_launch)
    async with Transport(engine.url, api_key=engine.spec.api_key) as server:
        said = await statement(server)
        canary = await sing(server, template=said.template)
    digests = await _digests(engine, since_launch=since_launch)
    _refuse([*_contradictions(engine, said), *_template_contradiction(engine, said)])
    # Whoever answered in between was the child if it held the port before and after.
    prove_process(engine)
    return make_attestation(
        said,
        canary,
        reasons=reasons,
        wire="raw_chat" if engine.parsing == "content_only" else "raw_completion",
        served={
            "engine": engine.version,
            "weights": digests[0],
            "adapters": [
                {"sha256": sha, "scale": adapter.scale}
                for sha, adapter in zip(digests[1:], engine.spec.adapters, strict=True)
            ],
            "parsing": engine.parsing,
        },
        volatile={"url": engine.url, "pid": engine.pid, "log": str(engine.log)},
    )


async def _attest_other(engine: Engine, *, since_launch: bool) -> Attestation:
    """Of a program that states less than llama.cpp does: process, seals, canary."""
    reasons = prove_process(engine)
    _check_seals(engine, since_launch=since_launch)
    found = await attest_url(engine.url, api_key=engine.spec.api_key)
    digests = await _digests(engine, since_launch=since_launch)
    window, asked = found.served["window_tokens"], engine.spec.window_tokens
    if asked and window is not None and window != asked:
        _refuse([f"a window of {asked} tokens was asked, {window} is served"])
    reasons += prove_process(engine)
    if not digests:
        reasons.append(f"no digest: {engine.spec.model} is not a file of this machine")
    weights = sha256_hex(canonical_json(digests)) if digests else found.served["weights"]
    grade: Grade = found.grade if reasons else "process"
    told = {"engine": engine.version, "weights": weights}
    return msgspec.structs.replace(
        found,
        grade=grade,
        reasons=tuple(reasons),
        served={**found.served, **told, "parsing": engine.parsing},
        volatile={**found.volatile, "pid": engine.pid, "log": str(engine.log)},
        identity={**found.identity, **told, "grade": grade, "pid": engine.pid},
    )


def prove_process(engine: Engine) -> list[str]:
    """Raise unless the child lives and alone holds its port; reasons where nobody can see that.

    Raises:
        UnattestedError: it is dead, or another process may answer.
    """
    if not engine.alive():
        raise UnattestedError(
            f"the engine (pid {engine.pid}) is not running: exit code {engine.process.returncode}",
            hint=f"its log is {engine.log}",
        )
    if not sockets.available():
        return ["this system does not show which process holds a port"]
    parts = urlsplit(engine.url)
    host, port = parts.hostname or "", parts.port or 0
    if engine.spec.port not in (0, port):
        raise UnattestedError(f"port {engine.spec.port} was asked, the engine names {port}")
    listening = sockets.listeners(host, port)
    if not listening:
        raise UnattestedError(f"nobody listens at {engine.url}", hint=f"its log is {engine.log}")
    foreign = listening - sockets.sockets_of(engine.pid)
    if foreign:
        pids = ", ".join(str(pid) for pid in sockets.owners(foreign)) or "unknown"
        raise UnattestedError(
            f"port {port} is held by another process (pid {pids}), not by our engine",
            hint="launch again with port 0, which takes a free one",
        )
    return []


async def _digests(engine: Engine, *, since_launch: bool) -> list[str]:
    """Digests of the files that the engine opened, model first."""
    try:
        found = [await asyncio.to_thread(file_digest, one.path) for one in engine.seals]
    except UserError as error:
        raise UnattestedError(error.message, hint=_HINT) from None
    # After the digests were taken: the seals vouch for what was read.
    _check_seals(engine, since_launch=since_launch)
    return found


def _check_seals(engine: Engine, *, since_launch: bool) -> None:
    states = ((one.path, broken(one, strict=since_launch)) for one in engine.seals)
    _refuse([f"{path} {what} since the engine opened it" for path, what in states if what])


def _contradictions(engine: Engine, said: Statement) -> list[str]:
    """Where the server's word differs from what it was launched with."""
    spec, model = engine.spec, str(engine.seals[0].path)
    windows = sorted({said.window_tokens, *(said.slot_windows or ())})
    asked = tuple(
        ServedAdapter(str(sealed.path), adapter.scale)
        for sealed, adapter in zip(engine.seals[1:], spec.adapters, strict=True)
    )
    problems = []
    if said.model_path != model:
        problems.append(f"model {model} was asked, {said.model_path} is served")
    if windows != [spec.window_tokens]:
        found = ", ".join(str(window) for window in windows)
        problems.append(f"a window of {spec.window_tokens} tokens was asked, {found} is served")
    if {said.slots, len(said.slot_windows or range(said.slots))} != {spec.slots}:
        problems.append(f"{spec.slots} slots were asked, {said.slots} are served")
    if not _same_adapters(asked, said.adapters):
        problems.append(f"adapters {_shown(asked)} were asked, {_shown(said.adapters)} are served")
    return problems


def _template_contradiction(engine: Engine, said: Statement) -> list[str]:
    template = read_header(engine.seals[0].path).chat_template
    if template is None or sha256_hex(template.encode()) == said.template_sha256:
        return []
    return ["the chat template that is served is not the one of the model file"]


def _same_adapters(asked: tuple[ServedAdapter, ...], served: tuple[ServedAdapter, ...]) -> bool:
    return len(asked) == len(served) and all(
        one.path == other.path and abs(one.scale - other.scale) <= _SCALE_TOLERANCE
        for one, other in zip(asked, served, strict=True)
    )


def _shown(adapters: tuple[ServedAdapter, ...]) -> str:
    return ", ".join(f"{Path(one.path).name} x {one.scale:g}" for one in adapters) or "none"


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UnattestedError("; ".join(problems), hint=_HINT)
