"""Runs commands directly on the host. This is NOT isolation.

A command can read what we can read, reach the network, write outside the workspace and, if it
sets out to, leave a process behind. For machines without namespaces, and for models that one
trusts. The limits, the clean environment and the clearing up are those of the real sandbox as
far as they go: `network` and read-only binds cannot be honoured, and absolute paths such as
/app or /tests do not exist (commands find theirs in the SEATRIAL_*_DIR variables).
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from seatrial.core.errors import InfraError, UserError
from seatrial.sandbox.cgroup import TASKS_PER_PROCESS, bounded_tasks
from seatrial.sandbox.launcher import bind_variables, environment, refusal, shell
from seatrial.sandbox.protocol import NO_ENV, Bind, Completed, Limits
from seatrial.sandbox.supervise import Latch, Start, in_thread, supervise
from seatrial.sandbox.tree import CookieTree

_COOKIE = "SEATRIAL_COMMAND"


class ProcessSandbox:
    """`Sandbox` without isolation; make it with `open_sandbox`."""

    kind: Literal["process"] = "process"

    def __init__(self, workspace: Path, *, binds: Sequence[Bind]) -> None:
        self.workspace = workspace
        self._binds = tuple(binds)

    @property
    def workdir(self) -> str:
        """The workspace itself: there is no other view of it."""
        return str(self.workspace)

    async def run(
        self, command: str, *, limits: Limits, env: Mapping[str, str] = NO_ENV
    ) -> Completed:
        """See `Sandbox.run`."""
        return await in_thread(partial(self.run_blocking, command, limits, env))

    def run_blocking(
        self, command: str, limits: Limits, env: Mapping[str, str], latch: Latch
    ) -> Completed:
        """The same for a caller without an event loop."""
        if refused := refusal(command):
            return refused
        bash = shutil.which("bash")
        if bash is None:
            raise UserError("bash is not installed", hint="install bash")
        if not self.workspace.is_dir():
            raise InfraError(f"{self.workspace}: does not exist, so no command can run there")
        with (
            tempfile.TemporaryDirectory(prefix="seatrial-", ignore_cleanup_errors=True) as private,
            bounded_tasks(bash, limits.processes * TASKS_PER_PROCESS) as join,
        ):
            start = self._start([*join, *shell(bash, command, limits)], env, private)
            return supervise(start, limits, latch)

    def _start(self, argv: list[str], env: Mapping[str, str], private: str) -> Start:
        cookie = secrets.token_hex(16)
        variables = environment(
            home=private,
            workdir=self.workdir,
            binds=bind_variables(self._binds, on_host=True),
            given=env,
        )
        return Start(
            argv=argv,
            env=variables | {"TMPDIR": private, _COOKIE: cookie},
            cwd=self.workspace,
            pass_fds=(),
            adopt=partial(CookieTree, cookie=f"{_COOKIE}={cookie}"),
        )
