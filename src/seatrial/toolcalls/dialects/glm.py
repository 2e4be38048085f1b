"""GLM 4.5 to 5: `<tool_call>NAME`, then `<arg_key>KEY</arg_key><arg_value>VALUE</arg_value>`.

A value stands directly between its tags and every byte of it counts, a newline at its beginning
too: so the model's template writes them. Only where a path stands on lines of its own, and all
other values do, are those newlines taken off. A call without arguments is the name alone. Not
the name before a JSON object, which is Hermes'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    OPENER_DOUBLED,
)
from seatrial.toolcalls.markup import NOT_CLOSED, B, Grammar, Parameters, Reader, Tag, Unclear
from seatrial.toolcalls.markup_envelope import read_parameters, shown
from seatrial.toolcalls.markup_frames import all_framed
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.reading import (
    BLANK,
    CUT_OFF,
    Broken,
    Envelope,
    Mention,
    RawCall,
    Read,
    Window,
    skip_blanks,
)

_OPEN = "<tool_call>"
_S = rf"[{BLANK}]{{0,16}}"
_NAME = r"[\w.\-]{1,128}+"
_KEY = rf"(?P<key>[^\s<>]{{1,128}}+){_S}<{B}/{B}arg_key{B}>{_S}<{B}arg_value{B}>"
_GRAMMAR = Grammar(
    tag=re.compile(
        rf"(?P<open><{B}(?:arg_key|tool_call){B}>{_S}{_KEY})|(?P<close><{B}/{B}arg_value{B}>)"
        rf"|(?P<head><tool_call>{_S}(?P<name>{_NAME})(?={_S}(?:<arg_key>|</?tool_call>|</arg_value>)))"
        rf"|(?P<wrap><{B}tool_call{B}>)|(?P<tail><{B}/{B}tool_call{B}>)",
        re.IGNORECASE,
    ),
    exact=re.compile(rf"<arg_key>{_S}[^\s<>]++{_S}</arg_key>{_S}<arg_value>|</?[a-z_]+>"),
    variant=re.compile(r"<tool_call>[\s\S]*"),
    damaged=re.compile(
        rf"<{B}/?{B}(?!(?:arg_key|arg_value|tool_call){B}>)(?:arg_|tool_c)", re.IGNORECASE
    ),
    fragment=re.compile(r"</?arg_(?:key|value)>", re.IGNORECASE),
    strips=False,
    sections=False,
    late_open=re.compile(_KEY),
)
_BEGIN = re.compile(rf"{_S}(?P<name>{_NAME}){_S}(?P<behind></?(?:arg_key|arg_value|tool_call)\b)")
_GLUED = re.compile(rf"{_S}(?P<run>[^<>{{}}\"]{{1,200}}?){_S}</arg_key>{_S}<arg_value>")
_STRAY = re.compile(rf"{_S}</arg_value>")
_PLACE = re.compile(rf"{_S}\{{[^{{}}<>\n]{{1,60}}\}}{_S}<arg_key>")
_MAYBE = re.compile(rf"{_S}[\w.\- \n]{{0,200}}{_S}(?:<[/a-z_]{{0,10}})?\Z")
_HEAD = 300
_SHOWN = 2000


class Glm:
    """The dialect; it holds no state."""

    id = "glm"
    title = "GLM 4.5, 4.6, 4.7 and 5 (arg_key and arg_value tags)"
    openers = (_OPEN,)
    closers = ("</arg_key>", "</arg_value>", "</tool_call>")
    quoted = False

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        here = _behind_opener(window.text, at)
        near = window.text[here : here + _HEAD]
        ended = not window.stopped and here + len(near) == len(window.text)
        found = _BEGIN.match(near)
        if found is not None and found["behind"] == "<tool_call":
            key = _GRAMMAR.tag.match(near, found.start("behind"))
            if key is None and ended:
                return None
            return key is not None and key.lastgroup == "open"
        if found is not None and found["behind"] in ("</tool_call", "</arg_value"):
            return resolve(found["name"], window.tools) is not None
        if found or _GLUED.match(near) or _PLACE.match(near):
            return True
        return None if ended and _MAYBE.match(near) else False

    def read(self, window: Window, at: int, opener: str) -> Read:
        text = window.text
        here = _behind_opener(text, at)
        if _PLACE.match(text, here, here + _HEAD):
            end = text.find("</tool_call>", here, here + _SHOWN)
            return Mention(end + len("</tool_call>") if end >= 0 else here)
        if text[max(0, at - 64) : at].rstrip(BLANK).endswith(("<arg_value>", "</arg_key>")):
            return Broken("the name of the tool stands behind an argument")
        doubled = (OPENER_DOUBLED,) if here > at + len(_OPEN) else ()
        name = None
        try:
            name, here, first = _name(window, here)
            reader = Reader(window, _GRAMMAR, name, wrapped=False)
            read = read_parameters(reader, here, first)
            end, repairs = _closed(reader, read)
        except Unclear as unclear:
            cut = unclear.ended and not window.stopped
            return Broken(CUT_OFF if cut else unclear.reason, name)
        arguments = {key: value.text for key, value in read.values.items()}
        repairs = tuple(dict.fromkeys((*doubled, *read.repairs, *repairs)))
        call = RawCall(name, arguments, (at, end), repairs=repairs, untyped=True)
        return Envelope(end, (call,), sure=False)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        texts = {key: shown(value) for key, value in arguments.items()}
        if all_framed(texts):
            # Else they would be taken for values on lines of their own.
            texts = {key: f"\n{text}\n" for key, text in texts.items()}
        rows = (
            f"<arg_key>{key}</arg_key>\n<arg_value>{text}</arg_value>"
            for key, text in texts.items()
        )
        return "\n".join([f"{_OPEN}{name}", *rows, "</tool_call>"])


def _behind_opener(text: str, at: int) -> int:
    """The place behind the opening tag, or behind two of them."""
    at += len(_OPEN)
    again = skip_blanks(text, at)
    return again + len(_OPEN) if text.startswith(_OPEN, again) else at


def _name(window: Window, at: int) -> tuple[str, int, Tag | None]:
    """The name of the call, the place behind it, and its first parameter if they are one word."""
    text = window.text
    found = _BEGIN.match(text, at, at + _HEAD)
    if found is not None and found["behind"] != "</arg_key":
        return found["name"], found.end("name"), None
    glued = _GLUED.match(text, at, at + _HEAD)
    if glued is None:
        raise Unclear("the name of the tool cannot be read", ended=len(text) - at < _HEAD)
    run = glued["run"].strip(BLANK)
    splits = [
        (name, key)
        for name, tool in window.tools.items()
        if run.startswith(name)
        for key in tool.parameters.get("properties") or ()
        if run[len(name) :].strip(BLANK) == key
    ]
    if len(splits) != 1:
        raise Unclear("the name of the tool and its first argument cannot be told apart")
    name, key = splits[0]
    return name, at, Tag("open", at, glued.end(), key, late=True)


def _closed(reader: Reader, read: Parameters) -> tuple[int, tuple[str, ...]]:
    """The place behind the end of the call, and what was odd about it."""
    at = read.end
    repairs: tuple[str, ...] = ()
    stray = None if read.values or reader.schema.required else _STRAY.match(reader.text, at)
    if stray is not None:
        at, repairs = stray.end(), (CLOSER_FOREIGN,)
    tag = reader.next(at)
    if tag is not None and tag.kind == "tail":
        twin = reader.next(tag.end)
        if twin is not None and twin.kind == "tail":
            return twin.end, (*repairs, CLOSER_DOUBLED)
        if twin is not None and twin.kind in ("close", "open"):
            raise Unclear("the end of the call is not certain")
        return tag.end, repairs
    if (read.values or stray) and reader.window.at_end(at):
        return at, repairs if stray else (*repairs, CLOSER_MISSING)
    rest = skip_blanks(reader.text, at)
    ended = tag is None and ">" not in reader.text[rest : rest + 64]
    reason = NOT_CLOSED if rest == len(reader.text) else "text stands between the arguments"
    raise Unclear(reason, ended=ended)


DIALECT = Glm()
