"""Scenario files: what is wrong with the model, and what makes it stop being wrong.

Data only; `model.py` acts it out. In: `scenarios/*.toml`. Out: frozen values.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent / "scenarios"
WINDOW_TOKENS = 65_536
"""Of the scripted server; a generation without a cap ends there."""

RecoversWhen = Literal["parsed", "nudged", "sampler_changed", "thinking_off", "compacted", "never"]
"""parsed: nothing has to change, the call only has to be found, or the request to be sent again ·
nudged: a message arrived that is neither of the first request nor the plain result of a call ·
sampler_changed: a sampler field differs from the first request · thinking_off: the request
switches thinking off · compacted: the prompt is shorter than the refused one and fits the window ·
never: it goes on for ever."""


class Healthy(msgspec.Struct, frozen=True, tag_field="act", tag="none", forbid_unknown_fields=True):
    """No fault: the control that every client has to pass."""


class Saying(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="say",
    forbid_unknown_fields=True,
):
    """Text and thinking instead of a call. `$tool`, `$arguments` (JSON) and `$parameters` (XML)
    stand for the proper call."""

    text: str = ""
    think: str = ""
    repeat: tuple[str, ...] = ()
    """Sentences that follow until the token cap, in a shuffled order; in the thinking where
    there is some, else in the text."""
    finish: str = "stop"
    """"" = the stream never says why it ended."""
    end: Literal["done", "no_done", "cut", "garbage", "error_frame"] = "done"
    times: int | None = None
    """None = until the condition is met."""


class DamagedCall(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="damaged_call",
    forbid_unknown_fields=True,
):
    """The proper call, damaged."""

    finish: Literal["length", "tool_calls", "stop"]
    kept_characters: int | None = None
    """The call ends behind so many characters of the file's content."""
    heal: bool = False
    """Close the JSON behind the cut."""
    unquoted: bool = False
    """Strings stand without quotes."""


class SameCall(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="same_call",
    forbid_unknown_fields=True,
):
    """One harmless command again and again."""

    command: str
    at_most: int
    then: str
    """The final answer after that."""


class Refusing(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="refuse",
    forbid_unknown_fields=True,
):
    """The server answers with an error. `body` is JSON, with the placeholders of `say`."""

    status: int
    body: str


class Overflowing(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="overflow",
    forbid_unknown_fields=True,
):
    """The model reads notes until the window is full; the server then refuses what is too long.
    `body` is JSON; `$prompt` and `$window` stand for the numbers."""

    room_tokens: int
    """Between the first prompt and the window."""
    status: int
    body: str


class Waiting(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="act",
    tag="wait",
    forbid_unknown_fields=True,
):
    """No byte for some seconds, for every request until the file is there."""

    seconds: float


Fault = Healthy | Saying | DamagedCall | SameCall | Refusing | Overflowing | Waiting


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file."""

    name: str
    """The file's name without its ending."""
    sentence: str
    recovers_when: RecoversWhen
    fault: Fault
    needs_tools: bool = False
    """The fault is one of calls or of a long conversation: clients that edit from text skip it."""
    client_timeout_seconds: int | None = None
    """The client is told to wait no longer, where it has such an option."""
    wall_seconds: int = 90
    """The client is ended after that."""


def load(path: Path) -> Scenario:
    """Raises:
    msgspec.ValidationError: the file is no scenario.
    """
    return msgspec.convert({"name": path.stem, **tomllib.loads(path.read_text("utf-8"))}, Scenario)


def load_all(names: tuple[str, ...] = ()) -> tuple[Scenario, ...]:
    """All scenarios, the control first, or the named ones.

    Raises:
        SystemExit: there is no such scenario.
    """
    found = {path.stem: load(path) for path in sorted(FOLDER.glob("*.toml"))}
    if unknown := [name for name in names if name not in found]:
        raise SystemExit(f"no scenario {unknown[0]}; there are {', '.join(found)}")
    order = sorted(found.values(), key=lambda each: (each.name != "healthy", each.name))
    return tuple(each for each in order if not names or each.name in names)
