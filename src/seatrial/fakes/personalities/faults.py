"""Every fault that a personality can have, with the families it is seen on.

A fault shows itself only as it does on a real server: by what is answered, never by a hint. In:
names. Out: `FAULTS`, and the check that a fault fits a family.
"""

from __future__ import annotations

import re

import msgspec

from seatrial.core.errors import UserError

FAMILIES = (
    "llama.cpp",
    "llama.cpp-router",
    "llama-swap",
    "ollama",
    "lm-studio",
    "vllm",
    "sglang",
    "mlx",
    "apr",
    "openai",
)
_ALL = frozenset(FAMILIES)
_LLAMA_CPP = frozenset({"llama.cpp", "llama.cpp-router", "llama-swap"})
_TOP_K = _ALL - {"ollama", "openai"}
_MIN_P = _LLAMA_CPP | {"vllm", "sglang", "mlx"}
_REPEAT = _ALL - {"ollama", "openai"}


class Fault(msgspec.Struct, frozen=True):
    """One way in which a server is wrong."""

    does: str
    """One sentence."""
    families: frozenset[str] = _ALL


FAULTS: dict[str, Fault] = {
    "lists_cache_first": Fault(
        "/v1/models lists the models of a shared cache first, in an order that differs from "
        "server to server, and the one of --model last; a request loads whatever it names.",
        frozenset({"mlx"}),
    ),
    "echoes_model": Fault(
        "The model of an answer is the word of the request, whatever is loaded. Some families do "
        "so without this fault.",
        frozenset({"llama.cpp", "lm-studio", "vllm", "openai"}),
    ),
    "alias_lies": Fault(
        "The name in the listing and in answers is another model's; the path or the details "
        "still tell what is loaded.",
        _ALL - {"openai", "mlx"},
    ),
    "wrong_window": Fault(
        "Every window that the server declares is twice the one that a request has.",
        _ALL - {"mlx"},
    ),
    "silent_truncation": Fault(
        "A prompt above 2,048 tokens is cut from the front: usage stops growing and nobody is told."
    ),
    "ignores_temperature": Fault("temperature is accepted and has no effect."),
    "ignores_seed": Fault("seed is accepted and has no effect."),
    "ignores_top_k": Fault("top_k is accepted and has no effect.", _TOP_K),
    "ignores_min_p": Fault("min_p is accepted and has no effect.", _MIN_P),
    "ignores_repeat_penalty": Fault("The repeat penalty is accepted and has no effect.", _REPEAT),
    "rejects_unknown_fields": Fault(
        "A request with a field that the server does not know is refused with 400."
    ),
    "nondeterministic_greedy": Fault("Temperature 0 gives another text now and then."),
    "500_on_parse_failure": Fault(
        "A tool call that the server's parser cannot read becomes HTTP 500.", _LLAMA_CPP
    ),
    "overflow_400": Fault(
        "A prompt that does not fit is refused in the words of llama.cpp: HTTP 400 with numbers. "
        "The llama.cpp families do so without this fault."
    ),
    "overflow_500_pool": Fault(
        "Slots share one pool, and a prompt that exhausts it fails with HTTP 500 and no numbers.",
        _LLAMA_CPP,
    ),
    "missing_eos": Fault(
        "The end of a turn is not recognised: the model goes on with an invented turn of the "
        "user, until max_tokens."
    ),
    "no_finish": Fault("A stream ends without finish_reason."),
    "no_done": Fault("A stream ends without its last mark."),
    "role_leak": Fault("The answer ends with an invented turn: `User: …` and `Assistant: …`."),
    "control_token_leak": Fault("The answer ends with `<|im_end|>` as text."),
    "one_path_without_stop": Fault(
        "Stop strings and the end of a turn work in a stream; an answer in one piece ignores both."
    ),
    "system_prompt_replaced": Fault("The client's system prompt is dropped for one of the server."),
    "tools_dropped": Fault("Tools are accepted and never reach the model."),
    "cpu_fallback": Fault(
        "Started for a GPU, it runs on the CPU: a few tokens per second, and where the server "
        "tells the device, it says so.",
        _LLAMA_CPP | {"ollama", "lm-studio", "sglang", "apr"},
    ),
    "mock_backend": Fault("No model at all: one canned answer to everything, reported as success."),
    "healed_truncation": Fault(
        "A tool call that was cut by max_tokens arrives with its JSON closed, as if complete."
    ),
    "thinks_in_content": Fault("Reasoning arrives as <think> tags in the content.", _ALL - {"apr"}),
    "cache_never_hits": Fault(
        "The same prompt again is processed from its first token.", _ALL - {"apr"}
    ),
    "template_missing": Fault(
        "The model has no chat template: roles are written out as plain text, without tools."
    ),
    "answers_with_other_model_after": Fault(
        "From the third generation on another model answers under the same name; "
        "`answers_with_other_model_after(5)` or `after=5`: from the fifth."
    ),
    "hangs_forever": Fault("A stream never ends, an answer in one piece never comes."),
    "slow_prefill": Fault("The first token takes two seconds, whatever the prompt."),
    "needs_key": Fault("Every request without the right bearer token gets 401."),
    "not_an_llm": Fault("Not a model server: an HTML page for everything."),
    "big_body": Fault("Answers to GET carry 32 MiB of padding."),
}

_WITH_NUMBER = re.compile(r"(answers_with_other_model_after)\((\d+)\)")


def read_faults(family: str, names: tuple[str, ...]) -> tuple[frozenset[str], int | None]:
    """The faults, and the number of the first generation that another model answers.

    Raises:
        UserError: no such family, no such fault, or one that this family cannot have.
    """
    if family not in FAMILIES:
        raise UserError(f"no personality {family}", hint=f"one of {', '.join(FAMILIES)}")
    found, after = set(), None
    for name in names:
        if numbered := _WITH_NUMBER.fullmatch(name):
            name, after = numbered[1], int(numbered[2])
        if name not in FAULTS:
            raise UserError(f"no fault {name}", hint=f"one of {', '.join(FAULTS)}")
        if family not in FAULTS[name].families:
            fitting = ", ".join(sorted(FAULTS[name].families))
            raise UserError(f"{family} cannot have {name}", hint=f"seen on {fitting}")
        found.add(name)
    return frozenset(found), after
