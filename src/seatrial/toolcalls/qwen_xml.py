r"""Qwen3-Coder XML: `<tool_call>\n<function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>...`.

Values are raw text without quoting, so a value may look like the end of itself. The end of a
value is taken only where it is certain: when the value began on a new line, at a `</parameter>`
that begins a line, closes no inner `<parameter=` line, and is followed by the next parameter or
`</function>`; when it began on the line of its tag, at the first `</parameter>`, if no other
tag of the dialect stands before it. Everything else is `Broken`.

A payload can still hold a whole unbalanced ending; `parser` therefore executes calls of this
dialect only if the whole turn is clean. Values are typed by the declared schema (`_typed`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.reading import (
    CUT_OFF,
    MORE,
    Broken,
    Complete,
    More,
    Opener,
    Read,
    Tail,
    skip_blanks,
    starts,
)
from seatrial.toolcalls.schema_check import property_type
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole

_OPEN = "<tool_call>"
_CLOSE = "</tool_call>"
_FUNCTION = "<function="
_FUNCTION_END = "</function>"
_PARAMETER = "<parameter="
_PARAMETER_END = "</parameter>"

_NAME = re.compile(r"[^\s<>=\"'/]++>")
_NOT_NAME = re.compile(r"[\s<>=\"'/]")
_LINE_TAG = re.compile(r"\n(?:<parameter=[^>\n]*>|</parameter>)")
_ANY_TAG = re.compile(r"</?(?:parameter|function|tool_call)\b")


class _Unclear(Exception):
    """Carries the `Broken` or `MORE` that ends a reading early."""

    def __init__(self, read: Broken | More) -> None:
        super().__init__(str(read))
        self.read = read


class QwenXml:
    """The dialect; it holds no state."""

    id = "qwen_xml"
    openers = (Opener(_OPEN, _FUNCTION), Opener(_FUNCTION, "", orphan=True))
    closers = (_PARAMETER_END, _FUNCTION_END, _CLOSE)
    quoted = False

    def read(
        self, text: str, start: int, tail: Tail, tools: Mapping[str, ToolSchema], orphan: bool
    ) -> Read:
        """Read from `<function=` at `start` to the end of the closing tags."""
        name: str | None = None
        try:
            name, at = _header(text, start, _FUNCTION)
            raw, at = _parameters(text, at)
            schema = tools[name].parameters if name in tools else {}
            arguments = {
                key: _typed(key, value, property_type(schema, key)) for key, value in raw.items()
            }
            end, repairs = _closing(text, at, tail, orphan)
        except _Unclear as unclear:
            if isinstance(unclear.read, Broken):
                return Broken(unclear.read.reason, name)
            if tail is Tail.OPEN:
                return MORE
            return Broken(CUT_OFF if tail is Tail.CUT else "the call is not closed", name)
        return Complete(end, name, arguments, None, repairs)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        lines = [_OPEN, f"{_FUNCTION}{name}>"]
        for key, value in arguments.items():
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            lines += [f"{_PARAMETER}{key}>", shown, _PARAMETER_END]
        return "\n".join([*lines, _FUNCTION_END, _CLOSE])


def _at(text: str, at: int, *literals: str) -> str | None:
    """Which of `literals` stands at `at`; not knowable yet raises."""
    found = {literal: starts(text, at, literal) for literal in literals}
    for literal, stands in found.items():
        if stands:
            return literal
    if None in found.values():
        raise _Unclear(MORE)
    return None


def _header(text: str, at: int, opening: str) -> tuple[str, int]:
    """The name in `<function=NAME>` or `<parameter=NAME>`, and the place behind it."""
    at += len(opening)
    match = _NAME.match(text, at)
    if match is not None:
        return match.group()[:-1], match.end()
    if not _NOT_NAME.search(text, at):
        raise _Unclear(MORE)
    raise _Unclear(Broken(f"the tag {opening}...> is not well-formed"))


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while True:
        at = skip_blanks(text, at)
        tag = _at(text, at, _PARAMETER, _FUNCTION_END)
        if tag is None:
            raise _Unclear(Broken("text stands between the parameters"))
        if tag == _FUNCTION_END:
            return found, at + len(_FUNCTION_END)
        key, at = _header(text, at, _PARAMETER)
        if key in found:
            raise _Unclear(Broken(f"the parameter {key!r} stands twice"))
        if at == len(text):
            raise _Unclear(MORE)
        found[key], at = _line_value(text, at) if text[at] == "\n" else _inline_value(text, at)


def _line_value(text: str, at: int) -> tuple[str, int]:
    """A value that begins on the line after its tag."""
    inner = 0
    for match in _LINE_TAG.finditer(text, at):
        if not match.group().startswith("\n</"):
            inner += 1
        elif inner:
            inner -= 1
        elif _at(text, skip_blanks(text, match.end()), _PARAMETER, _FUNCTION_END):
            return text[at + 1 : match.start()], match.end()
        else:
            raise _Unclear(Broken("a line of a value begins with </parameter>"))
    raise _Unclear(MORE)


def _inline_value(text: str, at: int) -> tuple[str, int]:
    """A value that begins on the line of its tag."""
    match = _ANY_TAG.search(text, at)
    if match is None or match.end() >= len(text):
        raise _Unclear(MORE)
    if not text.startswith(_PARAMETER_END, match.start()):
        raise _Unclear(Broken("a value holds a tag of the call format"))
    end = match.start() + len(_PARAMETER_END)
    if not _at(text, skip_blanks(text, end), _PARAMETER, _FUNCTION_END):
        raise _Unclear(Broken("text follows </parameter>"))
    return text[at : match.start()].removesuffix("\n"), end


def _typed(key: str, value: str, declared: frozenset[str] | None) -> object:
    """`value` as the declared type; a string stays verbatim, two possible readings are refused."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _Unclear(Broken(f"the parameter {key!r} holds half of a surrogate pair")) from None
    if declared is None or declared == {"string"}:
        # None = an unknown argument; the schema check names it.
        return value
    stripped = value.strip()
    try:
        # The model's own template writes booleans as Python does.
        read = stripped == "True" if stripped in ("True", "False") else read_whole(value)
    except StrictJSONError as error:
        if "string" in declared:
            return value
        types = " or ".join(sorted(declared))
        raise _Unclear(Broken(f"the parameter {key!r} must be {types}: {error}")) from None
    if "string" not in declared:
        return read
    if _fits(read, declared):
        raise _Unclear(Broken(f"the parameter {key!r} can be read as a string or as JSON"))
    return value


def _fits(value: object, declared: frozenset[str]) -> bool:
    names: dict[type, set[str]] = {
        bool: {"boolean"},
        int: {"integer", "number"},
        float: {"number"},
        dict: {"object"},
        list: {"array"},
        type(None): {"null"},
        str: set(),
    }
    return bool(names[type(value)] & declared)


def _closing(text: str, at: int, tail: Tail, orphan: bool) -> tuple[int, tuple[str, ...]]:
    """The place behind the closing tags, and what was missing of the wrapper."""
    missing = ("opener_missing",) if orphan else ()
    behind = skip_blanks(text, at)
    if behind == len(text) and tail is Tail.STOPPED:
        return at, (*missing, "closer_missing")
    tag = _at(text, behind, _CLOSE, *((_FUNCTION, _OPEN) if orphan else ()))
    if tag == _CLOSE:
        return behind + len(_CLOSE), missing
    if tag is not None:
        return at, (*missing, "closer_missing")
    raise _Unclear(Broken("text stands between </function> and </tool_call>"))
