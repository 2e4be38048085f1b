"""One cell of the table: a client does the task against a scripted model, and what came of it.

The client runs in a workspace and a home of its own, in a process group that is ended at the
wall. In: a client, a scenario, perhaps the command of a gateway. Out: a `Cell`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from seatrial.fakes import Lies, ScriptedServer
from tests.clients import hand
from tests.clients.model import ScriptedModel, notes
from tests.clients.programs.client import Client, Command, Ran, Setup
from tests.clients.responses import responses_server
from tests.clients.scenario import WINDOW_TOKENS, Overflowing, Scenario

Outcome = Literal["done", "wrong bytes", "wrong end", "typed end", "hang", "not applicable"]
"""done: the right file, and the client ended by itself · wrong bytes: another file · wrong end:
no file, and nothing tells a caller · typed end: no file, and the client says that it failed ·
hang: it did not end before the wall."""

_READY_SECONDS = 30.0
_MOST_OUTPUT = 64 * 2**20


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one run."""

    client: str
    scenario: str
    gateway: bool
    outcome: Outcome
    returncode: int | None = None
    requests: int = 0
    output_tokens: int = 0
    """Four characters each, as the server sent them."""
    seconds: float = 0.0
    word: str = ""
    """How the client names its end."""
    answer: str = ""
    met: bool = False
    """The scenario's condition was met."""


class GatewayError(Exception):
    """The gateway did not start."""


async def run_cell(
    client: Client, scenario: Scenario, installed: Path, gateway: str | None = None
) -> Cell:
    """`gateway`: a command with `{upstream}` in it that prints the URL it listens on.

    Raises:
        GatewayError: the gateway did not start.
    """
    if scenario.needs_tools and client.edits_text:
        return Cell(
            client=client.id,
            scenario=scenario.name,
            gateway=gateway is not None,
            outcome="not applicable",
        )
    with tempfile.TemporaryDirectory(prefix="cell-", ignore_cleanup_errors=True) as name:
        return await _run(client, scenario, installed, gateway, Path(name).resolve())


async def _run(
    client: Client, scenario: Scenario, installed: Path, gateway: str | None, folder: Path
) -> Cell:
    home, workspace = folder / "home", folder / "work"
    home.mkdir()
    workspace.mkdir()
    if isinstance(scenario.fault, Overflowing):
        notes(workspace)
    model = ScriptedModel(scenario, workspace, edits_text=client.edits_text)
    async with AsyncExitStack() as stack:
        lies = Lies(model="scripted.gguf", window=WINDOW_TOKENS)
        server = ScriptedServer(model, lies=lies, whole_answers=True)
        await stack.enter_async_context(server)
        url = server.url
        if gateway is not None:
            url = await stack.enter_async_context(_gateway(gateway, url, folder))
        elif client.speaks_responses:
            url = await stack.enter_async_context(responses_server(model, server.count))
        setup = Setup(
            installed=installed,
            home=home,
            workspace=workspace,
            url=url,
            timeout_seconds=scenario.client_timeout_seconds,
        )
        started = time.monotonic()
        ran = await run_client(client.command(setup), setup, folder, scenario.wall_seconds)
        seconds = time.monotonic() - started
    ending = client.ending(ran)
    return Cell(
        client=client.id,
        scenario=scenario.name,
        gateway=gateway is not None,
        outcome=_outcome(workspace, ran, ending.failed),
        returncode=ran.returncode,
        requests=model.requests,
        output_tokens=server.sent_characters // 4,
        seconds=round(seconds, 1),
        word=ending.word,
        answer=_plain(ending.answer, workspace, folder)[:300],
        met=model.recovered,
    )


def _plain(text: str, workspace: Path, folder: Path) -> str:
    """Without the places of one machine."""
    return text.replace(str(workspace), "$WORKSPACE").replace(str(folder), "$CELL")


def _outcome(workspace: Path, ran: Ran, failed: bool) -> Outcome:
    if ran.returncode is None:
        return "hang"
    if hand.written(workspace):
        right = (workspace / hand.FILE).read_bytes() == hand.CONTENT.encode()
        return "done" if right else "wrong bytes"
    return "typed end" if failed else "wrong end"


async def run_client(command: Command, setup: Setup, folder: Path, wall_seconds: int) -> Ran:
    """Run a client in a group of its own, which is ended at the wall."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command.words,
            cwd=setup.workspace,
            env={**_environment(setup), **command.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        returncode: int | None = None
        try:
            returncode = await asyncio.wait_for(process.wait(), wall_seconds)
        except TimeoutError:
            pass
        finally:
            await _end(process)
    return Ran(returncode=returncode, stdout=_read(out), stderr=_read(err), home=setup.home)


def _environment(setup: Setup) -> dict[str, str]:
    """No variable of the caller's: keys, proxies and settings stay out."""
    node = shutil.which("node")
    folders = [str(Path(node).resolve().parent)] if node else []
    return {
        "PATH": os.pathsep.join([*folders, "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(setup.home),
        "XDG_CONFIG_HOME": str(setup.home / "config"),
        "XDG_DATA_HOME": str(setup.home / "data"),
        "XDG_STATE_HOME": str(setup.home / "state"),
        "XDG_CACHE_HOME": str(setup.home / "cache"),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


@asynccontextmanager
async def _gateway(command: str, upstream: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a gateway in front of `upstream`."""
    words = [word.replace("{upstream}", upstream) for word in shlex.split(command)]
    log = (folder / "gateway.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    drain: asyncio.Task[None] | None = None
    try:
        assert process.stdout is not None
        try:
            url = await asyncio.wait_for(_ready(process.stdout, upstream), _READY_SECONDS)
        except TimeoutError:
            url = ""
        if not url:
            raise GatewayError(f"no URL from {command!r}: {_read(folder / 'gateway.log')[-500:]}")
        drain = asyncio.create_task(_drain(process.stdout))
        yield url
    finally:
        await _end(process)
        if drain is not None:
            await drain
        log.close()


async def _ready(stdout: asyncio.StreamReader, upstream: str) -> str:
    async for line in stdout:
        for url in re.findall(r"http://127\.0\.0\.1:\d+", line.decode("utf-8", "replace")):
            if url != upstream:
                return str(url)
    return ""


async def _drain(stdout: asyncio.StreamReader) -> None:
    while await stdout.read(65536):
        pass


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the group: a client may leave children behind."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            continue
    await process.wait()


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_OUTPUT).decode("utf-8", "replace")
