"""The few settings of a served model that a survey must know to judge what it sees.

Not a reader of configurations: that is `lint.readers`. In: facts. Out: words of a command line.
"""

from __future__ import annotations

from seatrial.serve.facts import ServerFacts

_RAW = ("seatrial.serve.embedded", "--skip-chat-parsing")
"""Engines that were told to leave tool calls and reasoning in the text."""

_CACHE_K = ("-ctk", "--cache-type-k")
_CACHE_V = ("-ctv", "--cache-type-v")
_FLASH = ("-fa", "--flash-attn")
_GPU_LAYERS = ("-ngl", "--n-gpu-layers", "--gpu-layers")
_SOME_ON_CPU = frozenset(
    "-ot --override-tensor -cmoe --cpu-moe -ncmoe --n-cpu-moe -nkvo --no-kv-offload".split()
)
_ALL_LAYERS = 90
"""What people write for `all of them` is at least this."""


def leaves_parsing(facts: ServerFacts) -> bool:
    """Whether this engine leaves parsing to its client on purpose."""
    return any(word in _RAW for word in _words(facts))


def attention(facts: ServerFacts) -> dict[str, str]:
    """Flash attention and types of the KV cache, as far as the command line says."""
    asked = {"flash_attention": _FLASH, "cache_type_k": _CACHE_K, "cache_type_v": _CACHE_V}
    found = {name: _option(facts, flags) for name, flags in asked.items()}
    return {name: value for name, value in found.items() if value is not None}


def wants_gpu(facts: ServerFacts) -> bool:
    """Whether the command line puts the whole model on a GPU."""
    layers = _option(facts, _GPU_LAYERS)
    if layers is None or any(word in _SOME_ON_CPU for word in _words(facts)):
        return False
    return layers == "all" or (layers.isdecimal() and int(layers) >= _ALL_LAYERS)


def _option(facts: ServerFacts, flags: tuple[str, ...]) -> str | None:
    words = _words(facts)
    value = None
    for at, word in enumerate(words):
        name, equals, rest = word.partition("=")
        if name in flags:
            following = words[at + 1] if at + 1 < len(words) else "-"
            # A bare `-fa` of older builds means on.
            value = rest if equals else "on" if following.startswith("-") else following
    return value


def _words(facts: ServerFacts) -> tuple[str, ...]:
    return facts.command.value if facts.command is not None else ()
