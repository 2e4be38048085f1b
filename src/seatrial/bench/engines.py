"""The engines of a run: one for each arm, launched, attested, relaunched when one dies.

No trial gets an endpoint before the identity behind it is proven and locked, and a relaunch
must give the same arm id. In: resolved arms. Out: attested endpoints and locks.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from seatrial.bench.arm import ResolvedArm, lock_arm
from seatrial.bench.progress import Progress
from seatrial.chat import Endpoint, LlamaCppEndpoint
from seatrial.core.errors import EngineError, UnattestedError, UserError
from seatrial.core.lock import Lock, lock_difference
from seatrial.serve import Attestation, Engine, attest, launch, reattest
from seatrial.store import RunDir

MAX_RELAUNCHES = 5
"""An engine that dies more often than this is not served again in one run."""


class ServedArm:
    """One arm and the engine that serves it now."""

    def __init__(self, arm: ResolvedArm, run: RunDir, progress: Progress) -> None:
        self.arm = arm
        self.lock: Lock | None = None
        self.relaunches = 0
        self._run = run
        self._progress = progress
        self._stack = AsyncExitStack()
        self._engine: Engine | None = None
        self._first: Attestation | None = None
        self._endpoint: LlamaCppEndpoint | None = None
        self._mutex = asyncio.Lock()

    async def __aenter__(self) -> ServedArm:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def arm_id(self) -> str:
        if self.lock is None:
            raise UnattestedError(f"{self.arm.spec.name}: not attested yet")
        return self.lock.arm

    async def endpoint(self) -> Endpoint:
        """The attested endpoint; a dead engine is launched and attested again first."""
        async with self._mutex:
            if self._engine is None or not self._engine.alive():
                if self.relaunches >= MAX_RELAUNCHES:
                    raise EngineError(
                        f"{self.arm.spec.name}: the engine died {self.relaunches + 1} times",
                        hint=f"its own words are in {self._run.path / 'logs'}",
                    )
                self._progress.warn(f"{self.arm.spec.name}: the engine died; launching it again")
                self.relaunches += 1
                self._run.journal("relaunch", arm=self.arm_id)
                await self._stack.aclose()
                await self._start()
            if self._endpoint is None:
                raise UnattestedError(f"{self.arm.spec.name}: no endpoint")
            return self._endpoint

    async def confirm(self) -> None:
        """Prove again that the same model answers; raises `UnattestedError` if not."""
        if self._engine is None or self._first is None or not self._engine.alive():
            raise UnattestedError(f"{self.arm.spec.name}: the engine is gone")
        again = await reattest(self._engine, self._first)
        self._run.journal("attested", arm=self.arm_id, grade=again.grade, phase="last")

    async def _start(self) -> None:
        log = self._log_path()
        self._engine = await self._stack.enter_async_context(launch(self.arm.launch_spec(log)))
        self._first = await attest(self._engine)
        lock = lock_arm(self.arm, self._first)
        self._keep(lock)
        self._run.journal("attested", arm=lock.arm, grade=self._first.grade, phase="first")
        self._endpoint = LlamaCppEndpoint(
            self._engine.url,
            self._first.facts(),
            wire=self.arm.profile.wire,
            options=self.arm.spec.toolcalls,
        )
        await self._stack.enter_async_context(self._endpoint)

    def _keep(self, lock: Lock) -> None:
        """Write the lock, or hold it against the one that the run has for this arm."""
        locks = self._run.locks()
        twin = locks.get(lock.arm)
        if twin is not None and twin.name != lock.name:
            raise UserError(
                f"arms {twin.name} and {lock.name} are one configuration (arm id {lock.arm})",
                hint="change a setting of one, or use `seeds` to repeat trials",
            )
        known = next((old for old in locks.values() if old.name == lock.name), None)
        if known is not None and known.arm != lock.arm:
            changed = ", ".join(lock_difference(known, lock)) or "the lock itself"
            raise UnattestedError(
                f"arm {lock.name} is not the one that this run began with: {changed} changed",
                hint="start a new run; results of two configurations are never mixed",
            )
        self._run.write_lock(lock)
        self.lock = lock

    def _log_path(self) -> Path:
        folder = self._run.path / "logs"
        folder.mkdir(exist_ok=True)
        number = len(list(folder.glob(f"{self.arm.spec.name}-*.log"))) + 1
        return folder / f"{self.arm.spec.name}-{number}.log"
