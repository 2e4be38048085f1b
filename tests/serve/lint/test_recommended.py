"""Recommended configurations of every model with a card raise no alarm."""

from __future__ import annotations

import pytest

from seatrial.serve.cards import Card, cards
from seatrial.serve.lint.subject import Subject, Value
from tests.serve.lint.clean import alarms, client, server

WINDOW = 65_536
FLAGS = {"temperature": "temp", "repeat_penalty": "repeat-penalty"}


def options(card: Card, mode: dict[str, float]) -> dict[str, Value]:
    """llama-server with the values of a card and a bound for everything."""
    values: dict[str, Value] = {
        "model": f"/models/{card.names[0].replace(' ', '-')}-Q4_K_M.gguf",
        "ctx-size": WINDOW,
        "parallel": 1,
        "n-predict": 8192,
        "timeout": 3600,
        "host": "127.0.0.1",
        "port": 8080,
        "n-gpu-layers": 99,
    }
    if card.thinks in ("default", "always"):
        values["reasoning-budget"] = 4096
        values["reasoning-budget-message"] = "Enough."
    return values | {FLAGS.get(k, k.replace("_", "-")): v for k, v in mode.items()}


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_the_values_of_a_card_are_clean(card: Card) -> None:
    config = server(options(card, card.coding), name=card.id)
    talker = client(49_152, 8192, model=card.id, timeout_seconds=1800)
    subject = Subject(servers=(config,), clients=(talker,), extra={"guarded": True})
    assert alarms(subject) == []


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_only_the_lost_calls_of_qwen_coder_need_a_guard(card: Card) -> None:
    config = server(options(card, card.coding), name=card.id)
    talker = client(49_152, 8192, model=card.id, timeout_seconds=1800)
    found = {text[:3] for text in alarms(Subject(servers=(config,), clients=(talker,)))}
    assert found == ({"T02"} if "coder" in card.id else set())
