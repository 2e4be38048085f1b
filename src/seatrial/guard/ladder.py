"""The retry ladder: from a failed generation to the next request, rung by rung, bounded.

Each rung is a value and an option. The first retry takes the first rungs that fit, every further
one adds the next: settings stay, what the model is told is that of the latest failure alone. A
rung that the server would silently ignore is left out: a retry that changes nothing is waste.

Says nothing about when to retry; rules do. In: the original request and what went wrong. Out:
the next request and the rungs it stands on, or None at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.core.config import LadderSpec, Rung
from seatrial.core.message import Message
from seatrial.guard.protocol import Decision, Finding

THINKING = "enable_thinking"
TOOL_CHOICE = "tool_choice"
"""Knobs beside the sampler's, in the set that a server honours."""

_TEMPLATE_FIELD = "chat_template_kwargs"
"""The field that holds `THINKING`."""

_TEMPLATE_SWITCH = frozenset(
    {"llama.cpp", "llama.cpp-router", "llama-swap", "vllm", "sglang", "mlx"}
)
_FORCES_CALLS = _TEMPLATE_SWITCH - {"mlx"}

MAX_SHOWN_CHARS = 4_000
"""A failed answer longer than this is not shown again: it would fill the window."""
MIN_KEPT_CHARS = 200
"""Less than so much sound text before a loop is not worth keeping."""

_CONTINUE = (
    "Your last answer began to repeat itself and was cut off there. "
    "Go on from where it was still sound, without repeating anything."
)
_ANEW = "Your last answer could not be used. Please answer again."


def knobs_of(family: str, sampler: frozenset[str]) -> frozenset[str]:
    """All knobs of a server: its sampler's (`Traits.knobs`), and the switches of its family.

    Sources: tools/server/README.md of llama.cpp; docs of vLLM and SGLang; server.py of mlx_lm.
    Ollama's OpenAI endpoint supports no `tool_choice` (docs/api/openai-compatibility.mdx).
    """
    known = set(sampler)
    if family in _TEMPLATE_SWITCH:
        known.add(THINKING)
    if family in _FORCES_CALLS:
        known.add(TOOL_CHOICE)
    return frozenset(known)


class Failure(msgspec.Struct, frozen=True):
    """One failed attempt: what the rule said, and all that was generated."""

    decision: Decision
    text: str
    think: str

    @property
    def mode_id(self) -> str:
        return self.decision.finding.mode_id if self.decision.finding else ""

    @property
    def loops(self) -> bool:
        return self.mode_id.startswith(("gen.text_loop", "gen.think_runaway"))


class Step(msgspec.Struct, frozen=True):
    """The next attempt."""

    request: Request
    rungs: tuple[Rung, ...]
    kept: str = ""
    """The sound beginning that the model goes on from; it belongs to the next answer."""


class Climb:
    """The ladder for one request."""

    def __init__(
        self,
        spec: LadderSpec,
        knobs: frozenset[str],
        request: Request,
        fixed: frozenset[str] = frozenset(),
    ) -> None:
        """`fixed`: fields of a request that somebody pinned; no rung changes them."""
        self._fixed = fixed
        self._spec = spec
        self._knobs = knobs
        self._request = request
        self._taken: list[Rung] = []
        self.attempts = 0

    def again(self, failure: Failure) -> Step | None:
        """The next attempt after `failure`; None = given up."""
        if self.attempts >= self._spec.attempts:
            return None
        taken = list(self._taken)
        added = self._next_rungs(failure)
        if not added:
            return None
        self._taken += [rung for rung in added if rung in _SETTINGS]
        self.attempts += 1
        request = _told(self._request, failure, added)
        for rung in (*taken, *added):
            if rung in _SETTINGS:
                request = _SETTINGS[rung](request, self._spec, self._knobs, failure)
        request = self._as_fixed(request)
        kept = _kept(failure) if "cut_tail" in added else ""
        return Step(request, added, kept)

    def _next_rungs(self, failure: Failure) -> tuple[Rung, ...]:
        """One way to tell the model, and from the second retry on one more setting."""
        fitting = [rung for rung in self._spec.rungs if self._fits(rung, failure)]
        words = [rung for rung in fitting if rung not in _SETTINGS][:1]
        settings = [rung for rung in fitting if rung in _SETTINGS and rung not in self._taken]
        if words and self.attempts == 0:
            return tuple(words)
        return tuple(words + settings[:1]) if settings else ()

    def _as_fixed(self, request: Request) -> Request:
        first, now = self._request.sampling, request.sampling
        back = {name: getattr(first, name) for name in self._fixed if hasattr(first, name)}
        sampling = msgspec.structs.replace(now, **back)
        return msgspec.structs.replace(request, sampling=sampling)

    def _fits(self, rung: Rung, failure: Failure) -> bool:
        request = self._request
        if rung == "cut_tail":
            finding = failure.decision.finding
            return failure.loops and _sound_text(finding, failure.text) is not None
        if rung == "nudge":
            return True
        if rung == "sampler":
            # Where nothing is known of the server, the temperature is: every API has it.
            warmer = not self._knobs or "temperature" in self._knobs
            drier = failure.loops and "dry_multiplier" in self._knobs - self._fixed
            return warmer and ("temperature" not in self._fixed or drier)
        if rung == "no_think":
            thought = bool(failure.think) or "think" in failure.mode_id
            fixed = THINKING in self._fixed or _TEMPLATE_FIELD in self._fixed
            switch = THINKING in self._knobs and not fixed
            return switch and thought and request.thinking is not False
        wanted = failure.mode_id.startswith(("format.", "stack.tool"))
        free = request.tool_choice in (None, "auto") and request.forced_tool is None
        can = TOOL_CHOICE in self._knobs - self._fixed and bool(request.tools)
        return can and wanted and free


def _sound_text(finding: Finding | None, text: str) -> str | None:
    """What stands before the loop, where it is worth keeping."""
    if finding is None or finding.channel != "text":
        return None
    # The first round of a loop may be meant; it ends where the quote repeats.
    kept = text[: finding.start].rstrip()
    return kept if len(kept) >= MIN_KEPT_CHARS else None


def _kept(failure: Failure) -> str:
    """The sound text, with the blanks that stood behind it."""
    text, finding = failure.text, failure.decision.finding
    sound = _sound_text(finding, text) or ""
    before = text[: finding.start] if finding is not None else ""
    return sound + (before[len(sound) :] or "\n")


def _told(request: Request, failure: Failure, rungs: tuple[Rung, ...]) -> Request:
    """`request` with what the model is told of `failure`."""
    decision = failure.decision
    if "cut_tail" in rungs:
        kept = _sound_text(decision.finding, failure.text) or ""
        return _with(request, Message("assistant", kept), _CONTINUE)
    if "nudge" in rungs:
        shown = None
        if decision.shown.strip() and len(decision.shown) <= MAX_SHOWN_CHARS:
            shown = Message("assistant", decision.shown)
        return _with(request, shown, decision.nudge or _ANEW)
    return request


def _with(request: Request, shown: Message | None, words: str) -> Request:
    messages = list(request.messages)
    if shown is not None:
        messages += [shown, Message("user", words)]
    elif messages and messages[-1].role == "user":
        # Some templates refuse two messages of a user in a row.
        text = f"{messages[-1].text}\n\n{words}"
        messages[-1] = msgspec.structs.replace(messages[-1], text=text)
    else:
        messages.append(Message("user", words))
    return msgspec.structs.replace(request, messages=tuple(messages))


_Setting = Callable[[Request, LadderSpec, frozenset[str], Failure], Request]


def _sampler(
    request: Request, spec: LadderSpec, knobs: frozenset[str], failure: Failure
) -> Request:
    """Warmer, so that the answer can be another one; against loops also DRY."""
    sampling = request.sampling
    temperature = max(sampling.temperature or 0.0, spec.temperature)
    sampling = msgspec.structs.replace(sampling, temperature=temperature)
    if sampling.seed is not None and (not knobs or "seed" in knobs):
        sampling = msgspec.structs.replace(sampling, seed=sampling.seed + 1)
    # DRY bends code and JSON, which repeat for good reasons: only against loops.
    if failure.loops and "dry_multiplier" in knobs:
        sampling = msgspec.structs.replace(sampling, dry_multiplier=spec.dry_multiplier)
    return msgspec.structs.replace(request, sampling=sampling)


def _no_think(
    request: Request, spec: LadderSpec, knobs: frozenset[str], failure: Failure
) -> Request:
    return msgspec.structs.replace(request, thinking=False)


def _force_call(
    request: Request, spec: LadderSpec, knobs: frozenset[str], failure: Failure
) -> Request:
    return msgspec.structs.replace(request, tool_choice="required")


_SETTINGS: dict[Rung, _Setting] = {
    "sampler": _sampler,
    "no_think": _no_think,
    "tool_choice": _force_call,
}
