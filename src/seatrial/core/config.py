"""The config tree: one typed tree = a TOML file = `-c key=value`.

An unknown key is an error that names the key. The resolved form, with every default spelled
out, goes into the run, and its digest with it. Types and parsing only; which model or suite a
name stands for is decided by `models` and `suites`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.generation import Caps, Sampling
from seatrial.core.loop_limits import LoopLimits
from seatrial.core.parse_options import Options

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
AtLeastTwo = Annotated[int, msgspec.Meta(ge=2)]


MAX_SEED = 10**18 - 1
"""Seeds name folders and stand in the index."""

_INDEX = re.compile(r"[0-9]{1,9}")


class SuiteSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks: a folder of Harbor task folders, or a built-in suite made from a seed."""

    name: str = "shakedown"
    """A built-in suite, or the path of a folder."""
    seed: int = 1
    count: AtLeastOne = 16
    band: Literal["standard", "hard"] = "standard"


class EngineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the embedded engine is launched."""

    window: AtLeastOne = 4096
    """Tokens of one slot."""
    slots: AtLeastOne = 1
    threads: AtLeastOne = 1


RuleMode = Literal["off", "observe", "enforce"]
Rung = Literal["cut_tail", "nudge", "sampler", "no_think", "tool_choice"]
"""One step of the retry ladder; `guard.ladder` says what each does."""


class BudgetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one response, in tokens of about four bytes; None = no bound."""

    think: AtLeastOne | None = 32_768
    """Reasoning of the whole turn, think blocks that are opened again included."""
    text: AtLeastOne | None = 32_768
    """Visible text. A request with a larger `max_tokens` of its own may have so much: `turn` is
    the bound that lowers it."""
    tool: AtLeastOne | None = None
    """Arguments of one call. A large file is a sound reason for many."""
    turn: AtLeastOne | None = None
    """All of it; the request's `max_tokens` is lowered to it."""


class LadderSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a failed generation is tried again."""

    attempts: AtLeastOne = 3
    """Retries of one request at most."""
    rungs: tuple[Rung, ...] = ("cut_tail", "nudge", "sampler", "no_think", "tool_choice")
    """Taken in this order; those that do not fit the failure or the server are left out."""
    temperature: float = 0.7
    """The `sampler` rung raises the temperature at least to this."""
    dry_multiplier: float = 0.8
    """... and sets this, for loops, where the server has a DRY sampler."""


class GuardSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of the guard rules; frozen into the lock."""

    repeat_calls: AtLeastTwo = 3
    """The same call with the same result this many times in a row ends the trial."""
    cycle_calls: AtLeastTwo = 4
    """So many rounds of one cycle of two or three calls end the trial."""
    loop_chars: Annotated[int, msgspec.Meta(ge=8)] = 1040
    """A text that ends in exact repeats is a loop once the repeats cover so many characters."""
    loop_repeats: AtLeastTwo = 4
    """... and there are at least so many of them."""
    # What is not set is not written: the ids of arms that do not use it stay as they are.
    modes: dict[str, RuleMode] | msgspec.UnsetType = msgspec.UNSET
    """Modes of rules by id, in place of what they have where they run."""
    budgets: BudgetSpec | msgspec.UnsetType = msgspec.UNSET
    ladder: LadderSpec | msgspec.UnsetType = msgspec.UNSET
    loops: LoopLimits | msgspec.UnsetType = msgspec.UNSET


class ArmSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One configuration of model, engine, sampler, guard and agent."""

    name: str = "dinghy"
    model: str = "dinghy"
    """A model of the catalogue, or the path of a GGUF file."""
    adapter: str | None = None
    """A LoRA adapter of the catalogue, or a path."""
    adapter_scale: float = 1.0
    profile: str | None = None
    """The frozen prompt, tools and texts; None = the model's own, else the agent's default."""
    agent: Literal["seatrial", "oracle", "nop"] = "seatrial"
    """Our agent, or one of the two that calibrate the meter."""
    sampling: Sampling = Sampling(temperature=0.0)
    caps: Caps | None = None
    """None = the caps of the profile."""
    engine: EngineSpec = EngineSpec()
    guard: GuardSpec = GuardSpec()
    toolcalls: Options = Options()
    """How freely text is taken for tool calls; not used where the server parses."""
    sandbox: Literal["bwrap", "process"] = "bwrap"


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole run: suite x arms x seeds."""

    suite: SuiteSpec = SuiteSpec()
    arms: tuple[ArmSpec, ...] = (ArmSpec(),)
    seeds: tuple[int, ...] = (1,)
    """Sampler seeds; each gives one trial a task and arm."""
    calibrate: bool = True
    """Check first that an oracle agent passes and a do-nothing agent fails."""


def read_config(paths: list[Path]) -> dict[str, Any]:
    """TOML files merged left to right, as plain data.

    Raises:
        UserError: a file is missing or not TOML.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        _merge(tree, _read_toml(path))
    return tree


def override(tree: dict[str, Any], settings: list[str]) -> None:
    """Apply `key=value` settings to `tree`, in order.

    A dotted key names a leaf (`suite.count=40`, `arms.0.sampling.temperature=0.7`); a value is
    read as TOML where it can be and as a plain string where not.

    Raises:
        UserError: not of that form, or a key leads through a plain value.
    """
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise UserError(f"-c {setting}: not of the form key=value")
        _set(tree, key.split("."), _value(value), setting)


def convert_config(tree: dict[str, Any]) -> RunSpec:
    """`tree` as a `RunSpec`.

    Raises:
        UserError: an unknown key, a wrong type or a value out of bounds, with its place.
    """
    spec = _converted(tree, RunSpec)
    problem = next(_out_of_bounds(spec), None)
    if problem is not None:
        raise UserError(f"config: {problem}", hint=_KEYS_HINT)
    return spec


def convert_guard(tree: dict[str, Any]) -> GuardSpec:
    """The table `guard` of `tree`, which holds nothing else, as a `GuardSpec`.

    Raises:
        UserError: as `convert_config`.
    """
    spec = _converted(tree, _GuardFile).guard
    if (key := next(_not_finite(msgspec.to_builtins(spec), "guard"), None)) is not None:
        raise UserError(f"config: {key} is not a finite number", hint=_KEYS_HINT)
    return spec


class _GuardFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    guard: GuardSpec = GuardSpec()


_KEYS_HINT = "docs/reference/config.md lists every key"
_Spec = TypeVar("_Spec", RunSpec, _GuardFile)


def _converted(tree: dict[str, Any], kind: type[_Spec]) -> _Spec:
    try:
        return msgspec.convert(tree, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        message = str(error).replace("Object contains unknown field", "unknown key")
        raise UserError(f"config: {message}", hint=_KEYS_HINT) from None


def _out_of_bounds(spec: RunSpec) -> Iterator[str]:
    """What a type cannot say. Traces of other tools may hold such values, a config may not."""
    # JSON has no NaN and no infinity: both would stand in the lock as "not set".
    yield from (f"{key} is not a finite number" for key in _not_finite(msgspec.to_builtins(spec)))
    for seed in spec.seeds:
        if abs(seed) > MAX_SEED:
            yield f"seed {seed} has more than 18 digits"
        if spec.seeds.count(seed) > 1:
            yield f"seed {seed} is given twice"
    for index, arm in enumerate(spec.arms):
        if not arm.name:
            yield f"arms.{index}.name is empty"
        caps = {} if arm.caps is None else msgspec.structs.asdict(arm.caps)
        for key, value in caps.items():
            if value is not None and value <= 0:
                yield f"arms.{index}.caps.{key} is {value}, which leaves nothing to do"
        if (arm.sampling.temperature or 0.0) < 0.0:
            yield f"arms.{index}.sampling.temperature is below 0"


def _not_finite(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _not_finite(member, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _not_finite(member, f"{key}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield key


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # TOML, UTF-8, numbers without end
        raise UserError(f"{path}: {error}") from None


def _value(text: str) -> object:
    try:
        tree = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A line break can smuggle in further keys; then it is no value but text.
    return tree["value"] if len(tree) == 1 else text


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _set(tree: object, keys: list[str], value: object, setting: str) -> None:
    for index, key in enumerate(keys):
        last = index == len(keys) - 1
        if isinstance(tree, list):
            if not _INDEX.fullmatch(key) or int(key) >= len(tree):
                raise UserError(f"-c {setting}: no entry {key} ({len(tree)} are given)")
            if last:
                tree[int(key)] = value
            else:
                tree = tree[int(key)]
        elif isinstance(tree, dict):
            if last:
                tree[key] = value
            else:
                tree = tree.setdefault(key, [{}] if keys[index + 1] == "0" else {})
        else:
            raise UserError(f"-c {setting}: {'.'.join(keys[:index])} is a value, not a table")
