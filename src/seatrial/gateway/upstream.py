"""One server behind the gateway: requests go to it as they came, answers come back as they are.

Each request has its own connection: a pooled one that the server has just dropped would look like
a server that died, and closing it is the only word for "stop generating" that every server knows.

In: bodies and headers. Out: open responses; errors of `core` with one line and a hint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from seatrial.chat.address import basic, server_root
from seatrial.chat.failures import TimedOutError, connection_failure
from seatrial.chat.watchdog import Watchdog
from seatrial.chat.window import Measured
from seatrial.core.errors import FormatError, SeatrialError
from seatrial.gateway.output import Headers
from seatrial.gateway.settings import Bounds, UpstreamSpec
from seatrial.guard.ladder import knobs_of

_READ_BYTES = 2**16
_ASK_AGAIN_SECONDS = 60.0
_MOST_MEASURED = 64
"""Models of one server whose numbers are kept; clients make names up."""
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The length changes with the body; and what cannot be read cannot be guarded.
_NOT_ASKED = _HOP_BY_HOP | {b"host", b"content-length", b"accept-encoding", b"expect"}
# Some servers pack although they were asked not to; it is unpacked here.
_NOT_ANSWERED = _HOP_BY_HOP | {b"content-length", b"content-encoding"}
_CREDENTIALS = frozenset(
    {b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"x-auth-token", b"cookie"}
)


class Answer:
    """A response of an upstream, its body still to be read. Close it."""

    def __init__(self, response: aiohttp.ClientResponse, url: str, bounds: Bounds) -> None:
        self._response = response
        self._url = url
        self._bounds = bounds
        self._watchdog: Watchdog | None = None
        self._back: bytes | None = None
        self._closed = _closing(response)
        if self._closed is not None:
            self._closed.add_done_callback(self._lost)
        self.status = response.status

    @property
    def is_stream(self) -> bool:
        return self._response.content_type == "text/event-stream"

    def headers(self) -> Headers:
        """As they came, less those that belong to the connection."""
        return [
            (name.lower(), value)
            for name, value in self._response.raw_headers
            if name.lower() not in _NOT_ANSWERED
        ]

    async def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            EngineError: the server went away, or says nothing for too long.
        """
        if self._back is not None:
            back, self._back = self._back, None
            return back
        wait = self._bounds.idle_seconds
        try:
            if self._watchdog is not None:
                return await self._watchdog.read()
            # A server may send its headers at once and then read a long prompt in silence.
            wait = self._bounds.first_byte_seconds
            async with asyncio.timeout(wait):
                first = await self._response.content.readany()
            self._watch()
            return first
        except TimeoutError as error:
            seconds = f"{wait:g} s"
            hint = "the server seems to hang"
            raise TimedOutError(f"silence from {self._url} for {seconds}", hint=hint) from error
        except (aiohttp.ClientError, OSError) as error:
            raise connection_failure(error, self._url) from error

    def put_back(self, piece: bytes) -> None:
        """Have `piece` read next."""
        self._back = piece

    def _watch(self) -> None:
        until = asyncio.get_running_loop().time() + self._bounds.total_seconds
        self._watchdog = Watchdog(
            self._response.content, until, self._bounds.idle_seconds, started=True
        )
        self._watchdog.__enter__()

    async def whole(self) -> bytes:
        """The rest of the body.

        Raises:
            EngineError: as `read`.
            FormatError: it is longer than allowed.
        """
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            pieces.append(piece)
            size += len(piece)
            if size > self._bounds.answer_bytes:
                most = f"{self._bounds.answer_bytes:,} bytes"
                raise FormatError(f"{self._url} answered more than {most}")
        return b"".join(pieces)

    def close(self) -> None:
        """Leave the response; a server that is still generating stops."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
        if self._watchdog is not None:
            self._watchdog.__exit__(None, None, None)
        self._response.close()

    def _lost(self, _: asyncio.Future[None]) -> None:
        """The connection is closed; whoever reads what it did not bring would wait for ever."""
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("the connection broke"))


class Upstream:
    """The connection to one server, inside one event loop."""

    def __init__(self, spec: UpstreamSpec, bounds: Bounds) -> None:
        self.spec = spec
        self.name = spec.name
        self.slots = spec.slots
        self.family = ""
        self.window: int | None = None
        self._measured: dict[str, Measured] = {}
        self._stated_for: str | None = None
        """The one model that `window` is of; None = whatever it is asked for."""
        self.knobs: frozenset[str] = frozenset()
        """Fields that it honours, as far as known."""
        self.models: tuple[str, ...] = ()
        """Ids of its `/v1/models`, as far as it was asked."""
        self.loads_on_request = False
        """Naming another model in a request loads that one, as far as known."""
        self._learned = False
        self._learning = asyncio.Lock()
        self.counts = True
        """It tells the tokens of a prompt, until it was seen that it cannot."""
        self._ask_again = 0.0
        root, login = server_root(spec.url)
        self.url = str(root).rstrip("/")
        self._authorization = basic(*login) if login else None
        if spec.api_key is not None:
            self._authorization = f"Bearer {spec.api_key}"
        self._bounds = bounds
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def open(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        keep_credentials: bool,
        seconds: float | None = None,
    ) -> Answer:
        """The answer to a request, whatever its status.

        Raises:
            EngineError: unreachable, gone, or silent for too long.
        """
        target = URL(self.url + path, encoded=True)
        sent = self._asked(headers, keep_credentials)
        wait = seconds or self._bounds.first_byte_seconds
        try:
            async with asyncio.timeout(wait):
                response = await self._connected().request(
                    method, target, data=body, headers=sent, allow_redirects=False
                )
        except TimeoutError as error:
            if isinstance(error, aiohttp.ServerTimeoutError):
                raise connection_failure(error, self.url) from error
            hint = "the server seems to hang"
            raise TimedOutError(f"no answer from {self.url} for {wait:g} s", hint=hint) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise connection_failure(error, self.url) from error
        return Answer(response, self.url, self._bounds)

    async def ask(self, path: str, seconds: float = 5.0) -> tuple[int, bytes]:
        """What a GET of `path` answers: for lists and facts, not for clients.

        Raises:
            EngineError: unreachable, gone, too slow.
            FormatError: an endless answer.
        """
        answer = await self.open("GET", path, None, [], keep_credentials=True, seconds=seconds)
        try:
            async with asyncio.timeout(seconds):
                return answer.status, await answer.whole()
        except TimeoutError as error:
            raise TimedOutError(f"no answer from {self.url} for {seconds:g} s") from error
        finally:
            answer.close()

    @property
    def knows_enough(self) -> bool:
        """There is nothing to ask now."""
        return self._learned or monotonic() < self._ask_again

    async def learn(self) -> None:
        """Ask what it is; what it does not say stays unknown, and is asked again some time."""
        async with self._learning:
            if not self.knows_enough:
                await self._learn()

    async def _learn(self) -> None:
        self._ask_again = monotonic() + _ASK_AGAIN_SECONDS
        # Here, and not above: it is needed once, and has a large family.
        from seatrial.serve.families import read_facts

        try:
            facts = await read_facts(self.spec.url, api_key=self.spec.api_key)
        except SeatrialError:
            return
        self._learned = self.counts = True
        traits = facts.family
        self.family = traits.id
        self.knobs = knobs_of(traits.id, traits.knobs)
        self.models = facts.listed
        self.loads_on_request = traits.loads_on_request
        self.window = facts.window.value if facts.window else None
        loaded = facts.model.value if facts.model else ""
        self._stated_for = loaded if traits.loads_on_request else None
        for model, measured in self._measured.items():
            measured.stated(self.window_of(model))
        if self.slots is None and facts.slots is not None:
            self.slots = facts.slots.value

    def measured(self, model: str) -> Measured:
        """What prompts and refusals taught about a model's tokenizer and window."""
        measured = self._measured.pop(model, None) or Measured(self.window_of(model))
        self._measured[model] = measured
        if len(self._measured) > _MOST_MEASURED:
            del self._measured[next(iter(self._measured))]
        return measured

    def doubt(self) -> None:
        """What it said of itself may no longer hold: it is asked again, but not all the time."""
        self._learned = False

    def window_of(self, model: str) -> int | None:
        """The window as the server states it; None = it states that of another model, or none."""
        return self.window if self._stated_for in (None, model) else None

    def _asked(
        self, headers: Iterable[tuple[bytes, bytes]], keep_credentials: bool
    ) -> CIMultiDict[str]:
        own_key = self._authorization is not None or not keep_credentials
        sent: CIMultiDict[str] = CIMultiDict()
        for name, value in headers:
            if name in _NOT_ASKED or (own_key and name in _CREDENTIALS):
                continue
            sent.add(name.decode("latin-1"), value.decode("latin-1"))
        sent["Accept-Encoding"] = "identity"
        if self._authorization is not None:
            sent["Authorization"] = self._authorization
        return sent

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._bounds.connect_seconds
                ),
                read_bufsize=_READ_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
        return self._session


def _closing(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """What tells that the connection is closed: after a broken chunk nothing else does."""
    connection = response.connection
    protocol = connection.protocol if connection is not None else None
    return protocol.closed if protocol is not None else None


def model_ids(listing: dict[str, Any]) -> tuple[str, ...]:
    """The ids in an answer of `/v1/models`."""
    data = listing.get("data")
    entries = data if isinstance(data, list) else []
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return tuple(id_ for id_ in ids if isinstance(id_, str))
