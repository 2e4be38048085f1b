"""Which files the calls of a conversation changed, and whether anything was run after that.

Only what a call says outright counts: the path of an edit, the files of a patch, a redirection.
A program that writes files by itself is not seen. In: messages. Out: paths, changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from seatrial.core.message import Call, Message
from seatrial.guard.conversation.shell import checks, written_files
from seatrial.guard.loops.steps import recent_steps

_EDITING = re.compile(
    r"edit|write|insert|append|replace|patch|create|delete_file|multi_?edit", re.IGNORECASE
)
_NO_FILES = re.compile(r"todo|memor|goal|task|stdin|plan|note(?!book)|issue|comment", re.IGNORECASE)
_CHECKING = re.compile(
    r"^(?:run_)?(?:tests?|checks?|verify|lint|build|diagnostics)$|get_(?:diagnostics|problems|errors)",
    re.IGNORECASE,
)
_PATHS = (
    "path file_path filePath file filename filepath target_file absolute_path notebook_path".split()
)
_COMMANDS = ("command", "cmd", "script", "commands")
_BODY = re.compile(
    r"content|text|string|_str\b|source|patch|diff|body|^edits$|^code$", re.IGNORECASE
)
"""Arguments that hold what is written; a tool that also shows files is called without."""
_IN_SHELL = re.compile(r"(?:\S*/)?(?:bash|sh|zsh) -\w*c")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_PROSE = (".md", ".markdown", ".rst", ".txt", ".adoc", ".log", ".out", ".csv")
"""Files that no program runs or compiles."""
_MOST_STEPS = 400
_MOST_TURNS_AFTER = 6
"""A model that looked so often at its last change will not be asked again."""


class Change(msgspec.Struct, frozen=True):
    """Files that were changed and not checked since."""

    paths: tuple[str, ...]
    call: str
    """The last changing call, as it stands; long arguments are cut."""
    calls_since: int


def command_of(call: Call) -> str:
    """The shell command that `call` runs; empty if it runs none."""
    fields = _fields(call)
    for key in _COMMANDS:
        value = fields.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            return value[-1] if _IN_SHELL.fullmatch(" ".join(value[:2])) else " ".join(value)
    return ""


def changed_files(call: Call) -> tuple[str, ...]:
    """The files that `call` changes if it succeeds, in order, each once."""
    if _NO_FILES.search(call.name):
        return ()
    fields = _fields(call)
    if _EDITING.search(call.name) and any(map(_BODY.search, fields)):
        for key in _PATHS:
            if isinstance(path := fields.get(key), str) and path:
                return (path,)
    if "*** " in call.arguments and ("patch" in call.name.lower() or command_of(call)):
        texts = "\n".join(value for value in fields.values() if isinstance(value, str))
        if patched := _PATCHED.findall(texts):
            return tuple(dict.fromkeys(path.strip() for path in patched))
    command = command_of(call)
    return written_files(command) if command else ()


def unchecked_changes(messages: Sequence[Message]) -> Change | None:
    """What was changed in `messages` after the last check, if it is anything that can be run."""
    paths: dict[str, None] = {}
    last, since = "", 0
    for step in recent_steps(messages, _MOST_STEPS):
        call = Call("", step.name, step.arguments)
        if _CHECKING.search(step.name) or checks(command_of(call)):
            paths.clear()
            since = 0
        elif not step.failed and (changed := changed_files(call)):
            paths |= dict.fromkeys(changed)
            last, since = step.told(), 0
        else:
            since += 1
    runnable = [path for path in paths if not path.lower().endswith(_PROSE)]
    if not runnable or since > _MOST_TURNS_AFTER:
        return None
    return Change(tuple(paths), last, since)


def _fields(call: Call) -> dict[str, object]:
    try:
        decoded = msgspec.json.decode(call.arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}
