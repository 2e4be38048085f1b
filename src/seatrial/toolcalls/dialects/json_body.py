"""JSON inside an envelope: where it begins, where it ends, which calls it holds.

Shared by the dialects whose values are quoted. It knows no tags: a dialect says with `Ends` what
may stand behind a body. In: a window and a place. Out: bodies, raw calls, or the defect.

JSON as it stands is believed as soon as an ending stands behind it. JSON that needs a repair could
hold that ending in a string, so there the text must also go on as it does behind a call.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import msgspec

from seatrial.toolcalls.call_object import calls_in
from seatrial.toolcalls.envelope_repairs import FENCE_IN_WRAPPER, ZERO_WIDTH
from seatrial.toolcalls.reading import (
    BLANK,
    CUT_OFF,
    END,
    Broken,
    RawCall,
    Window,
    skip_blanks,
    starts,
)
from seatrial.toolcalls.strict_json import StrictJSONError, member_span, read_value
from seatrial.toolcalls.tolerant_json import CutJSONError, read_json

HEAD = 300
"""How far `opens` may look."""
NAME = r"[A-Za-z_][\w.\-]*+"
"""The name of a tool, dots of a namespace included."""
B = f"[{BLANK}]*+"
"""Blanks, in regular expressions."""
END_MARK = END.pattern.replace(r"\Z|", "")
"""A token that ends a turn; the end of the text is none."""
PROSE = rf'(?:[^"{{}}\[\n]*+(?:\n[^{{}}\[]*+)?+)(?:(?={END.pattern})|(?=\[TOOL_CALLS\]))'
"""Text behind a call without closer: with no quote on its line and no bracket it is no part of
JSON that only seemed to end."""

_WIDTHLESS = re.compile("[\u200b-\u200d\u2060\ufeff]")
_FENCE = re.compile(rf"```[A-Za-z_]*+{B}")
_FENCE_END = re.compile(rf"{B}```(?!`)")
_NEXT = re.compile(
    rf"{B}[,;]?{B}(?=\{{{B}[\"'](?:name|function|tool|tool_name|function_name|type|id)[\"'])"
)
_CALL_NAME = re.compile(
    rf"[\[{{\s]*+[\"']?(?:name|tool|function|tool_name|function_name)[\"']?\s*+:\s*+[\"']({NAME})[\"']"
)
_HOLE = r"(?:<[\w\- ]{1,40}+>|\.\.\.|…)"
_TEMPLATE = re.compile(
    rf"[\[\s]*+\{{\s*+(?:"
    rf"[\"']?(?:name|tool|function)[\"']?\s*+:\s*+[\"']?(?:{_HOLE}|\{{[\w\- ]{{1,40}}+\}})"
    rf"|[\"']?(?:name|tool|function)[\"']?\s*+:\s*+[\"'][^\"'\n]{{1,80}}+[\"'],\s*+"
    rf"[\"']?(?:arguments|parameters)[\"']?\s*+:\s*+(?:{_HOLE}|\{{\s*+(?:\.\.\.|…)\s*+\}})"
    rf"|(?:[A-Za-z][\w\- ]{{0,40}}+|\.\.\.|…)\s*+\}})"
)


class Ends(msgspec.Struct, frozen=True):
    """What may stand behind a body: regular expressions that begin with blanks."""

    plain: re.Pattern[str]
    """Behind JSON as it stands, if the model stopped."""
    plain_cut: re.Pattern[str]
    """The same in a text that was cut: its end is no ending."""
    wary: re.Pattern[str]
    """Behind JSON that needs repairs, if the model stopped."""
    wary_cut: re.Pattern[str]

    def strict(self, stopped: bool) -> re.Pattern[str]:
        return self.plain if stopped else self.plain_cut

    def repaired(self, stopped: bool) -> re.Pattern[str]:
        return self.wary if stopped else self.wary_cut


@lru_cache
def ends(
    closers: str,
    *,
    openers: str = "(?!)",
    text: str = "(?!)",
    prose: bool = False,
    several: bool = False,
) -> Ends:
    """Endings from regular expressions: `closers`, `openers` of another call, and what ends only
    JSON as it stands: `text`, and with `several` another object. `prose` = there is no closer, so
    text may follow.
    """
    lead = f"{B}(?:```(?!`){B})?+"
    marks = rf"(?:{closers})(?=[ \t]*+(?:[{BLANK}<\[]"
    plain = "|".join([closers, openers, text, *([_NEXT.pattern] if several else [])])
    return Ends(
        re.compile("|".join([f"{lead}(?:{plain}|{END.pattern})", *([PROSE] if prose else [])])),
        re.compile(f"{lead}(?:{plain}|{END_MARK}.)", re.DOTALL),
        re.compile(rf"{lead}(?:{marks}|\Z))|{openers}|{END.pattern})"),
        re.compile(f"{lead}(?:{marks}))|{openers}|{END_MARK}.)", re.DOTALL),
    )


class Body(msgspec.Struct, frozen=True):
    """One JSON value."""

    value: Any
    start: int
    stop: int
    """Behind the value."""
    end: int
    """Behind the fence around it, if there is one."""
    exact: bool
    """It is JSON as it stands."""
    repairs: tuple[str, ...]


def read_body(window: Window, at: int, behind: Ends, *, name: str | None = None) -> Body | Broken:
    """The value at `at`, blanks and a fence aside, if what follows leaves no doubt of its end."""
    text = window.text
    first = skip_blanks(text, at)
    fence = _FENCE.match(text, first)
    start = fence.end() if fence else first
    read = _strict(window, start, behind) or _repaired(window, start, behind, name)
    if isinstance(read, Broken):
        return read
    closed = _FENCE_END.match(text, read.stop)
    end = closed.end() if closed else read.stop
    repairs: tuple[str, ...] = (FENCE_IN_WRAPPER,) if fence or closed else ()
    if _WIDTHLESS.search(text, at, start) or _WIDTHLESS.search(text, end, skip_blanks(text, end)):
        repairs += (ZERO_WIDTH,)
    return Body(read.value, start, read.stop, end, read.exact, (*repairs, *read.repairs))


def _strict(window: Window, start: int, behind: Ends) -> Body | None:
    if window.text[start : start + 1] not in ("{", "[", '"'):
        return None
    try:
        value, stop = read_value(window.text, start)
    except StrictJSONError:
        return None
    if behind.strict(window.stopped).match(window.text, stop) is None:
        return None
    return Body(value, start, stop, stop, True, ())


def _repaired(window: Window, start: int, behind: Ends, name: str | None) -> Body | Broken:
    text, stopped = window.text, window.stopped
    name = name or head_name(text, start)
    if start >= len(text):
        return Broken("the call is not closed" if stopped else CUT_OFF, name)
    if text[start] not in "{[":
        return Broken("no JSON object stands where the call should", name)
    try:
        read = read_json(text, start, follow=behind.repaired(stopped), stopped=stopped)
    except CutJSONError as error:
        return Broken(str(error) if stopped else CUT_OFF, name)
    except StrictJSONError as error:
        return Broken(str(error), name)
    if behind.repaired(stopped).match(text, read.end) is None:
        rest = skip_blanks(text, read.end)
        if not stopped and len(text) - rest < HEAD:
            return Broken(CUT_OFF, name)
        return Broken("what stands behind the JSON does not end the call", name)
    return Body(read.value, start, read.end, read.end, False, read.repairs)


def read_bodies(window: Window, at: int, behind: Ends) -> list[Body] | Broken:
    """One object or list, or several one after the other; all of them, or the defect."""
    bodies: list[Body] = []
    while True:
        body = read_body(window, at, behind)
        if isinstance(body, Broken):
            return body
        bodies.append(body)
        following = _NEXT.match(window.text, body.end)
        if following is None:
            return bodies
        at = following.end()


def calls_of(
    window: Window,
    bodies: list[Body],
    span: tuple[int, int],
    *,
    key: str = "arguments",
    repairs: tuple[str, ...] = (),
) -> tuple[RawCall, ...] | Broken | None:
    """The calls in `bodies`, in order, or the first defect; None = they are definitions of tools.

    `key` is the key of the arguments that is canonical in the dialect.
    """
    calls: list[RawCall] = []
    pieces = [piece for body in bodies for piece in _pieces(window.text, body)]
    if pieces and all(_is_definition(piece.value) for piece in pieces):
        return None
    for piece in pieces:
        where = span if len(pieces) == 1 else (piece.start, piece.end)
        found = (*repairs, *piece.repairs)
        native = _native(window.text, piece, where, key, found) if key != "arguments" else None
        if native is not None:
            calls.append(native)
            continue
        text = window.text[piece.start : piece.stop] if piece.exact else None
        read, broken = calls_in(piece.value, window.tools, where, text=text, repairs=found)
        if broken is not None:
            return broken
        calls += read
    return tuple(calls) if calls else Broken("no call stands in the envelope")


def arguments_call(
    window: Window, name: str, body: Body, span: tuple[int, int], repairs: tuple[str, ...] = ()
) -> RawCall:
    """The call of `name` whose arguments alone are `body`."""
    plain = body.exact and isinstance(body.value, dict)
    text = window.text[body.start : body.stop] if plain else None
    return RawCall(name, body.value, span, text, (*repairs, *body.repairs))


def no_arguments(name: str, span: tuple[int, int], repairs: tuple[str, ...] = ()) -> RawCall:
    """The call of `name` with nothing where its arguments should be."""
    return RawCall(name, None, span, None, repairs)


def _pieces(text: str, body: Body) -> list[Body]:
    """The items of a list, each with its place; else the body itself."""
    if not body.exact or not isinstance(body.value, list):
        return [body]
    pieces: list[Body] = []
    at = skip_blanks(text, body.start + 1)
    while text[at] != "]":
        value, end = read_value(text, at)
        pieces.append(Body(value, at, end, end, True, body.repairs))
        at = skip_blanks(text, end)
        at = skip_blanks(text, at + 1) if text[at] == "," else at
    return pieces


def _native(
    text: str, piece: Body, span: tuple[int, int], key: str, repairs: tuple[str, ...]
) -> RawCall | None:
    """A call in the dialect's own form: a name, arguments under `key`, maybe a type."""
    value = piece.value
    if not isinstance(value, dict) or not isinstance(value.get(key), dict):
        return None
    name = value.get("name")
    odd = value.keys() - {"name", key, "type"}
    if not isinstance(name, str) or odd or value.get("type", "function") != "function":
        return None
    if not piece.exact:
        return RawCall(name, value[key], span, None, repairs)
    place = member_span(text, piece.start, key)
    return RawCall(name, value[key], span, text[slice(*place)] if place else None, repairs)


def _is_definition(value: object) -> bool:
    """Is this how a tool is offered, and not how it is called?"""
    inner = value.get("function") if isinstance(value, dict) else None
    value = inner if isinstance(inner, dict) else value
    schema = value.get("parameters") if isinstance(value, dict) else None
    return (
        isinstance(schema, dict)
        and schema.get("type") == "object"
        and isinstance(schema.get("properties"), dict)
    )


def is_template(text: str, at: int) -> bool:
    """Does an object with a placeholder stand at `at`, as documentation of the format has it?"""
    return _TEMPLATE.match(text, at, at + HEAD) is not None


def head_name(text: str, at: int) -> str | None:
    """The name at the beginning of JSON that cannot be read as a whole."""
    match = _CALL_NAME.match(text, at, at + HEAD)
    return match.group(1) if match else None


def begins(text: str, at: int) -> bool | None:
    """May JSON begin at `at`, a fence aside? None = the text ends too early to say."""
    fenced = starts(text, at, "```")
    if fenced and (fence := _FENCE.match(text, at, at + HEAD)):
        at = fence.end()
    if fenced is None or at >= len(text):
        return None
    inner = {"[": '{["', '"': "{[\\"}.get(text[at])
    if inner is None:
        return text[at] == "{"
    at = skip_blanks(text, at + 1)
    return text[at] in inner if at < len(text) else None


def dumps(value: object) -> str:
    """JSON as the dialects write it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
