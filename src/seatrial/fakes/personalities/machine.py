"""The running server behind a personality: what is loaded, its cache, and generation.

It knows no HTTP. Faults of generation act here. In: an `Ask`. Out: a `Reply`, or the refusal
that the family gives.
"""

from __future__ import annotations

import json
import math
import random
from collections import deque

import msgspec

from seatrial.fakes.personalities import overflow
from seatrial.fakes.personalities.brain import VOICE, Kind, Mind
from seatrial.fakes.personalities.persona import (
    Ask,
    Part,
    Persona,
    RefusedError,
    Reply,
    Settings,
    Step,
    StopType,
)
from seatrial.fakes.personalities.sampling import Sampling, probabilities, take
from seatrial.fakes.personalities.tokens import END, SPECIAL, pieces, token_id

_KNOB_FAULTS = {
    "ignores_temperature": "temperature",
    "ignores_seed": "seed",
    "ignores_top_k": "top_k",
    "ignores_min_p": "min_p",
    "ignores_repeat_penalty": "repeat_penalty",
}
_LEAK = "\n\nUser: Thank you. What about the wind?\n\nAssistant: The wind is north."
_CANNED = "This is a mock response. Configure a model backend to get real completions."
_KEPT_SEQUENCES = 8
_ENDLESS_CAP_TOKENS = 2048
"""Without max_tokens a real server goes on to the window; nobody wants to wait for that."""
_NO_GPU = (
    "warning: no usable GPU found, --gpu-layers option will be ignored",
    "warning: one possible reason is that llama.cpp was compiled without GPU support",
    "load_tensors:   CPU_Mapped model buffer size =  4082.20 MiB",
)
_CPU_PROMPT_SPEED, _CPU_SPEED = 21.0, 3.1


class Machine:
    """One server at work."""

    def __init__(self, persona: Persona, settings: Settings, faults: frozenset[str]) -> None:
        self.persona = persona
        self.settings = settings
        self.faults = faults
        self.weights = settings.model
        """What is loaded; a request may change it where the family allows that."""
        self.generations = 0
        self.generating = 0
        self.log: list[str] = list(_NO_GPU) if "cpu_fallback" in faults else []
        """Lines of the server's own log, in its own words."""
        self.children: dict[str, Machine] = {}
        """Servers behind a proxy, by the names that clients use."""
        self._sequences: deque[tuple[str, list[str]]] = deque(maxlen=_KEPT_SEQUENCES)
        self._seen = {token_id(piece): piece for piece in (*VOICE, *SPECIAL)}

    @property
    def name(self) -> str:
        """The name that the server gives to what it serves."""
        if "alias_lies" in self.faults:
            return self.settings.other_model
        return self.settings.alias or self.persona.name_of(self.settings)

    @property
    def window(self) -> int:
        """Tokens that a request really has."""
        return self.settings.window

    @property
    def declared_window(self) -> int:
        """Tokens that the server says a request has."""
        return self.window * 2 if "wrong_window" in self.faults else self.window

    @property
    def sampling(self) -> Sampling:
        """What holds when a request says nothing."""
        return msgspec.structs.replace(self.persona.sampling, **self.settings.sampling)

    @property
    def speeds(self) -> tuple[float, float]:
        """Tokens per second, prompt and generation, as the server measures them."""
        if "cpu_fallback" in self.faults:
            return _CPU_PROMPT_SPEED, _CPU_SPEED
        return self.settings.prompt_tokens_per_second, self.settings.tokens_per_second

    @property
    def output_cap(self) -> int | None:
        """The server's own bound of an answer."""
        return self.settings.output_cap_tokens or self.persona.output_cap_tokens

    def generate(self, ask: Ask) -> Reply:
        """Answer `ask`.

        Raises:
            RefusedError: the family refuses it.
        """
        self.generations += 1
        if "mock_backend" in self.faults:
            return _canned(ask)
        tokens = pieces(ask.prompt)
        kept = overflow.fit(self, ask, tokens)
        ask = self._bent(ask, "".join(kept) if len(kept) < len(tokens) else ask.prompt)
        weights = self._answering(ask.weights)
        cached = self._cached(weights, kept) if ask.cache else 0
        reply = self._run(ask, weights, len(kept), cached)
        written = [part.step.piece for part in reply.parts]
        self._sequences.append((weights, kept + written))
        return self._garbled(reply, ask)

    def piece_of(self, number: int) -> str:
        """The text of a token id that this server has seen."""
        return self._seen.get(number, "\N{REPLACEMENT CHARACTER}")

    def remember(self, ids: dict[int, str]) -> None:
        """Ids that it has given out."""
        self._seen |= ids

    def _answering(self, asked: str) -> str:
        swapped = "answers_with_other_model_after" in self.faults
        return (
            self.settings.other_model
            if swapped and self.generations >= self.settings.after
            else asked
        )

    def _bent(self, ask: Ask, prompt: str) -> Ask:
        """The ask with what faults make of it."""
        defaults = self.sampling
        lost = {
            field: getattr(defaults, field)
            for fault, field in _KNOB_FAULTS.items()
            if fault in self.faults
        }
        sampling = msgspec.structs.replace(ask.sampling, **lost)
        return msgspec.structs.replace(ask, prompt=prompt, sampling=sampling)

    def _cached(self, weights: str, tokens: list[str]) -> int:
        if "cache_never_hits" in self.faults:
            return 0
        best = max(
            (_common(tokens, seen) for name, seen in self._sequences if name == weights), default=0
        )
        block = self.persona.cache_block_tokens
        # The last token is always computed: somebody has to give the first logits.
        return min(best, len(tokens) - 1) // block * block

    def _run(self, ask: Ask, weights: str, prompt_tokens: int, cached: int) -> Reply:
        mind = Mind(weights, self.settings.quantization, ask.prompt, ask.force)
        dice = random.Random(f"{ask.sampling.seed}\0{ask.prompt}")
        if ask.sampling.seed < 0 or ask.sampling.seed >= 2**32 - 1:
            dice = random.Random()
        deaf = self._deaf(ask)
        limit, full = self._limit(ask, prompt_tokens, deaf)
        before = pieces(ask.prompt[-2000:])
        writer = _Writer(() if self._loses_stops(ask) else ask.stops)
        tail = self._tail(deaf)
        while len(writer.parts) < limit and not writer.stopped:
            place = len(writer.parts)
            logits = mind.logits(place)
            if ask.ignore_eos and len(logits) > 1:
                logits[END] = -math.inf
            wobble = "nondeterministic_greedy" in self.faults
            _bias(logits, ask.sampling)
            piece = take(logits, before + writer.pieces, ask.sampling, dice, wobble)
            if piece == END:
                writer.end(tail, limit)
                break
            writer.add(piece, mind.at(place).kind, _step(piece, logits, ask.probabilities))
        return Reply(
            parts=tuple(writer.parts),
            stop_type=writer.stopped or "limit",
            stopping_word=writer.word,
            call_name=mind.intention.call.name if mind.intention.call else "",
            prompt_tokens=prompt_tokens,
            cached_tokens=cached,
            completion_tokens=len(writer.parts) + (writer.stopped == "eos"),
            truncated=full and not writer.stopped,
        )

    def _deaf(self, ask: Ask) -> bool:
        """Whether the end of a turn goes unnoticed in this generation."""
        return "missing_eos" in self.faults or self._loses_stops(ask)

    def _loses_stops(self, ask: Ask) -> bool:
        return "one_path_without_stop" in self.faults and not ask.stream

    def _limit(self, ask: Ask, prompt_tokens: int, deaf: bool) -> tuple[int, bool]:
        """Tokens that this answer may have, and whether the window sets that bound."""
        wanted = ask.max_tokens if ask.max_tokens is not None else self.output_cap
        if wanted is None and deaf:
            wanted = _ENDLESS_CAP_TOKENS
        left = max(self.window - prompt_tokens, 0)
        if self.persona.overflow in ("unbounded", "truncates") or wanted is None:
            return (left or self.window) if wanted is None else wanted, wanted is None
        return min(wanted, left), left < wanted

    def _tail(self, deaf: bool) -> tuple[str, bool]:
        """What the model writes after the end of its turn, and whether that repeats."""
        if deaf:
            user = self.settings.speaks_as
            answer = "<|im_start|>assistant" if user.startswith("<") else "Assistant:"
            return f"\n{user}\nGo on.\n{answer}\n", True
        if "role_leak" in self.faults:
            return _LEAK, False
        return (END, False) if "control_token_leak" in self.faults else ("", False)

    def _garbled(self, reply: Reply, ask: Ask) -> Reply:
        """Faults of the parser behind the model."""
        if not ask.parses or not reply.called:
            return reply
        if "500_on_parse_failure" in self.faults:
            raw = "".join(part.step.piece for part in reply.parts)
            message = f"Failed to parse input at pos {raw.find('<tool_call>')}: {raw}"
            raise RefusedError(500, self.persona.error(500, message))
        if "healed_truncation" in self.faults and reply.stop_type == "limit":
            return _healed(reply)
        return reply


class _Writer:
    """Collects tokens and watches for stop strings."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.parts: list[Part] = []
        self.pieces: list[str] = []
        self.stopped: StopType | None = None
        self.word = ""
        self._stops = stops
        self._text = ""

    def add(self, piece: str, kind: Kind, step: Step) -> None:
        self.parts.append(Part(kind, piece, step))
        self.pieces.append(piece)
        self._text += piece
        for stop in self._stops:
            start = self._text.find(stop, max(0, len(self._text) - len(piece) - len(stop)))
            if start >= 0:
                self.stopped, self.word = "word", stop
                self._trim(len(self._text) - start)
                return

    def end(self, tail: tuple[str, bool], limit: int) -> None:
        """The model ended its turn: stop, or write what a fault makes it write."""
        text, repeats = tail
        again = pieces(text) + (list(self.pieces) if repeats else [])
        while again:
            for piece in again:
                if len(self.parts) >= limit or self.stopped:
                    return
                self.add(piece, "text", Step(piece, 0.0))
            if not repeats:
                break
        self.stopped = self.stopped or "eos"

    def _trim(self, length: int) -> None:
        """Take the last `length` characters back; the tokens stay counted."""
        for index in range(len(self.parts) - 1, -1, -1):
            part = self.parts[index]
            cut = min(length, len(part.text))
            kept = part.text[: len(part.text) - cut]
            self.parts[index] = msgspec.structs.replace(part, text=kept)
            length -= cut
            if not length:
                return


def _step(piece: str, logits: dict[str, float], top: int) -> Step:
    if not top:
        return Step(piece, 0.0)
    chances = probabilities(logits)
    likely = tuple((name, math.log(max(chances[name], 1e-30))) for name in list(chances)[:top])
    return Step(piece, math.log(max(chances[piece], 1e-30)), likely)


def _bias(logits: dict[str, float], how: Sampling) -> None:
    for piece, value in how.logit_bias.items():
        if piece in logits and len(logits) > 1:
            logits[piece] += value


def _common(one: list[str], other: list[str]) -> int:
    """Length of the common beginning."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _canned(ask: Ask) -> Reply:
    """What a stub answers, whatever the limits are."""
    parts = tuple(Part("text", piece, Step(piece, 0.0)) for piece in pieces(_CANNED))
    return Reply(
        parts=parts,
        stop_type="eos",
        prompt_tokens=10,
        cached_tokens=0,
        completion_tokens=len(parts),
    )


def _healed(reply: Reply) -> Reply:
    """The call with its JSON closed by the parser."""
    arguments = reply.text("arguments")
    for closing in ("", '"', '"}', "}", ': ""}', '": ""}', "]}", '"]}'):
        try:
            json.loads(arguments + closing)
        except ValueError:
            continue
        last = Part("arguments", closing, Step(closing, 0.0))
        return msgspec.structs.replace(reply, parts=(*reply.parts, last))
    closed = (
        msgspec.structs.replace(part, text="{}" if index == 0 else "")
        if part.kind == "arguments"
        else part
        for index, part in enumerate(reply.parts)
    )
    return msgspec.structs.replace(reply, parts=tuple(closed))
