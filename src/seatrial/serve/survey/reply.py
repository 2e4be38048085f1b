"""One answer of a chat or completion endpoint, read leniently: what is missing stays None.

Not the wire of `chat`, which refuses what breaks the protocol: here the breaks are what is looked
for. In: JSON bodies and frames of a stream. Out: `Reply`s, and whether two of them are the same.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking")
"""Keys of a message that servers put reasoning under."""

RAW_CHARS = 4_096
_ALIKE_SHARE = 0.5
_ALIKE_CHARS = 8

Broken = Literal["refused", "timeout", "lost", "garbled", "endless"]
"""It said no; nothing came in time; the connection went; the bytes are no answer; it went on far
past the cap and was left."""


class Called(msgspec.Struct, frozen=True):
    """A tool call as the server parsed it."""

    name: str
    arguments: str
    """JSON text; an object that came in its place is written out."""
    as_text: bool = True
    """The arguments came as text, as the protocol demands."""

    def decoded(self) -> dict[str, Any] | None:
        """The arguments, or None when they are not a complete JSON object."""
        try:
            value = msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, RecursionError):
            return None
        return value if isinstance(value, dict) else None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back for one request."""

    asked: dict[str, Any]
    """The body that was sent."""
    path: str = ""
    status: int = 0
    """0 = no HTTP answer."""
    broken: Broken | None = None
    error: str = ""
    content: str = ""
    thought: str = ""
    thought_key: str | None = None
    calls: tuple[Called, ...] = ()
    finish: str | None = None
    streamed: bool = False
    done: bool = False
    """The stream ended with `[DONE]`."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    counts_nothing: bool = False
    """`usage` came, with a zero where there were tokens."""
    timings: dict[str, Any] = {}
    model: str | None = None
    seconds: float = 0.0
    first_seconds: float | None = None
    """Until the first piece of text, of a stream."""
    raw: str = ""
    """Beginning of the answer as it came."""

    @property
    def ok(self) -> bool:
        return self.broken is None

    @property
    def text(self) -> str:
        """Everything that was generated, reasoning first; what a cut half-character left is off."""
        return (self.thought + self.content).strip().rstrip("�")


def same(one: Reply, other: Reply) -> bool:
    """Whether both say the same; one that its cap cut off need only be the beginning."""
    short, long = sorted((one, other), key=lambda reply: len(reply.text))
    if short.finish == "length" and short.text and _cap(short) < _cap(long):
        return long.text.startswith(short.text)
    return short.text == long.text


def alike(one: Reply, other: Reply) -> bool:
    """Whether they begin the same: rounding parts two greedy answers late, a sampler at once."""
    shared = _shared(one.text, other.text)
    longest = max(len(one.text), len(other.text))
    if _cap(one) != _cap(other):
        longest = min(len(one.text), len(other.text))
    return shared >= max(_ALIKE_CHARS, _ALIKE_SHARE * longest) or shared == longest


def _shared(one: str, other: str) -> int:
    """Characters that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    parted = (index for index, (left, right) in pairs if left != right)
    return next(parted, min(len(one), len(other)))


def _cap(reply: Reply) -> int:
    cap = reply.asked.get("max_tokens")
    return cap if isinstance(cap, int) else 0


def of_body(reply: Reply, body: Any) -> Reply:  # noqa: ANN401 - whatever a server answers
    """`reply` completed with what the JSON answer `body` says."""
    choice = first_choice(body)
    message = as_dict(choice.get("message"))
    key = thought_key_of(message)
    return msgspec.structs.replace(
        reply,
        content=as_text(message.get("content")) or as_text(choice.get("text")),
        thought=as_text(message.get(key)) if key else "",
        thought_key=key,
        calls=tuple(called(call) for call in as_list(message.get("tool_calls"))),
        finish=as_word(choice.get("finish_reason")),
        **common(as_dict(body)),
    )


def common(body: dict[str, Any]) -> dict[str, Any]:
    """What stands in a whole answer and in the frames of a stream alike."""
    usage = as_dict(body.get("usage"))
    timings = as_dict(body.get("timings"))
    cached = as_number(as_dict(usage.get("prompt_tokens_details")).get("cached_tokens"))
    prompt = as_number(usage.get("prompt_tokens"))
    return {
        # No prompt is empty: a zero is no count.
        "prompt_tokens": prompt or None,
        "counts_nothing": prompt == 0,
        "completion_tokens": as_number(usage.get("completion_tokens")),
        "cached_tokens": as_number(timings.get("cache_n")) if cached is None else cached,
        "timings": timings,
        "model": as_word(body.get("model")),
    }


def called(value: Any) -> Called:  # noqa: ANN401
    function = as_dict(as_dict(value).get("function"))
    arguments = function.get("arguments")
    return Called(as_text(function.get("name")), written(arguments), isinstance(arguments, str))


def written(arguments: Any) -> str:  # noqa: ANN401
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def thought_key_of(message: dict[str, Any]) -> str | None:
    return next((key for key in THOUGHT_KEYS if as_text(message.get(key))), None)


def first_choice(body: Any) -> dict[str, Any]:  # noqa: ANN401
    choices = as_list(as_dict(body).get("choices"))
    return as_dict(choices[0]) if choices else {}


def as_dict(value: Any) -> dict[str, Any]:  # noqa: ANN401
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else ""


def as_word(value: Any) -> str | None:  # noqa: ANN401
    return value if isinstance(value, str) and value else None


def as_number(value: Any) -> int | None:  # noqa: ANN401
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if ok and -1 < value < 1e12 else None
