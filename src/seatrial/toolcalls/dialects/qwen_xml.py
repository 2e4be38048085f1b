"""Qwen3-Coder XML: `<tool_call>`, `<function=NAME>`, `<parameter=KEY>` and a value on its lines.

Also Qwen 3.5 and Nemotron 3, who write the same, and the spelling with attributes
(`<function name="NAME"><param name="KEY">`). Not JSON in a function tag, which other dialects own.
Where a value ends is decided by `markup`, which tags are missing by `markup_envelope`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from seatrial.toolcalls.markup import WORD, B, Grammar
from seatrial.toolcalls.markup_envelope import (
    EnvelopeReader,
    header_follows,
    orphan_follows,
    rendered,
)
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope, Mention, Read, Window, skip_blanks

_WRAPPERS = r"tool[-_]?calls?|function[-_]?calls?|tools?"
_FUNCTION = rf"function(?:{B}={B}|[ \t]{{1,8}}name{B}={B})[\"']?(?P<name>{WORD})[\"']?"
_HEADS = ("<function=", "<functionname=")
_ORPHANS = ("<function=", "<function name=", "<function =")

_FIRST = re.compile(rf"<{B}(param|parameter)\b", re.IGNORECASE)
_PLACE = re.compile(
    rf"<{B}function(?:{B}={B}|\s{{1,8}}name{B}={B})[\"']?"
    r"(?:<[^<>\n]{0,60}>|\{[^{}\n]{0,60}\}|\[[^\[\]\n]{0,60}\]|\$\w{1,60}|\.\.\.|…"
    r"|(?i:(?:the[-_])?(?:example|your|some|my)?[-_]?(?:function|tool)[-_]?name|name"
    r"|(?:your|some|my|example)[-_](?:function|tool)))[\"']?\s{0,8}>"
)
_PLACE_KEY = re.compile(
    r"<parameter=(?:example_parameter_\d|parameter_name|param_name|[.]{3}|<[^<>\n]{0,60}>)>?"
)
_ENDS = re.compile(r"(?:\s{0,8}</(?:parameter|function|tool_call)>){1,3}")
_SHOWN = 2000
"""A template that is shown ends within so many characters."""


@lru_cache(maxsize=4)
def _grammar(word: str) -> Grammar:
    """The tags, where a parameter is called `word`."""
    return Grammar(
        tag=re.compile(
            rf"<{B}(?:(?P<open>{word}(?:{B}={B}|[ \t]{{1,8}}name{B}={B})"
            rf"[\"']?(?P<key>{WORD})[\"']?{B}>)"
            rf"|(?P<head>{_FUNCTION}{B}>)|(?P<wrap>(?:{_WRAPPERS}){B}>)"
            rf"|/{B}(?:(?P<close>{word}{B}>)|(?P<tail>function{B}>)"
            rf"|(?P<unwrap>(?:{_WRAPPERS}){B}>)))",
            re.IGNORECASE,
        ),
        exact=re.compile(
            r"<(?:parameter|function)=[^\s\"']+>|</(?:parameter|function)>|</?tool_call>"
        ),
        variant=re.compile(
            r"<(?:param|parameter|function) name=\"[^\"]+\">|</(?:param|parameter|function)>"
            rf"|</?(?:{_WRAPPERS})>"
        ),
        damaged=re.compile(
            rf"<{B}/?{B}(?:param|parameter|function)(?=[\s=<]|\Z)"
            rf"|<{B}/{B}(?:{_WRAPPERS})(?=[\s<]|\Z)",
            re.IGNORECASE,
        ),
        block=True,
        unclosed_head=re.compile(rf"<{B}{_FUNCTION}{B}(?=\n\s{{0,8}}<)", re.IGNORECASE),
    )


class QwenXml:
    """The dialect; it holds no state."""

    id = "qwen_xml"
    title = "Qwen3-Coder, Qwen 3.5, Nemotron 3 (XML with one tag for each parameter)"
    openers = (
        "<tool_call>", "<tool_call ", "<tool-call>", "<tool_calls>", "<TOOL_CALL>",
        "<function_call>", "<function_calls>", "<tools>",
        *_ORPHANS,
    )  # fmt: skip
    closers = ("</parameter>", "</param>", "</function>", "</tool_call>")
    quoted = False

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        grammar = _grammar("parameter")
        found = header_follows(window, at, grammar, _HEADS)
        if not found or opener not in _ORPHANS:
            return found
        return orphan_follows(window, at, _grammar(_word(window.text, at)))

    def read(self, window: Window, at: int, opener: str) -> Read:
        grammar = _grammar(_word(window.text, at))
        name = _shown_name(window, at)
        if name is not None:
            return _shown(window, at, name)
        read = EnvelopeReader(window, grammar).read(at)
        if opener in _ORPHANS and isinstance(read, Broken) and read.reason != CUT_OFF:
            return read if read.name and resolve(read.name, window.tools) else None
        return (
            read if not isinstance(read, Envelope) or not _echo(window, read) else Mention(read.end)
        )

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        rows = rendered(arguments, "<parameter={}>", "</parameter>", block=True)
        return "\n".join(
            ["<tool_call>", f"<function={name}>", *rows, "</function>", "</tool_call>"]
        )


def _word(text: str, at: int) -> str:
    """What the first parameter tag calls a parameter."""
    match = _FIRST.search(text, at, at + 600)
    return match.group(1).lower() if match else "parameter"


def _shown_name(window: Window, at: int) -> re.Match[str] | None:
    """The head at `at`, if it holds a placeholder where the name belongs."""
    text = window.text
    tag = _grammar("parameter").tag
    while (match := tag.match(text, at)) and match.lastgroup == "wrap":
        at = skip_blanks(text, match.end())
    if match is not None and match.lastgroup == "head" and resolve(match["name"], window.tools):
        return None
    return _PLACE.match(text, at, at + 300)


def _shown(window: Window, at: int, name: re.Match[str]) -> Read:
    """A template that is shown: text up to the end of its block."""
    text = window.text
    end = name.end()
    closer = text.find("</function>", end, end + _SHOWN)
    if closer < 0:
        closer = text.find("</tool_call>", end, end + _SHOWN)
    if closer >= 0:
        match = _ENDS.match(text, closer)
        end = match.end() if match else end
    elif not window.stopped and len(text) - end < _SHOWN:
        return Broken(CUT_OFF)
    return Mention(end)


def _echo(window: Window, read: Envelope) -> bool:
    """Are the parameters the placeholders of the template?"""
    declared = {
        key for tool in window.tools.values() for key in tool.parameters.get("properties") or {}
    }
    return any(
        key not in declared and _PLACE_KEY.match(f"<parameter={key}>")
        for call in read.calls
        for key in call.arguments
    )


DIALECT = QwenXml()
