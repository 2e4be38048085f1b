"""Runs one untrusted command from start to the death of its last process.

A plain thread a command, not the event loop: the limits hold while the loop is busy, and
bubblewrap's --die-with-parent is tied to the *thread* that started it. No policy of its own:
what to start comes as `Start`, whom to kill from its `Tree`, when from `Meter`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from seatrial.core.errors import InfraError
from seatrial.sandbox.meter import TICK_SECONDS, Meter
from seatrial.sandbox.output import HeadTail
from seatrial.sandbox.protocol import Completed, KilledBy, Limits
from seatrial.sandbox.tree import Tree

_CHUNK_BYTES = 65536
_DRAIN_SECONDS = 1.0
_SHELL_SIGXCPU = 152
_POLL_HANGUP = select.POLLIN | select.POLLHUP | select.POLLERR

T = TypeVar("T")


class Start(NamedTuple):
    """A program to start, and how to find what it starts in turn."""

    argv: list[str]
    env: Mapping[str, str]
    cwd: Path
    pass_fds: tuple[int, ...]
    """Closed here once the program has them."""
    adopt: Callable[[int], Tree]
    """From the pid of the started program to its tree."""


class Latch:
    """Tells a supervising thread to stop; safe from any thread, once or often."""

    def __init__(self) -> None:
        self.fd, self._write_fd = os.pipe()

    def set(self) -> None:
        os.write(self._write_fd, b".")

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._write_fd)


def supervise(start: Start, limits: Limits, latch: Latch) -> Completed:
    """Run `start` to its end or to its first broken limit.

    Raises:
        InfraError: the program could not be started, or ended before it ran the command.
    """
    began = time.monotonic()
    output = HeadTail(limits.output_bytes)
    process, pipe = _spawn(start)
    tree = start.adopt(process.pid)
    try:
        killed_by = _watch(process, pipe, tree, limits, latch, output, began)
    finally:
        tree.kill()
        process.kill()
        returncode = process.wait()
        _drain(pipe, output)
        os.close(pipe)
        status = tree.exit_status(returncode)
        tree.close()
    text, cut_bytes = output.text()
    seconds = time.monotonic() - began
    if killed_by == "cancelled":
        return Completed(None, text, cut_bytes, seconds)
    if killed_by is None and status is None:
        raise InfraError(
            f"the sandbox could not be set up: {text.strip()[:300] or 'no message'}",
            hint="seatrial doctor says whether this machine can run it",
        )
    if killed_by is None and status == _SHELL_SIGXCPU:
        killed_by = "cpu"
    return Completed(None if killed_by else status, text, cut_bytes, seconds, killed_by)


def _spawn(start: Start) -> tuple[subprocess.Popen[bytes], int]:
    read_fd, write_fd = os.pipe()
    try:
        process = subprocess.Popen(
            start.argv,
            stdin=subprocess.DEVNULL,
            stdout=write_fd,
            stderr=write_fd,
            env=dict(start.env),
            cwd=start.cwd,
            pass_fds=start.pass_fds,
            start_new_session=True,
        )
    except OSError as error:
        os.close(read_fd)
        raise InfraError(f"{start.argv[0]}: {error.strerror}") from error
    finally:
        for descriptor in (write_fd, *start.pass_fds):
            os.close(descriptor)
    return process, read_fd


def _watch(
    process: subprocess.Popen[bytes],
    pipe: int,
    tree: Tree,
    limits: Limits,
    latch: Latch,
    output: HeadTail,
    began: float,
) -> KilledBy | Literal["cancelled"] | None:
    """Wait for the end of `process`; says what else made the wait end."""
    meter = Meter(tree, limits, began)
    with _death_of(process) as death_fd:
        poller = select.poll()
        for descriptor in (pipe, latch.fd, death_fd, tree.status_fd):
            if descriptor >= 0:
                poller.register(descriptor, _POLL_HANGUP)
        while process.poll() is None:
            ready = {descriptor for descriptor, _ in poller.poll(TICK_SECONDS * 1000)}
            if latch.fd in ready:
                return "cancelled"
            if tree.status_fd in ready:
                tree.pids()
                poller.unregister(tree.status_fd)
            if pipe in ready and not _take(pipe, output):
                poller.unregister(pipe)
            if output.total_bytes > limits.flood_bytes:
                return "output"
            if reason := meter.exceeded(time.monotonic()):
                return reason
    return None


@contextlib.contextmanager
def _death_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that is readable once `process` has ended; -1 where there is none."""
    descriptor = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else -1
    try:
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _take(pipe: int, output: HeadTail) -> bool:
    """Move one chunk; False = every writer is gone."""
    chunk = os.read(pipe, _CHUNK_BYTES)
    output.add(chunk)
    return bool(chunk)


def _drain(pipe: int, output: HeadTail) -> None:
    """What still stands in the pipe; a writer that escaped cannot hold us for long."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([pipe], [], [], left)
        if not readable or not _take(pipe, output):
            return


async def in_thread(work: Callable[[Latch], T]) -> T:
    """Run `work` in a thread of its own; cancelled, set its latch and wait for its end.

    Not the loop's executor: that one has few threads, and a command may take minutes.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    latch = Latch()

    def body() -> None:
        try:
            result = work(latch)
        except BaseException as error:
            _post(loop, done.set_exception, error)
        else:
            _post(loop, done.set_result, result)

    # A daemon: should the interpreter leave in a hurry, it does not wait for a command, and
    # bubblewrap dies with this thread.
    threading.Thread(target=body, name="sandbox", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        latch.set()
        await _settled(done)
        raise
    finally:
        latch.close()


async def _settled(done: asyncio.Future[T]) -> None:
    """Wait for `done` whatever else cancels us: its end is bounded and nothing may outlive it."""
    while not done.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([done])
    done.exception()


def _post(loop: asyncio.AbstractEventLoop, setter: Callable[[T], object], value: T) -> None:
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(setter, value)
