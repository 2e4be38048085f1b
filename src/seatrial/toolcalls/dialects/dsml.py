"""DSML, DeepSeek V3.2 and V4: the tags of a section of calls, each with `｜DSML｜` before its name.

A parameter says with `string="true"` or `"false"` whether its value is text or JSON. The value
stands directly between its tags and every byte of it counts. Read beside the canonical form:
no section, the block name of the other version, other pipes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seatrial.toolcalls.markup import WORD, B, Grammar, Value
from seatrial.toolcalls.markup_envelope import EnvelopeReader, header_follows, orphan_follows, shown
from seatrial.toolcalls.reading import Read, Window
from seatrial.toolcalls.strict_json import StrictJSONError, read_whole

_PIPES = r"[｜|‖]{1,2}"
_DSML = rf"{B}{_PIPES}{B}DSML{B}{_PIPES}{B}"
_BLOCKS = r"function_calls?|tool_calls?"
_STRING = rf"(?:\s{{1,8}}string{B}={B}[\"']?(?:true|false)[\"']?)?"
_FLAG = re.compile(rf"string{B}={B}[\"']?(true|false)", re.IGNORECASE)


def _named(word: str, group: str) -> str:
    return rf"{word}\s{{1,8}}name{B}={B}[\"']?(?P<{group}>{WORD})[\"']?"


def _values(values: dict[str, Value]) -> tuple[dict[str, Any], bool]:
    """The arguments, typed as the tags say; untyped if one tag does not say."""
    flags = {key: _FLAG.search(value.opening) for key, value in values.items()}
    if not all(flags.values()):
        return {key: value.text for key, value in values.items()}, True
    return {
        key: value.text if flag is None or flag[1].lower() == "true" else _json(value.text)
        for (key, value), flag in zip(values.items(), flags.values(), strict=True)
    }, False


def _json(text: str) -> object:
    """The JSON that `text` is; what is none stays text, and the schema decides."""
    try:
        return read_whole(text)
    except StrictJSONError:
        return text


_GRAMMAR = Grammar(
    tag=re.compile(
        rf"<(?=[ \t/｜|‖])(?:{_DSML}(?:(?P<open>{_named('parameter', 'key')}{_STRING}{B}>)"
        rf"|(?P<head>{_named('invoke', 'name')}{B}>)|(?P<wrap>(?:{_BLOCKS}){B}>))"
        rf"|{B}/{_DSML}(?:(?P<close>parameter{B}>)|(?P<tail>invoke{B}>)"
        rf"|(?P<unwrap>(?:{_BLOCKS}){B}>)))",
        re.IGNORECASE,
    ),
    exact=re.compile(
        r"<｜DSML｜parameter name=\"[^\"]+\" string=\"(?:true|false)\">"
        r"|<｜DSML｜invoke name=\"[^\"]+\">"
        r"|<｜DSML｜(?:function|tool)_calls>"
        r"|</｜DSML｜(?:parameter|invoke|(?:function|tool)_calls)>"
    ),
    variant=re.compile(r"</?(?=.*?DSML)[^<>]*>"),
    damaged=re.compile(rf"<{B}/?{B}{_PIPES}{B}DSML", re.IGNORECASE),
    several=True,
    strips=False,
    values=_values,
)

RESIDUE = re.compile(rf"<{B}{_PIPES}{B}DSML(?:{B}{_PIPES}{B}[a-z_]{{0,14}}>?)?")
"""The beginning of a section that holds no call, where nothing else follows."""

_MARKS = (
    "<｜DSML｜",
    "<|DSML|",
    "<‖DSML‖",
    "<｜｜DSML｜｜",
    "<||DSML||",
    "<‖‖DSML‖‖",
    "<｜ DSML｜ ",
    "<| DSML| ",
    "< ｜ DSML ｜ ",
    "< | DSML | ",
)
_NAMES = ("tool_calls", "function_calls", "tool_call", "function_call")
_ORPHANS = tuple(f"{mark}invoke " for mark in _MARKS)


class Dsml:
    """The dialect; it holds no state."""

    id = "dsml"
    title = "DeepSeek V3.2 and V4 (DSML)"
    openers = (*(f"{mark}{name}>" for mark in _MARKS for name in _NAMES), *_ORPHANS)
    closers = tuple(
        f"</{mark[1:]}{name}>" for mark in _MARKS for name in ("parameter", "invoke", *_NAMES)
    )
    quoted = False

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        found = header_follows(window, at, _GRAMMAR, ("<|dsml|invokename=",))
        return (
            found if not found or opener not in _ORPHANS else orphan_follows(window, at, _GRAMMAR)
        )

    def read(self, window: Window, at: int, opener: str) -> Read:
        return EnvelopeReader(window, _GRAMMAR).read(at)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        rows = [
            f'<｜DSML｜parameter name="{key}" string="{str(isinstance(value, str)).lower()}">'
            f"{shown(value)}</｜DSML｜parameter>"
            for key, value in arguments.items()
        ]
        inner = "\n".join([f'<｜DSML｜invoke name="{name}">', *rows, "</｜DSML｜invoke>"])
        return f"<｜DSML｜tool_calls>\n{inner}\n</｜DSML｜tool_calls>"


DIALECT = Dsml()
