"""Keep a server up: start it again when it dies, and go on only if it is the same as before.

A server that came back with another model would be worse than none: every launch is proven
anew, and what is served must be what was served first, at the same address. In: a `LaunchSpec`,
a policy and a way to prove. Out: one `Event` after the other, and the exit code at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from seatrial.core.errors import UnattestedError
from seatrial.serve.attestation import Attestation
from seatrial.serve.canary import difference
from seatrial.serve.engine import Engine, launch
from seatrial.serve.engines.ready import OnWaiting
from seatrial.serve.engines.spec import LaunchSpec
from seatrial.serve.failure import complaint

Mode = Literal["never", "on-failure"]


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a server that died is started again."""

    mode: Mode = "never"
    max_restarts: int = 5
    """In the whole life of the command: what dies that often is not worth restarting."""
    backoff_seconds: float = 1.0
    """Before the first restart; each further pause is twice as long."""
    longest_backoff_seconds: float = 30.0

    def pause(self, restarts: int) -> float:
        """Seconds to wait before restart number `restarts`, from 1."""
        return min(self.backoff_seconds * 2.0 ** (restarts - 1), self.longest_backoff_seconds)


class Serving(msgspec.Struct, frozen=True):
    """It serves, and that is proven."""

    engine: Engine
    attestation: Attestation
    restarts: int


class Died(msgspec.Struct, frozen=True):
    """It ended by itself."""

    exit_code: int
    """Negative for a signal."""
    said: str
    """What its log says best; may be empty."""
    restart_in_seconds: float | None
    """None = it is not started again."""


Event = Serving | Died
Prove = Callable[[Engine], Awaitable[Attestation]]


async def keep_serving(
    spec: LaunchSpec,
    policy: RestartPolicy,
    prove: Prove,
    tell: Callable[[Event], None],
    *,
    on_waiting: OnWaiting | None = None,
) -> int:
    """Serve until the server ends and is not started again; its exit code.

    Raises:
        UnattestedError: what came back is not what was served first.
        SeatrialError: it does not start.
    """
    first: Attestation | None = None
    restarts = 0
    while True:
        offset = spec.log.stat().st_size if spec.log.exists() else 0
        async with launch(spec, on_waiting=on_waiting) as engine:
            attestation = await prove(engine)
            if first is None:
                first = attestation
            else:
                refuse_change(first, attestation)
            tell(Serving(engine, attestation, restarts))
            # Whoever uses it knows this address.
            spec = msgspec.structs.replace(spec, port=urlsplit(engine.url).port or 0)
            code = await engine.wait_exit()
        again = policy.mode == "on-failure" and code != 0 and restarts < policy.max_restarts
        restarts += 1
        pause = policy.pause(restarts) if again else None
        tell(Died(code, complaint(spec.log, offset), pause))
        if pause is None:
            return code
        await asyncio.sleep(pause)


def refuse_change(first: Attestation, now: Attestation) -> None:
    """Refuse a server that is not the one that was there first.

    Raises:
        UnattestedError: names everything that changed.
    """
    names = sorted(first.served.keys() | now.served.keys())
    changed = [name for name in names if first.served.get(name) != now.served.get(name)]
    if first.grade != now.grade:
        changed.append(f"the proof grade ({first.grade} became {now.grade})")
    if part := difference(first.canary, now.canary):
        changed.append(f"the weights ({part})")
    if changed:
        raise UnattestedError(
            f"the server that came back is not the one that was served: {', '.join(changed)} "
            "changed",
            hint="start it again if that is what you want; its clients expect the first one",
        )
