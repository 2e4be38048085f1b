"""What to try for a cause, and what would refute it. A small table: where unsure, nothing.

A recommendation is a change of one knob of an arm, with its value in the lock, and the outcome
of a paired experiment that would show it wrong. Modes whose remedy is no single knob of ours
(loops of calls, false claims, wrong solutions, faults of the machine) have none.

In: a mode and the lock of an arm that shows it. Out: a `Recommendation` or None.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff

import msgspec

from seatrial.core.generation import Caps, Sampling
from seatrial.core.lock import Lock
from seatrial.diagnose.findings import Recommendation, Setting, Where

_DRY_MULTIPLIER = 0.8


def recommend(mode: str, lock: Lock) -> Recommendation | None:
    """The remedy to try for `mode` in the arm of `lock`; None = nothing that we know."""
    advise = _TABLE.get(mode)
    try:
        return advise(mode, lock) if advise else None
    except (KeyError, TypeError, msgspec.ValidationError):
        # A lock of another shape does not hold the value that we would change.
        return None


def _raise_cap(mode: str, lock: Lock) -> Recommendation:
    caps = msgspec.convert(lock.spec["caps"], Caps)
    raised = msgspec.structs.replace(caps, max_tokens=2 * caps.max_tokens)
    return _recommendation(
        mode,
        "harness",
        "caps.max_tokens",
        (caps.max_tokens, raised.max_tokens),
        _diff("caps", caps, raised),
        ("the prompt and the new cap fit the served window together",),
        "with the cap delivered, as many replies end at it, or fewer tasks pass",
    )


def _widen_window(mode: str, lock: Lock) -> Recommendation:
    window = lock.spec["engine"]["window"]
    lines = (["[engine]", f"window = {window}"], ["[engine]", f"window = {2 * window}"])
    return _recommendation(
        mode,
        "server",
        "engine.window",
        (window, 2 * window),
        _unified(*lines),
        ("the model was trained on windows of the new size", "the cache fits the memory"),
        "with the window attested, as many trials end at a full window, or fewer tasks pass",
    )


def _penalise_repeats(mode: str, lock: Lock) -> Recommendation | None:
    sampling = msgspec.convert(lock.spec["sampling"], Sampling)
    if sampling.dry_multiplier:
        return None
    changed = msgspec.structs.replace(sampling, dry_multiplier=_DRY_MULTIPLIER)
    return _recommendation(
        mode,
        "server",
        "sampling.dry_multiplier",
        (sampling.dry_multiplier, _DRY_MULTIPLIER),
        _diff("sampling", sampling, changed),
        ("a probe suite shows that tool arguments stay as they are: the penalty can bend code",),
        "over at least 3 seeds as many trials loop, or fewer tasks pass",
    )


def _teach_calls(mode: str, lock: Lock) -> Recommendation | None:
    if any(value for key, value in lock.served.items() if key.startswith("adapter")):
        return None
    return _recommendation(
        mode,
        "model",
        "adapter",
        (None, "a tool-call adapter of this model, or a model trained to call tools"),
        "",
        ("the template of the model renders the tools that are offered",),
        "with the adapter attested, as many trials answer in Markdown and call no tool",
    )


_TABLE: dict[str, Callable[[str, Lock], Recommendation | None]] = {
    "config.context_400": _widen_window,
    "config.max_tokens.text": _raise_cap,
    "config.max_tokens.tool_args": _raise_cap,
    "format.markdown_instead_of_call": _teach_calls,
    "gen.text_loop.exact": _penalise_repeats,
    "stack.length_by_context": _widen_window,
}


def _recommendation(
    mode: str,
    where: Where,
    knob: str,
    change: tuple[Setting, Setting],
    diff: str,
    prerequisites: tuple[str, ...],
    refuted_by: str,
) -> Recommendation:
    return Recommendation(mode, where, knob, *change, diff, prerequisites, refuted_by)


def _diff(table: str, old: msgspec.Struct, new: msgspec.Struct) -> str:
    """The whole table on both sides: a table that is set replaces the profile's as a whole."""
    return _unified(_toml(table, old), _toml(table, new))


def _toml(table: str, values: msgspec.Struct) -> list[str]:
    pairs = msgspec.structs.asdict(values).items()
    return [f"[{table}]", *(f"{key} = {value}" for key, value in pairs if value is not None)]


def _unified(old: list[str], new: list[str]) -> str:
    lines = unified_diff(old, new, "arm.toml", "arm.toml", lineterm="")
    return "".join(f"{line}\n" for line in lines)
