"""Whether a kind of sandbox works on this machine, found out by running `true` in it.

Not a guess from versions and settings; those only serve to explain a failure. In: a kind.
Out: `Probe`, or for `require` an error with a hint.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from seatrial.core.errors import InfraError, SeatrialError, UserError
from seatrial.sandbox.bubblewrap import BubblewrapSandbox
from seatrial.sandbox.process import ProcessSandbox
from seatrial.sandbox.protocol import NO_ENV, Limits, Probe, SandboxKind
from seatrial.sandbox.supervise import Latch

_LIMITS = Limits(wall_seconds=10.0, cpu_seconds=5.0)
_OR_PROCESS = "or --sandbox process (no isolation)"

# What bubblewrap says when the kernel, a container or AppArmor refuses the namespaces.
_FORBIDDEN = (
    "No permissions to creat",
    "Creating new namespace failed",
    "setting up uid map",
    "Operation not permitted",
    "Permission denied",
    "disable creation of user namespaces",
)


def probe(kind: SandboxKind) -> Probe:
    """Run `true` in a fresh sandbox of this kind."""
    missing = _missing(kind)
    if missing is not None:
        return missing
    with tempfile.TemporaryDirectory(prefix="seatrial-probe-") as folder:
        latch = Latch()
        try:
            done = _sandbox(kind, Path(folder)).run_blocking("true", _LIMITS, NO_ENV, latch)
        except SeatrialError as error:
            return _explain(error.message)
        finally:
            latch.close()
    if done.exit == 0:
        return Probe(works=True)
    return _explain(f"`true` ended with {done.exit}: {done.output.strip()[:300]}")


def require(kind: SandboxKind) -> None:
    """Nothing, when this kind works here.

    Raises:
        UserError: wrong system, or a program is missing or too old.
        InfraError: this machine forbids it, or it fails for another reason.
    """
    found = probe(kind)
    if found.works:
        return
    mendable = found.cause in ("not_linux", "not_installed", "too_old")
    raise (UserError if mendable else InfraError)(found.reason, hint=found.hint or None)


def _sandbox(kind: SandboxKind, workspace: Path) -> BubblewrapSandbox | ProcessSandbox:
    if kind == "process":
        return ProcessSandbox(workspace, binds=())
    return BubblewrapSandbox(workspace, workdir="/app", binds=(), network=False)


def _missing(kind: SandboxKind) -> Probe | None:
    """What need not be tried; None = try."""
    if kind == "process":
        if shutil.which("bash"):
            return None
        return Probe(False, "bash is not installed", "install bash", "not_installed")
    if sys.platform != "linux":
        return Probe(
            False, "bubblewrap needs Linux", f"use a Linux machine, {_OR_PROCESS}", "not_linux"
        )
    if shutil.which("bwrap") is None:
        return Probe(
            False,
            "bubblewrap is not installed",
            f"apt-get install bubblewrap, {_OR_PROCESS}",
            "not_installed",
        )
    return None


def _explain(message: str) -> Probe:
    if "Unknown option" in message:
        return Probe(
            False,
            f"this bubblewrap is too old ({message})",
            f"install bubblewrap 0.8 or newer, {_OR_PROCESS}",
            "too_old",
        )
    if any(sign in message for sign in _FORBIDDEN):
        return Probe(
            False,
            f"user namespaces are forbidden here ({message})",
            f"{_remedy()}, {_OR_PROCESS}",
            "forbidden",
        )
    return Probe(False, message, "", "broken")


def _remedy() -> str:
    """The setting of this kernel that stands in the way."""
    settings = (
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "10000"),
    )
    for name, bad, good in settings:
        path = Path("/proc/sys") / name
        if path.is_file() and path.read_text().strip() == bad:
            return f"sysctl -w {name.replace('/', '.')}={good}"
    return "in a container, allow user namespaces (docker: --security-opt seccomp=unconfined)"
