"""Recommended sampling of a model family, as its makers wrote it, with the page and the date.

Not a judge: rules of `lint` compare. The cards are `cards.toml`, beside this module. In:
nothing. Out: `Card`s.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Thinks = Literal["never", "optional", "default", "always"]
"""Not at all, only when asked for, unless switched off, whatever one says."""

Memory = Literal["attention", "sliding", "hybrid"]
"""What remembers the prompt: attention over all of it, windows that slide, recurrent layers."""

ModeName = Literal["coding", "general", "no_thinking"]

_FILE = Path(__file__).parent / "cards.toml"


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One family."""

    id: str
    title: str
    url: str
    date: str
    """When the values were read, `2026-11`."""
    names: tuple[str, ...]
    """Words of its names in their order, divided by blanks."""
    extra: tuple[str, ...] = ()
    """Words beside them that do not make it another model."""
    architectures: tuple[str, ...]
    """`general.architecture` of its GGUF files."""
    thinks: Thinks
    memory: Memory
    no_penalties: bool = False
    """Its makers warn of every repetition penalty."""
    modes: dict[ModeName, dict[str, float]]
    """Sampler values by what one does; OpenAI or llama.cpp names."""

    @property
    def coding(self) -> dict[str, float]:
        """The values for coding: a mode of their own, or the general ones."""
        return self.modes.get("coding") or self.modes.get("general") or {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    card: tuple[Card, ...]


@cache
def cards() -> tuple[Card, ...]:
    """Every card."""
    return msgspec.convert(tomllib.loads(_FILE.read_text(encoding="utf-8")), _File).card
