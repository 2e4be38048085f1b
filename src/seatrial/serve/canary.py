"""The canary: fixed prompts, greedily continued, as a fingerprint of the weights that answer.

Not a test of what the model can do, and no request: `singing` asks. A canary holds two songs.
`raw` is a prompt without any chat template, `chat` one that went through the server's template,
so that other weights change both and another template changes the second alone. A song is known
by its log-probabilities where the server gives them, else by its text.

Equal bytes are not asked for: the last bits of a logarithm depend on where in the cache a
sequence lies. Two songs of one model agree within `TOLERANCE`, or within four times what the
server itself strayed when it sang twice. In: songs. Out: in words, where two canaries part.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.core.schema import digest

PROMPT = "0 7 3 1 9 4; harbour light, two short, one long: "
"""Shares no beginning with any chat template, so no generation reuses what is cached of it."""
TOKENS = 16
TOP = 8
TOLERANCE = 0.02
"""Natural logarithm; another quantization of the same weights differs by more."""
WIDEST_TOLERANCE = 0.25
"""A server that strays further from itself tells nothing."""
_SPREADS = 4.0
_REASON_CHARS = 40

Kind = Literal["logprobs", "text"]


class Step(msgspec.Struct, frozen=True):
    """One token: the one taken, and the likeliest with their logarithms; by id, else by text."""

    token: str
    top: dict[str, float]


class Song(msgspec.Struct, frozen=True, kw_only=True):
    """What the model made of one prompt."""

    kind: Kind
    asked: str
    """The path that was asked; songs of two paths are not comparable."""
    steps: tuple[Step, ...] = ()
    text: str = ""
    spread: float | None = None
    """Widest gap to a second song taken at once; None = it sang once."""
    steady: bool = True
    """Whether the second song agreed with the first."""

    @property
    def tolerance(self) -> float:
        """Gaps up to this one prove nothing."""
        return max(TOLERANCE, _SPREADS * (self.spread or 0.0))


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """What the weights made of the prompts."""

    raw: Song | None = None
    chat: Song | None = None
    rendered: str | None = None
    """Digest of conversations as the server's template writes them; None = it does not show."""
    day: str | None = None
    """The day it was taken, where the template may write the date into a prompt."""
    prompt_tokens_per_second: float | None = None
    generated_tokens_per_second: float | None = None

    @property
    def fingerprint(self) -> str | None:
        """16 hex characters over tokens and rendered prompts: for people, and for finding.

        It is the same for the same engine, template and weights; that two differ in little is
        seen by `difference` and not by it. What a template dates is left out.
        """
        parts: list[object] = [_melody(self.raw)]
        if self.day is None:
            parts += [_melody(self.chat), self.rendered]
        return digest(parts) if any(part is not None for part in parts) else None

    @property
    def kind(self) -> Kind | None:
        """What it rests on; None = there is none."""
        kinds = [song.kind for song in (self.raw, self.chat) if song is not None and song.steady]
        return "logprobs" if "logprobs" in kinds else kinds[0] if kinds else None


class Match(msgspec.Struct, frozen=True):
    """Two songs held against each other."""

    comparable: bool
    said: str | None = None
    """Where they part, or why they cannot be compared; None = they agree."""

    @property
    def agrees(self) -> bool:
        return self.comparable and self.said is None

    @property
    def parts(self) -> bool:
        return self.comparable and self.said is not None


def difference(first: Canary, second: Canary) -> str | None:
    """Where two canaries part; None when the same model may have sung both."""
    if (match := match_songs(first.raw, second.raw)).parts:
        return match.said
    if (found := match_templates(first, second)).parts:
        return found.said
    return None


def match_templates(first: Canary, second: Canary) -> Match:
    """What went through the template, compared: the written prompts, then the chat songs."""
    if first.day != second.day:
        return Match(False, "the template may write the date, and they are of two days")
    if first.rendered and second.rendered and first.rendered != second.rendered:
        return Match(True, "the chat template writes another prompt")
    match = match_songs(first.chat, second.chat)
    if match.parts:
        return Match(True, f"in a conversation, {match.said}")
    return Match(True) if first.rendered and second.rendered else match


def match_songs(one: Song | None, other: Song | None) -> Match:
    """Whether the same weights may have sung both."""
    if one is None or other is None:
        return Match(False, "there are not two to compare")
    if (one.kind, one.asked) != (other.kind, other.asked):
        return Match(False, f"one is {_named(one)}, the other {_named(other)}")
    if not (one.steady and other.steady):
        return Match(False, "the server does not answer the same twice, even greedily")
    if one.kind == "text":
        return Match(True, _text_gap(one.text, other.text))
    return Match(True, steps_gap(one.steps, other.steps, max(one.tolerance, other.tolerance)))


def steps_gap(one: tuple[Step, ...], other: tuple[Step, ...], tolerance: float) -> str | None:
    """The first step that differs by more than `tolerance`."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        gap = widest_gap(left, right)
        if gap > tolerance:
            return f"token {index + 1} differs by {gap:.2f} in log-probability"
        if left.token != right.token:
            return None  # a tie within the tolerance; what follows is another text
    if len(one) != len(other):
        return f"{len(one)} tokens became {len(other)}"
    return None


def widest_gap(one: Step, other: Step) -> float:
    """Largest difference over the tokens of either list.

    A token that one list leaves out lies below the last of that list, which bounds the
    difference from below.
    """
    return max((_gap(token, one.top, other.top) for token in one.top | other.top), default=0.0)


def _gap(token: str, one: dict[str, float], other: dict[str, float]) -> float:
    left, right = one.get(token), other.get(token)
    if left is None or right is None:
        named, floor = (left, min(other.values())) if right is None else (right, min(one.values()))
        return (named or 0.0) - floor
    return abs(left - right)


def _text_gap(one: str, other: str) -> str | None:
    if one == other:
        return None
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    at = min(len(one), len(other)) if at is None else at
    left, right = one[at : at + _REASON_CHARS], other[at : at + _REASON_CHARS]
    return f"the text differs from character {at + 1}: {left!r} became {right!r}"


def _melody(song: Song | None) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if song is None or not song.steady:
        return None
    return [step.token for step in song.steps] if song.kind == "logprobs" else song.text


def _named(song: Song) -> str:
    what = "log-probabilities" if song.kind == "logprobs" else "text"
    return f"{what} of {song.asked}"
