"""What is known of one server, each fact with its source; nothing is guessed.

Values only: a family of `families` asks and fills them in. What could not be learned is None,
which is not a default. In: nothing. Out: `ServerFacts`, the ground of survey, lint and doctor.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

Overflow = Literal["refuses", "fails_all", "truncates", "unbounded", "unknown"]
"""When a prompt does not fit: an error; an error for everyone under way; the prompt is cut and
nobody is told; memory grows; nobody knows."""

Listing = Literal["loaded", "installed", "cache", "config", "unknown"]
"""What `/v1/models` lists: what is in memory, what lies on the disk for this server, every model
of a shared cache, what a file declares."""


class Fact(msgspec.Struct, Generic[T], frozen=True):
    """A value and where it was read."""

    value: T
    source: str
    """A path of the server (`/props`), `argv`, `gguf`, `survey`, `config`, `declared`."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every server of one family, by its source or documentation."""

    id: str
    title: str
    ports: tuple[int, ...]
    """Where it listens when nobody says otherwise."""
    listing: Listing
    overflow: Overflow
    window_holds_output: bool = True
    """Prompt and answer share the window."""
    refuses_by_cap: bool = False
    """A request whose prompt and `max_tokens` together exceed the window is refused."""
    echoes_model: bool = False
    """`model` of an answer is the word of the request: it proves nothing."""
    loads_on_request: bool = False
    """Naming another model in a request loads that one."""
    knobs: frozenset[str] = frozenset()
    """Sampler fields that its chat endpoint honours; every other one is silently ignored. Empty:
    not known."""
    thinks_in: str | None = None
    """Key of a message that carries reasoning."""
    reports_cached: bool = False
    """`usage` says how many prompt tokens came from the cache."""
    reports_speed: bool = False
    tokenizes: bool = False
    """It has `/tokenize`."""


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One server, one model, one instant."""

    url: str
    family: Traits
    version: Fact[str] | None = None
    model: Fact[str] | None = None
    """What is loaded and answers: path, repository or id, by the strongest word there is."""
    digest: Fact[str] | None = None
    """Of the weights, where the server states one (Ollama) or the file could be read."""
    listed: tuple[str, ...] = ()
    """Ids of `/v1/models`, in its order."""
    loaded: tuple[str, ...] | None = None
    """Ids that are in memory; None = it does not say."""
    quantization: Fact[str] | None = None
    parameters: Fact[int] | None = None
    window: Fact[int] | None = None
    """Tokens that one request really has."""
    declared_windows: tuple[Fact[int], ...] = ()
    """Numbers that look like the window and are not."""
    trained_window: Fact[int] | None = None
    slots: Fact[int] | None = None
    """Requests at a time."""
    shared_pool: Fact[bool] | None = None
    """Slots share one pool of cells: one can starve the others."""
    sampler: dict[str, Fact[float | int | str | bool]] = {}
    """Defaults that hold when a request says nothing; OpenAI or llama.cpp names."""
    template: Fact[str] | None = None
    """Text of the chat template."""
    eos: Fact[str] | None = None
    """Text of the token that ends a turn, by the tokenizer."""
    supports: dict[str, Fact[bool]] = {}
    """`tools`, `parallel_tools`, `thinking`, `vision`, …"""
    device: Fact[str] | None = None
    """`gpu`, `cpu`, or `both` where a part of the weights is on each."""
    command: Fact[tuple[str, ...]] | None = None
    """Command line of the process that serves the model."""
    pid: Fact[int] | None = None
    notes: tuple[str, ...] = ()
    """What could not be learned and why, a sentence each."""
