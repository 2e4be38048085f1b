"""The messages of a request body as a rule wants them, with all of the client's that can stay.

A message that nobody touched stays the object that the client sent. One that was changed keeps
its other fields, and its calls keep theirs; of two that became one, every part stays.

In: a client's messages, how the rules saw them, how they want them. Out: messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seatrial.chat.endpoint import Request
from seatrial.chat.wires import template_body
from seatrial.core.message import Call, Message

_BREAK = "\n\n"
"""Between messages of a user that became one."""


def edited_messages(
    bodies: Sequence[dict[str, Any]], asked: Sequence[Message], wanted: Sequence[Message]
) -> list[dict[str, Any]]:
    """`wanted` as objects: the client's own as they are, changed or joined, else new ones."""
    places: dict[Message, list[int]] = {}
    for place, message in enumerate(asked):
        places.setdefault(message, []).append(place)
    kept = set(wanted)
    gone = [place for place, message in enumerate(asked) if message not in kept]
    same_length = len(wanted) == len(asked)
    rendered = template_body(Request(messages=tuple(wanted)))["messages"]
    found = []
    for index, message in enumerate(wanted):
        here = places.get(message)
        if here:
            # The last one that stands for several equal messages stays for the others.
            found.append(bodies[here.pop(0) if len(here) > 1 else here[0]])
            continue
        own = same_length and asked[index].role == message.role
        source = index if own else _changed_one(gone, asked, message)
        if source is not None:
            gone = [other for other in gone if other != source]
            found.append(_overlaid(bodies[source], asked[source], message, rendered[index]))
        else:
            found.append(_joined(gone, bodies, asked, message) or rendered[index])
    return found


def put(body: dict[str, Any], key: str, value: object) -> None:
    """Set a field; None takes it out, and of an object only what differs is set."""
    if value is None:
        body.pop(key, None)
    elif isinstance(value, dict) and isinstance(body.get(key), dict):
        body[key] = {**body[key], **value}
    else:
        body[key] = value


def _changed_one(gone: Sequence[int], asked: Sequence[Message], wanted: Message) -> int | None:
    """The place of the message that became `wanted`."""
    return next((place for place in gone if _became(asked[place], wanted)), None)


def _became(before: Message, wanted: Message) -> bool:
    """Does it say the same words, answer the same call, or make the same calls?"""
    if before.role != wanted.role:
        return False
    if before.role == "tool" and before.call_id:
        return before.call_id == wanted.call_id
    same_calls = bool(before.calls) and before.calls == wanted.calls
    return same_calls or (before.text == wanted.text and len(before.calls) == len(wanted.calls))


def _joined(
    gone: Sequence[int], bodies: Sequence[dict[str, Any]], asked: Sequence[Message], wanted: Message
) -> dict[str, Any] | None:
    """Messages of a user that became one, with all their parts; words may follow them."""
    said = [place for place in gone if asked[place].role == "user" and asked[place].text]
    for at, first in enumerate(said):
        if wanted.role != "user" or not wanted.text.startswith(asked[first].text):
            continue
        text, parts = asked[first].text, _parts(bodies[first])
        for place in said[at + 1 :]:
            longer = text + _BREAK + asked[place].text
            if not wanted.text.startswith(longer):
                break
            text, parts = longer, [*parts, *_parts(bodies[place])]
        more = wanted.text[len(text) :]
        if more and not more.startswith(_BREAK):
            continue
        if more:
            parts = [*parts, {"type": "text", "text": more.removeprefix(_BREAK)}]
        plain = all(isinstance(part, dict) and part.keys() == {"type", "text"} for part in parts)
        return {**bodies[first], "content": wanted.text if plain else parts}
    return None


def _parts(body: dict[str, Any]) -> list[Any]:
    content = body.get("content")
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _overlaid(
    body: dict[str, Any], asked: Message, wanted: Message, rendered: dict[str, Any]
) -> dict[str, Any]:
    """A client's message with what was changed in it, junk fields and all."""
    changed = dict(body)
    if asked.text != wanted.text:
        changed["content"] = _content(body.get("content"), wanted.text)
    if asked.think != wanted.think:
        changed.pop("reasoning", None)
        put(changed, "reasoning_content", wanted.think or None)
    if asked.calls != wanted.calls:
        calls = _calls(body.get("tool_calls"), asked.calls, wanted.calls, rendered)
        put(changed, "tool_calls", calls)
    if asked.call_id != wanted.call_id:
        put(changed, "tool_call_id", wanted.call_id)
    return changed


def _calls(
    bodies: object, asked: Sequence[Call], wanted: Sequence[Call], rendered: dict[str, Any]
) -> object:
    """Each call with the fields that nobody knows; what signs one is not lost with another."""
    if not isinstance(bodies, list) or not len(bodies) == len(asked) == len(wanted):
        return rendered.get("tool_calls")
    calls = []
    for body, before, after in zip(bodies, asked, wanted, strict=True):
        changed = dict(body)
        if before.id != after.id:
            changed["id"] = after.id
        if (before.name, before.arguments) != (after.name, after.arguments):
            function = {"name": after.name, "arguments": after.arguments}
            changed["function"] = {**(body.get("function") or {}), **function}
        calls.append(changed)
    return calls


def _content(before: object, text: str) -> str | list[object]:
    """The new text; images and the like stay beside it."""
    parts = before if isinstance(before, list) else []
    others = [part for part in parts if isinstance(part, dict) and part.get("type") != "text"]
    return [{"type": "text", "text": text}, *others] if others else text
