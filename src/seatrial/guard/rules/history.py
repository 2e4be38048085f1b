"""History that would break or mislead the next request, mended with its meaning kept.

One malformed call in a conversation comes back with every later request: templates fail on
arguments that are no JSON, servers refuse results that answer nothing, and some refuse empty
messages. Every edit has a label; messages that need none stay the same objects.

In: a request. Out: the request with mended messages.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from seatrial.chat.endpoint import Request
from seatrial.core.message import Call, Message
from seatrial.guard.protocol import PASS, Decision, Finding, PassingRule
from seatrial.guard.rules.base import QUOTE_CHARS

UNPARSED = "unparsed_arguments"
"""Holds the text of arguments that are no JSON object."""

_NO_RESULT = "(no result of this call was recorded)"
_LOST_CALL = "Result of an earlier tool call:\n"


class Edit(msgspec.Struct, frozen=True):
    """One change, with its reason."""

    label: str
    message: int
    """Index in the request as it came."""
    before: str


class HistoryRule(PassingRule):
    """Mends the messages of a request."""

    id = "history"

    def on_request(self, request: Request) -> Decision:
        messages, edits = mend(request.messages)
        if not edits:
            return PASS
        labels = ", ".join(dict.fromkeys(edit.label for edit in edits))
        places = ", ".join(str(edit.message) for edit in edits[:5])
        finding = Finding(
            detector=self.id,
            mode_id="format.malformed_call",
            channel="request",
            detail=f"{labels} (message {places})",
            quote=edits[0].before[:QUOTE_CHARS],
            count=len(edits),
        )
        before = "\n".join(edit.before for edit in edits)
        mended = msgspec.structs.replace(request, messages=messages)
        return Decision("edit", finding, request=mended, before=before)


def mend(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[Edit]]:
    """`messages` as every server takes them, and what was changed; mended again, nothing is."""
    mender = _Mender()
    for index, message in enumerate(messages):
        mender.take(index, message, last=index == len(messages) - 1)
    mender.close()
    return (tuple(mender.out) if mender.edits else messages), mender.edits


class _Mender:
    """Goes over the messages once."""

    def __init__(self) -> None:
        self.out: list[Message] = []
        self.edits: list[Edit] = []
        self._index = 0
        self._open: list[tuple[str, Call]] = []
        """Calls of the last turn that were not answered yet, with the id that they came with."""
        self._orphans: list[Message] = []
        self._dropped = False

    def take(self, index: int, message: Message, *, last: bool) -> None:
        self._index = index
        if message.role == "tool":
            self._result(message)
            return
        if self._open or self._orphans:
            self._close_calls()
        if message.role == "assistant":
            self._assistant(message, last)
        elif self._dropped and message.role == "user" and self._ends_in_user():
            # Some templates refuse two messages of a user in a row.
            text = f"{self.out[-1].text}\n\n{message.text}"
            self.out[-1] = msgspec.structs.replace(self.out[-1], text=text)
            self._dropped = False
        else:
            self.out.append(message)
            self._dropped = False

    def close(self) -> None:
        self._index += 1
        self._close_calls()

    def _assistant(self, message: Message, last: bool) -> None:
        if not message.calls and not message.text.strip() and not last:
            self._edit("empty_assistant", message.think)
            self._dropped = True
            return
        self._dropped = False
        calls = self._calls(message.calls)
        same = calls is message.calls
        self.out.append(message if same else msgspec.structs.replace(message, calls=calls))

    def _calls(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """`calls`, mended; the same object where nothing is to be mended."""
        taken: set[str] = set()
        mended = []
        changed = False
        for call in calls:
            came, new = call.id, call
            if not came or came in taken:
                self._edit("call_id", came)
                known = {call.id for call in calls}
                new = msgspec.structs.replace(new, id=self._new_id(known | taken))
            arguments = object_text(call.arguments)
            if arguments != call.arguments:
                self._edit("arguments_json", call.arguments)
                new = msgspec.structs.replace(new, arguments=arguments)
            changed = changed or new is not call
            taken.add(new.id)
            self._open.append((came, new))
            mended.append(new)
        return tuple(mended) if changed else calls

    def _new_id(self, taken: set[str]) -> str:
        numbers = (f"call_m{len(self.out)}_{number}" for number in range(len(taken) + 1))
        return next(id for id in numbers if id not in taken)

    def _result(self, message: Message) -> None:
        came = message.call_id
        # Without an id it can only answer in order; calls that came with one id do so too.
        for at, (id, _) in enumerate(self._open):  # noqa: B007 - where it stopped is used
            if id == came or not came or not id:
                break
        else:
            self._edit("orphan_result", message.text)
            self._orphans.append(Message("user", _LOST_CALL + message.text))
            return
        _, call = self._open.pop(at)
        if call.id != message.call_id:
            self._edit("call_id", message.call_id or "")
            message = msgspec.structs.replace(message, call_id=call.id)
        self.out.append(message)

    def _close_calls(self) -> None:
        for _, call in self._open:
            self._edit("unanswered_call", f"{call.name} {call.arguments}")
            self.out.append(Message("tool", _NO_RESULT, call_id=call.id))
        self._open.clear()
        # Not before: no words may stand between a call and its result.
        self.out += self._orphans
        self._orphans.clear()

    def _ends_in_user(self) -> bool:
        return bool(self.out) and self.out[-1].role == "user"

    def _edit(self, label: str, before: str) -> None:
        self.edits.append(Edit(label, self._index, before))


def object_text(arguments: str) -> str:
    """`arguments` where they are a JSON object; else an object that keeps their text."""
    if not arguments.strip():
        return "{}"
    value = _decoded(arguments)
    if isinstance(value, dict):
        return arguments
    if isinstance(value, str) and isinstance(_decoded(value), dict):
        return value
    return msgspec.json.encode({UNPARSED: _clean(arguments)}).decode()


def _decoded(text: str) -> object:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


_decode: Callable[[str], object] = msgspec.json.Decoder().decode
