"""Near loops: prose that goes round in circles with other words, numbers or order.

Exact repeats are `exact`'s. Here runs of three words are counted, digits masked: sound prose
says new things (of real documentation at most a third came three times before, at any place), a
circle does not, in whatever order it runs. A list whose entries each bring a new word or number
(`mod_7.py`, the next resource of an API) says the same of each thing: it must go on for much
longer, as a model that only counts up does. Never inside of code fences, tables or data, and
never in tool arguments. In: stream events. Out: one finding a channel. Memory is bounded: so
many words are remembered, then the oldest go.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TypeVar

from seatrial.chat.endpoint import Event, Text, Think
from seatrial.core.loop_limits import NearLimits
from seatrial.guard.loops.exact import Channel
from seatrial.guard.loops.prose import ProseLines
from seatrial.guard.protocol import Finding

MODES: dict[Channel, str] = {"text": "gen.text_loop.near", "think": "gen.think_runaway"}

_Triple = tuple[str, str, str]
_Said = TypeVar("_Said", str, _Triple)

_WORD = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff]{1,2}|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\\W\\d_])+|\\d+"
)
"""Letters of a word, two signs of Chinese or Japanese, or a number."""


class NearLoop:
    """A near loop in one stream; text and reasoning are watched apart, each with its limits."""

    def __init__(self, text: NearLimits, think: NearLimits) -> None:
        self._text = _Novelty("text", text)
        self._think = _Novelty("think", think)

    def feed(self, event: Event) -> Finding | None:
        if isinstance(event, Text):
            return self._text.feed(event.text)
        if isinstance(event, Think):
            return self._think.feed(event.text)
        return None

    def end(self) -> Finding | None:
        return self._text.end() or self._think.end()


def find_near_loop(text: str, limits: NearLimits, channel: Channel = "text") -> Finding | None:
    """The first near loop of a whole text; the same finding as online."""
    novelty = _Novelty(channel, limits)
    return novelty.feed(text) or novelty.end()


class _Novelty:
    """One channel: how many of the last `window_words` triples of words are stale?"""

    def __init__(self, channel: Channel, limits: NearLimits) -> None:
        self._channel = channel
        self._limits = limits
        self._lines = ProseLines()
        self._words = 0
        self._last = ("", "")
        self._known: dict[_Triple, int] = {}
        """Triple -> how often it stands in `_memory`."""
        self._vocabulary: dict[str, int] = {}
        """Word or number -> how often it stands in `_memory`."""
        self._memory: deque[tuple[_Triple, str]] = deque()
        self._window: deque[bool] = deque(maxlen=limits.window_words)
        self._stale = 0
        self._new: deque[int] = deque(maxlen=limits.window_words)
        """The places, in words, of the last ones that were never said before."""
        self._stale_words = 0
        """How many words it went on while so much was stale."""
        self._found = False

    def feed(self, text: str) -> Finding | None:
        if self._found:
            return None
        for at, line in self._lines.feed(text):
            if (finding := self._line(at, line)) is not None:
                return finding
        return None

    def end(self) -> Finding | None:
        if self._found:
            return None
        for at, line in self._lines.end():
            return self._line(at, line)
        return None

    def _line(self, at: int, line: str) -> Finding | None:
        before = self._words
        for word in _WORD.findall(line.lower()):
            triple = (*self._last, "#" if word.isdecimal() else word)
            self._last = triple[1:]
            self._learn(triple, word)
        limits = self._limits
        if self._words < limits.after_words or len(self._window) < limits.window_words:
            return None
        if self._stale < limits.stale_share * limits.window_words:
            self._stale_words = 0
            return None
        self._stale_words += self._words - before
        while self._new and self._new[0] <= self._words - limits.window_words:
            self._new.popleft()
        if len(self._new) >= limits.new_words and self._stale_words < limits.list_words:
            return None
        self._found = True
        return self._finding(at, line)

    def _learn(self, triple: _Triple, word: str) -> None:
        known, window = self._known, self._window
        seen = known.get(triple, 0)
        is_stale = seen >= self._limits.seen
        if len(window) == self._limits.window_words:
            self._stale -= window[0]
        window.append(is_stale)
        self._stale += is_stale
        self._words += 1
        known[triple] = seen + 1
        said = self._vocabulary.get(word, 0)
        self._vocabulary[word] = said + 1
        if not said:
            self._new.append(self._words)
        self._memory.append((triple, word))
        if len(self._memory) > self._limits.memory_words:
            old, old_word = self._memory.popleft()
            _forget(known, old)
            _forget(self._vocabulary, old_word)

    def _finding(self, at: int, line: str) -> Finding:
        often = max(self._known.items(), key=lambda item: item[1])
        share = self._stale / self._limits.window_words
        return Finding(
            detector="near_loop",
            mode_id=MODES[self._channel],
            channel=self._channel,
            detail=f"{share:.0%} of the last {self._limits.window_words} words were said before, "
            f"{self._limits.seen} times and more; '{' '.join(often[0])}' {often[1]} times",
            quote=line.rstrip("\n"),
            start=at,
            count=often[1],
        )


def _forget(counts: dict[_Said, int], said: _Said) -> None:
    left = counts[said] - 1
    if left:
        counts[said] = left
    else:
        del counts[said]
