"""Whether a request goes in raw mode: what the server can, and what the request asks for.

A server is asked once whether it has `/apply-template`; what it is, the gateway knows already.
Whatever does not go in raw mode goes as ever, with the server's own parsing, and is counted with
the reason.

In: upstreams, requests. Out: a yes or no; one line on stderr for each upstream.
"""

from __future__ import annotations

import sys

import msgspec

from seatrial.chat.failures import refused
from seatrial.chat.wires import TEMPLATE_PATH
from seatrial.core.errors import SeatrialError
from seatrial.gateway.metrics import Metrics
from seatrial.gateway.raw_request import objection
from seatrial.gateway.requests import Inbound
from seatrial.gateway.upstream import Upstream

FAMILY = "llama.cpp"
SERVER_UNKNOWN = "server_unknown"
OTHER_SERVER = "other_server"
NO_TEMPLATE = "no_template"

_PROBE = msgspec.json.encode({"messages": [{"role": "user", "content": "hello"}]})
_PROBE_SECONDS = 5.0
_NOT_BUILT_IN = 501
_SAID = {
    "": "raw mode: asks /completion, and tool calls are read here",
    SERVER_UNKNOWN: "no raw mode yet: the server does not say what it is",
    OTHER_SERVER: "no raw mode: only llama.cpp gives unparsed text; its own parsing is used",
    NO_TEMPLATE: "no raw mode: /apply-template gives no prompt; its own parsing is used",
}


class RawMode:
    """Raw mode of one gateway."""

    def __init__(self, metrics: Metrics, *, wanted: bool) -> None:
        self._metrics = metrics
        self._wanted = wanted
        self._answers: dict[str, str] = {}
        self._told: dict[str, str] = {}

    async def takes(self, upstream: Upstream, inbound: Inbound) -> bool:
        """Whether the request goes in raw mode; counted where it does not."""
        if not self._wanted:
            return False
        reason = await self._of_server(upstream)
        self._tell(upstream.name, reason)
        reason = reason or objection(inbound) or ""
        if reason:
            self._metrics.add("raw_fallback_total", reason=reason)
        return not reason

    async def _of_server(self, upstream: Upstream) -> str:
        """Why the server cannot; empty = it can. What it is stays known."""
        if upstream.name in self._answers:
            return self._answers[upstream.name]
        await upstream.learn()
        if not upstream.family:
            return SERVER_UNKNOWN
        reason = OTHER_SERVER
        if upstream.family == FAMILY:
            try:
                reason = "" if await _has_template(upstream) else NO_TEMPLATE
            except SeatrialError:
                # It is loading, or gone for the moment.
                return SERVER_UNKNOWN
        self._answers[upstream.name] = reason
        return reason

    def _tell(self, name: str, reason: str) -> None:
        if self._told.get(name) != reason:
            self._told[name] = reason
            sys.stderr.write(f"{name}: {_SAID[reason]}\n")


async def _has_template(upstream: Upstream) -> bool:
    """Whether the server renders a prompt.

    Raises:
        EngineError, FormatError: it cannot be asked now.
    """
    answer = await upstream.open(
        "POST",
        TEMPLATE_PATH,
        _PROBE,
        [(b"content-type", b"application/json")],
        keep_credentials=True,
        seconds=_PROBE_SECONDS,
    )
    try:
        body = await answer.whole()
        if answer.status >= 500 and answer.status != _NOT_BUILT_IN:
            raise refused(upstream.url + TEMPLATE_PATH, answer.status, body)
        return answer.status == 200 and b'"prompt"' in body
    finally:
        answer.close()
