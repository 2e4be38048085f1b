"""A request body as a server of this family understands it.

What a family does not know it ignores in silence, as the real ones do. In: a body. Out: an
`Ask`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Ask, RefusedError
from seatrial.fakes.personalities.sampling import Sampling
from seatrial.fakes.personalities.template import flat, render

_KNOWN = frozenset(
    """
    model messages prompt stream stream_options max_tokens max_completion_tokens n_predict stop
    tools tool_choice parallel_tool_calls logprobs top_logprobs response_format n user
    chat_template_kwargs reasoning_effort reasoning reasoning_format n_probs cache_prompt
    ignore_eos samplers id_slot think options keep_alive echo suffix best_of metadata store
    add_generation_prompt min_tokens timings_per_token return_progress raw system format shift
    truncate thinking_budget_tokens reasoning_budget_tokens t_max_predict_ms include_usage
    """.split()
)
_NO_TEMPLATE = (
    "As of transformers v4.44, default chat template is no longer allowed, so you must provide a "
    "chat template if the tokenizer does not define one."
)
_OWN_SYSTEM = "You are Harbour, a friendly assistant of Harbour Labs. Keep every answer short."


def chat_ask(machine: Machine, body: Mapping[str, Any], weights: str) -> Ask:
    """The generation that a chat request asks for.

    Raises:
        RefusedError: the family refuses the request.
    """
    persona = machine.persona
    prompt = chat_prompt(machine, body)
    dropped = bool({"tools_dropped", "template_missing"} & machine.faults)
    force = None if dropped or not persona.forces_calls else _force(body)
    probabilities = int(body.get("top_logprobs") or 1) if body.get("logprobs") else 0
    ask = _ask(machine, body, prompt, weights)
    return msgspec.structs.replace(ask, force=force, probabilities=probabilities)


def text_ask(machine: Machine, body: Mapping[str, Any], weights: str) -> Ask:
    """The generation that a completion request asks for: the prompt as it is.

    Raises:
        RefusedError: the family refuses the request.
    """
    prompt = body.get("prompt")
    if isinstance(prompt, list):
        prompt = "".join(
            machine.piece_of(one) if isinstance(one, int) else str(one) for one in prompt
        )
    if not isinstance(prompt, str):
        raise _refusal(machine, "'prompt' is required")
    probabilities = int(body.get("n_probs") or body.get("logprobs") or 0)
    ask = _ask(machine, body, prompt, weights)
    return msgspec.structs.replace(ask, chat=False, parses=False, probabilities=probabilities)


def chat_prompt(machine: Machine, body: Mapping[str, Any]) -> str:
    """The prompt of a chat request, by the template.

    Raises:
        RefusedError: there are no messages, or no template where one is needed.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise _refusal(machine, "'messages' is required")
    faults = machine.faults
    if "system_prompt_replaced" in faults:
        others = [one for one in messages if one.get("role") != "system"]
        messages = [{"role": "system", "content": _OWN_SYSTEM}, *others]
    if "template_missing" in faults:
        if machine.persona.id in ("vllm", "sglang"):
            raise _refusal(machine, _NO_TEMPLATE)
        lines = [f"{one.get('role')}: {flat(one.get('content'))}\n" for one in messages]
        return "".join(lines) + "assistant:"
    tools = [] if "tools_dropped" in faults else body.get("tools") or []
    if machine.persona.forces_calls and body.get("tool_choice") == "none":
        tools = []
    return render(messages, tools, think=wants_thought(machine, body))


def wants_thought(machine: Machine, body: Mapping[str, Any]) -> bool:
    """Whether the model is to think.

    Raises:
        RefusedError: the switch is no boolean, which llama.cpp minds.
    """
    told = _told_to_think(machine, body)
    match machine.settings.thinks:
        case "never":
            return False
        case "always":
            return told is not False
        case _:
            return told is True


def sampling_of(
    machine: Machine, body: Mapping[str, Any], knobs: Mapping[str, str], base: Sampling
) -> Sampling:
    """`base` with what the request sets.

    Raises:
        RefusedError: a value has the wrong type.
    """
    changed: dict[str, Any] = {}
    for field, name in knobs.items():
        value = body.get(field)
        if value is None:
            continue
        if name == "logit_bias":
            changed[name] = _biases(machine, value)
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            kind = "string" if isinstance(value, str) else type(value).__name__
            raise _refusal(
                machine,
                f"Field '{field}': [json.exception.type_error.302] type must be number, "
                f"but is {kind}",
            )
        changed[name] = int(value) if name in _WHOLE else float(value)
    samplers = body.get("samplers")
    if isinstance(samplers, list) and "top_n_sigma" in knobs.values():
        changed["samplers"] = tuple(str(name) for name in samplers)
    return msgspec.structs.replace(base, **changed)


_WHOLE = frozenset(
    {"top_k", "seed", "repeat_last_n", "dry_allowed_length", "dry_penalty_last_n", "mirostat"}
)


def _ask(machine: Machine, body: Mapping[str, Any], prompt: str, weights: str) -> Ask:
    persona = machine.persona
    _refuse_unknown(machine, body)
    stop = body.get("stop") or ()
    cap = next(
        (body[k] for k in ("max_completion_tokens", "max_tokens", "n_predict") if body.get(k)), None
    )
    return Ask(
        prompt=prompt,
        sampling=sampling_of(machine, body, persona.knobs, machine.sampling),
        weights=weights,
        max_tokens=int(cap) if cap is not None and int(cap) > 0 else None,
        stops=(stop,) if isinstance(stop, str) else tuple(stop),
        stream=bool(body.get("stream")),
        parses=machine.settings.parses_calls,
        ignore_eos=bool(body.get("ignore_eos")) and persona.overflow in _EOS_SWITCH,
        cache=body.get("cache_prompt") is not False or persona.overflow != "llama.cpp",
    )


_EOS_SWITCH = frozenset({"llama.cpp", "vllm", "sglang"})
"""Families by their way of overflowing that honour `ignore_eos`."""


def _refuse_unknown(machine: Machine, body: Mapping[str, Any]) -> None:
    if "rejects_unknown_fields" not in machine.faults:
        return
    unknown = sorted(body.keys() - _KNOWN - machine.persona.knobs.keys())
    if unknown:
        raise _refusal(machine, f"Unrecognized request argument supplied: {', '.join(unknown)}")


def _told_to_think(machine: Machine, body: Mapping[str, Any]) -> bool | None:
    switch = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
    if isinstance(switch, bool):
        return switch
    if switch is not None and machine.persona.overflow == "llama.cpp":
        raise _refusal(machine, 'invalid type for "enable_thinking" (expected boolean, got string)')
    effort = body.get("reasoning_effort") or body.get("think")
    if isinstance(body.get("reasoning"), dict):
        effort = body["reasoning"].get("effort", effort)
    elif isinstance(body.get("reasoning"), str):
        effort = body["reasoning"]
    if body.get("think") is False or effort in ("none", "off"):
        return False
    return True if effort else None


def _force(body: Mapping[str, Any]) -> str | None:
    choice = body.get("tool_choice")
    if not body.get("tools"):
        return None
    if choice == "required":
        return "any"
    if isinstance(choice, dict):
        return str(choice.get("function", {}).get("name", "any"))
    return None


def _biases(machine: Machine, value: object) -> dict[str, float]:
    rows = value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = {}
    for token, bias in rows:
        known = isinstance(token, int) or str(token).lstrip("-").isdigit()
        text = machine.piece_of(int(token)) if known else str(token)
        found[text] = -1e9 if bias is False else float(bias)
    return found


def _refusal(machine: Machine, message: str) -> RefusedError:
    return RefusedError(400, machine.persona.error(400, message))
