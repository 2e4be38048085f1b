"""llama.cpp's own server: `llama-server`, and the same code inside xllamacpp.

`/props` says what is loaded and the window of one slot. Sources: llama.cpp tools/server
(server-context.cpp, README.md), answers of build b11549. `described` is also for the router and
for llama-swap, behind which the same server answers. In: answers. Out: `ServerFacts`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError
from seatrial.serve.embedded import ChildSpec
from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.families.asking import ask
from seatrial.serve.families.family import Answer, Answers
from seatrial.serve.families.owner import owner_of
from seatrial.serve.families.reading import (
    at,
    body,
    count,
    count_fact,
    flag,
    flag_facts,
    good,
    ids,
    knob,
    option,
    owners,
    rows,
    switch,
    text,
    text_fact,
    whole,
)

KNOBS = frozenset(
    """
    temperature top_k top_p min_p typical_p top_n_sigma xtc_probability xtc_threshold
    dynatemp_range dynatemp_exponent repeat_last_n repeat_penalty presence_penalty
    frequency_penalty dry_multiplier dry_base dry_allowed_length dry_penalty_last_n
    dry_sequence_breakers mirostat mirostat_tau mirostat_eta adaptive_target adaptive_decay seed
    samplers logit_bias grammar stop max_tokens n_predict
    """.split()
)
TRAITS = Traits(
    id="llama.cpp",
    title="llama.cpp server",
    ports=(8080, 9931),
    listing="loaded",
    overflow="refuses",
    knobs=KNOBS,
    thinks_in="reasoning_content",
    reports_cached=True,
    reports_speed=True,
    tokenizes=True,
)

_SAMPLER = KNOBS - {"seed", "logit_bias", "grammar", "stop", "dry_sequence_breakers"}
_SUPPORTS = {
    "tools": "supports_tool_calls",
    "parallel_tools": "supports_parallel_tool_calls",
    "system": "supports_system_role",
    "preserves_thinking": "supports_preserve_reasoning",
    "reasoning_effort": "supports_reasoning_effort",
}


class LlamaCpp:
    """The family `llama.cpp`."""

    traits = TRAITS

    def recognises(self, answers: Answers) -> bool:
        props = body(answers, "/props")
        names = bool(text(props, "model_path") or text(props, "build_info"))
        mine = isinstance(at(props, "default_generation_settings"), dict) and names
        loading = any(is_loading(answers.get(path)) for path in ("/props", "/v1/models"))
        return bool(mine or loading or "llamacpp" in owners(answers))

    async def read(self, server: Transport, answers: Answers, model: str | None) -> ServerFacts:
        """It has one model and answers with it whatever `model` says."""
        if is_loading(answers.get("/props")):
            message = f"{server.url}: the model is still loading"
            raise EngineError(message, hint="wait until it is loaded, then try again")
        owner = await owner_of(server.url)
        facts = described(
            server.url,
            props=body(answers, "/props"),
            listing=body(answers, "/v1/models"),
            slots=good(await ask(server, "/slots")),
            words=owner.words,
        )
        notes = [*facts.notes, *owner.notes, *refused(answers.get("/props"))]
        notes += _adapters(good(await ask(server, "/lora-adapters")))
        return msgspec.structs.replace(
            facts,
            listed=ids(answers),
            loaded=ids(answers) or None,
            pid=owner.pid,
            command=owner.command,
            notes=tuple(notes),
        )


def is_loading(answer: Answer | None) -> bool:
    """Whether that is how this server answers while it reads the model file."""
    if answer is None or answer.status != 503:
        return False
    return text(answer.body, "error", "type") == "unavailable_error"


def refused(answer: Answer | None) -> tuple[str, ...]:
    """What to say where `/props` wants a key that was not given."""
    if answer is None or answer.status not in (401, 403):
        return ()
    return ("/props wants a key: without it window, template and sampler stay unknown",)


def described(
    url: str,
    *,
    props: Any,  # noqa: ANN401 - JSON
    listing: Any,  # noqa: ANN401 - JSON
    slots: Any,  # noqa: ANN401 - JSON
    words: tuple[str, ...],
    source: str = "/props",
) -> ServerFacts:
    """The facts that lie in these answers and in the command line `words`."""
    meta = next((at(row, "meta") for row in rows(listing, "data")), None)
    settings = at(props, "default_generation_settings")
    number = count_fact(source, props, "total_slots")
    window, notes = _window(source, count(settings, "n_ctx"), slots, meta)
    trained = count_fact("/v1/models", meta, "n_ctx_train")
    asked = _pool_tokens(words)
    return ServerFacts(
        url=url,
        family=TRAITS,
        version=text_fact(source, props, "build_info"),
        model=text_fact(source, props, "model_path")
        or text_fact("/v1/models", next(iter(rows(listing, "data")), None), "id"),
        quantization=text_fact(source, props, "model_ftype")
        or text_fact("/v1/models", meta, "ftype"),
        parameters=count_fact("/v1/models", meta, "n_params"),
        window=window,
        declared_windows=(Fact(asked, "argv"),) if asked else (),
        trained_window=trained,
        slots=number,
        shared_pool=_shared_pool(number, window, trained, words),
        sampler=_sampler(source, at(settings, "params")),
        template=text_fact(source, props, "chat_template"),
        eos=text_fact(source, props, "eos_token"),
        supports=_supports(source, props),
        notes=notes,
    )


def _window(
    source: str,
    stated: int | None,
    slots: Any,  # noqa: ANN401 - JSON
    meta: Any,  # noqa: ANN401 - JSON
) -> tuple[Fact[int] | None, tuple[str, ...]]:
    """The window of one slot; the smallest, where the server contradicts itself."""
    listed = slots if isinstance(slots, list) else []
    each = sorted({size for size in (count(row, "n_ctx") for row in listed) if size})
    if stated and any(size != stated for size in each):
        sizes = ", ".join(str(size) for size in each)
        least = min(stated, *each)
        note = f"{source} states a window of {stated} tokens and /slots of {sizes}: {least} counts"
        return Fact(least, source if least == stated else "/slots"), (note,)
    if stated:
        return Fact(stated, source), ()
    if each:
        return Fact(each[0], "/slots"), ()
    return count_fact("/v1/models", meta, "n_ctx"), ()


def _shared_pool(
    slots: Fact[int] | None,
    window: Fact[int] | None,
    trained: Fact[int] | None,
    words: tuple[str, ...],
) -> Fact[bool] | None:
    """Whether every slot is promised the whole of one pool (`-c` is the size of the pool)."""
    if slots is None or window is None:
        return None
    if slots.value == 1:
        return Fact(False, slots.source)
    if switch(words, "-kvu", "--kv-unified"):
        return Fact(True, "argv")
    pool = _pool_tokens(words)
    if pool is None:
        return None
    # The server rounds the size of a slot up to a multiple of 256.
    if window.value * slots.value > pool + 256 * slots.value:
        return Fact(True, "argv")
    # A slot never gets more than the model was trained for, shared or not.
    capped = trained is None or window.value >= trained.value
    return None if capped and window.value * slots.value < pool else Fact(False, "argv")


def _pool_tokens(words: tuple[str, ...]) -> int | None:
    """Tokens of all slots together, as the command line asks for them."""
    if "seatrial.serve.embedded" in words:
        try:
            return msgspec.json.decode(words[-1], type=ChildSpec).n_ctx
        except msgspec.MsgspecError:
            return None
    return whole(option(words, "-c", "--ctx-size"))


def _sampler(source: str, params: Any) -> dict[str, Fact[float | int | str | bool]]:  # noqa: ANN401
    if not isinstance(params, dict):
        return {}
    values = {name: knob(params.get(name)) for name in sorted(_SAMPLER)}
    return {name: Fact(value, source) for name, value in values.items() if value is not None}


def _supports(source: str, props: Any) -> dict[str, Fact[bool]]:  # noqa: ANN401 - JSON
    caps = at(props, "chat_template_caps")
    found = {name: flag(caps, key) for name, key in _SUPPORTS.items()}
    return flag_facts(source, {**found, "vision": flag(props, "modalities", "vision")})


def _adapters(listed: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [
        f"an adapter is loaded over the model: {path}, scale {knob(at(row, 'scale'))}"
        for row in rows({"adapters": listed}, "adapters")
        if (path := text(row, "path")) is not None
    ]
