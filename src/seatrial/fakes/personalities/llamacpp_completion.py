"""`/completion`, llama.cpp's own endpoint: a prompt as it is, and everything about the answer.

In: an exchange. Out: its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities import openai_wire
from seatrial.fakes.personalities.asking import text_ask
from seatrial.fakes.personalities.exchange import Exchange, frame
from seatrial.fakes.personalities.llamacpp_numbers import settings_of, timings
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Ask, RefusedError, Reply
from seatrial.fakes.personalities.tokens import token_id

_WINDOWED = ("repeat_last_n", "dry_penalty_last_n")


async def completion(exchange: Exchange) -> StreamResponse:
    """`/completion`, llama.cpp's own."""
    machine, body = exchange.machine, exchange.body
    if refusal := out_of_range(body):
        return await exchange.refuse(400, refusal)
    try:
        ask = text_ask(machine, body, machine.weights)
    except RefusedError as refused:
        return await exchange.json(refused.body, refused.status)
    return await exchange.generated(
        ask,
        lambda reply: _final(machine, ask, reply, whole=True),
        lambda reply: _completion_frames(machine, ask, reply),
    )


def _completion_frames(machine: Machine, ask: Ask, reply: Reply) -> list[bytes]:
    found = []
    for number, part in enumerate(reply.parts, 1):
        row = {
            "index": 0,
            "content": part.text,
            "tokens": [token_id(part.step.piece)],
            "stop": False,
            "id_slot": -1,
            "tokens_predicted": number,
            "tokens_evaluated": reply.prompt_tokens,
        }
        if ask.probabilities:
            row["completion_probabilities"] = openai_wire.probability_rows(
                [part.step], machine.persona
            )
        found.append(frame(row))
    if "no_done" not in machine.faults:
        found.append(frame(_final(machine, ask, reply, whole=False)))
    return found


def _final(machine: Machine, ask: Ask, reply: Reply, *, whole: bool) -> dict[str, Any]:
    content = "".join(part.text for part in reply.parts)
    stop_type = "none" if ask.stream and "no_finish" in machine.faults else reply.stop_type
    row: dict[str, Any] = {
        "index": 0,
        "content": content if whole else "",
        "tokens": [],
        "id_slot": 0,
        "stop": True,
        "model": machine.name,
        "tokens_predicted": reply.completion_tokens,
        "tokens_evaluated": reply.prompt_tokens,
        "generation_settings": {
            **settings_of(machine, ask.sampling),
            "max_tokens": ask.max_tokens or -1,
            "n_predict": ask.max_tokens or -1,
            "dry_sequence_breakers": ["\n", ":", '"', "*"],
            "logit_bias": [],
            "grammar": "",
            "grammar_lazy": False,
            "grammar_triggers": [],
            "preserved_tokens": [],
            "stop": list(ask.stops),
            "stream": ask.stream,
            "n_probs": ask.probabilities,
        },
        "prompt": ask.prompt,
        "has_new_line": "\n" in content,
        "truncated": reply.truncated,
        "stop_type": stop_type,
        "stopping_word": reply.stopping_word,
        "tokens_cached": reply.prompt_tokens + reply.completion_tokens - 1,
        "timings": timings(machine, reply),
    }
    if ask.probabilities and whole:
        steps = [part.step for part in reply.parts]
        row["completion_probabilities"] = openai_wire.probability_rows(steps, machine.persona)
    return row


def out_of_range(body: Mapping[str, Any]) -> str | None:
    """The refusal of a value that the server does not take."""
    for name in _WINDOWED:
        value = body.get(name)
        if isinstance(value, int) and value < 0:
            return (
                f"Field '{name}': Value must be between 0 <= value <= 2147483647, but got {value}"
            )
    return None
