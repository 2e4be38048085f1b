"""What can go wrong between us and a server, as one line and a hint.

    EngineError
    |- RefusedError     it answered, with a status that is no success
    |- TimedOutError    it did not answer, or stopped, within the time
    `- (EngineError)    nothing listens, no such host, the connection broke, TLS

In: exceptions of the HTTP client and error bodies. Out: errors of `core`.
"""

from __future__ import annotations

import re

import aiohttp
import msgspec

from seatrial.core.errors import EngineError

_LONGEST_REASON = 300


class RefusedError(EngineError):
    """An answer that is no success; `body` is as it came, for whoever can read more from it."""

    def __init__(self, message: str, *, status: int, body: bytes, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.body = body


class TimedOutError(EngineError):
    """The time ran out; the connection was closed, so the server stops working on it."""


_HINTS = {
    401: "give the key that this server wants",
    403: "give a key that may do this",
    404: "is this the root URL of the server, and does it speak this protocol?",
    501: "the server was started without what this needs",
    503: "the model is still loading; wait, then try again",
}


def refused(where: str, status: int, body: bytes) -> RefusedError:
    """What an answer without success says."""
    reason = error_message(body)
    message = f"{where} answered {status}" + (f": {reason}" if reason else "")
    return RefusedError(message, status=status, body=body, hint=_HINTS.get(status))


def error_message(body: bytes) -> str:
    """The message inside an error body, in the shapes that servers use; else its beginning."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        value = body.decode("utf-8", "replace")
    while isinstance(value, dict):
        value = next((value[key] for key in ("error", "message", "detail") if key in value), "")
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "..."


def shown_url(url: str) -> str:
    """What a person gave as a URL, without the login in it."""
    return re.sub(r"//[^/]*@", "//", url)


def connection_failure(error: Exception, url: str) -> EngineError:
    """The error that stands for `error`, raised by the HTTP client while it spoke to `url`."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return EngineError(f"no such host: {url}", hint="check the URL")
    if isinstance(error, aiohttp.ClientSSLError):
        return EngineError(f"no secure connection to {url}: {error}")
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            hint = "start the server, or check the port"
            return EngineError(f"nothing listens at {url}", hint=hint)
        return EngineError(f"no connection to {url}: {error.os_error.strerror or error.os_error}")
    if isinstance(error, aiohttp.ServerTimeoutError):
        return TimedOutError(f"no connection to {url} in time", hint="check the host and the port")
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return EngineError(f"not a URL of a server: {url}", hint="http://host:port")
    if isinstance(error, aiohttp.ClientResponseError):
        return EngineError(f"{url} does not speak HTTP: {error.message}", hint="check the port")
    if isinstance(error, OSError | aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return EngineError(f"the server went away: {url}", hint="its log may say why it died")
    return EngineError(f"{url}: {type(error).__name__}: {error}")
