"""How a command is started in every kind of sandbox: its shell, resource limits, environment.

Sets limits, does not watch them. In: a command, `Limits`, binds. Out: an argv and an
environment that holds nothing of ours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from seatrial.sandbox.protocol import Bind, Completed, Limits

_KIB = 1024
_LONGEST_ARGUMENT_BYTES = 128 * _KIB - 1
"""MAX_ARG_STRLEN of Linux, less the final zero."""

_OPEN_FILES = 1024
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_NAMED_BINDS = {
    "/tests": "SEATRIAL_TESTS_DIR",
    "/logs": "SEATRIAL_LOGS_DIR",
    "/solution": "SEATRIAL_SOLUTION_DIR",
}


def shell(bash: str, command: str, limits: Limits, *, tasks: int | None = None) -> list[str]:
    """The argv that sets the resource limits and becomes `bash -c command`.

    bash's own `ulimit` costs a millisecond and needs neither a helper program nor code of
    ours between fork and exec. A limit that is lower already stays: hence the 2>/dev/null.
    `tasks` bounds the processes and threads of this user (RLIMIT_NPROC), in a user namespace
    those of the namespace only.
    """
    settings = {
        "-c": 0,
        "-n": _OPEN_FILES,
        "-t": math.ceil(limits.cpu_seconds) + 1,
        "-d": limits.memory_bytes // _KIB,
        "-f": math.ceil(limits.file_bytes / _KIB),
    }
    if tasks is not None:
        settings["-u"] = tasks
    lines = [f"ulimit {flag} {value}" for flag, value in settings.items()]
    # Should the machine run out of memory, this is what the kernel ought to kill.
    lines.append("echo 500 >/proc/self/oom_score_adj")
    prelude = "{ " + "; ".join(lines) + "; } 2>/dev/null; "
    return [bash, "-c", prelude + f'exec -a bash {bash} -c "$1"', "bash", command]


def refusal(command: str) -> Completed | None:
    """What a shell would have said to a command that no shell can be given; None = it can."""
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return _refused("bash: command holds a lone surrogate, which is not text")
    if "\0" in command:
        return _refused("bash: command holds a NUL byte")
    if size > _LONGEST_ARGUMENT_BYTES:
        return _refused(f"bash: command of {size} bytes: argument list too long")
    return None


def environment(
    *, home: str, workdir: str, binds: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """Everything that a command finds in its environment; nothing is inherited."""
    return {
        "PATH": f"{Path(sys.prefix) / 'bin'}:{_SYSTEM_PATH}",
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "COLUMNS": "80",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Else stdout arrives after stderr, and not at all when a limit ends the command.
        "PYTHONUNBUFFERED": "1",
        "SEATRIAL_WORKDIR": workdir,
        **binds,
        **given,
    }


def bind_variables(binds: Iterable[Bind], *, on_host: bool) -> dict[str, str]:
    """SEATRIAL_TESTS_DIR and the like, for the binds that have such a name."""
    return {
        _NAMED_BINDS[bind.inside]: str(bind.host) if on_host else bind.inside
        for bind in binds
        if bind.inside in _NAMED_BINDS
    }


def _refused(message: str) -> Completed:
    return Completed(exit=126, output=message + "\n", cut_bytes=0, seconds=0.0)
