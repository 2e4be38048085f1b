"""The pinned block: what of a conversation must come through a compaction word for word.

It is bounded, because it goes into a prompt that is long already. What does not fit is cut at a
mark that says so; conditions behind the cut are listed by themselves.

In: messages and what is asked of them. Out: the block; from a summary that holds one, its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from seatrial.core.message import Message
from seatrial.guard.conversation.files import changed_files
from seatrial.guard.conversation.flattened import entry_calls, first_entry
from seatrial.guard.conversation.people import first_words, last_words_at, own_words
from seatrial.guard.conversation.summaries import Compaction
from seatrial.guard.loops.steps import Step

OPENER, CLOSER = "<pinned-task>", "</pinned-task>"
MAX_TASK_CHARS = 3_000
MAX_LATEST_CHARS = 600
MAX_CRITERIA_CHARS = 1_000
MAX_FILES_CHARS = 1_500

_TASK = "Task, in the user's own words:"
_LATEST = "Latest words of the user:"
_CRITERIA = "Conditions that the user set besides:"
_FILES = "Files changed so far:"
_LABELS = (_TASK, _LATEST, _CRITERIA, _FILES)
_CUT = " [cut here]"
_CONDITION = re.compile(
    r"\b(?:must|shall|should|have to|has to|only|exactly|at least|at most|never|always|do not"
    r"|don['\u2019]t|without|accept\w*|criteri\w+|done when|requirements?|tests? pass\w*)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MOST_MESSAGES = 2_000


class Pinned(msgspec.Struct, frozen=True):
    """What is pinned."""

    task: str
    latest: str = ""
    """The last thing that the user said, where it is not the task."""
    criteria: tuple[str, ...] = ()
    """Sentences with conditions that stand in none of the two."""
    files: tuple[str, ...] = ()
    """In the order of their first change."""


def collect(messages: Sequence[Message], asked: Compaction) -> Pinned | None:
    """What `messages`, the last of which asks for a summary, have to say; None = nothing sure."""
    if asked.conversation is not None:
        return _from_text(asked, asked.conversation)
    past = messages[-_MOST_MESSAGES:-1]
    carried = next((found for m in reversed(past) if (found := _in_summary(m))), None)
    said = [words for message in messages[:-1] if (words := own_words(message))]
    task = carried.task if carried else first_words(messages[:-1])
    at = last_words_at(messages[:-1])
    latest = own_words(messages[at]) if at >= 0 else ""
    return _pinned(task, latest, said, _changed(past), carried)


def _from_text(asked: Compaction, conversation: str) -> Pinned | None:
    first = _words(first_entry(conversation))
    carried = parse(asked.before) or parse(asked.after) or parse(first_entry(conversation))
    task = carried.task if carried else first
    files = [path for call in entry_calls(conversation) for path in changed_files(call)]
    return _pinned(task, first, [first] if first else [], files, carried)


def _words(text: str) -> str:
    return own_words(Message("user", text))


def _pinned(
    task: str,
    latest: str,
    said: Sequence[str],
    changed: Iterable[str],
    carried: Pinned | None,
) -> Pinned | None:
    if not task:
        return None
    task = _bounded(task, MAX_TASK_CHARS)
    latest = "" if OPENER in latest else _bounded(latest, MAX_LATEST_CHARS)
    if latest.removesuffix(_CUT) in task:
        latest = carried.latest if carried else ""
    known = f"{task}\n{latest}"
    criteria = dict.fromkeys(carried.criteria if carried else ())
    for words in said:
        sentences = (each.strip(" -*\t") for each in _SENTENCE.split(words) if OPENER not in words)
        criteria |= dict.fromkeys(s for s in sentences if _CONDITION.search(s) and s not in known)
    files = dict.fromkeys(carried.files if carried else ())
    # The latest count most; what was changed before them can be seen in the folder.
    files |= dict.fromkeys(changed)
    latest_files = _fitting(reversed(files), MAX_FILES_CHARS)
    return Pinned(task, latest, _fitting(criteria), latest_files[::-1])


def _fitting(lines: Iterable[str], room_chars: int = MAX_CRITERIA_CHARS) -> tuple[str, ...]:
    kept: list[str] = []
    for line in lines:
        room_chars -= len(line)
        if room_chars < 0:
            break
        kept.append(line)
    return tuple(kept)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_CUT)].rstrip() + _CUT


def _changed(messages: Sequence[Message]) -> list[str]:
    results = {m.call_id: m.text for m in messages if m.role == "tool" and m.call_id}
    return [
        path
        for message in messages
        for call in message.calls
        if not Step.of(call, results.get(call.id, "")[:2000]).failed
        for path in changed_files(call)
    ]


def _in_summary(message: Message) -> Pinned | None:
    """The block of an earlier summary; a tool's result may quote one, and is no summary."""
    return parse(message.text) if message.role in ("user", "assistant") else None


def written(pinned: Pinned) -> str:
    """The block."""
    parts = [OPENER, _TASK, pinned.task]
    if pinned.latest:
        parts += [_LATEST, pinned.latest]
    if pinned.criteria:
        parts += [_CRITERIA, *(f"- {each}" for each in pinned.criteria)]
    if pinned.files:
        parts += [_FILES, *(f"- {path}" for path in pinned.files)]
    return "\n".join([*parts, CLOSER])


def parse(text: str) -> Pinned | None:
    """The last whole block in `text`."""
    end = text.rfind(CLOSER)
    start = text.rfind(OPENER, 0, end) if end >= 0 else -1
    if start < 0:
        return None
    parts: dict[str, list[str]] = {}
    label = ""
    for line in text[start + len(OPENER) : end].strip("\n").split("\n"):
        if line.strip() in _LABELS:
            label = line.strip()
        parts.setdefault(label, []).append(line)
    texts = {label: "\n".join(lines[1:]).strip() for label, lines in parts.items() if label}
    if not texts.get(_TASK):
        return None
    return Pinned(
        texts[_TASK][:MAX_TASK_CHARS],
        texts.get(_LATEST, "")[:MAX_LATEST_CHARS],
        _fitting(_listed(texts.get(_CRITERIA, ""))),
        _fitting(_listed(texts.get(_FILES, "")), MAX_FILES_CHARS),
    )


def _listed(text: str) -> list[str]:
    lines = (line.strip() for line in text.split("\n"))
    return [line.removeprefix("-").strip() for line in lines if line.startswith("-")]
