"""Answers of OpenAI's `/v1/responses`, read: whole and streamed.

In: frames and bodies of a server that speaks this protocol. Out: events, `Answer`s.
"""

from __future__ import annotations

from seatrial.chat.endpoint import CallEvent, End, Event, Text, Think, UsageEvent
from seatrial.chat.sse import SseEvent
from seatrial.core.errors import FormatError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.gateway.wires.answer import Answer, Fragments, Head, reported, stop_of, was_cut
from seatrial.gateway.wires.fields import (
    Fields,
    number,
    raw,
    read_body,
    read_fields,
    read_list,
    words,
)

_THOUGHTS = frozenset({"response.reasoning_text.delta", "response.reasoning_summary_text.delta"})
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_ENDS = frozenset({"response.completed", "response.incomplete"})


class ResponsesReader:
    """Reads one stream."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self._fragments = Fragments()
        self._ended = False

    def feed(self, frame: SseEvent) -> list[Event]:
        fields = read_body(frame.data)
        kind = words(fields.get("type"))
        if kind in _TEXTS:
            return [Text(words(fields.get("delta")))]
        if kind in _THOUGHTS:
            return [Think(words(fields.get("delta")))]
        if kind == "response.created":
            self.head = _head(read_fields(fields.get("response")))
        elif kind == "response.output_item.done":
            _add_call(self._fragments, read_fields(fields.get("item")))
        elif kind in _ENDS:
            return self._end(read_fields(fields.get("response")))
        elif kind in ("response.failed", "error"):
            failed = read_fields(fields.get("response")).get("error")
            raise reported(bytes(raw({"error": failed})) if failed is not None else frame.data)
        return []

    def finish(self) -> list[Event]:
        if not self._ended:
            raise FormatError("the stream was closed before its end")
        return []

    def _end(self, answer: Fields) -> list[Event]:
        self._ended = True
        finish, word = _finish(answer)
        prefix = self.head.id if self.head else ""
        calls = self._fragments.calls(prefix, cut=was_cut(finish, word))
        events: list[Event] = [CallEvent(call) for call in calls]
        usage = _usage(read_fields(answer.get("usage")))
        return [*events, UsageEvent(usage, Timings()), End(finish, word)]


def read_answer(body: bytes) -> Answer:
    """A whole answer.

    Raises:
        ContextOverflowError, EngineError: the body reports an error.
        BrokenOffError, FormatError: not an answer, or not a whole one.
    """
    fields = read_body(body)
    if "error" in fields:
        raise reported(body)
    if "output" not in fields:
        raise FormatError("an answer without output")
    fragments = Fragments()
    said: dict[str, list[str]] = {"message": [], "reasoning": []}
    for listed in read_list(fields["output"]):
        item = read_fields(listed)
        kind = words(item.get("type"))
        if kind in said:
            parts = read_list(item.get("content")) or read_list(item.get("summary"))
            said[kind] += [_part_text(read_fields(part)) for part in parts]
        else:
            _add_call(fragments, item)
    head = _head(fields)
    finish, word = _finish(fields)
    calls = tuple(fragments.calls(head.id, cut=was_cut(finish, word)))
    return Answer(
        head=head,
        stop=stop_of(End(finish, word), bool(calls)),
        think="\n\n".join(said["reasoning"]),
        text="".join(said["message"]),
        calls=calls,
        usage=_usage(read_fields(fields.get("usage"))),
    )


def _part_text(part: Fields) -> str:
    return words(part.get("text")) or words(part.get("refusal"))


def _add_call(fragments: Fragments, item: Fields) -> None:
    if words(item.get("type")) == "function_call":
        call_id = words(item.get("call_id"))
        key = words(item.get("id")) or call_id
        fragments.add(key, call_id, words(item.get("name")), words(item.get("arguments")))


def _finish(answer: Fields) -> tuple[Finish, str]:
    status = words(answer.get("status"))
    if status == "completed":
        return Finish.STOP, "stop"
    reason = words(read_fields(answer.get("incomplete_details")).get("reason"))
    if reason == "max_output_tokens":
        return Finish.LENGTH, reason
    return Finish.OTHER, reason or status


def _head(answer: Fields) -> Head:
    identifier = words(answer.get("id")).removeprefix("resp_")
    return Head(identifier, words(answer.get("model")), number(answer.get("created_at")))


def _usage(fields: Fields) -> Usage:
    def count(name: str, inside: str = "") -> int:
        place = read_fields(fields.get(inside)) if inside else fields
        return number(place.get(name))

    return Usage(
        count("input_tokens"),
        count("cached_tokens", "input_tokens_details"),
        count("output_tokens"),
        think=count("reasoning_tokens", "output_tokens_details"),
    )
