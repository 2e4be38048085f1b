"""mlx_lm.server: nothing that it says tells which model answers."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from seatrial.serve import sockets
from seatrial.serve.facts import Fact
from seatrial.serve.families import mlx, read_facts
from seatrial.serve.families.owner import Owner
from tests.serve.families.shapes import MLX, MLX_LOST
from tests.serve.families.stand import Stand, process

SERVER = """
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path.startswith("/v1/models")
        body = {models!r} if good else "Not Found"
        self.send_response(200 if good else 404)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


async def test_the_listing_is_a_cache_and_no_proof() -> None:
    async with Stand(MLX, missing=MLX_LOST) as stand:
        facts = await read_facts(stand.url, model="mlx-community/Qwen3-4B-4bit")
    assert facts.family.id == "mlx"
    assert facts.family.listing == "cache"
    assert facts.family.overflow == "unbounded"
    assert facts.model is None
    assert facts.window is None
    assert facts.loaded is None
    assert facts.sampler == {}
    assert facts.listed == ("mlx-community/Qwen3-4B-4bit", "/models/fused")
    assert any("cannot be told" in note for note in facts.notes)


@pytest.mark.parametrize("listing", [{"object": "list", "data": []}, ""])
async def test_an_empty_cache_and_none_at_all(listing: object) -> None:
    """Without a cache it fails after the status line, and sends an empty list of nothing."""
    empty = {"/v1/models": listing, "/v1/models/no/such": listing}
    async with Stand(empty, missing=MLX_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.id == "mlx"
    assert facts.listed == ()


async def test_a_small_server_of_somebody_is_not_taken_for_it() -> None:
    rows = [{"id": "m", "object": "model", "created": 1}]
    one = {"/v1/models": {"object": "list", "data": rows}}
    async with Stand(one, missing=MLX_LOST) as stand:
        assert (await read_facts(stand.url)).family.id == "openai"


@pytest.mark.skipif(not sockets.available(), reason="needs /proc")
async def test_its_own_command_line_is_the_proof(tmp_path: Path) -> None:
    """The last of two listed models is the one that was started: a real process says so."""
    script = tmp_path / "mlx_lm.server"
    script.write_text(SERVER.replace("{models!r}", repr(json.dumps(MLX["/v1/models"]))))
    words = ("--model", "/models/fused", "--temp", "0.7", "--adapter-path", "/a")
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(script), *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        port = int(await child.stdout.readline())
        facts = await read_facts(f"http://127.0.0.1:{port}", model="mlx-community/Qwen3-4B-4bit")
    finally:
        child.kill()
        await child.wait()
    assert facts.model == Fact("/models/fused", "argv")
    assert facts.pid == Fact(child.pid, "process")
    assert facts.command is not None
    assert facts.command.value[-6:] == words
    assert facts.sampler["temperature"] == Fact(0.7, "argv")
    assert facts.sampler["max_tokens"] == Fact(512, "declared")
    assert "an adapter is loaded over the model: /a" in facts.notes
    assert not any("cannot be told" in note for note in facts.notes)


async def test_started_without_a_model(monkeypatch) -> None:
    async def owner(url: str) -> Owner:
        return process("/venv/bin/mlx_lm.server", "--top-k", "many")

    monkeypatch.setattr(mlx, "owner_of", owner)
    async with Stand(MLX, missing=MLX_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.model is None
    assert "it loads whatever model a request names" in " ".join(facts.notes)
    assert "top_k" not in facts.sampler


async def test_a_process_that_is_not_mlx_says_nothing_about_it(monkeypatch) -> None:
    async def owner(url: str) -> Owner:
        return process("some-proxy", "--model", "/other")

    monkeypatch.setattr(mlx, "owner_of", owner)
    async with Stand(MLX, missing=MLX_LOST) as stand:
        facts = await read_facts(stand.url)
    assert facts.model is None
    assert facts.sampler == {}
