"""The toy model: a distribution over the next token that depends on weights, prompt and place.

It is deterministic: equal weights, prompt and place give equal logits in every process. Another
name of weights is another model; another quantization moves every logit a little, as with real
weights. What it was asked to say stands far above the rest, so the sampler still decides. In: a
prompt. Out: logits, one position after the other.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Literal

import msgspec

from seatrial.fakes.personalities.obedience import Intention, arguments_text, understand
from seatrial.fakes.personalities.sampling import Logits
from seatrial.fakes.personalities.tokens import END, pieces

Kind = Literal["text", "think", "head", "arguments", "tag"]
"""Text, thought, a call up to its arguments, its arguments, markup that a parser removes."""

_WORDS = (
    "the a of and to harbour light tide ship crew rope wind night is was in on by at two old "
    "north bell sound deck sail mast calm water anchor slow dawn grey stone quiet line"
)
VOICE = (*(" " + word for word in _WORDS.split()), ",", ".")
"""Every one is a token of the tokenizer, so an answer that comes back as history is the same."""
_WIDTH = 1.6
"""Standard deviation of the logits: about what a small model has on prose."""
_GRAIN = 0.12
"""That of what a quantization does to them."""
_OBEYED = 14.0
_END_FAR = -9.0
_END_SLOPE = 0.6
_THOUGHT = "The user asks something. I look at it once and answer.\n"


class Planned(msgspec.Struct, frozen=True):
    """A token that the model means to write."""

    piece: str
    kind: Kind
    locked: bool = False
    """Nothing else is possible: a grammar, or markup that the model never misses."""


class Mind:
    """The model at work on one prompt."""

    def __init__(
        self, weights: str, quantization: str, prompt: str, force: str | None = None
    ) -> None:
        self._weights = hashlib.blake2b(f"{weights}\0{prompt}".encode()).digest()
        self._grain = f"{weights}\0{quantization}"
        self.intention = understand(prompt, force)
        self._plan = _plan(self.intention)

    def at(self, place: int) -> Planned:
        """What it means to write at `place`, or a free word."""
        if place < len(self._plan):
            return self._plan[place]
        return Planned("", "text")

    def logits(self, place: int) -> Logits:
        """Logits of every candidate at `place` of the answer."""
        planned = self.at(place)
        if planned.locked:
            return {planned.piece: 0.0}
        found = self._voice(place)
        free = place - len(self._plan)
        found[END] = _END_FAR
        if free < 0:
            found[planned.piece] = _OBEYED
        elif self.intention.text is not None or self.intention.call is not None:
            found[END] = _OBEYED
        else:
            found[END] += _END_SLOPE * max(0, free - self.intention.tokens + 20)
        return found

    def _voice(self, place: int) -> Logits:
        own = random.Random(self._weights + place.to_bytes(4))
        grain = random.Random(f"{self._grain}\0{place}")
        return {piece: own.gauss(0, _WIDTH) + grain.gauss(0, _GRAIN) for piece in VOICE}


def _plan(intention: Intention) -> Sequence[Planned]:
    plan: list[Planned] = []
    if intention.thinks:
        plan += [Planned(piece, "think") for piece in pieces(_THOUGHT)]
        plan += [Planned("</think>", "tag", True), Planned("\n\n", "tag", True)]
    if intention.text is not None:
        plan += [Planned(piece, "text") for piece in pieces(intention.text)]
    if intention.call is not None:
        head = f'{{"name": "{intention.call.name}", "arguments": '
        plan += [Planned("<tool_call>", "tag", True), Planned("\n", "tag", True)]
        plan += [Planned(piece, "head", True) for piece in pieces(head)]
        arguments = arguments_text(intention.call)
        plan += [Planned(piece, "arguments", True) for piece in pieces(arguments)]
        plan += [Planned(piece, "tag", True) for piece in ("}", "\n", "</tool_call>")]
    return plan
