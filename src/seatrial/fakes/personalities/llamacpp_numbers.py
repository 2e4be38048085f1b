"""The numbers of llama.cpp: sampler settings as it states them, timings as it measures them.

In: a machine, a reply. Out: fields of `/props` and of answers.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Reply
from seatrial.fakes.personalities.sampling import Sampling

KNOBS = {
    name: name
    for name in (
        "temperature top_k top_p min_p typical_p top_n_sigma xtc_probability xtc_threshold "
        "repeat_penalty repeat_last_n presence_penalty frequency_penalty dry_multiplier dry_base "
        "dry_allowed_length dry_penalty_last_n mirostat mirostat_tau seed logit_bias"
    ).split()
}
_SAMPLERS = "penalties dry top_n_sigma top_k typ_p top_p min_p xtc temperature".split()


def timings(machine: Machine, reply: Reply) -> dict[str, Any]:
    """What the server measured of one answer."""
    fast, slow = machine.speeds
    fresh, made = reply.prompt_tokens - reply.cached_tokens, reply.completion_tokens
    found: dict[str, Any] = {
        "cache_n": reply.cached_tokens,
        "prompt_n": fresh,
        "prompt_ms": fresh / fast * 1000,
        "prompt_per_token_ms": 1000 / fast,
        "prompt_per_second": fast,
        "predicted_n": made,
        "predicted_ms": made / slow * 1000,
        "predicted_per_token_ms": 1000 / slow,
        "predicted_per_second": slow,
    }
    if (share := machine.settings.draft_acceptance) is not None:
        drafted = made * 2
        found |= {"draft_n": drafted, "draft_n_accepted": round(drafted * share)}
    return found


def settings_of(machine: Machine, sampling: Sampling) -> dict[str, Any]:
    """`params` of `/props`, `generation_settings` of an answer."""
    values = msgspec.structs.asdict(sampling)
    seed, names = values.pop("seed"), values.pop("samplers")
    del values["logit_bias"]
    cap = machine.output_cap or -1
    parses = machine.settings.parses_calls
    return {
        "seed": 2**32 - 1 if seed < 0 else seed,
        **values,
        "dynatemp_range": 0.0,
        "dynatemp_exponent": 1.0,
        "mirostat_eta": 0.1,
        "adaptive_target": -1.0,
        "adaptive_decay": 0.9,
        "max_tokens": cap,
        "n_predict": cap,
        "n_keep": 0,
        "n_discard": 0,
        "ignore_eos": False,
        "stream": False,
        "n_probs": 0,
        "min_keep": 0,
        "chat_format": "peg-native" if parses else "Content-only",
        "reasoning_format": "deepseek" if parses else "none",
        "reasoning_in_content": False,
        "generation_prompt": "",
        "samplers": list(names) or _SAMPLERS,
        "speculative.types": "none" if machine.settings.draft_acceptance is None else "draft-mtp",
        "timings_per_token": False,
        "post_sampling_probs": False,
        "backend_sampling": False,
        "lora": [],
    }
