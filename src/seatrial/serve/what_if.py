"""`what if I served it so?`: settings of a server as words, and the memory that they take.

`ctk=q8_0,c=262144` on top of what a configuration says. The words are those of llama-server,
short or long, without dashes. In: text, a `ServerConfig`, headers. Out: a `Setup`, its estimate,
and the largest window that fits a card.
"""

from __future__ import annotations

import difflib
import re

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.gguf import GgufHeader
from seatrial.serve.lint.rule import Finding, lint, registered
from seatrial.serve.lint.subject import Place, ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import AUTO_SLOTS
from seatrial.serve.memory import (
    CACHE_TYPES,
    DEFAULT_BATCH_TOKENS,
    STEP_TOKENS,
    MemoryEstimate,
    beside_card,
    estimate,
)

KEYS: dict[str, str] = {
    "c": "ctx-size",
    "np": "parallel",
    "ctk": "cache-type-k",
    "ctv": "cache-type-v",
    "ngl": "n-gpu-layers",
    "fa": "flash-attn",
    "kvu": "kv-unified",
    "ub": "ubatch-size",
    "swa-full": "swa-full",
}
"""Short word -> long one; both may be written."""

MAX_WINDOW_TOKENS = 1 << 24
_CACHE_RULES = frozenset({"K02", "K03", "K04"})
_NUMBER = re.compile(r"([0-9]{1,12})([kK]?)")
_SWITCH = {"on": True, "1": True, "true": True, "auto": True, "off": False, "0": False}
_SWITCH["false"] = False


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide how much memory a server takes."""

    ctx_size: int | None = None
    """Tokens of all slots together, as `-c` has it; None = what the model was trained for."""
    parallel: int | None = None
    """None = the server's own choice: four slots on one pool."""
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    n_gpu_layers: int | None = None
    """None = all."""
    flash_attn: bool = True
    kv_unified: bool = False
    ubatch_size: int = DEFAULT_BATCH_TOKENS
    swa_full: bool = False

    @property
    def slots(self) -> int:
        return self.parallel or AUTO_SLOTS

    @property
    def shared(self) -> bool:
        """Whether the slots share one pool of `ctx_size` tokens."""
        return self.kv_unified or self.parallel is None


def what_if(text: str, base: Setup | None = None) -> Setup:
    """`base` with the changes that `text` names.

    Raises:
        UserError: not `key=value,…`, an unknown key, or a value that the key does not take.
    """
    changes: dict[str, object] = {}
    for piece in filter(None, (one.strip() for one in text.split(","))):
        word, equals, value = (part.strip() for part in piece.partition("="))
        name = KEYS.get(word.lstrip("-"), word.lstrip("-"))
        if name not in KEYS.values():
            raise UserError(f"unknown key in what-if: {word[:40]}", hint=_known(word))
        if not equals or not value:
            raise UserError(f"what-if: {piece[:60]} has no value", hint=f"write {word}=VALUE")
        field = name.replace("-", "_")
        if field in changes:
            raise UserError(f"what-if: {name} stands twice", hint="give each key once")
        changes[field] = _value(name, value)
    if not changes:
        raise UserError("what-if: nothing to change", hint="write for example ctk=q8_0,c=262144")
    return msgspec.structs.replace(base or Setup(), **changes)


def setup_of(server: ServerConfig) -> Setup:
    """The settings as a configuration has them; what it does not say keeps its default.

    Raises:
        UserError: a value that llama-server does not take either.
    """
    changes: dict[str, object] = {}
    for name in KEYS.values():
        setting = server.options.get(name)
        if setting is None or setting.value is None:
            continue
        value = setting.value
        if isinstance(value, bool):
            changes[name.replace("-", "_")] = value
        elif not (name in ("parallel", "n-gpu-layers") and _is_left_open(value)):
            changes[name.replace("-", "_")] = _value(name, str(value))
    if changes.get("ctx_size") == 0:
        changes["ctx_size"] = None
    return msgspec.structs.replace(Setup(), **changes)


def estimate_of(
    header: GgufHeader,
    setup: Setup,
    *,
    draft: GgufHeader | None = None,
    projector: GgufHeader | None = None,
) -> MemoryEstimate:
    """What serving `header` with these settings takes.

    Raises:
        UserError: no window is given and the model does not say for which it was trained.
    """
    total = setup.ctx_size or header.trained_window_tokens
    if total is None:
        raise UserError(
            f"{header.path}: does not say for which window it was trained",
            hint="give one: c=32768",
        )
    window = total if setup.shared else -(-total // setup.slots)
    return estimate(
        header,
        window_tokens=window,
        slots=setup.slots,
        cache_type_k=setup.cache_type_k,
        cache_type_v=setup.cache_type_v,
        draft=draft,
        projector=projector,
        gpu_layers=setup.n_gpu_layers,
        flash_attention=setup.flash_attn,
        shared_pool=setup.shared,
        batch_tokens=min(setup.ubatch_size, total),
        full_sliding=setup.swa_full,
    )


def largest_window(
    header: GgufHeader,
    setup: Setup,
    card_bytes: int,
    *,
    draft: GgufHeader | None = None,
    projector: GgufHeader | None = None,
) -> int | None:
    """The largest `-c` that surely fits the card; None = not even the smallest does.

    At most what the model was trained for, for each slot that has a window of its own.
    """

    def fits(steps: int) -> bool:
        tried = msgspec.structs.replace(setup, ctx_size=steps * STEP_TOKENS)
        found = estimate_of(header, tried, draft=draft, projector=projector)
        return beside_card(found, card_bytes).verdict == "fits"

    most = most_tokens(header.trained_window_tokens, setup) or MAX_WINDOW_TOKENS
    low, high = 0, min(most, MAX_WINDOW_TOKENS) // STEP_TOKENS
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * STEP_TOKENS or None


def most_tokens(trained_window_tokens: int | None, setup: Setup) -> int | None:
    """The largest `-c` of which llama-server gives all: no request has more than the model was
    trained for. None = not known."""
    if trained_window_tokens is None:
        return None
    return trained_window_tokens if setup.shared else trained_window_tokens * setup.slots


def cautions(setup: Setup) -> tuple[Finding, ...]:
    """What is known to go wrong with the types of the cache, whatever the memory says."""
    place = Place("what-if")
    options = {
        name: Setting(value, place, f"--{name} {value}")
        for name, value in (
            ("cache-type-k", setup.cache_type_k),
            ("cache-type-v", setup.cache_type_v),
            ("flash-attn", "on" if setup.flash_attn else "off"),
            ("n-gpu-layers", setup.n_gpu_layers),
        )
        if value is not None
    }
    server = ServerConfig(family="llama.cpp", name="what-if", place=place, options=options)
    rules = [one for one in registered() if one.id in _CACHE_RULES]
    return lint(Subject(servers=(server,)), rules).findings


def _value(name: str, text: str) -> object:
    if name in ("cache-type-k", "cache-type-v"):
        kind = text.lower()
        if kind not in CACHE_TYPES:
            raise UserError(
                f"{name}: no such type: {text[:40]}", hint=f"one of {', '.join(CACHE_TYPES)}"
            )
        return kind
    if name in ("flash-attn", "kv-unified", "swa-full"):
        switch = _SWITCH.get(text.lower())
        if switch is None:
            raise UserError(f"{name}: {text[:40]} is neither on nor off", hint="write on or off")
        return switch
    if name == "n-gpu-layers" and text.lower() in ("all", "auto"):
        return None
    number = _NUMBER.fullmatch(text)
    least = 0 if name in ("n-gpu-layers", "ctx-size") else 1
    value = int(number.group(1)) * (1024 if number.group(2) else 1) if number else -1
    if not least <= value <= MAX_WINDOW_TOKENS:
        raise UserError(
            f"{name}: {text[:40]} is no number from {least} to {MAX_WINDOW_TOKENS}",
            hint="write for example c=262144 or c=256k",
        )
    return value


def _is_left_open(value: object) -> bool:
    """`-np -1` and `-ngl -1`: the program decides."""
    return isinstance(value, (int, float)) and value < 0


def _known(word: str) -> str:
    names = [*KEYS, *KEYS.values()]
    close = difflib.get_close_matches(word.lstrip("-"), names, 1)
    keys = ", ".join(
        short if short == long else f"{short} ({long})" for short, long in KEYS.items()
    )
    return (f"did you mean {close[0]}? " if close else "") + f"known: {keys}"
