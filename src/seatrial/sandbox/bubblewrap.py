"""A sandbox of Linux namespaces, made by bubblewrap anew for every command.

The command sees the host's programs and our interpreter read-only, its workspace, the binds it
was given, and a private /tmp, /dev and /proc; no network, no capabilities, no other process.
Only the workspace and writable binds persist from one command to the next. It does not filter
system calls: a hole in the kernel is a hole here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from seatrial.core.errors import HarnessError, InfraError, UserError
from seatrial.sandbox.cgroup import TASKS_PER_PROCESS, bounded_tasks
from seatrial.sandbox.launcher import bind_variables, environment, refusal, shell
from seatrial.sandbox.protocol import NO_ENV, Bind, Completed, Limits
from seatrial.sandbox.supervise import Latch, Start, in_thread, supervise
from seatrial.sandbox.tree import NamespaceTree
from seatrial.sandbox.userland import interpreter_arguments, procfs_arguments, system_arguments

_HOME = "/tmp/home"
_SHM_BYTES = 64 * 1024 * 1024

_ISOLATION = (
    *("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--cap-drop", "ALL", "--die-with-parent", "--new-session"),
    *("--hostname", "sandbox"),
)


class BubblewrapSandbox:
    """`Sandbox` with isolation; make it with `open_sandbox`."""

    kind: Literal["bwrap"] = "bwrap"

    def __init__(
        self, workspace: Path, *, workdir: str, binds: Sequence[Bind], network: bool
    ) -> None:
        self.workspace = workspace
        self.workdir = workdir
        self._binds = tuple(binds)
        self._network = network
        for path in (workdir, *(bind.inside for bind in binds)):
            _check_inside(path)

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
        program = shutil.which("bwrap")
        if program is None:
            raise UserError("bubblewrap is not installed", hint="apt-get install bubblewrap")
        self._check_host_paths()
        tasks = limits.processes * TASKS_PER_PROCESS
        with bounded_tasks("/bin/bash", tasks) as join:
            start = self._start([*join, program], command, limits, env)
            return supervise(start, limits, latch)

    def _start(
        self, program: list[str], command: str, limits: Limits, env: Mapping[str, str]
    ) -> Start:
        status_read, status_write = os.pipe()
        tasks = limits.processes * TASKS_PER_PROCESS
        return Start(
            argv=[
                *program,
                *("--json-status-fd", str(status_write)),
                *self._arguments(limits),
                *shell("/bin/bash", command, limits, tasks=tasks),
            ],
            # bubblewrap's own environment can be read inside, in /proc/1: it is the same one.
            env=environment(
                home=_HOME,
                workdir=self.workdir,
                binds=bind_variables(self._binds, on_host=False),
                given=env,
            ),
            cwd=self.workspace,
            pass_fds=(status_write,),
            adopt=partial(NamespaceTree, status_fd=status_read),
        )

    def _arguments(self, limits: Limits) -> list[str]:
        arguments = [*_ISOLATION, *([] if self._network else ["--unshare-net"])]
        arguments += system_arguments(network=self._network)
        arguments += procfs_arguments()
        # /dev lies on a tmpfs without a size: nothing may be written there but in shm.
        arguments += ["--dev", "/dev", "--size", str(_SHM_BYTES), "--perms", "1777"]
        arguments += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
        arguments += ["--size", str(limits.file_bytes), "--perms", "1777", "--tmpfs", "/tmp"]
        # The environment may lie below /tmp itself: a clone in a temporary folder, say.
        arguments += interpreter_arguments()
        arguments += ["--dir", _HOME, "--bind", str(self.workspace), self.workdir]
        for bind in self._binds:
            mode = "--bind" if bind.writable else "--ro-bind"
            arguments += [mode, str(bind.host), bind.inside]
        return [*arguments, "--remount-ro", "/", "--chdir", self.workdir]

    def _check_host_paths(self) -> None:
        for path in (self.workspace, *(bind.host for bind in self._binds)):
            if not path.exists():
                raise InfraError(f"{path}: does not exist, so no sandbox can show it")


def _check_inside(path: str) -> None:
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == "/":
        raise HarnessError(f"{path}: not a plain absolute path for the inside of a sandbox")
