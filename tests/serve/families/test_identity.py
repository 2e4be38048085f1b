"""Which family answers, and what is told where none does: one line and a hint, always."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from seatrial.chat.failures import TimedOutError
from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, SeatrialError, UserError
from seatrial.serve.families import FAMILIES, identify, read_facts, traits_of
from seatrial.serve.families.identity import PATHS
from tests.serve.families.shapes import ALL, LOST, OLLAMA, OPENAI
from tests.serve.families.stand import Stand

NOT_FOUND = (404, {"error": "not found"})
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw(speak: Speak, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that writes whatever bytes it likes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def failure(url: str) -> SeatrialError:
    with pytest.raises(SeatrialError) as caught:
        await read_facts(url)
    error = caught.value
    assert "\n" not in error.message
    assert error.hint
    assert "\n" not in error.hint
    return error


@pytest.mark.parametrize("family", ALL)
async def test_each_family_is_recognised_by_itself_alone(family: str) -> None:
    lost = LOST.get(family, NOT_FOUND)
    async with Stand(ALL[family], missing=lost) as stand, Transport(stand.url) as server:
        found, answers = await identify(server)
    assert found.traits.id == family
    # The last one takes everything that lists models; of the others, exactly one fits, but that
    # a router is a llama.cpp server and a proxy shows marks of what is behind it.
    fitting = [one.traits.id for one in FAMILIES[:-1] if one.recognises(answers)]
    allowed = {"llama.cpp-router": ["llama.cpp-router", "llama.cpp"], "openai": []}
    assert fitting == allowed.get(family, [family])


async def test_only_harmless_questions_are_asked() -> None:
    async with Stand(OPENAI) as stand:
        async with Transport(stand.url) as server:
            await identify(server)
        assert sorted(stand.asked) == sorted(PATHS)
        assert stand.posted == []


async def test_a_path_below_v1_is_the_same_server() -> None:
    async with Stand(OPENAI) as stand:
        assert (await read_facts(f"{stand.url}/v1")).listed == ("m",)


async def test_the_key_is_sent() -> None:
    seen: set[str | None] = set()

    async def handle(request: web.Request) -> web.Response:
        seen.add(request.headers.get("Authorization"))
        return web.json_response({"object": "list", "data": []})

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await read_facts(f"http://127.0.0.1:{runner.addresses[0][1]}", api_key="k")
    finally:
        await runner.cleanup()
    assert seen == {"Bearer k"}


async def test_nothing_listens() -> None:
    async with raw(lambda reader, writer: asyncio.sleep(0)) as port:
        pass
    error = await failure(f"http://127.0.0.1:{port}")
    assert isinstance(error, EngineError)
    assert error.exit_code == 69
    assert error.message == f"nothing listens at http://127.0.0.1:{port}"


async def test_no_url() -> None:
    error = await failure("localhost:8080")
    assert error.exit_code == 64


async def test_a_web_page() -> None:
    async with Stand({}, missing=(200, "<!DOCTYPE html><title>Shop</title>")) as stand:
        error = await failure(stand.url)
    assert isinstance(error, UserError)
    assert error.message == f"{stand.url} is a web page, not an LLM server"


async def test_a_web_page_that_lists_nothing_here() -> None:
    async with Stand({"/": (200, "<html>")}, missing=(404, "<h1>404</h1>")) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 64
    assert "web page" in error.message


async def test_some_other_api() -> None:
    async with Stand({"/": {"hello": 1}}) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 64
    assert error.message == f"{stand.url} is no LLM server: /v1/models answers 404"


@pytest.mark.parametrize(
    "listing", ["nonsense", "[1, 2", [1, 2], {"data": "x"}, {"data": [1]}, {"data": [{}]}, 7, None]
)
async def test_a_list_of_models_that_is_none(listing: object) -> None:
    async with Stand({"/v1/models": listing}) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 64
    assert "does not answer with a list of models" in error.message


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_is_wanted(status: int) -> None:
    async with Stand({}, missing=(status, {"error": {"message": "Invalid API Key"}})) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 64
    assert error.message == f"{stand.url} wants a key, or another one"


async def test_redirects_are_not_followed() -> None:
    async def handle(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://192.0.2.1/elsewhere")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        error = await failure(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
    assert error.exit_code == 64
    assert "redirects" in error.message


async def test_a_dead_server_behind_a_proxy() -> None:
    async with Stand({}, missing=(502, "Bad Gateway")) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 69
    assert "answers every question with 502" in error.message


async def test_https_where_plain_http_is_spoken() -> None:
    async with Stand(OPENAI) as stand:
        error = await failure(stand.url.replace("http:", "https:"))
    assert error.exit_code == 69
    assert "no secure connection" in error.message
    assert error.hint is not None
    assert stand.url in error.hint


async def test_plain_http_where_https_is_spoken_by_a_go_server() -> None:
    said = (400, "Client sent an HTTP request to an HTTPS server.\n")
    async with Stand({}, missing=said) as stand:
        error = await failure(stand.url)
    assert error.hint == f"use {stand.url.replace('http:', 'https:')}"


async def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with raw(lambda reader, writer: asyncio.sleep(0), context) as port:
        error = await failure(f"https://127.0.0.1:{port}")
    assert error.exit_code == 69
    assert "self-signed certificate" in error.message
    assert error.hint is not None
    assert "SSL_CERT_FILE" in error.hint


async def test_bytes_that_are_no_http() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()

    async with raw(speak) as port:
        error = await failure(f"http://127.0.0.1:{port}")
    assert error.exit_code == 69
    assert "does not speak HTTP" in error.message


async def test_a_server_that_never_stops_sending() -> None:
    """It is left after a bound, however fast it sends."""
    sent = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
        while True:
            writer.write(b" " * 2**16)
            sent += 2**16
            await writer.drain()

    async with raw(speak) as port:
        error = await failure(f"http://127.0.0.1:{port}")
    assert error.exit_code == 64
    assert "without end" in error.message
    assert sent < 80 * 2**20


async def test_a_server_that_drips() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        while True:
            writer.write(b": ping\n\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw(speak) as port, Transport(f"http://127.0.0.1:{port}") as server:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimedOutError) as caught:
            await identify(server, seconds=0.3)
        assert asyncio.get_running_loop().time() - started < 1.5
    assert caught.value.hint


async def test_one_endpoint_that_hangs_does_not_hide_the_rest() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if b"GET /v1/models " in request:
            body = b'{"object":"list","data":[{"id":"m"}]}'
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            return
        await asyncio.sleep(5)

    async with raw(speak) as port, Transport(f"http://127.0.0.1:{port}") as server:
        family, answers = await identify(server, seconds=0.3)
    assert family.traits.id == "openai"
    assert set(answers) == {"/v1/models"}


async def test_it_dies_between_two_questions(monkeypatch) -> None:
    from seatrial.serve.families import ollama

    async def gone(*_: object) -> None:
        raise EngineError("the server went away", hint="its log may say why it died")

    monkeypatch.setattr(ollama, "show", gone)
    async with Stand(OLLAMA) as stand:
        error = await failure(stand.url)
    assert error.exit_code == 69


def test_traits_by_id() -> None:
    assert traits_of("mlx").echoes_model
    with pytest.raises(UserError, match="no server family nothing") as caught:
        traits_of("nothing")
    assert "llama-swap" in (caught.value.hint or "")


def test_every_family_has_an_id_of_its_own() -> None:
    ids = [family.traits.id for family in FAMILIES]
    assert len(ids) == len(set(ids)) == 10
    assert ids[-1] == "openai"
