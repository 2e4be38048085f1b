"""The soft window: whether a request is too long, decided before it is sent.

A prompt is weighed by its characters, corrected by what the same model's earlier prompts were
counted as. Near the limit an estimate decides nothing: the verdict is then `count`, and only an
exact count, or the server, can tell. What a server says of its window in a refusal is kept for a
while.

Pure but for `Measured`, which remembers a handful of numbers for one model; no I/O.
In: requests as bodies, usage, refusals. Out: verdicts.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final, Literal

import msgspec

from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.generation import Usage

WindowVerdict = Literal["fits", "too_long", "count"]

_CHARS_PER_TOKEN = 4.0
_WIDE_CHARS_PER_TOKEN = 1.5
"""Beyond Latin: CJK, emoji and the like take far more tokens for a character."""
_TOKENS_PER_MESSAGE = 4
_KEPT_SECONDS = 300.0
"""How long the window of a refusal is believed: the server may have started anew, with another."""
_RUN_CHARS = 16
"""Longest run of one character that counts in full; tokenizers fold blanks and rules."""


class Weight(msgspec.Struct, frozen=True):
    """A prompt, weighed without its tokenizer."""

    tokens: int
    media: bool = False
    """It carries images or sound, whose tokens nobody can tell from here."""


class SoftWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the window a prompt may fill; part of an arm, frozen."""

    prompt_tokens: int | None = None
    """The limit itself; None = what the window leaves beside the answer and a margin."""
    output_share: float = 0.15
    output_min_tokens: int = 1_024
    margin_share: float = 0.02
    margin_min_tokens: int = 512
    exact_within: float = 0.1
    """Share of the limit around it in which an estimate is no verdict, once calibrated."""
    exact_within_untried: float = 0.5

    def limit_tokens(self, window_tokens: int, max_tokens: int | None = None) -> int:
        """The longest prompt that may be sent; never less than half the window.

        The answer is given a share of the window, not what the client asks for: clients ask for
        32,000 tokens of a window of 32,768 and use 500 of them. And reserves that do not shrink
        with the window make a client compact after every step.
        """
        output = max(int(self.output_share * window_tokens), self.output_min_tokens)
        if max_tokens is not None and max_tokens > 0:
            output = min(output, max_tokens)
        margin = max(int(self.margin_share * window_tokens), self.margin_min_tokens)
        natural = max(window_tokens - output - margin, window_tokens // 2)
        return natural if self.prompt_tokens is None else min(natural, self.prompt_tokens)


class Judgement(msgspec.Struct, frozen=True):
    """What is to be done with a request, and the numbers behind it."""

    verdict: WindowVerdict
    prompt_tokens: int
    limit_tokens: int | None
    exact: bool = False

    def refusal(self) -> ContextOverflowError | None:
        """The overflow that the client is told; its window is the soft one, so it compacts."""
        if self.verdict != "too_long" or self.limit_tokens is None:
            return None
        about = "" if self.exact else "about "
        return ContextOverflowError(
            f"the prompt has {about}{self.prompt_tokens} tokens, the soft window holds "
            f"{self.limit_tokens}",
            prompt_tokens=max(self.prompt_tokens, self.limit_tokens + 1),
            window_tokens=self.limit_tokens,
        )


def weigh(body: dict[str, Any]) -> Weight:
    """The prompt in a chat body: messages and tools."""
    tally = _Tally()
    for key in ("messages", "tools", "input", "instructions", "system", "prompt"):
        tally.add(body.get(key))
    messages = body.get("messages")
    count = len(messages) if isinstance(messages, list) else 0
    return Weight(int(tally.tokens) + _TOKENS_PER_MESSAGE * count, tally.media)


class Measured:
    """What earlier requests taught about one served model: its tokenizer and its window."""

    _NEWEST_SHARE: Final = 0.3
    _SANE: Final = (0.2, 5.0)
    _SHORT: Final = 0.6
    _SURELY_WHOLE_TOKENS: Final = 1_500
    """No server cuts a prompt as short as this, so it calibrates even at an odd ratio."""

    def __init__(
        self, window_tokens: int | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        """`window_tokens`: what the server states; `clock` in seconds."""
        self._stated = window_tokens
        self._clock = clock
        self._refused: tuple[int, float] | None = None
        self._longest = 0
        self.ratio = 1.0
        """Counted tokens of one estimated token."""
        self.samples = 0
        self.refused_estimate: int | None = None
        """The shortest prompt, by estimate, that was refused in words without numbers."""

    @property
    def window_tokens(self) -> int | None:
        """As the last refusal named it, else as the server states it; never less than what it read.

        A refusal is forgotten after some minutes: nobody who is refused here could find out that
        the server takes more by now.
        """
        window = self._stated
        if self._refused is not None:
            told, at = self._refused
            if self._clock() - at < _KEPT_SECONDS:
                window = told
            else:
                self._refused = None
        return None if window is None else max(window, self._longest)

    def stated(self, window_tokens: int | None) -> None:
        """The server says of itself what its window is; one that changed is a new beginning."""
        if window_tokens is not None and window_tokens != self._stated:
            self._stated, self._refused, self._longest = window_tokens, None, 0

    def refused(self, error: ContextOverflowError) -> None:
        """Keep the window that a refusal names: it knows better than any setting."""
        if error.window_tokens is not None and error.window_tokens > 0:
            self._refused, self._longest = (error.window_tokens, self._clock()), 0

    def expected_tokens(self, weight: Weight) -> int:
        return int(weight.tokens * self.ratio)

    def judge(
        self, weight: Weight, soft: SoftWindow, max_tokens: int | None, exact: int | None = None
    ) -> Judgement:
        """Whether a request may be sent; `exact` = its prompt as the server counts it."""
        window = self.window_tokens
        # A limit that somebody set holds without a window, too.
        limit = soft.prompt_tokens if window is None else soft.limit_tokens(window, max_tokens)
        tokens = self.expected_tokens(weight) if exact is None else exact
        if limit is None:
            return Judgement("fits", tokens, None, exact is not None)
        if exact is not None:
            return Judgement("too_long" if exact > limit else "fits", exact, limit, True)
        unsure = soft.exact_within if self.samples else soft.exact_within_untried
        if tokens > limit * (1 + unsure):
            return Judgement("too_long", tokens, limit)
        if tokens < limit * (1 - unsure) and not weight.media:
            return Judgement("fits", tokens, limit)
        return Judgement("count", tokens, limit)

    def answered(self, weight: Weight, usage: Usage | None) -> None:
        """Learn from the usage of an answer; a prompt that was cut teaches nothing."""
        if usage is None or usage.prompt <= 0:
            return
        self._longest = max(self._longest, usage.prompt)
        if weight.tokens <= 0 or weight.media:
            return
        ratio = usage.prompt / weight.tokens
        # Some servers count only what was not cached; a hit must not look like a cut.
        counted = usage.prompt + (usage.cached if usage.cached <= usage.prompt else 0)
        counted = max(counted, usage.cached)
        short = counted < self._SHORT * self.expected_tokens(weight)
        small = weight.tokens <= self._SURELY_WHOLE_TOKENS
        if short and not (small and not self.samples):
            return
        if self._SANE[0] <= ratio <= self._SANE[1]:
            share = self._NEWEST_SHARE if self.samples else 1.0
            self.ratio += share * (ratio - self.ratio)
            self.samples += 1


class _Tally:
    """Adds up the strings of a body; iterative, so that depth is no matter."""

    _MEDIA: Final = frozenset({"image_url", "input_audio", "image", "input_image", "file"})

    def __init__(self) -> None:
        self.tokens = 0.0
        self.media = False

    def add(self, value: object) -> None:
        pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, str):
                self.tokens += text_tokens(item)
            elif isinstance(item, dict):
                kind = item.get("type")
                if isinstance(kind, str) and kind in self._MEDIA:
                    self.media = True
                    continue
                pending.extend(item.values())
                self.tokens += sum(map(len, item)) / _CHARS_PER_TOKEN
            elif isinstance(item, list):
                pending.extend(item)
            elif item is not None:
                self.tokens += 1


def text_tokens(text: str) -> float:
    """About how many tokens `text` has, before anything is known of the tokenizer."""
    wide = 0 if text.isascii() else sum(character > "\u02ff" for character in text)
    chars = len(text) - wide - _folded(text)
    return chars / _CHARS_PER_TOKEN + wide / _WIDE_CHARS_PER_TOKEN


def _folded(text: str) -> int:
    """Characters of long runs of blanks, dashes and the like."""
    folded = 0
    for run in (" " * _RUN_CHARS, "-" * _RUN_CHARS, "=" * _RUN_CHARS):
        # `count` does not overlap: each hit is one whole run, of which a token's worth stays.
        folded += text.count(run) * (_RUN_CHARS - int(_CHARS_PER_TOKEN))
    return folded
