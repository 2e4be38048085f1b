"""Which parts of the host a sandboxed command can see: its programs, never its data.

Read-only all of it. In: the file system and the interpreter we run under. Out: bubblewrap
arguments.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "passwd",
    "protocols",
    "services",
)
_ETC_NETWORK = ("ca-certificates", "hosts", "pki", "resolv.conf", "ssl")
_KERNEL_SWITCHES = ("/proc/sys", "/proc/acpi", "/proc/mtrr", "/proc/pressure", "/proc/scsi")


def system_arguments(*, network: bool) -> list[str]:
    """/usr and what leads into it, and a minimal /etc."""
    arguments: list[str] = []
    for path in map(Path, _SYSTEM):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def interpreter_arguments() -> list[str]:
    """The interpreter at its own path; after whatever is mounted on a folder above it."""
    return [
        word
        for prefix in interpreter_prefixes()
        for word in ("--ro-bind", str(prefix), str(prefix))
    ]


def procfs_arguments() -> list[str]:
    """A procfs of the namespace without the kernel's switches.

    Started by root, a process here is root for the checks of /proc/sys, capabilities or not,
    and bubblewrap 0.8 leaves that tree writable: it would change settings of the host.
    """
    arguments = ["--proc", "/proc"]
    for path in _KERNEL_SWITCHES:
        arguments += ["--ro-bind-try", path, path]
    return arguments


@cache
def interpreter_prefixes() -> tuple[Path, ...]:
    """Where the Python that runs us keeps its files: the environment and what it is made of."""
    found = [Path(sys.prefix), Path(sys.base_prefix)]
    found += [_prefix_of(step) for step in _links(Path(sys.executable))]
    prefixes: list[Path] = []
    for path in [*found, *(path.resolve() for path in found)]:
        if _is_python(path) and path not in prefixes and not path.is_relative_to("/usr"):
            prefixes.append(path)
    return tuple(prefixes)


def _links(path: Path) -> list[Path]:
    """Every stop on the way from a chain of symbolic links to its file."""
    stops: list[Path] = []
    while path.is_symlink() and len(stops) < 16:
        path = path.parent / path.readlink()
        stops.append(path)
    return stops


def _prefix_of(program: Path) -> Path:
    return program.parent.parent


def _is_python(path: Path) -> bool:
    """Not a home folder that merely has a `bin`."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (path / "lib" / version).is_dir() and path not in (Path.home(), Path("/"))
