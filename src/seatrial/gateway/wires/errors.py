"""Errors in the words of each protocol.

An overflow looks as each client expects it, so that the client compacts. Whatever else went wrong
under way is called a server error that may be tried again: clients of all three protocols take
an ordinary end for the final answer, and an unknown error for the end of the run.

In: exceptions, error bodies of a server. Out: error bodies.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.failures import error_message
from seatrial.chat.overflow import (
    NORMALISED_CODE,
    ContextOverflowError,
    normalised,
    read_overflow,
)
from seatrial.core.errors import SeatrialError, UserError

_RETRY = "server error, overloaded, try again"
"""The words by which pi, opencode and qwen-code know that a stream may be asked for again."""

_MESSAGES_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def chat_error(error: Exception) -> bytes:
    """The error as chat completions say it."""
    if isinstance(error, ContextOverflowError):
        return msgspec.json.encode(normalised(error))
    kind, code = ("invalid_request_error", 400) if isinstance(error, UserError) else _SERVER
    return msgspec.json.encode({"error": {"message": say(error), "type": kind, "code": code}})


_SERVER = ("server_error", 500)


def messages_error(error: Exception) -> bytes:
    """The error as `/v1/messages` says it."""
    if isinstance(error, ContextOverflowError):
        return _messages_body("invalid_request_error", overflow_line(error))
    kind = "invalid_request_error" if isinstance(error, UserError) else "overloaded_error"
    return _messages_body(kind, say(error))


def responses_error(error: Exception) -> dict[str, Any]:
    """The error object of `/v1/responses`; codex knows an overflow by its code."""
    if isinstance(error, ContextOverflowError):
        return {"code": NORMALISED_CODE, "message": normalised(error)["error"]["message"]}
    code = "invalid_prompt" if isinstance(error, UserError) else "server_error"
    return {"code": code, "message": say(error)}


def messages_refusal(status: int, body: bytes) -> tuple[int, bytes]:
    """A server's refusal, as `/v1/messages` says it."""
    overflow = read_overflow(body, status)
    if overflow is not None:
        return 400, messages_error(overflow)
    fallback = "invalid_request_error" if 400 <= status < 500 else "api_error"
    return status, _messages_body(_MESSAGES_TYPES.get(status, fallback), error_message(body))


def responses_refusal(status: int, body: bytes) -> tuple[int, bytes]:
    """A server's refusal, as `/v1/responses` says it: its own, but for an overflow."""
    overflow = read_overflow(body, status)
    return (status, body) if overflow is None else (400, msgspec.json.encode(normalised(overflow)))


def say(error: Exception) -> str:
    """One line for a client."""
    if isinstance(error, UserError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    message = error.message if isinstance(error, SeatrialError) else str(error)
    return f"{message} ({_RETRY})"


def overflow_line(error: ContextOverflowError) -> str:
    """An overflow in the words that Claude Code waits for."""
    needed, window = error.needed_tokens, error.window_tokens
    if needed is None or window is None:
        return "prompt is too long"
    return f"prompt is too long: {needed} tokens > {window} maximum"


def _messages_body(kind: str, message: str) -> bytes:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return msgspec.json.encode(body)
