"""SGLang's server.

It accepts any model name and repeats it: `/get_model_info` says what is loaded. A request can
neither exceed the context length nor the pool of tokens (scheduler.py, max_req_len). Source:
sglang srt/entrypoints/{http_server,openai/protocol,openai/serving_chat}.py. In: answers. Out:
`ServerFacts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.asking import ask
from seatrial.serve.families.family import Answers
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    count_fact,
    flag,
    flag_facts,
    good,
    ids,
    owners,
    rows,
    text,
    text_fact,
)

TRAITS = Traits(
    id="sglang",
    title="SGLang",
    ports=(30000,),
    listing="loaded",
    overflow="refuses",
    refuses_by_cap=True,
    echoes_model=True,
    knobs=frozenset(
        """
        temperature top_p top_k min_p repetition_penalty presence_penalty frequency_penalty seed
        stop stop_token_ids stop_regex logit_bias min_tokens max_tokens
        """.split()
    ),
    thinks_in="reasoning_content",
)

_INFO = ("/get_model_info", "/model_info")
_SERVER = ("/get_server_info", "/server_info")


class Sglang:
    """The family `sglang`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        info = body(answers, "/get_model_info")
        mine = text(info, "model_path") and isinstance(at(info, "is_generation"), bool)
        return bool(mine) or "sglang" in owners(answers)

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        """It has one model and answers with it whatever `model` says."""
        info_at, info = await _first(server, answers, _INFO)
        server_at, told = await _first(server, answers, _SERVER)
        row = next(iter(rows(body(answers, "/v1/models"), "data")), None)
        length = count_fact("/v1/models max_model_len", row, "max_model_len") or count_fact(
            f"{server_at} context_length", told, "context_length"
        )
        pool = count_fact(f"{server_at} max_total_num_tokens", told, "max_total_num_tokens")
        window, declared = _window(length, pool)
        owner = await owner_of(server.url)
        return ServerFacts(
            url=server.url,
            family=_traits(told),
            version=text_fact(server_at, told, "version"),
            model=text_fact(info_at, info, "model_path")
            or text_fact(server_at, told, "model_path")
            or text_fact("/v1/models root", row, "root"),
            listed=ids(answers),
            loaded=ids(answers) or None,
            quantization=text_fact(server_at, told, "quantization"),
            window=window,
            declared_windows=declared,
            slots=count_fact(server_at, told, "max_running_requests"),
            shared_pool=None if pool is None else Fact(True, pool.source),
            supports=_supports(info_at, info, server_at, told),
            device=_device(server_at, told),
            command=owner.command,
            pid=owner.pid,
            notes=(*_unread(info, told), *owner.notes),
        )


async def _first(
    server: Transport, answers: Answers, paths: tuple[str, ...]
) -> tuple[str, dict[str, Any] | None]:
    """The first of `paths` that answers with an object; newer versions renamed them."""
    for path in paths:
        found = body(answers, path) or good(await ask(server, path))
        if isinstance(found, dict):
            return path, found
    return paths[0], None


def _window(
    length: Fact[int] | None, pool: Fact[int] | None
) -> tuple[Fact[int] | None, tuple[Fact[int], ...]]:
    if length is not None and pool is not None and pool.value < length.value:
        return pool, (length,)
    return length, ()


def _traits(told: Any) -> Traits:  # noqa: ANN401 - JSON
    cached = flag(told, "enable_cache_report")
    return msgspec.structs.replace(TRAITS, reports_cached=True) if cached else TRAITS


def _device(server_at: str, told: Any) -> Fact[str] | None:  # noqa: ANN401 - JSON
    name = text(told, "device")
    return None if name is None else Fact("cpu" if name == "cpu" else "gpu", server_at)


def _supports(
    info_at: str,
    info: Any,  # noqa: ANN401 - JSON
    server_at: str,
    told: Any,  # noqa: ANN401 - JSON
) -> dict[str, Fact[bool]]:
    found = flag_facts(info_at, {"vision": flag(info, "has_image_understanding")})
    for name, key in (("tools", "tool_call_parser"), ("thinking", "reasoning_parser")):
        if isinstance(told, dict) and key in told:
            found[name] = Fact(text(told, key) is not None, server_at)
    return found


def _unread(info: Any, told: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    missing = [paths[0] for paths, got in ((_INFO, info), (_SERVER, told)) if got is None]
    return tuple(f"{path} does not answer: what it tells is not known" for path in missing)
