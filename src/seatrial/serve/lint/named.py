"""Which model a route serves, by the strongest name there is, and what follows from that.

A header outranks a path, a path outranks an id that somebody chose. In: a `Route`. Out: a card,
the name that fits a pattern, whether the model thinks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from seatrial.serve.cards import Card, card_for, says_nothing
from seatrial.serve.lint.effective import Route, shown
from seatrial.serve.lint.subject import Setting

_PATHS = ("model", "hf-file", "hf-repo", "model-path", "from")
_SWITCHES = ("enable_thinking", "thinking")


def card_of(route: Route) -> Card | None:
    """The card of the model; None where its strongest name has none."""
    if route.header is not None:
        return card_for(route.header)
    for name in names_of_model(route):
        found = card_for(name)
        if found is not None or not says_nothing(name):
            return found
    return None


def called(route: Route, pattern: re.Pattern[str]) -> str | None:
    """The name in which `pattern` is found; finetunes of a family are called like it."""
    return next((name for name in names_of_model(route) if pattern.search(name.lower())), None)


def names_of_model(route: Route) -> Iterator[str]:
    """What the model is called, the strongest name first."""
    if route.header is not None:
        for key in ("general.name", "general.basename"):
            name = route.header.text(key)
            if name:
                yield name
    for option in _PATHS:
        setting = route.option(option)
        if setting is not None and isinstance(setting.value, str):
            yield setting.value
    if route.facts is not None and route.facts.model is not None:
        yield route.facts.model.value
    if route.server is not None:
        yield route.server.name
    elif route.client is not None:
        yield route.client.model


def template_arguments(route: Route) -> Iterator[tuple[str, Any, Setting]]:
    """Arguments of the chat template that server, proxy or client give, with their settings."""
    server, client = route.server, route.client
    groups: list[dict[str, Setting]] = []
    if server is not None:
        groups += [server.options, route.sets]
    if client is not None:
        groups += [client.sampling, client.options]
    for group in groups:
        yield from arguments(group)


def arguments(group: dict[str, Setting]) -> Iterator[tuple[str, Any, Setting]]:
    """Arguments of the chat template that stand in one group of settings."""
    for key, setting in group.items():
        last = re.split(r"[.\[\]]", key)[-1].replace("-", "_")
        if last in ("chat_template_kwargs", "default_chat_template_kwargs"):
            for name, value in _object(setting.value).items():
                yield name, value, setting
        elif "chat_template_kwargs" in key.replace("-", "_") or last in _SWITCHES:
            yield last, setting.value, setting


def thinking_off(route: Route) -> Setting | None:
    """The setting that switches thinking off."""
    for name, value, setting in template_arguments(route):
        if name in _SWITCHES and value in (False, "false", "False"):
            return setting
    for option, off in (("reasoning", "off"), ("reasoning-budget", 0)):
        found = route.option(option)
        if found is not None and found.value == off and not isinstance(found.value, bool):
            return found
    return None


def thinks(route: Route) -> str | None:
    """Why the model is known to think before it answers; None = it does not, or nobody knows."""
    if thinking_off(route) is not None:
        return None
    card = card_of(route)
    if card is not None and card.thinks in ("default", "always"):
        return f"{card.title} thinks before it answers"
    for name, value, setting in template_arguments(route):
        if name in _SWITCHES and value is True:
            return f"{shown(setting)} switches thinking on"
    switch = route.option("reasoning")
    if switch is not None and switch.value == "on":
        return f"`{switch.written}` switches thinking on"
    return None


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, str):
        return {}
    try:
        decoded = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
