"""Hermes and Qwen JSON: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

Values are quoted, so a payload may hold any tag. Read beside the canonical form: other spellings
of the tag, a missing, doubled or foreign tag, a fence or the name in the wrapper, several objects
in one. Not read: values in XML tags, prose before the object, bare objects (but for `read_orphan`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from seatrial.toolcalls.dialects.json_body import (
    HEAD,
    NAME,
    B,
    Body,
    arguments_call,
    begins,
    calls_of,
    dumps,
    ends,
    head_name,
    is_template,
    no_arguments,
    read_bodies,
)
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_DOUBLED,
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    NAME_IN_WRAPPER,
    OPENER_DOUBLED,
    OPENER_MISSING,
    SEVERAL_IN_WRAPPER,
    TAG_SPELLING,
    TAG_VARIANT,
    TEXT_IN_ENVELOPE,
)
from seatrial.toolcalls.reading import (
    CUT_OFF,
    END,
    Broken,
    Envelope,
    Mention,
    RawCall,
    Read,
    Window,
    skip_blanks,
    starts,
)
from seatrial.toolcalls.strict_json import StrictJSONError, read_value

_CANONICAL = "tool_call"
_LONG = (
    _CANONICAL, "tool-call", "toolcall", "ToolCall", "TOOL_CALL", "tool_calls", "TOOL_CALLS",
    "function_call", "function-call", "functioncall", "FUNCTION_CALL", "function_calls",
    "TOOLCALL", "Tool_Call", "tool_use",
)  # fmt: skip
_SHORT = ("tools", "tool")
"""Ordinary words too: as a tag only without attributes."""
_MARKS = {
    "[TOOL_CALL]": "[/TOOL_CALL]",
    "[tool_call]": "[/tool_call]",
    "<|tool_call|>": "<|/tool_call|>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<|tool_calls|>": "<|/tool_calls|>",
    "[TOOL_REQUEST]": "[END_TOOL_REQUEST]",
}

_WORDS = "|".join(map(re.escape, (*_LONG, *_SHORT)))
_VALUE = r"(?:\"[^\"<>\n]{0,100}+\"|'[^'<>\n]{0,100}+'|[\w.\-]{1,100}+)"
_TAG = re.compile(
    rf"<(?P<word>{_WORDS})(?P<attributes>(?:\s++\w{{1,40}}+{B}={B}{_VALUE})*+){B}(?:>|(?=\{{))"
    rf"|{'|'.join(map(re.escape, _MARKS))}"
)
_CLOSERS = (
    *(f"</{word}>" for word in (*_LONG, *_SHORT)),
    *_MARKS.values(), "</|tool_call|>", "</TOOL_CALL]",
)  # fmt: skip
_CLOSER = "|".join(map(re.escape, _CLOSERS))
_CLOSE = re.compile(
    rf"{B}(?P<text>(?:(?<=\n)[^{{}}<\\]{{0,2000}}?|[^{{}}<\"'\\]{{0,2000}}?))(?P<closer>{_CLOSER})"
)
"""Text with quotes is dropped only from a line of its own: behind JSON it may be a part of it."""
_CLOSE_AGAIN = re.compile(rf"{B}(?:{_CLOSER})")
_ATTRIBUTE = re.compile(rf"(?:name|function|tool)\s*+=\s*+[\"']?({NAME})")
_NAME = re.compile(NAME)
_BEHIND = ends(
    _CLOSER, openers=_TAG.pattern, text=rf"[^{{}}<]{{1,2000}}?(?:{_CLOSER})", several=True
)
_ORPHAN_BEHIND = ends("</tool_call>", several=True)
_CALL_HEAD = re.compile(r"\{\s*+[\"'](?:name|function|tool|tool_name|function_name|type|id)[\"']")
_CALL_FOLLOWS = re.compile(rf"{B}(?:<(?!/|\||tool_call>)|{NAME}{B}<arg_)")
_TEMPLATE_REST = re.compile(rf"(?:(?!<tool_call)[\s\S]){{0,{HEAD}}}?(?:{_CLOSER})")
_MARKUP_BODY = re.compile(
    rf"\{{{B}[\"']name[\"']{B}:{B}[\"'][^\"'\n]{{0,100}}+[\"']{B}[,}}]?+{B}"
    r"<(?:param|arg_|function|invoke)"
)
_MOST_OPENERS = 3
"""More opening tags in a row are noise."""
_RUN = re.compile(
    rf"(?:(?:<(?:{_WORDS})>|{'|'.join(map(re.escape, _MARKS))}){B}){{{_MOST_OPENERS}}}"
)


class _Head(msgspec.Struct, frozen=True):
    """The tags before a body, and the name, if it stands there."""

    end: int
    words: tuple[str, ...]
    """What was opened, outermost first."""
    name: str | None = None
    empty: bool = False
    """The wrapper is closed at once: a call without arguments."""
    repairs: tuple[str, ...] = ()


class Hermes:
    """The dialect; it holds no state."""

    id = "hermes"
    title = "Hermes, Qwen 2.5, Qwen 3 and Granite 4 (JSON in tool_call tags)"
    openers = (
        *(f"<{word}>" for word in (*_LONG, *_SHORT)),
        *(f"<{word} " for word in _LONG),
        "<tool_call\n",
        *_MARKS,
    )
    closers = tuple(closer for closer in _CLOSERS if closer not in ("</tools>", "</tool>"))
    quoted = True

    def opens(self, window: Window, at: int, opener: str) -> bool | None:
        head = _head(window, at)
        return True if isinstance(head, _Head) else head

    def read(self, window: Window, at: int, opener: str) -> Read:
        text = window.text
        head = _head(window, at)
        if not isinstance(head, _Head):
            return None
        if is_template(text, head.end):
            shown = _TEMPLATE_REST.match(text, head.end, head.end + HEAD)
            return Mention(shown.end() if shown else head.end)
        if _MARKUP_BODY.match(text, head.end, head.end + HEAD):
            return Broken("JSON and parameter tags are mixed", head_name(text, head.end))
        if head.empty and head.name:
            return _empty(window, at, head, head.name)
        bodies = read_bodies(window, head.end, _BEHIND)
        if isinstance(bodies, Broken):
            named = head.name or bodies.name
            return Broken(bodies.reason, named)
        return _envelope(window, at, head, bodies)

    def render(self, name: str, arguments: Mapping[str, Any]) -> str:
        body = dumps({"name": name, "arguments": dict(arguments)})
        return f"<tool_call>\n{body}\n</tool_call>"


def _head(window: Window, at: int) -> _Head | bool | None:
    """Everything before the body, within `HEAD` characters; False = no call, None = too short."""
    text = window.text
    run = _RUN.match(text, at, at + HEAD)
    if run and _TAG.match(text, run.end(), run.end() + HEAD):
        return False
    tags = _tags(text, at)
    here, words, name = tags.end, tags.words, tags.name
    if not words:
        return None if len(text) - at < HEAD and ">" not in text[at:] else False
    if here > at + HEAD:
        return False
    if len(text) - here < HEAD and starts(text, here, *Hermes.openers) is None:
        return None
    if name and _CLOSE_AGAIN.match(text, here):
        return msgspec.structs.replace(tags, empty=True)
    opened = begins(text, here)
    if opened is False:
        return False if name else _named_head(window, tags)
    # A list behind the token is another dialect's canonical form.
    if opened and text[here] == "[" and words == ("<|tool_call|>",):
        return False
    return opened and tags


def _tags(text: str, at: int) -> _Head:
    """The opening tags at `at`, one in the other."""
    here, words, repairs, name = at, list[str](), list[str](), None
    while len(words) < _MOST_OPENERS and (tag := _TAG.match(text, here, at + HEAD)):
        word = tag["word"] or tag.group()
        if word in words:
            repairs.append(OPENER_DOUBLED)
        elif word != _CANONICAL:
            repairs.append(TAG_VARIANT)
        words.append(word)
        attribute = _ATTRIBUTE.search(tag["attributes"] or "")
        name = attribute.group(1) if attribute else name
        if tag["word"] and tag.group() != f"<{word}>" and not tag["attributes"]:
            repairs.append(TAG_SPELLING)
        here = skip_blanks(text, tag.end())
    if name:
        repairs.append(NAME_IN_WRAPPER)
    return _Head(here, tuple(words), name, repairs=tuple(repairs))


def _named_head(window: Window, tags: _Head) -> _Head | bool | None:
    """The name alone stands behind `tags`, then the arguments."""
    text, here = window.text, tags.end
    match = _NAME.match(text, here, here + HEAD)
    if match is None:
        return False
    behind = skip_blanks(text, match.end())
    if behind == len(text):
        return None
    on_its_line = "\n" in text[match.end() : behind] or text[here - 1] == "\n"
    glued = behind == match.end()
    if text[behind] not in "{`" or not (on_its_line or glued or match.group() in window.tools):
        return False
    repairs = (*tags.repairs, NAME_IN_WRAPPER)
    return begins(text, behind) and _Head(behind, tags.words, match.group(), repairs=repairs)


def _empty(window: Window, at: int, head: _Head, name: str) -> Read:
    closed = _CLOSE_AGAIN.match(window.text, head.end)
    end = closed.end() if closed else head.end
    return Envelope(end, (no_arguments(name, (at, end), head.repairs),))


def _envelope(window: Window, at: int, head: _Head, bodies: list[Body]) -> Read:
    """The calls in `bodies` and the closing tag behind them."""
    closed = _close(window, head, bodies[-1].end)
    if closed is None:
        name = head.name or head_name(window.text, bodies[0].start)
        return Broken("the closing tag is missing" if window.stopped else CUT_OFF, name)
    end, repairs = closed
    listed = isinstance(bodies[0].value, list)
    if listed and len(bodies) == 1 and CLOSER_MISSING in repairs and head.words == (_CANONICAL,):
        # Granite's canonical form.
        return None
    several = len(bodies) > 1 or (listed and len(bodies[0].value) > 1)
    if several or listed:
        repairs = (SEVERAL_IN_WRAPPER, *repairs)
    repairs = (*head.repairs, *repairs)
    if head.name:
        calls: tuple[RawCall, ...] | Broken | None = _named_call(
            window, head.name, bodies, (at, end), repairs
        )
    else:
        calls = calls_of(window, bodies, (at, end), repairs=repairs)
    if calls is None:
        return Mention(end)
    if isinstance(calls, Broken):
        return calls
    return Envelope(end, calls, sure=all(body.exact for body in bodies))


def _named_call(
    window: Window, name: str, bodies: list[Body], span: tuple[int, int], repairs: tuple[str, ...]
) -> tuple[RawCall, ...] | Broken | None:
    """The call whose name stands in the wrapper; the body may be a whole call of the same name."""
    value = bodies[0].value
    if len(bodies) > 1 or not isinstance(value, dict):
        return Broken("several bodies stand behind one name", name)
    inner = value.get("name")
    whole = value.keys() in ({"name", "arguments"}, {"name", "parameters"})
    if whole and inner == name:
        return calls_of(window, bodies, span, repairs=repairs)
    if whole and inner in window.tools:
        return Broken("the wrapper and the body name two tools", name)
    return (arguments_call(window, name, bodies[0], span, repairs),)


def _close(window: Window, head: _Head, at: int) -> tuple[int, tuple[str, ...]] | None:
    """Where the envelope ends whose body ends at `at`, and the repairs; None = it does not."""
    text = window.text
    if match := _CLOSE.match(text, at):
        repairs: tuple[str, ...] = (TEXT_IN_ENVELOPE,) if match["text"] else ()
        if match["closer"] not in _closers_of(head):
            repairs += (CLOSER_FOREIGN,)
        return _close_again(text, match.end(), len(head.words), repairs)
    here = skip_blanks(text, at)
    if tag := _TAG.match(text, here, here + HEAD):
        follows = (
            _head(window, here)
            or text.startswith(("{", "["), skip_blanks(text, tag.end()))
            or _CALL_FOLLOWS.match(text, tag.end(), tag.end() + HEAD)
        )
        if follows and not END.match(text, tag.end()):
            return here, (CLOSER_MISSING,)
        return _close_again(text, tag.end(), len(head.words), (CLOSER_FOREIGN,))
    return (at, (CLOSER_MISSING,)) if window.at_end(at) else None


def _close_again(
    text: str, end: int, opened: int, repairs: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """Take the closing tags right behind too, as many as were opened without a word."""
    closed = 1
    while match := _CLOSE_AGAIN.match(text, end):
        end = match.end()
        closed += 1
    return end, (*repairs, CLOSER_DOUBLED) if closed > opened and closed > 1 else repairs


def _closers_of(head: _Head) -> set[str]:
    marks = {_MARKS[word] for word in head.words if word in _MARKS}
    if head.words[-1] in ("<|tool_call|>", "<|tool_call_start|>"):
        marks |= {"</|tool_call|>", "</tool_call>", "<|tool_call_end|>"}
    return marks | {f"</{word}>" for word in head.words}


def read_orphan(window: Window, at: int) -> Read:
    """The object at `at` whose opening tag is missing, up to its closing tag.

    None = no closing tag ends it, or it has not the form of a call.
    """
    text = window.text
    bodies = read_bodies(window, at, _ORPHAN_BEHIND)
    if isinstance(bodies, Broken):
        return bodies if _CALL_HEAD.match(text, at) and not _is_json(text, at) else None
    closed = _CLOSE_AGAIN.match(text, bodies[-1].end)
    if closed is None or all(not isinstance(body.value, dict) for body in bodies):
        return None
    end, repairs = _close_again(text, closed.end(), 1, (OPENER_MISSING,))
    calls = calls_of(window, bodies, (at, end), repairs=repairs)
    if not isinstance(calls, tuple):
        return calls if _CALL_HEAD.match(text, at) else None
    return Envelope(end, calls, sure=all(body.exact for body in bodies))


def _is_json(text: str, at: int) -> bool:
    try:
        read_value(text, at)
    except StrictJSONError:
        return False
    return True


DIALECT = Hermes()
