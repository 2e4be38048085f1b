"""Runs of the real pi against a scripted server, with and without Seatrial's extension.

Print mode for one prompt after another, RPC mode where a compaction is asked for. In: a pi, the
URL of a server, factors. Out: what pi printed; what it asked is with the server.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from seatrial.cli import main
from tests.clients.programs.client import MODEL, json_lines

OUTPUT_TOKENS = 4096
_WALL_SECONDS = 90.0


class Printed(msgspec.Struct, frozen=True):
    """What a run of pi left."""

    returncode: int | None
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return json_lines(self.stdout)


class Pi(msgspec.Struct, frozen=True, kw_only=True):
    """One pi with a home and a workspace of its own."""

    installed: Path
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "agent"

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    @property
    def node(self) -> str:
        """New pi brings a node of its own."""
        own = self.installed / "node_modules/node/bin/node"
        return str(own) if own.is_file() else shutil.which("node") or "node"

    def prepare(
        self,
        url: str,
        factors: Sequence[str] | None,
        *,
        window_tokens: int = 131_072,
        key: str = "none",
    ) -> None:
        """`factors`: those that are on; None = no extension."""
        self.home.mkdir(parents=True)
        self.workspace.mkdir()
        compat = {"supportsDeveloperRole": False, "maxTokensField": "max_tokens"}
        model = {
            "id": MODEL,
            "contextWindow": window_tokens,
            "maxTokens": OUTPUT_TOKENS,
            "compat": compat,
        }
        provider = {
            "baseUrl": f"{url}/v1",
            "api": "openai-completions",
            "apiKey": key,
            "models": [model],
        }
        models = json.dumps({"providers": {"local": provider}})
        (self.home / "models.json").write_text(models, "utf-8")
        # Whatever came before the last messages is summarised.
        settings = {"compaction": {"enabled": True, "keepRecentTokens": 1, "reserveTokens": 16_384}}
        (self.home / "settings.json").write_text(json.dumps(settings), "utf-8")
        if factors is not None:
            off = [name for name in ("pin", "verify", "length") if name not in factors]
            words = [word for name in off for word in ("--without", name)]
            assert main(["client", "setup", "pi", "--home", str(self.home), *words]) == 0

    async def print(self, *prompts: str, mode: str = "json") -> Printed:
        """`pi -p` with these prompts, one after the other."""
        process = await self._start("-p", "--mode", mode, *prompts)
        return await _ended(process)

    async def rpc(self, steps: Sequence[dict[str, Any]]) -> Printed:
        """RPC mode: each step is sent when the one before it has settled."""
        process = await self._start("--mode", "rpc", stdin=asyncio.subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        lines: list[bytes] = []
        try:
            async with asyncio.timeout(_WALL_SECONDS):
                for step in steps:
                    await _send(process.stdin, step)
                    ends = "agent_end" if step["type"] == "prompt" else "response"
                    await _until(process.stdout, lines, ends, step["type"])
                    await _idle(process, lines)
            process.stdin.close()
            rest = await _ended(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Printed(rest.returncode, b"".join(lines).decode() + rest.stdout, rest.stderr)

    async def _start(
        self, *words: str, stdin: int = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        names = ("@earendil-works", "@mariozechner")
        places = [self.installed / f"node_modules/{n}/pi-coding-agent/dist/cli.js" for n in names]
        cli = next(place for place in places if place.exists())
        return await asyncio.create_subprocess_exec(
            *(self.node, str(cli), "--provider", "local", "--model", MODEL),
            *("--session-dir", str(self.folder / "sessions"), *words),
            cwd=self.workspace,
            env={
                "PATH": os.pathsep.join(
                    [str(Path(self.node).parent), "/usr/local/bin:/usr/bin:/bin"]
                ),
                "HOME": str(self.folder),
                "PI_CODING_AGENT_DIR": str(self.home),
                "PI_OFFLINE": "1",
                "LANG": "C.UTF-8",
                "TERM": "dumb",
                "GATEWAY_TOKEN": "t0ken",
            },
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**26,
        )

    def entries(self) -> list[dict[str, Any]]:
        """Of the session that pi wrote."""
        (path,) = (self.folder / "sessions").rglob("*.jsonl")
        return json_lines(path.read_text("utf-8"))


async def _ended(process: asyncio.subprocess.Process) -> Printed:
    try:
        out, err = await asyncio.wait_for(process.communicate(), _WALL_SECONDS)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        return Printed(None, out.decode(), err.decode())
    return Printed(process.returncode, out.decode(), err.decode())


async def _send(stdin: asyncio.StreamWriter, command: dict[str, Any]) -> None:
    stdin.write(json.dumps(command).encode() + b"\n")
    await stdin.drain()


async def _until(
    stdout: asyncio.StreamReader, lines: list[bytes], kind: str, command: str
) -> dict[str, Any]:
    async for line in stdout:
        lines.append(line)
        event: dict[str, Any] = json.loads(line)
        if event.get("type") == kind and event.get("command", command) == command:
            return event
    raise AssertionError(f"pi left before {kind}")


async def _idle(process: asyncio.subprocess.Process, lines: list[bytes]) -> None:
    """What follows the end of a run, as a compaction does, is over too."""
    assert process.stdin is not None
    assert process.stdout is not None
    while True:
        await _send(process.stdin, {"type": "get_state"})
        state = (await _until(process.stdout, lines, "response", "get_state"))["data"]
        if not state["isStreaming"] and not state["isCompacting"]:
            return
        await asyncio.sleep(0.05)
