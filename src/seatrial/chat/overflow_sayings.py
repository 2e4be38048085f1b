"""The words in which servers say that a request does not fit the window.

One row per saying, with the server that says it. A saying is specific enough to stand for an
overflow on its own; a hint is loose, and counts only where nothing else in the message speaks
of another limit. Numbers are read by the name of their group: `prompt` and `window` in tokens,
`completion` = what was asked for as output, `least` = a prompt that the server stopped counting.

Not a place for error objects and status codes (`chat.overflow`). In: a message. Out: a `Said`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

LONGEST_MESSAGE: Final = 2_000
"""Only the beginning is read: some servers quote the prompt in their errors, further on."""


class Said(msgspec.Struct, frozen=True):
    """What one message says of the sizes; None = it does not say."""

    prompt_tokens: int | None = None
    window_tokens: int | None = None
    completion_tokens: int | None = None
    at_least: bool = False
    """The prompt was not counted to its end."""


def read_saying(message: str) -> Said | None:
    """What `message` says of a full window, if it speaks of one."""
    text = message[:LONGEST_MESSAGE]
    if _QUOTES_THE_MODEL.search(text):
        return None
    for pattern in _SAYINGS:
        match = pattern.search(text)
        if match is not None:
            return _said(match)
    return Said() if _HINTS.search(text) and not _OTHER_LIMITS.search(text) else None


def _said(match: re.Match[str]) -> Said:
    groups = match.groupdict()

    def number(name: str) -> int | None:
        text = next((groups[key] for key in (name, name + "2", name + "3") if groups.get(key)), "")
        digits = text.replace(",", "")
        return int(digits) if digits.isascii() and digits.isdecimal() else None

    least = number("least")
    prompt = number("prompt") if least is None else least
    return Said(prompt, number("window"), number("completion"), at_least=least is not None)


def _any_of(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_N = r"(\d[\d,]{0,14})"


def _n(name: str) -> str:
    return f"(?P<{name}>{_N[1:-1]})"


# Gaps are bounded, so that a hostile message costs linear time.
_SAYINGS = _any_of(
    # llama.cpp since 2025-09, with numbers (tools/server/server-context.cpp)
    rf"request \({_n('prompt')} tokens\) exceeds the available context size "
    rf"\({_n('window')} tokens\)",
    # llama.cpp before that
    r"request exceeds the available context size",
    # vLLM 0.15 and later; it stops counting the prompt where the rest of the window ends
    rf"maximum context length is {_n('window')} tokens.{{0,80}}requested {_n('completion')} "
    rf"output tokens.{{0,20}}prompt contains "
    rf"(?:at least {_n('least')}|{_n('prompt')}) input tokens",
    # the same, where the prompt was not even tokenized: what it counts is characters
    rf"maximum context length is {_n('window')} tokens.{{0,80}}requested {_n('completion')} "
    rf"output tokens.{{0,20}}prompt contains {_N} characters",
    # vLLM: the cap alone leaves no room for the prompt
    rf"is too large: {_n('completion')}\..{{0,20}}maximum context length is {_n('window')} tokens"
    rf".{{0,20}}has {_n('prompt')} input tokens",
    # OpenAI, vLLM up to 0.14, llama-cpp-python's server
    rf"maximum context length is {_n('window')} tokens"
    rf"(?:.{{0,80}}\({_n('prompt')} (?:tokens )?(?:in|from) (?:the|your) (?:messages|prompt)"
    rf"(?:.{{0,40}}?{_n('completion')} (?:in|for) the completion)?"
    rf"|.{{0,80}}?(?:resulted in|contains|has) {_n('prompt2')} (?:input )?tokens)?",
    # vLLM, the other way round
    rf"(?:passed {_n('prompt')} input tokens.{{0,20}}requested {_n('completion')} output tokens"
    rf".{{0,40}})?context length is only {_n('window')} tokens,? resulting in a maximum input",
    # SGLang
    rf"input \({_n('prompt')} tokens\) is longer than the model's context length "
    rf"\({_n('window')} tokens\)",
    rf"requested token count exceeds the model's maximum context length of {_n('window')} tokens"
    rf"(?:.{{0,60}}: {_n('prompt')} tokens from the input messages"
    rf"(?: and {_n('completion')} tokens for the completion)?)?",
    # LM Studio
    rf"tokens to keep from the initial prompt is greater than the context length"
    rf"(?:.{{0,20}}n_keep: ?{_n('prompt')}.{{0,6}}n_ctx: ?{_n('window')})?",
    rf"trying to keep the first {_n('prompt')} tokens when context the overflows"
    rf"(?:.{{0,80}}context length of only {_n('window')} tokens)?",
    rf"n_keep:? ?\(?{_n('prompt')}\)? ?>= ?n_ctx:? ?\(?{_n('window')}",
    # Ollama: what it counts is the excess; and, told not to shift
    r"prompt too long; exceeded max context length by",
    r"prompt is longer than the context length",
    # llama-cpp-python
    rf"requested tokens \({_n('prompt')}\) exceed context window of {_n('window')}",
    # TGI
    rf"`inputs` tokens \+ `max_new_tokens` must be <= {_n('window')}"
    rf"(?:.{{0,20}}given: {_n('prompt')} `inputs` tokens"
    rf"(?: and {_n('completion')} `max_new_tokens`)?)?",
    # DS4
    rf"prompt has {_n('prompt')} tokens, but the configured context size is {_n('window')} tokens",
    # apr
    rf"prompt is {_n('prompt')} tokens; the model's context window is {_n('window')}",
    # Anthropic's own words, which gateways copy
    rf"prompt is too long: {_n('prompt')} tokens > {_n('window')} maximum",
    # vLLM's engine
    rf"prompt \(total length {_n('prompt')}\) is too long to fit into the model "
    rf"\(context length {_n('window')}\)",
    # The error of another server, quoted whole by a proxy
    r"exceed_context_size_error|context_length_exceeded",
)

_HINTS = re.compile(
    r"(?:prompt|input|conversation|messages?|request) (?:is |are )?too long"
    r".{0,40}(?:context|window|model)"
    r"|context[ _](?:length|window|size)[ _](?:is |was )?exceeded"
    r"|(?:prompt|input|messages|tokens)\b.{0,30}\b(?:exceeds?|exceeded|longer than|larger than)"
    r".{0,20}\b(?:model|maximum|max|configured|available)?'?s?\b.{0,12}"
    r"\bcontext (?:length|window|size)",
    re.IGNORECASE | re.DOTALL,
)

_OTHER_LIMITS = re.compile(
    r"rate.?limit|too many requests|per (?:minute|second|hour|day)|quota|throttl"
    r"|time[d -]{0,2}out|deadline|physical batch size|number of images|images? exceed"
    r"|must be at least|overloaded|context size has been exceeded",
    # The last is llama.cpp's pool of all slots: which request is too long, it does not know.
    re.IGNORECASE,
)

_QUOTES_THE_MODEL = re.compile(r"failed to parse|jinja exception|invalid diff", re.IGNORECASE)
"""Errors that repeat what a model or a person wrote: whatever stands there is no verdict."""
