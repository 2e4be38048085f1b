"""The words of a personality: settings, what a family does, one request, one reply.

Values only; `machine` generates, the modules of the families speak. In: nothing. Out: the types
that all of them share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from aiohttp.web import StreamResponse

from seatrial.fakes.personalities.brain import Kind
from seatrial.fakes.personalities.sampling import Sampling

if TYPE_CHECKING:
    from seatrial.fakes.personalities.exchange import Exchange
    from seatrial.fakes.personalities.machine import Machine

Handler = Callable[["Exchange"], Awaitable[StreamResponse]]
Extra = Callable[["Machine", "Reply"], dict[str, Any]]
StopType = Literal["eos", "word", "limit"]
Overflow = Literal[
    "llama.cpp", "vllm", "sglang", "lm-studio", "openai", "apr", "truncates", "unbounded"
]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a personality can be told; the empty ones get the family's own value."""

    model: str = ""
    """Path, repository or tag of what is loaded: it is also the name of the weights."""
    alias: str = ""
    """The name it goes by; empty = made of `model` as the family does it."""
    other_model: str = "qwen3-coder-30b-a3b-instruct"
    """Another model: what `alias_lies` claims and what the swaps load."""
    quantization: str = "Q8_0"
    installed: tuple[str, ...] = ()
    """Further models that lie ready (`ollama list`, the downloads of LM Studio, presets)."""
    cached: tuple[str, ...] = ()
    """Models of a shared cache, for `mlx`."""
    window: int = 65_536
    """Tokens of one request."""
    trained_window: int = 262_144
    slots: int = 1
    thinks: Literal["asked", "always", "never"] = "asked"
    parses_calls: bool = True
    """False: markup of tool calls stays in the text, as with llama.cpp's content-only parsing."""
    sampling: dict[str, Any] = {}
    """Defaults of the server's command line, by `Sampling`'s names."""
    output_cap_tokens: int | None = None
    """The server's own bound of one answer (`-n`)."""
    prompt_tokens_per_second: float = 1000.0
    tokens_per_second: float = 100.0
    paced: bool = False
    """Really take that time; otherwise it is only claimed."""
    draft_acceptance: float | None = None
    """With speculative decoding: the share of drafted tokens that is accepted."""
    reports_cached: bool | None = None
    """Whether usage tells the cached tokens; None = as the family does."""
    key: str = "sk-harbour"
    """For `needs_key`."""
    after: int = 3
    """For `answers_with_other_model_after`: the first generation that the other one answers."""
    prefill_seconds: float = 2.0
    """For `slow_prefill`."""
    big_bytes: int = 32 * 2**20
    """For `big_body`."""
    truncates_at_tokens: int = 2048
    """For `silent_truncation`."""
    speaks_as: Literal["<|im_start|>user", "Human:"] = "<|im_start|>user"
    """For `missing_eos`: how the model begins the turn of the user that it invents."""
    command: tuple[str, ...] = ()
    """Further arguments of its command line, where a server shows it."""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """One family: its endpoints and its ways."""

    id: str
    model: str
    """What it serves when nobody says otherwise."""
    handlers: Mapping[tuple[str, str], Handler]
    """By method and path; a path that ends in `*` is a prefix."""
    name_of: Callable[[Settings], str]
    """The name that goes with a model when no alias is set."""
    error: Callable[[int, str], Any]
    """The body of a refusal."""
    missing: Handler
    """What an unknown path gets."""
    knobs: dict[str, str]
    """Request field -> field of `Sampling`, on the OpenAI endpoint."""
    sampling: Sampling = Sampling()
    """Defaults."""
    output_cap_tokens: int | None = None
    overflow: Overflow
    headers: dict[str, str] = {}
    think_key: str | None = "reasoning_content"
    """None: thoughts stay in the content."""
    reports_cached: bool = True
    cache_block_tokens: int = 1
    fingerprint: str | None = None
    public_paths: frozenset[str] = frozenset()
    """Open without a key."""
    choice_fields: dict[str, Any] = {}
    message_fields: dict[str, Any] = {}
    delta_fields: dict[str, Any] = {}
    body_fields: dict[str, Any] = {}
    called_content: str | None = None
    """Content of a message that is only a call."""
    whole_calls: bool = False
    """A stream carries a call in one piece."""
    partial_calls: bool = False
    """A call that was cut off is shown as a call with broken arguments, not as text."""
    echoes_model: bool = False
    role_in_every_delta: bool = False
    forces_calls: bool = True
    """`tool_choice` is honoured."""
    extra: Extra | None = None
    """Fields of an answer that depend on it, such as timings."""
    extra_in_stream: bool = False
    """They stand in the last frame of a stream, too."""
    token_ids: bool = False
    """Log-probabilities name the ids of tokens."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One generation as the server understood it."""

    prompt: str
    sampling: Sampling
    weights: str
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    chat: bool = True
    stream: bool = False
    parses: bool = True
    """Calls and thoughts are taken out of the text."""
    force: str | None = None
    ignore_eos: bool = False
    cache: bool = True
    probabilities: int = 0
    """How many likely tokens to tell for each place."""
    shift: bool = True
    """Ollama: cut a prompt that does not fit."""


class Step(msgspec.Struct, frozen=True):
    """One generated token and what else was likely, natural logarithms."""

    piece: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Part(msgspec.Struct, frozen=True):
    """What one token adds to the answer."""

    kind: Kind
    text: str
    step: Step


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A finished generation."""

    parts: tuple[Part, ...]
    stop_type: StopType
    stopping_word: str = ""
    call_name: str = ""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    truncated: bool = False

    def text(self, kind: Kind) -> str:
        """Everything of one kind."""
        return "".join(part.text for part in self.parts if part.kind == kind)

    @property
    def called(self) -> bool:
        """Whether a call came to its arguments."""
        return any(part.kind == "arguments" for part in self.parts)

    @property
    def finish(self) -> str:
        """In OpenAI's words."""
        if self.stop_type == "limit":
            return "length"
        return "tool_calls" if self.called else "stop"


class RefusedError(Exception):
    """The server answers with an error instead."""

    def __init__(self, status: int, body: Any) -> None:  # noqa: ANN401 - any JSON
        super().__init__(str(body))
        self.status = status
        self.body = body
