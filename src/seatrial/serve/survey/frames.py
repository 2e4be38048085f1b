"""The frames of one stream, gathered into a `Reply` and bounded in number.

In: the data of server-sent events. Out: a `Reply`, also where the stream breaks its protocol.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from seatrial.serve.survey.reply import (
    RAW_CHARS,
    Broken,
    Called,
    Reply,
    as_dict,
    as_list,
    as_text,
    as_word,
    common,
    first_choice,
    thought_key_of,
    written,
)

_NONE: tuple[Any, ...] = (None, {})


class Gathered:
    """What came of one stream so far."""

    def __init__(self, most: int) -> None:
        """`most`: frames with text; a stream that brings more does not keep its cap."""
        self.first_seconds: float | None = None
        self._start = time.monotonic()
        self._most = most
        self._texts = 0
        self._raw = ""
        self._done = False
        self._broken: Broken | None = None
        self._error = ""
        self._content: list[str] = []
        self._thought: list[str] = []
        self._key: str | None = None
        self._calls: dict[int, list[str]] = {}
        self._finish: str | None = None
        self._common: dict[str, Any] = {}

    @property
    def began(self) -> bool:
        """Whether any event came."""
        return bool(self._raw)

    def take(self, data: bytes) -> bool:
        """Take one event; whether the stream is worth reading on."""
        if len(self._raw) < RAW_CHARS:
            self._raw += data.decode("utf-8", "replace") + "\n"
        if data == b"[DONE]":
            self._done = True
            return False
        try:
            carried = self._feed(msgspec.json.decode(data))
        except (msgspec.DecodeError, RecursionError):
            self.give_up("garbled", f"a frame is no JSON: {self._raw[-200:]}")
            return False
        if carried and self.first_seconds is None:
            self.first_seconds = time.monotonic() - self._start
        self._texts += carried
        if self._texts > self._most:
            self._broken = "endless"
        return self._broken is None

    def give_up(self, kind: Broken, said: str) -> None:
        """The stream is over before its end."""
        self._broken, self._error = kind, said

    def complete(self, reply: Reply) -> Reply:
        """`reply` completed with everything that came."""
        return msgspec.structs.replace(
            reply,
            status=200,
            broken=self._broken,
            error=self._error,
            done=self._done,
            first_seconds=self.first_seconds,
            raw=self._raw[:RAW_CHARS],
            content="".join(self._content),
            thought="".join(self._thought),
            thought_key=self._key,
            calls=tuple(Called(name, text) for name, text in self._calls.values()),
            finish=self._finish,
            **self._common,
        )

    def _feed(self, frame: Any) -> bool:  # noqa: ANN401 - whatever a server sends
        """Take one decoded frame; whether it carried anything generated."""
        body = as_dict(frame)
        if body.get("error"):
            self.give_up("refused", str(body["error"])[:500])
        choice = first_choice(body)
        delta = as_dict(choice.get("delta"))
        key = thought_key_of(delta)
        content = as_text(delta.get("content")) or as_text(choice.get("text"))
        thought = as_text(delta.get(key)) if key else ""
        calls = as_list(delta.get("tool_calls"))
        self._content.append(content)
        self._thought.append(thought)
        self._key = self._key or key
        for call in calls:
            self._piece(as_dict(call))
        self._finish = as_word(choice.get("finish_reason")) or self._finish
        self._common |= {k: v for k, v in common(body).items() if v is not False and v not in _NONE}
        return bool(content or thought or calls)

    def _piece(self, call: dict[str, Any]) -> None:
        index = call.get("index")
        function = as_dict(call.get("function"))
        held = self._calls.setdefault(index if isinstance(index, int) else 0, ["", ""])
        held[0] += as_text(function.get("name"))
        held[1] += written(function.get("arguments"))
