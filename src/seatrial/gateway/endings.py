"""How an answer ends that did not come to its own end, so that clients treat it right.

A stopped answer never ends with `stop`: every client takes that for the final answer, and a
failure would look like a success. What helps instead depends on what the client has seen and on
the client; harness authors agree on nothing here.

In: errors, endings that a rule asked for. Out: bodies, frames, or the word to cut the connection.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.endpoint import Ending
from seatrial.chat.failures import RefusedError, TimedOutError, error_message
from seatrial.chat.overflow import ContextOverflowError, normalised
from seatrial.core.errors import BudgetError, FormatError, SeatrialError
from seatrial.gateway.rendering import frame

_CUT_INSTEAD = frozenset({"qwencode"})
"""Clients that end their work at an error inside a stream, and ask again when it breaks off."""
_FINAL_STATUS = {"openai-python": 404}
"""Where 400 is not the end. Behind this library stand mini-swe-agent and others that ask ten times
and more after every status but a few; 404 is one that all of them take for the last word, and
that the library itself does not try again."""


class Told(msgspec.Struct, frozen=True):
    """What a client is told: a status with a body before the answer began, a frame after it."""

    status: int
    error: dict[str, Any]
    cut: bool = False
    """Break the connection off instead of sending a frame."""

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"error": self.error})

    @property
    def frame(self) -> bytes:
        return frame({"error": self.error})


def stopped(ending: Ending, reason: str, client: str) -> Told:
    """What a rule's stop is told as; `length` is no error and is rendered as an end."""
    if ending == "overflow":
        return overflowed(ContextOverflowError(reason))
    if ending == "retryable_error":
        # These words stand in the lists by which clients decide to ask again.
        message = f"server error: overloaded, please retry (the answer was stopped: {reason})"
        return Told(503, _error(message, "server_error", "guard_stopped"), client in _CUT_INSTEAD)
    message = f"the answer was stopped by the gateway: {reason}"
    if client in _FINAL_STATUS:
        # The type must not be `invalid_request_error`: LiteLLM reads it before the status.
        message += " (nothing is missing: this status only says that no retry will help)"
        return Told(_FINAL_STATUS[client], _error(message, "guard_stopped", "guard_stopped"))
    return Told(400, _error(message, "invalid_request_error", "guard_stopped"))


def failed(error: SeatrialError, client: str) -> Told:
    """What a failure of the server, or of a rule, is told as."""
    if isinstance(error, ContextOverflowError):
        return overflowed(error)
    if isinstance(error, BudgetError):
        return Told(503, _error(_line(error), "server_error", "no_slot"))
    if isinstance(error, RefusedError):
        message = f"server error: {_line(error)}"
        return Told(error.status, _error(message, "upstream_error", "refused"))
    timed_out = isinstance(error, TimedOutError)
    what = "timeout" if timed_out else "broken_stream" if isinstance(error, FormatError) else "gone"
    words = _TIMED_OUT if timed_out else _TERMINATED
    told = _error(f"{words}: {_line(error)}", "server_error", what)
    return Told(504 if timed_out else 502, told, client in _CUT_INSTEAD)


def reported(data: bytes, client: str) -> Told | None:
    """What an error inside a stream is told as, `data` being its frame's; None = as it came.

    The server's own object, in words after which clients ask again; several do not look at the
    code. Not where the server says that the request is wrong: the next one would be wrong, too.
    """
    try:
        error = msgspec.json.decode(data, type=_Reported).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    given = error if isinstance(error, dict) else {"message": str(error)}
    code = given.get("code")
    status = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 502
    if not 500 <= status < 600 or given.get("type") == "invalid_request_error":
        return None
    told = {"type": "server_error", **given, "message": f"{_TERMINATED}: {error_message(data)}"}
    return Told(status, told, client in _CUT_INSTEAD)


class _Reported(msgspec.Struct):
    error: Any


_TIMED_OUT = "server error: timeout"
_TERMINATED = "server error: terminated"
"""pi, opencode and qwen-code know by these words that they may ask again."""


def overflowed(error: ContextOverflowError) -> Told:
    """An overflow in the one form that every client knows."""
    return Told(400, normalised(error)["error"])


def stopping() -> Told:
    """The gateway ends before the answer began."""
    message = "server error: overloaded, please retry (the gateway is being stopped)"
    return Told(503, _error(message, "server_error", "stopping"))


def refused_request(status: int, message: str, code: str, hint: str = "") -> Told:
    """A request that the gateway itself does not take."""
    text = f"{message} (hint: {hint})" if hint else message
    return Told(status, _error(text, "invalid_request_error", code))


def _error(message: str, type_: str, code: str) -> dict[str, Any]:
    return {"message": message, "type": type_, "param": None, "code": code}


def _line(error: SeatrialError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
