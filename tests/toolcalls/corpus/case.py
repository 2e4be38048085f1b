"""One case of the corpus, and a constructor for each label.

A label is what the model obviously meant, written by hand: nothing here computes it, and no
parser is imported. `calls` holds what may be executed, name and decoded arguments, in order.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.core.message import ToolSchema

Tools = tuple[ToolSchema, ...]
Want = tuple[str, dict[str, Any]]
"""A call: name and arguments."""

OK = ("ok",)
REPAIRED = ("repaired",)
EITHER = ("ok", "repaired")
"""The form is native to one dialect and a defect in another; the specification leaves it open."""
REASK = ("reask",)
NO_CALL = ("no_call",)
NOTHING = ("no_call", "reask")
"""Nothing may be executed; whether to ask again is left open."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One response of a model, and what a parser has to make of it."""

    id: str
    kind: int | str
    """Number in the catalogue, or `ok` for the canonical form of a dialect."""
    label: Literal["R", "Q", "O", "N", "ok"]
    raw: str
    tools: Tools
    finish: str = "stop"
    prefill: str = ""
    """What the template had already written; `raw` does not repeat it."""
    verdict: tuple[str, ...]
    """Any of these is right."""
    calls: tuple[Want, ...] = ()
    text: str | None = None
    """The visible text, exact; None where the specification does not settle it."""


def good(id: str, raw: str, tools: Tools, *calls: Want, **rest: Any) -> Case:
    """The canonical form of a dialect."""
    return _case(id, "ok", "ok", raw, tools, calls, OK, rest)


def repair(id: str, kind: int, raw: str, tools: Tools, *calls: Want, **rest: Any) -> Case:
    """Broken, and only one thing can have been meant."""
    return _case(id, kind, "R", raw, tools, calls, REPAIRED, rest)


def trap(id: str, kind: int, raw: str, tools: Tools, *calls: Want, **rest: Any) -> Case:
    """Looks broken and is not: every byte stays."""
    return _case(id, kind, "O", raw, tools, calls, OK, rest)


def reask(id: str, kind: int, raw: str, tools: Tools, *calls: Want, **rest: Any) -> Case:
    """Broken beyond certainty; `calls` are the good ones before the break."""
    return _case(id, kind, "Q", raw, tools, calls, REASK, rest)


def plain(id: str, kind: int, raw: str, tools: Tools, **rest: Any) -> Case:
    """No call. The text survives whole unless `text` says otherwise."""
    rest.setdefault("text", raw)
    return _case(id, kind, "N", raw, tools, (), NO_CALL, rest)


def _case(
    id: str,
    kind: int | str,
    label: Literal["R", "Q", "O", "N", "ok"],
    raw: str,
    tools: Tools,
    calls: tuple[Want, ...],
    verdict: tuple[str, ...],
    rest: dict[str, Any],
) -> Case:
    fields: dict[str, Any] = {"verdict": verdict, **rest}
    return Case(id=id, kind=kind, label=label, raw=raw, tools=tools, calls=calls, **fields)
