"""The name of a tool as a model wrote it -> the declared name, or None.

Exact names are taken as they are. Everything else is a closed list of changes, tried from the
smallest to the largest; the first step at which the name hits counts, and it must hit one tool
only. Not a search: no edit distance, no prefix match, no word of the same meaning. A name that has
swallowed arguments is no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.reading import BLANK, Broken
from seatrial.toolcalls.repairs import declare

QUOTES = "\"'`“”‘’"
_LONGEST = 256
"""A longer name is no name; it bounds the work on hostile text."""
_SHOWN = 80
_OFFERED = 30
_AROUND = BLANK + QUOTES + "\x0b\x0c\u00a0"


def _example(name: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {{"file": "a.py"}}}}\n</tool_call>'


NAME_TRIMMED = declare(
    "name_trimmed",
    "name",
    "Blanks, quotes, backticks and an empty () around the name of the tool are dropped.",
    _example("`view`"),
)
NAME_MARKER = declare(
    "name_marker",
    "name",
    "A channel or format marker that stands behind the name of the tool is cut off.",
    _example("view<|constrain|>json"),
)
NAME_ID = declare(
    "name_id",
    "name",
    "The number of a call id behind the name of the tool, as in view:0, is cut off.",
    _example("view:0"),
)
NAME_CASE = declare(
    "name_case",
    "name",
    "The name of the tool is in other case, in camel case, or with hyphens or blanks.",
    _example("View"),
)
NAME_PREFIX = declare(
    "name_prefix",
    "name",
    "A known namespace before the name of the tool (functions., default_api. ...) is dropped.",
    _example("functions.view"),
)
NAME_SUFFIX = declare(
    "name_suffix",
    "name",
    "A known ending of the name of the tool (_tool, _function, _direct ...) is dropped.",
    _example("view_tool"),
)

_MARKER = re.compile(
    r"<\|(?:channel|constrain|message|recipient|start|call|end|return)\|>"
    r"(?:[\w \t\r\n.]++|<\|[a-z]++\|>)*+\Z"
)
"""Markers and plain words up to the end: what follows must not look like arguments."""
_ID = re.compile(r":[0-9]{1,6}\Z")
PREFIXES = (
    "functions.", "function.", "tools.", "tool.", "default_api.", "api.", "repo_browser.",
)  # fmt: skip
SUFFIXES = ("_direct", "_tool", "_function", "_func", "_call")
_PREFIX = re.compile(rf"\A(?:{'|'.join(map(re.escape, PREFIXES))})", re.IGNORECASE)
_SUFFIX = re.compile(rf"(?:{'|'.join(SUFFIXES)})\Z")
_SEPARATORS = re.compile(r"[\s-]++")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def resolve(name: str, tools: Mapping[str, ToolSchema]) -> tuple[str, tuple[str, ...]] | None:
    """The declared name that `name` stands for, and the repairs that it took."""
    if name in tools:
        return name, ()
    if len(name) > _LONGEST:
        return None
    variants = list(_variants(name))
    shorter = ((cut, repairs) for variant in variants for cut, repairs in _endings(*variant))
    for written, repairs in (*variants, *shorter):
        if written in tools:
            return written, repairs
        hits = [tool for tool in tools if _same_words(tool, written)]
        if hits:
            # Two tools that differ in case alone: nobody can say which one was meant.
            found = hits[0], tuple(dict.fromkeys((*repairs, NAME_CASE)))
            return found if len(hits) == 1 else None
    return None


def _variants(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """`name` with more and more taken off around it."""
    written = _trimmed(name)
    repairs: tuple[str, ...] = () if written == name else (NAME_TRIMMED,)
    yield written, repairs
    for pattern, repair in ((_MARKER, NAME_MARKER), (_ID, NAME_ID), (_PREFIX, NAME_PREFIX)):
        cut = pattern.sub("", written)
        if cut != written:
            written, repairs = _trimmed(cut), (*repairs, repair)
            yield written, repairs


def _endings(written: str, repairs: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """`written` without a known suffix: as it stands, then in snake case."""
    for whole in dict.fromkeys((written, snake(written))):
        cut = _SUFFIX.sub("", whole)
        if cut and cut != whole:
            yield cut, (*repairs, NAME_SUFFIX, *((NAME_CASE,) if whole != written else ()))


def _trimmed(name: str) -> str:
    trimmed = name.strip(_AROUND)
    return trimmed[:-2].strip(_AROUND) if trimmed.endswith("()") else trimmed


def _same_words(left: str, right: str) -> bool:
    return snake(left) == snake(right) or left.casefold() == right.casefold()


def unknown_tool(name: str, tools: Mapping[str, ToolSchema]) -> Broken:
    """The defect: `name` stands for none of `tools`."""
    offered = ", ".join([*tools][:_OFFERED]) or "none"
    offered += ", ..." if len(tools) > _OFFERED else ""
    shown = shorten(name)
    return Broken(f"unknown tool {shown!r} (offered: {offered})", shown, "unfit")


def shorten(name: str) -> str:
    """`name` in a form that can be shown and stored, whatever it holds."""
    return name[:_SHOWN].encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`name` in snake case: `readFile`, `Read File` and `read-file` are `read_file`."""
    return _CAMEL.sub("_", _SEPARATORS.sub("_", name.strip(_AROUND))).lower()
