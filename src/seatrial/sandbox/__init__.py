"""Runs untrusted commands: what a coding agent asks for, and hidden tests.

    sandbox = open_sandbox("bwrap", workspace)
    done = await sandbox.run("pytest -q", limits=Limits(wall_seconds=30))

`protocol` says what goes in and out, `bubblewrap` and `process` run it under `supervise`,
`probe` says whether they can, `confine` guards the host's own look into a workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from seatrial.sandbox.bubblewrap import BubblewrapSandbox
from seatrial.sandbox.confine import ConfinementError, confined
from seatrial.sandbox.probe import probe, require
from seatrial.sandbox.process import ProcessSandbox
from seatrial.sandbox.protocol import (
    Bind,
    Completed,
    KilledBy,
    Limits,
    Probe,
    Sandbox,
    SandboxKind,
)

__all__ = [
    "Bind",
    "Completed",
    "ConfinementError",
    "KilledBy",
    "Limits",
    "Probe",
    "Sandbox",
    "SandboxKind",
    "confined",
    "open_sandbox",
    "probe",
    "require",
]


def open_sandbox(
    kind: SandboxKind,
    workspace: Path,
    *,
    workdir: str = "/app",
    binds: Sequence[Bind] = (),
    network: bool = False,
) -> Sandbox:
    """A sandbox over `workspace`; costs nothing until a command runs.

    `process` has no other view of the workspace than its own path, and always the network.

    Raises:
        HarnessError: `workdir` or a bind is not a plain absolute path.
    """
    root = workspace.resolve()
    binds = [msgspec.structs.replace(bind, host=bind.host.resolve()) for bind in binds]
    if kind == "process":
        return ProcessSandbox(root, binds=binds)
    return BubblewrapSandbox(root, workdir=workdir, binds=binds, network=network)
