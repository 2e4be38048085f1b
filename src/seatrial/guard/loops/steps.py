"""Calls and their results as steps: what two of them must share to be the same again.

A step is made for every call of every request, so it costs nothing: what needs the arguments
read or masked is asked for later, and only of steps that already look alike. Digits are masked
where counters, line numbers and times change in loops too. In: the messages of a request. Out:
steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from seatrial.core.message import Call, Message

HEAD = 400
"""Results are compared by so many characters with their digits masked: the rest drifts."""

MASKED = 4_000
"""Digits are masked in so much of the arguments; the rest must be equal as it stands."""

_TEN_DIGITS = b"0123456789"
_DIGITS = re.compile(r"\d+")
_INJECTED = re.compile(r"\s*<((?!user_(?:query|message)\b)[A-Za-z]+[-_ ][A-Za-z_ -]*)>")
"""How text begins that a client adds in the name of the user: `<system-reminder>`,
`<environment_context>`. Every client that was looked at joins words in the name; HTML does not."""

_SAID_AGAIN_STEPS = 6
"""A harness says the same thing every few calls; whoever repeats it later is a person."""
_EDITS = re.compile(r"edit|write|insert|append|replace|patch|create", re.IGNORECASE)
_BODIES = frozenset(
    "content contents new_str new_string newText new_text insert_text file_text text body code "
    "patch diff old_str old_string oldText old_text edits".split()
)
_TARGETS = ("path", "file_path", "filePath", "file", "filename", "filepath", "target_file", "uri")
_VERBS = ("command", "action", "mode", "operation")
_WAITS = re.compile(
    r"(?<![a-z])(?:sleep|wait|poll|watch|tail -f|status|progress|logs?|ps|nvidia-smi|health)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"^\W*(?:\w*error\b|traceback|\w*exception\b|fatal\b|fail(?:ed|ure)\b|invalid\b|unknown\b"
    r"|cannot\b|could not\b|unable\b|no replacement|usage:)"
    r"|\b(?:is required|not found|no such file|does not exist|did not match|no match)\b"
    r"|\breturncode\W+[1-9]|\bexit (?:code|status)\W+[1-9]",
    re.IGNORECASE,
)
_TIMED = re.compile(
    r"^(?:chunk id|wall time|duration|elapsed|execution time|took)\b[^\n]*\n?",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines that a client writes above a result and that are new each time; codex writes two."""
_TIMING_WORDS = ("chunk id", "wall time", "duration", "elapsed", "execution time", "took")


class Step(msgspec.Struct, frozen=True):
    """One call and what came back."""

    name: str
    arguments: str
    head: str
    """The first characters of the result."""
    result: tuple[int, int]
    """Length and hash of the result; compared within one process only."""
    first: bool = False
    """Whether a person said something new just before: what came earlier is another matter."""

    @classmethod
    def of(cls, call: Call, result: str, first: bool = False) -> Step:
        head = result[:HEAD]
        small = head.lower()
        # Nearly every result goes without, and a search for words is cheaper than the pattern.
        if any([word in small for word in _TIMING_WORDS]):
            result = _TIMED.sub("", head) + result[HEAD:]
            # Results that are the same begin alike, however long the lines were.
            head = result[:HEAD]
        return cls(call.name, call.arguments, head, (len(result), hash(result)), first)

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for the same call with the same result."""
        return self.name, self.arguments, self.result

    @property
    def near(self) -> tuple[object, ...]:
        """Equal for the same call with a result that begins alike but for its digits."""
        return self.name, self.arguments, masked(self.head)

    @property
    def drift(self) -> tuple[object, ...]:
        """Equal where call and result are alike but for their digits."""
        arguments = self.arguments
        return self.name, masked(arguments[:MASKED]), arguments[MASKED:], masked(self.head)

    def same_call(self, other: Step) -> bool:
        return self.name == other.name and self.arguments == other.arguments

    @property
    def failed(self) -> bool:
        """Whether the result reads as an error; a hint, tools say it in many ways."""
        return _FAILED.search(self.head) is not None

    @property
    def waits(self) -> bool:
        """Whether it looks if something is ready: to come again is its nature."""
        return _WAITS.search(f"{self.name} {self.arguments[:HEAD]}".replace("_", " ")) is not None

    @property
    def edit(self) -> tuple[str, str] | None:
        """Target and text of a call that changes a file by its own arguments; else None."""
        fields = _fields(self.arguments)
        body = "".join(_text(fields[key]) for key in sorted(_BODIES & fields.keys()))
        target = next((_text(fields[key]) for key in _TARGETS if key in fields), "")
        if not body or not (target or _EDITS.search(self.name)):
            return None
        return target, body

    @property
    def aim(self) -> str:
        """The tool, what it is told to do and on what; empty where there is no target."""
        fields = _fields(self.arguments)
        target = next((_text(fields[key]) for key in _TARGETS if key in fields), "")
        verb = next((_text(fields[key]) for key in _VERBS if key in fields), "")
        return f"{self.name} {verb[:40]} {target}" if target else ""

    def told(self) -> str:
        """The call as it stands; long arguments are cut."""
        cut = self.arguments if len(self.arguments) <= HEAD else f"{self.arguments[:HEAD]}…"
        return f"{self.name}({cut})"


def masked(text: str) -> bytes:
    """What is left of `text` without its digits; for comparing."""
    return text.encode("utf-8", "surrogatepass").translate(None, _TEN_DIGITS)


def numbers(text: str) -> tuple[str, ...]:
    """The numbers that `masked` hides."""
    return tuple(_DIGITS.findall(text))


def recent_steps(messages: Sequence[Message], most: int) -> list[Step]:
    """The last `most` answered calls of a conversation, in the order of their results.

    None where a person said something new behind them: what they ended in is over.
    """
    # A whole history may be hundreds of kilobytes; only its end can be a loop.
    answers, start = 0, len(messages)
    while start and answers < most:
        start -= 1
        answers += messages[start].role == "tool"
    while start and messages[start].role == "tool":
        start -= 1
    return _steps(messages[start:])[-most:]


def _steps(messages: Sequence[Message]) -> list[Step]:
    steps: list[Step] = []
    open_calls: dict[str, Call] = {}
    asked: dict[bytes, int] = {}
    """What the user said -> how many steps there were when it was said last."""
    first = False
    for message in messages:
        if message.role == "assistant":
            # Ids need to be unique within a turn only; some servers count from 0 in each.
            open_calls = {call.id: call for call in message.calls}
        elif message.role == "tool" and message.call_id is not None:
            call = open_calls.pop(message.call_id, None)
            if call is not None:
                steps.append(Step.of(call, message.text, first))
                first = False
        elif message.role == "user" and (text := _said(message.text)):
            # A harness says the same thing again; a person who repeats a task says more.
            said = masked(text)
            last = asked.get(said)
            first = first or last is None or len(steps) - last >= _SAID_AGAIN_STEPS
            asked[said] = len(steps)
    return [] if first else steps


def _said(text: str) -> str:
    """`text` without what its client put in front of it; empty where that is all."""
    at = 0
    while (opener := _INJECTED.match(text, at)) is not None:
        # Such a name may have a second word: `<permissions instructions>`.
        closer = f"</{opener[1]}>"
        end = text.find(closer, opener.end())
        if end < 0:
            return ""
        at = end + len(closer)
    return text[at:].strip()


def _fields(arguments: str) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
