"""How many tokens a request has: by the server's own word, or its tokenizer.

Nothing is estimated: a server that can do neither is said to be unable to.

In: bodies of `/v1/messages/count_tokens` and of chats. Out: status and body for the client, counts.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec

from seatrial.chat.wires import TEMPLATE_PATH, TOKENIZE_PATH, tokenize_body
from seatrial.core.errors import EngineError, FormatError, SeatrialError, UserError
from seatrial.gateway.output import Headers
from seatrial.gateway.requests import read_object
from seatrial.gateway.upstream import Upstream
from seatrial.gateway.wires import MESSAGES, write_count
from seatrial.gateway.wires import Upstream as Takes

COUNT_PATH = "/v1/messages/count_tokens"
_COUNT_SECONDS = 10.0
_SHAPES = ("model", "messages", "tools", "chat_template_kwargs")


class _Prompt(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


_AnswerT = TypeVar("_AnswerT", _Prompt, _Tokens)


async def count_tokens(
    upstream: Upstream, body: bytes, headers: Headers, *, keep_credentials: bool
) -> tuple[int, bytes]:
    """The count, from whoever can count."""
    try:
        answer = await upstream.open(
            "POST", COUNT_PATH, body, headers, keep_credentials=keep_credentials
        )
        try:
            counted = await answer.whole()
        finally:
            answer.close()
        if answer.status == 200:
            return 200, counted
        return 200, write_count(await _by_template(upstream, body, headers, keep_credentials))
    except SeatrialError as error:
        status = 400 if isinstance(error, UserError | FormatError) else 502
        return status, MESSAGES.error(error)


async def prompt_tokens(
    upstream: Upstream, body: bytes, headers: Headers, *, keep_credentials: bool
) -> int | None:
    """The prompt of a chat as the server counts it; None = it does not tell in time.

    A server that once could not is not asked again, until it is looked at anew.
    """
    if not upstream.counts:
        return None
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            return await _counted(upstream, read_object(body), headers, keep_credentials)
    except (TimeoutError, SeatrialError):
        upstream.counts = False
        return None


async def _by_template(
    upstream: Upstream, body: bytes, headers: Headers, keep_credentials: bool
) -> int:
    chat = read_object(MESSAGES.ask(_with_cap(body), Takes()).body)
    return await _counted(upstream, chat, headers, keep_credentials)


async def _counted(
    upstream: Upstream, chat: dict[str, Any], headers: Headers, keep_credentials: bool
) -> int:
    shaped = {key: chat[key] for key in _SHAPES if key in chat}
    prompt = await _post(upstream, TEMPLATE_PATH, shaped, headers, keep_credentials)
    text = _read(prompt, _Prompt).prompt
    tokens = await _post(upstream, TOKENIZE_PATH, tokenize_body(text), headers, keep_credentials)
    return len(_read(tokens, _Tokens).tokens)


def _with_cap(body: bytes) -> bytes:
    """A request to count has no `max_tokens`, which the same request to answer must have."""
    return msgspec.json.encode({"max_tokens": 1, **read_object(body)})


async def _post(
    upstream: Upstream, path: str, body: object, headers: Headers, keep_credentials: bool
) -> bytes:
    kept = [(name, value) for name, value in headers if name != b"content-type"]
    answer = await upstream.open(
        "POST",
        path,
        msgspec.json.encode(body),
        [*kept, (b"content-type", b"application/json")],
        keep_credentials=keep_credentials,
    )
    try:
        if answer.status != 200:
            raise EngineError(
                f"{upstream.url} cannot count tokens: {path} answered {answer.status}"
            )
        return await answer.whole()
    finally:
        answer.close()


def _read(body: bytes, type_: type[_AnswerT]) -> _AnswerT:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise EngineError(f"a count of tokens cannot be read: {error}") from None
