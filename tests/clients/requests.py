"""What the scripted model sees in a request: length, sampler, thinking, corrections.

Pure functions of request bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_SAMPLER = re.compile(
    r"temperature|top_[pknh]\w*|min_p|typical_p|\w*_penalty|repeat_last_n|dry_\w+|xtc_\w+|"
    r"mirostat\w*|samplers|repetition_detection|logit_bias"
)
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


def prompt_tokens(body: dict[str, Any]) -> int:
    """Four characters a token, of messages and tools."""
    counted = {key: body[key] for key in ("messages", "tools") if body.get(key)}
    return len(msgspec.json.encode(counted)) // 4


def cap_tokens(body: dict[str, Any], window_tokens: int) -> int:
    """How much may be generated."""
    room = max(window_tokens - prompt_tokens(body), 1)
    asked = body.get("max_tokens") or body.get("max_completion_tokens")
    return min(asked, room) if isinstance(asked, int) else room


def sampler(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if _SAMPLER.fullmatch(key)}


def thinking_off(body: dict[str, Any]) -> bool:
    """In any of the words that servers understand."""
    template = body.get("chat_template_kwargs") or {}
    if template.get("enable_thinking") is False or template.get("thinking") is False:
        return True
    if body.get("enable_thinking") is False or body.get("think") is False:
        return True
    if body.get("thinking_budget_tokens") == 0 or body.get("reasoning_budget") == 0:
        return True
    effort = body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")
    if effort == "none":
        return True
    users = [text_of(each) for each in body.get("messages", ()) if each.get("role") == "user"]
    return bool(users) and users[-1].rstrip().endswith("/no_think")


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = [part.get("text") or "" for part in content or () if isinstance(part, dict)]
    return "\n".join(parts)


def instructions(body: dict[str, Any]) -> Iterator[str]:
    """The texts that tell the model what to do, without the notes of the client's own."""
    for message in body.get("messages", ()):
        if message.get("role") in ("system", "developer", "user"):
            text = _REMINDER.sub("", text_of(message)).strip()
            if text:
                yield text


def results(body: dict[str, Any]) -> list[str]:
    """The results of calls, numbers masked: they hold times and identifiers."""
    tools = [each for each in body.get("messages", ()) if each.get("role") == "tool"]
    return [re.sub(r"\b[\da-f]{4,}\b|[\d.]+", "#", text_of(each)) for each in tools]
