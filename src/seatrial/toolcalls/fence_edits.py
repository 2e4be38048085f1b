"""Options for models that write Markdown instead of calls: a fence with a path becomes a call.

A whole file in a fence -> the declared tool that writes files; SEARCH/REPLACE blocks -> the one
that edits. Off by default. Only where one fence, one path and one tool are there, and nothing
says that the fence is an example or leaves something out. The body is taken exactly, with its
last newline; a comment that names the path stays, it is part of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.found import Found
from seatrial.toolcalls.loose.lead_in import introduces
from seatrial.toolcalls.options import Options
from seatrial.toolcalls.reading import BLANK, RawCall
from seatrial.toolcalls.repairs import declare

FENCE_WRITE = declare(
    "fence_write",
    "loose",
    "A code fence with a path is written to that file.",
    "```python a.py\nx = 1\n```",
    options={"fence_writes": True},
)
FENCE_EDIT = declare(
    "fence_edit",
    "loose",
    "SEARCH/REPLACE blocks in a fence with a path are edits.",
    "a.py\n```\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```",
    options={"fence_edits": True},
)

WRITERS = ("write_file", "write", "create_file", "save_file", "save")
EDITORS = ("edit_file", "edit", "str_replace", "replace_in_file", "search_replace", "replace")
_PATHS = ("path", "file_path", "filepath", "filename", "file_name", "file", "filePath")
_CONTENTS = ("content", "contents", "text", "file_text", "file_content")
_OLD = ("old_string", "old_str", "old_text", "oldString", "old", "search")
_NEW = ("new_string", "new_str", "new_text", "newString", "new", "replace")

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)(?:\n|\Z)", re.MULTILINE)
_PATH = re.compile(
    r"(?!-)(?:[\w.@+-]+/|/)*(?:[\w@+-]*\.[\w.+-]*[\w]|Makefile|Dockerfile|Justfile|LICENSE)"
)
_LANGUAGE = re.compile(r"[\w+#-]*")
_COMMENT = re.compile(
    r"(?:#|//|--|;|/\*|<!--)[ \t]*(?:[Ff]ile(?:name|path)?:[ \t]*)?(\S+?)[ \t]*(?:\*/|-->)?[ \t]*"
)
_HEADING = re.compile(
    r"(?:#{1,6} (?=[^\n]*[`/*]))?(?:[Ff]ile(?:name|path)?:[ \t]*)?(?:\*\*|`|\*\*`)?"
    r"(?:[Ff]ile(?:name|path)?:[ \t]*)?([^\s`*]+?)(?:\*\*|`|`\*\*)?:?"
)
_LEFT_OUT = re.compile(
    r"^[ \t]*(?:#|//|--|;|/\*|<!--|\*|%|\"\"\")?[ \t]*(?:\.\.\.|…)"
    r"|(?:\.\.\.|…)[ \t]*(?:\*/|-->)?[ \t]*$",
    re.MULTILINE,
)
_REST = re.compile(
    r"\b(?:rest of|remaining|remainder|existing|unchanged|same as before|omitted|your code|"
    r"other (?:code|methods|functions)|goes here)\b",
    re.IGNORECASE,
)
"""What models write where a part of a file is left out, the second in a comment."""
_COMMENT_MARK = re.compile(r"#|//|--|;|/\*|<!--")
_NEAR = 80
_MARK = re.compile(r"^(?:<{5,9} SEARCH|={5,9}|>{5,9} REPLACE)[ \t]*$", re.MULTILINE)
_ANY_MARK = re.compile(r"<{5,9} SEARCH|>{5,9} REPLACE")
_KINDS = "<=>"


class _Fence(msgspec.Struct, frozen=True):
    """The only fence of a text."""

    start: int
    end: int
    info: str
    body: str
    before: str
    """The line right before it."""


class _Tool(msgspec.Struct, frozen=True):
    """A declared tool and what its arguments are called here."""

    name: str
    path: str
    values: tuple[str, ...]


def find(text: str, tools: Mapping[str, ToolSchema], options: Options) -> Found | None:
    """The call that the only fence of `text` stands for; None = text."""
    if not (options.fence_writes or options.fence_edits):
        return None
    fence = _only_fence(text)
    if fence is None:
        return None
    edits = _blocks(fence.body)
    if edits is None:
        return None
    calls: tuple[RawCall, ...] = ()
    if edits and options.fence_edits:
        calls = _edits(fence, edits, tools)
    elif not edits and options.fence_writes:
        calls = _write(fence, tools)
    behind = text[fence.end :]
    if not calls or not introduces(_words_before(text, fence)) or not introduces(behind):
        return None
    start = len(text[: fence.start].rstrip(BLANK))
    return Found(calls, start, fence.end, None, calls[0].repairs[0])


def _write(fence: _Fence, tools: Mapping[str, ToolSchema]) -> tuple[RawCall, ...]:
    tool = _tool(tools, WRITERS, (_CONTENTS,))
    path = _path(fence, fence.body.split("\n", 1)[0])
    if tool is None or path is None or not fence.body.strip() or _left_out(fence.body):
        return ()
    arguments = {tool.path: path, tool.values[0]: fence.body}
    span = (fence.start, fence.end)
    return (RawCall(tool.name, arguments, span, repairs=(FENCE_WRITE,)),)


def _is_partial(fence: _Fence) -> bool:
    """Is the body something else than a whole file: a part, a patch, what a terminal shows?"""
    shown = _LANGUAGE.match(fence.info.strip())
    language = shown.group().lower() if shown else ""
    marks = _LEFT_OUT.search(fence.body) or _ANY_MARK.search(fence.body)
    return bool(marks) or language in ("diff", "patch", "console", "shell-session", "text")


def _edits(
    fence: _Fence, edits: list[tuple[str, str]], tools: Mapping[str, ToolSchema]
) -> tuple[RawCall, ...]:
    tool = _tool(tools, EDITORS, (_OLD, _NEW))
    head = fence.body.split("\n", 1)[0]
    path = _path(fence, "" if _MARK.match(head) else head, bare=True)
    if tool is None or path is None or any(_left_out(old + new) for old, new in edits):
        return ()
    span = (fence.start, fence.end)
    return tuple(
        RawCall(
            tool.name,
            {tool.path: path, tool.values[0]: old, tool.values[1]: new},
            span,
            repairs=(FENCE_EDIT,),
        )
        for old, new in edits
    )


def _left_out(body: str) -> bool:
    """Does `body` say that it is not the whole?"""
    if _LEFT_OUT.search(body):
        return True
    for match in _REST.finditer(body):
        before = body[max(0, match.start() - _NEAR) : match.start()]
        if _COMMENT_MARK.search(before[before.rfind("\n") + 1 :]):
            return True
    return False


def _only_fence(text: str) -> _Fence | None:
    lines = []
    for match in _FENCE.finditer(text):
        lines.append(match)
        if len(lines) > 2:
            return None
    if len(lines) != 2:
        return None
    opener, closer = lines
    indented = opener.start(1) > opener.start() or closer.start(1) > closer.start()
    if indented or closer.group(2).strip() or not closer.group(1).startswith(opener.group(1)):
        return None
    head = text[: opener.start()].rstrip("\n")
    before = "" if len(head) < opener.start() - 2 else head[head.rfind("\n") + 1 :]
    body = text[opener.end() : closer.start()]
    return _Fence(opener.start(), closer.end(), opener.group(2).strip(), body, before.strip())


def _words_before(text: str, fence: _Fence) -> str:
    """The text before the fence, without the line that names the path."""
    lead = text[: fence.start].rstrip()
    named = _heading(fence.before) is not None
    return lead[: lead.rfind("\n") + 1] if named else lead


def _path(fence: _Fence, first_line: str, *, bare: bool = False) -> str | None:
    """The one path that the fence is given; None = none, or several."""
    named = {_info(fence.info), _heading(fence.before), _comment(first_line, bare)} - {None}
    return named.pop() if len(named) == 1 else None


def _info(info: str) -> str | None:
    if (path := _valid(info)) is not None:
        return path
    language = _LANGUAGE.match(info)
    rest = info[language.end() :] if language else ""
    return _valid(rest[1:].strip()) if rest[:1] in (" ", ":") else None


def _heading(line: str) -> str | None:
    match = _HEADING.fullmatch(line)
    return _valid(match.group(1)) if match else None


def _comment(line: str, bare: bool) -> str | None:
    match = _COMMENT.fullmatch(line)
    if match is None:
        return _valid(line.strip()) if bare else None
    return _valid(match.group(1))


def _valid(path: str) -> str | None:
    return path if len(path) < 200 and _PATH.fullmatch(path) and ".." not in path else None


def _blocks(body: str) -> list[tuple[str, str]] | None:
    """The pairs of old and new text; empty = there are no marks, None = they are in disorder."""
    marks = list(_MARK.finditer(body))
    if not marks:
        return []
    if "".join(mark.group()[0] for mark in marks) != _KINDS * (len(marks) // 3):
        return None
    pairs = []
    behind = 0
    for index in range(0, len(marks), 3):
        search, middle, replace = marks[index : index + 3]
        between = body[behind : search.start()]
        if between.strip() and (index or "\n" in between.strip()):
            return None
        old = body[search.end() + 1 : middle.start()]
        new = body[middle.end() + 1 : replace.start()]
        if not old.strip() or old == new:
            return None
        pairs.append((old, new))
        behind = replace.end()
    return pairs if not body[behind:].strip() else None


def _tool(
    tools: Mapping[str, ToolSchema], names: tuple[str, ...], values: tuple[tuple[str, ...], ...]
) -> _Tool | None:
    """The one declared tool of these names that takes a path and such values, and needs no more."""
    found = []
    for name in names:
        parameters = tools[name].parameters if name in tools else {}
        keys = [_sole(parameters, choice) for choice in (_PATHS, *values)]
        required = parameters.get("required", [])
        if None not in keys and isinstance(required, list) and set(required) <= set(keys):
            path, *rest = [key for key in keys if key is not None]
            found.append(_Tool(name, path, tuple(rest)))
    return found[0] if len(found) == 1 else None


def _sole(parameters: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """The one string among the declared arguments that has one of `names`."""
    properties = parameters.get("properties")
    if not isinstance(properties, dict):
        return None
    keys = [
        name
        for name in names
        if isinstance(properties.get(name), dict) and properties[name].get("type") == "string"
    ]
    return keys[0] if len(keys) == 1 else None
