"""HTTP: the faults of a connection, each as one line and a hint."""

import asyncio
import socket
from contextlib import aclosing
from typing import Any

import pytest

from seatrial.chat import Exchange, Limits, RefusedError, TimedOutError, Transport
from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.fakes import Drop, Hang, Loop, Refuse, Reply, Say, ScriptedServer

BODY = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
CHAT = "/v1/chat/completions"


async def drain(transport: Transport, seconds: float = 5.0) -> list[bytes]:
    async with aclosing(transport.post_stream(CHAT, BODY, timeout_seconds=seconds)) as events:
        return [event.data async for event in events]


async def fault(reply: Reply, seconds: float = 5.0, **limits: float) -> EngineError:
    async with (
        ScriptedServer([reply]) as server,
        Transport(server.url, limits=Limits(**limits)) as transport,
    ):
        with pytest.raises(EngineError) as caught:
            await drain(transport, seconds)
    assert "\n" not in caught.value.message
    return caught.value


async def test_json_and_stream():
    async with ScriptedServer() as server, Transport(server.url + "/v1/") as transport:
        assert (await transport.get_json("/health", dict[str, Any])) == {"status": "ok"}
        assert await transport.post_json("/tokenize", {"content": "a b"}, dict[str, Any]) == {
            "tokens": [0, 1]
        }
        assert (await drain(transport))[-1] == b"[DONE]"


async def test_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with Transport(url) as transport:
            with pytest.raises(EngineError, match=f"nothing listens at {url}$") as caught:
                await transport.get_json("/health", dict[str, Any])
    assert caught.value.hint


async def test_no_http():
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Transport(f"http://127.0.0.1:{port}") as transport:
        with pytest.raises(EngineError, match="does not speak HTTP"):
            await transport.get_json("/health", dict[str, Any])


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "http://", "http://h:x"])
def test_no_url(url):
    with pytest.raises(UserError, match="not a URL"):
        Transport(url)


async def test_refused():
    error = await fault(Refuse(status=500))
    assert isinstance(error, RefusedError)
    assert error.status == 500 and error.message.endswith("answered 500: broken")


async def test_dropped_before_an_answer():
    assert "the server went away" in (await fault(Drop())).message


async def test_cut_in_the_middle():
    assert "the server went away" in (await fault(Say(end="cut"))).message


async def test_hang_before_the_first_byte():
    error = await fault(Hang(), seconds=0.2)
    assert isinstance(error, TimedOutError) and "ran out" in error.message


async def test_hang_in_the_middle():
    error = await fault(Say(end="hang"), idle_seconds=0.2)
    assert isinstance(error, TimedOutError) and "silence" in error.message


async def test_the_whole_call_is_bounded():
    error = await fault(Loop(), seconds=0.3)
    assert isinstance(error, TimedOutError) and "ran out" in error.message


async def test_leaving_closes_the_connection_at_once():
    async with ScriptedServer([Loop()]) as server, Transport(server.url) as transport:
        async with aclosing(transport.post_stream(CHAT, BODY, timeout_seconds=9)) as events:
            async for _ in events:
                break
        async with asyncio.timeout(1):
            await server.left.wait()


async def test_json_instead_of_a_stream():
    async with ScriptedServer() as server, Transport(server.url) as transport:
        with pytest.raises(FormatError, match="instead of a stream"):
            async for _ in transport.post_stream("/tokenize", {"content": ""}, timeout_seconds=5):
                pass


async def test_not_the_expected_json():
    async with ScriptedServer() as server, Transport(server.url) as transport:
        with pytest.raises(FormatError, match="cannot be read"):
            await transport.get_json("/slots", dict[str, Any])


async def test_exchange_has_the_exact_bytes_and_no_key():
    kept: list[Exchange] = []
    key = "topsecret-123"
    async with ScriptedServer([Say(pieces=(f"the key is {key}",))]) as server:
        async with Transport(server.url, api_key=key, on_exchange=kept.append) as transport:
            data = await drain(transport)
        assert server.received[0].headers["Authorization"] == f"Bearer {key}"
    (exchange,) = kept
    assert exchange.status == 200 and exchange.path == CHAT and exchange.cut_bytes == 0
    assert exchange.request == b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'
    assert key not in str(exchange.request_headers)
    assert key.encode() not in exchange.response
    assert exchange.response.count(b"\n\n") == len(data)


async def test_a_failed_call_leaves_an_exchange():
    kept: list[Exchange] = []
    async with (
        ScriptedServer([Say(end="cut")]) as server,
        Transport(server.url, on_exchange=kept.append) as transport,
    ):
        with pytest.raises(EngineError):
            await drain(transport)
    assert kept[0].status == 200 and b'"content":"ok"' in kept[0].response


async def test_a_login_in_the_url_is_sent_and_not_shown():
    async with ScriptedServer() as server:
        url = server.url.replace("http://", "http://me:password1@")
        async with Transport(url) as transport:
            await transport.get_json("/health", dict[str, Any])
        assert transport.url == server.url
        assert server.received[0].headers["Authorization"].startswith("Basic ")


async def test_a_slow_consumer_is_no_silent_server():
    async with (
        ScriptedServer([Say(pieces=("a", "b"))]) as server,
        Transport(server.url, limits=Limits(idle_seconds=0.3)) as transport,
        aclosing(transport.post_stream(CHAT, BODY, timeout_seconds=30)) as events,
    ):
        seen = 0
        async for _ in events:
            seen += 1
            if seen == 1:
                await asyncio.sleep(0.8)
    assert seen == 6


async def test_a_slow_start_is_no_silence():
    async with (
        ScriptedServer([Say(pieces=("a",), pause_seconds=0.5)]) as server,
        Transport(server.url, limits=Limits(idle_seconds=5)) as transport,
    ):
        assert len(await drain(transport, 30)) == 5
