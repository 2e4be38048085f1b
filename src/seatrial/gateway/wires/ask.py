"""A request between two protocols: what it says, in neither's words.

Every reader makes an `Ask` of a body and every writer makes a body of an `Ask`, so three
protocols need six functions and not nine. What a target has no place for goes into a `Ledger`,
never silently overboard.

Not `chat.Request`: that is what rules look at and has no place for images or unknown fields.
Values only.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.message import Call, Role
from seatrial.gateway.wires.fields import Fields


class UnsupportedError(UserError):
    """A request that cannot mean the same in the other protocol; the client gets a 400."""


class Lost(msgspec.Struct, frozen=True):
    """Something that the other protocol has no place for."""

    field: str
    """Where it stood, list positions left out: `messages[].content[].cache_control`."""
    why: str
    count: int = 1


class Ledger:
    """Collects what is lost in one translation."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def lose(self, field: str, why: str = "no place for it") -> None:
        self._counts[field, why] += 1

    def leave(self, fields: Fields, known: frozenset[str], where: str) -> None:
        """Lose every field of an object that is not `known`."""
        for name in fields:
            if name not in known:
                self.lose(f"{where}.{name}")

    def lost(self) -> tuple[Lost, ...]:
        return tuple(Lost(field, why, count) for (field, why), count in self._counts.items())


class Media(msgspec.Struct, frozen=True):
    """An image, by URL or as a `data:` URL."""

    url: str
    detail: str | None = None


Part = str | Media


class Turn(msgspec.Struct, frozen=True):
    """One entry of the conversation."""

    role: Role
    parts: tuple[Part, ...] = ()
    think: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    """For role `tool`: the call that this answers."""

    @property
    def texts(self) -> list[str]:
        return [part for part in self.parts if isinstance(part, str)]

    @property
    def media(self) -> list[Media]:
        return [part for part in self.parts if isinstance(part, Media)]


class Offer(msgspec.Struct, frozen=True):
    """One tool."""

    name: str
    """As the model sees it: with the namespace, where it has one."""
    description: msgspec.Raw | None = None
    parameters: msgspec.Raw | None = None
    """JSON Schema; None = the tool takes one text as it is (`freeform`)."""
    strict: msgspec.Raw | None = None
    freeform: bool = False
    namespace: str | None = None
    own_name: str = ""
    """The name within the namespace."""


Mode = Literal["auto", "required", "none", "tool"]
MODES: dict[str, Mode] = {"auto": "auto", "required": "required", "none": "none"}
"""Those that chat completions and `/v1/responses` write as one word."""


class Choice(msgspec.Struct, frozen=True):
    """Which tools must or may be called."""

    mode: Mode
    name: str | None = None


class Format(msgspec.Struct, frozen=True):
    """The shape that an answer must have."""

    kind: Literal["json_schema", "json_object"]
    schema: msgspec.Raw | None = None
    name: str | None = None
    strict: msgspec.Raw | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    model: str
    turns: tuple[Turn, ...]
    offers: tuple[Offer, ...] = ()
    choice: Choice | None = None
    parallel: bool | None = None
    max_tokens: msgspec.Raw | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    format: Format | None = None
    effort: str | None = None
    thinking: bool | None = None
    fields: Fields = {}
    """Everything else, by its name in chat completions, as it was written."""


class Upstream(msgspec.Struct, frozen=True):
    """What the server behind takes beyond plain chat; some refuse a field that they do not know."""

    images: bool = True
    """Otherwise a text says in its place that an image was left out."""
    effort: bool = False
    """`reasoning_effort`. Ollama refuses it for models that do not think."""
    thinking: bool = False
    """`chat_template_kwargs.enable_thinking`."""


class Asked(msgspec.Struct, frozen=True):
    """A request that was translated, with what its answer will need."""

    body: bytes
    lost: tuple[Lost, ...]
    model: str
    stream: bool
    offers: dict[str, Offer] = {}
    """Tools whose calls look different in the client's protocol, by the name the model sees."""
    echo: Fields = {}
    """Fields of the request that the answer repeats."""
    keeps_reasoning: bool = False
    """The client asked for reasoning that it can send back without understanding it."""


IMAGE_LEFT_OUT = "[an image was left out here: the model behind this server takes no images]"
