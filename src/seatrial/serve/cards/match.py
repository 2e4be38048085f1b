"""Which card belongs to a model: by the words of its name, whole and in order, never by likeness.

A finetune is another model than its base, so a name with one word that is neither the card's nor
a quantisation's, a format's or a publisher's has no card. In: a GGUF header, a path, a repository
or an id. Out: a `Card` or None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from seatrial.serve.cards.card import Card, cards
from seatrial.serve.gguf import GgufHeader

_WORD = re.compile(
    r"""(?:i|t)?q\d(?:_(?:k|nl|xx?s|s|m|xl|l|0|1)(?![a-z0-9]))* | [a-z0-9]+(?:\.[0-9]+)*""",
    re.VERBOSE,
)
"""`Q4_K_M` is one word, and so is `qwen3.6`."""
_SEPARATOR = re.compile(r"[/\\]")
_NEUTRAL = re.compile(
    r"""(i|t)?q\d(_[a-z0-9]+)* | ud | i1 | mxfp\d+ | nvfp\d | bf16 | fp?(8|16|32)
    | int\d | \d+bit | w\d+a\d+ | gs?\d+ | awq | gptq | dwq | autoround | imat(rix)? | exl\d
    | gguf | mlx | hf | safetensors | bin | model | ggml | dynamic | mtp | \d{5} | of
    | qwen | openai | google | mistralai | unsloth | bartowski | lmstudio | community | org
    | models | snapshots | blobs | hub | [0-9a-f]{40} | [0-9a-f]{64} | sha256""",
    re.VERBOSE,
)
"""Words of a name that say how it is stored or who put it there, not what it is."""

_MAX_CHARS = 1000


def card_for(model: GgufHeader | str) -> Card | None:
    """The card of a model file or of a name; None where none fits exactly."""
    return _by_header(model) if isinstance(model, GgufHeader) else _by_name(model)


@lru_cache(maxsize=4096)
def says_nothing(name: str) -> bool:
    """Whether the last part of a path or id is no word of what the model is: `model.gguf`."""
    return _is_neutral(_words(_SEPARATOR.split(name[-_MAX_CHARS:])[-1]))


def _by_header(header: GgufHeader) -> Card | None:
    name = header.text("general.name") or ""
    base = header.text("general.basename")
    parts = (base, header.text("general.size_label"), header.text("general.finetune"))
    whole = "-".join(part for part in parts if part)
    found = _of_words(_words(name))
    # A short or empty name (`Gpt Oss`, `Model`) leaves it to the parts; a name that says more
    # than the parts do is the name of another model.
    if found is None and (_is_neutral(_words(name)) or set(_words(name)) <= set(_words(whole))):
        found = _of_words(_words(whole))
    if found is None or header.architecture not in found.architectures:
        return None
    tuned = header.text("general.finetune")
    own = {word for named in found.names for word in named.split()}
    return found if all(w in own or _belongs(w, found) for w in _words(tuned or "")) else None


@lru_cache(maxsize=4096)
def _by_name(name: str) -> Card | None:
    # The last part of a path names the file; a part that says nothing (`Q4_K_M.gguf`, a commit)
    # leaves it to the folder before it.
    for part in reversed(_SEPARATOR.split(name[-_MAX_CHARS:])):
        words = _words(part)
        if not _is_neutral(words):
            return _of_words(words)
    return None


def _of_words(words: Sequence[str]) -> Card | None:
    best: tuple[int, Card] | None = None
    for card in cards():
        for name in card.names:
            own = name.split()
            if _is_named(words, own, card) and (best is None or len(own) > best[0]):
                best = (len(own), card)
    return best[1] if best else None


def _is_named(words: Sequence[str], own: Sequence[str], card: Card) -> bool:
    for at in range(len(words) - len(own) + 1):
        if list(words[at : at + len(own)]) == list(own):
            before, after = words[:at], words[at + len(own) :]
            return _is_neutral(before) and all(_belongs(word, card) for word in after)
    return False


def _belongs(word: str, card: Card) -> bool:
    return word in card.extra or _is_neutral([word])


def _is_neutral(words: Sequence[str]) -> bool:
    return all(_NEUTRAL.fullmatch(word) for word in words)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
