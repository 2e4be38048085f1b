"""Ask a server for its canary: which requests, for which kind of server, and how often.

llama.cpp is asked through `/completion`, and its template through `/apply-template`; the others
through their OpenAI-compatible paths. A path that a server refuses gives no song, which is said
and is no error. In: a server. Out: a `Canary`; errors only where nobody answers at all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, FormatError
from seatrial.core.schema import digest
from seatrial.serve.canary import PROMPT, TOKENS, TOP, WIDEST_TOLERANCE, Canary, Song, widest_gap
from seatrial.serve.songs import read_song

TIMEOUT_SECONDS = 300.0
"""Long: several threads on a busy machine wait for each other at every layer."""
_CLOSED = (401, 403)
_OPENAI_TOP = 5
"""More is refused by servers that follow OpenAI's bound for completions."""

_GREEDY = {"temperature": 0.0, "top_k": 1, "seed": 1, "stream": False}
_COMPLETION = {
    **_GREEDY,
    "n_predict": TOKENS,
    "n_probs": TOP,
    "cache_prompt": False,
    # Whatever the server's defaults are: nothing but the weights shall decide.
    "samplers": ["top_k"],
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "mirostat": 0,
    "stop": [],
}
_QUESTION = {"role": "user", "content": "Which lights does the harbour show tonight?"}
_TALK = [
    {"role": "system", "content": "You keep the harbour log."},
    _QUESTION,
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "call00001",
                "type": "function",
                "function": {"name": "look", "arguments": '{"where":"north mole"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call00001", "content": "two short, one long"},
    {"role": "user", "content": "And the other one?"},
]
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": "Look at a place.",
            "parameters": {
                "type": "object",
                "properties": {"where": {"type": "string"}},
                "required": ["where"],
            },
        },
    }
]
_DATES = ("strftime_now", "date_string", "datetime", "now()")


async def sing(server: Transport, *, template: str | None = None, repeats: int = 1) -> Canary:
    """The canary of a llama.cpp server; `template` = its text, to see whether it writes dates.

    Raises:
        EngineError: no answer, or none with probabilities.
    """
    raw = await _song(server, "/completion", {"prompt": PROMPT, **_COMPLETION}, repeats)
    if raw is None or raw[0].kind != "logprobs":
        raise EngineError(f"{server.url}: the canary came back without probabilities")
    song, timings = raw
    rendered, prompt = await _rendered(server)
    chat = None
    if prompt is not None:
        # Behind the raw prompt, so that it shares no beginning with a real conversation.
        body = {"prompt": PROMPT + prompt, **_COMPLETION}
        chat = await _song(server, "/completion", body, repeats)
    return Canary(
        raw=song,
        chat=chat[0] if chat else None,
        rendered=rendered,
        day=_day(template),
        prompt_tokens_per_second=_speed(timings, "prompt_per_second"),
        generated_tokens_per_second=_speed(timings, "predicted_per_second"),
    )


async def sing_anywhere(
    server: Transport,
    family: str,
    *,
    model: str | None,
    template: str | None = None,
    repeats: int = 2,
) -> Canary:
    """The canary of a server of any family; `model` = what requests name.

    Raises:
        EngineError: nobody answers, or the key is wrong.
    """
    if family == "llama.cpp":
        return await sing(server, template=template, repeats=repeats)
    named = {"model": model} if model is not None else {}
    greedy = {**named, **_GREEDY, "max_tokens": TOKENS}
    if family == "ollama":
        # Its /v1/completions goes through the template; only this path takes a raw prompt.
        options = {"temperature": 0, "top_k": 1, "seed": 1, "num_predict": TOKENS}
        body = {**named, "prompt": PROMPT, "raw": True, "stream": False, "options": options}
        body |= {"logprobs": True, "top_logprobs": _OPENAI_TOP}
        raw = await _song(server, "/api/generate", body, repeats)
    else:
        body = {**greedy, "prompt": PROMPT, "logprobs": _OPENAI_TOP}
        raw = await _song(server, "/v1/completions", body, repeats)
    body = {**greedy, "messages": [_QUESTION], "logprobs": True, "top_logprobs": _OPENAI_TOP}
    chat = await _song(server, "/v1/chat/completions", body, repeats)
    return Canary(
        raw=raw[0] if raw else None,
        chat=chat[0] if chat else None,
        day=_day(template),
    )


async def _song(
    server: Transport, path: str, body: dict[str, Any], repeats: int
) -> tuple[Song, dict[str, Any]] | None:
    """The song that `path` gives, and the timings of the answer; None = it gives none."""
    first: Song | None = None
    timings: dict[str, Any] = {}
    for _ in range(repeats):
        answer = await _ask(server, path, body)
        song = read_song(answer, path) if answer is not None else None
        if answer is None or song is None:
            return None
        if first is None:
            first = song
            timings = answer["timings"] if isinstance(answer.get("timings"), dict) else {}
        else:
            first = _again(first, song)
    return (first, timings) if first is not None else None


def _again(first: Song, second: Song) -> Song:
    """`first`, with how far `second` strayed from it."""
    if first.kind != second.kind:
        return replace(first, steady=False)
    if first.kind == "text":
        return replace(first, steady=first.steady and first.text == second.text)
    spread = first.spread or 0.0
    tied = False
    for left, right in zip(first.steps, second.steps, strict=False):
        spread = max(spread, widest_gap(left, right))
        if left.token != right.token:
            tied = True
            break
    same = tied or len(first.steps) == len(second.steps)
    steady = first.steady and same and spread <= WIDEST_TOLERANCE
    return replace(first, spread=round(spread, 4), steady=steady)


async def _ask(server: Transport, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """The answer; None where the server does not offer this, or not with these fields."""
    without = {key: value for key, value in body.items() if "logprobs" not in key}
    for attempt in (body,) if without == body else (body, without):
        try:
            return await server.post_json(
                path, attempt, dict[str, Any], timeout_seconds=TIMEOUT_SECONDS
            )
        except RefusedError as error:
            if error.status in _CLOSED:
                raise
        except FormatError:
            return None
    return None


async def _rendered(server: Transport) -> tuple[str | None, str | None]:
    """Digest of what the template writes, and the prompt of one short conversation."""
    short = await _apply(server, {"messages": [_QUESTION]})
    if short is None:
        return None, None
    full = await _apply(server, {"messages": _TALK, "tools": _TOOLS})
    return digest([short, full]), short


async def _apply(server: Transport, body: dict[str, Any]) -> str | None:
    try:
        answer = await server.post_json("/apply-template", body, dict[str, Any])
    except (RefusedError, FormatError):  # many templates refuse a role or a tool
        return None
    prompt = answer.get("prompt")
    return prompt if isinstance(prompt, str) else None


def writes_dates(template: str) -> bool:
    """Whether a chat template may write the date into a prompt."""
    return any(word in template for word in _DATES)


def _day(template: str | None) -> str | None:
    """Today, where a prompt may hold it."""
    if template is None or not writes_dates(template):
        return None
    return _now().date().isoformat()


def _now() -> datetime:
    return datetime.now(UTC)


def _speed(timings: dict[str, Any], key: str) -> float | None:
    value = timings.get(key)
    return float(value) if isinstance(value, int | float) else None
