"""Values whose closing tag was forgotten, misplaced or spelled as another: the flat reading.

Used only where the balanced reading found no end and the model stopped by itself. Far stricter:
a value must hold no tag of the dialect at the beginning of a line but those of whole calls. Its
end is a structural closing tag wherever it stands, the next parameter that is declared and not
given yet, or the end of the call.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from seatrial.toolcalls.envelope_repairs import CLOSER_DOUBLED, CLOSER_FOREIGN
from seatrial.toolcalls.markup import (
    NOT_CLOSED,
    Opened,
    Reader,
    Tag,
    Unclear,
    Value,
    cut,
    foreign_closer,
    is_torn_tag,
    uncertain,
)
from seatrial.toolcalls.repairs import declare

PARAMETER_CLOSER_MISSING = declare(
    "parameter_closer_missing",
    "envelope",
    "The closing tag of a parameter is missing; a declared parameter that was not given yet, or"
    " the end of the call, begins the next line.",
    "<tool_call>\n<function=save>\n<parameter=file>\na.py\n<parameter=text>\nb\n</parameter>\n"
    "</function>\n</tool_call>",
)
PARAMETER_CLOSER_INLINE = declare(
    "parameter_closer_inline",
    "envelope",
    "The closing tag of a value on lines of its own stands at the end of its last line.",
    "<tool_call>\n<function=view>\n<parameter=file>\na.py</parameter>\n</function>\n</tool_call>",
)


def read_flat(reader: Reader, value: Opened, given: Collection[str]) -> Value:
    """The value, or `Unclear`."""
    calls = wraps = 0
    for tag in reader.tags(value.start):
        if tag.kind in ("head", "wrap") and tag.anchored:
            calls += tag.kind == "head" and reader.is_header(tag)
            wraps += tag.kind == "wrap" and reader.begins_call(tag)
        elif calls:
            calls -= tag.kind == "tail" and tag.anchored
        elif wraps and tag.kind == "unwrap":
            wraps -= 1
        elif tag.kind == "close":
            found = _closed(reader, value, tag)
            if found is not None and wraps:
                raise uncertain(value.key)
            if found is not None:
                return found
        elif tag.anchored or not value.block:
            if wraps:
                raise uncertain(value.key)
            return _unclosed(reader, value, tag, given)
    raise Unclear(NOT_CLOSED, ended=True)


def _closed(reader: Reader, value: Opened, tag: Tag) -> Value | None:
    """The value, if it ends at the closing tag `tag`; None = the tag is part of the value."""
    twin = reader.twin(value, tag)
    end, repairs = tag.end, reader.grammar.repair_of(reader.text[tag.start : tag.end])
    if twin is not None:
        end, repairs = twin.end, (*repairs, CLOSER_DOUBLED)
    if not reader.ends_value(end):
        if tag.anchored or not value.block:
            raise uncertain(value.key)
        return None
    if value.block and not tag.line:
        if not reader.grammar.block:
            # Directly between the tags the first newline is text, on lines of its own it is not.
            raise uncertain(value.key)
        if reader.text.startswith("\n\n", tag.end):
            # An empty line: what may be left of the line of the true closing tag.
            raise uncertain(value.key)
        repairs += (PARAMETER_CLOSER_INLINE,)
    return Value(_checked(reader, value, cut(reader, value, tag)), end, repairs)


def _unclosed(reader: Reader, value: Opened, tag: Tag, given: Collection[str]) -> Value:
    """The value, if it ends before `tag`, which does not close it."""
    next_one = tag.kind == "open" and tag.name in reader.declared
    next_one = next_one and tag.name != value.key and tag.name not in given
    last_one = tag.kind == "tail" and reader.is_last(tag)
    if not tag.line or not (next_one or last_one):
        raise uncertain(value.key)
    body = reader.text[value.start + value.block : tag.start].rstrip(" \t")
    own = re.compile(rf"\n?</{re.escape(value.key)}>[ \t]*\n*\Z").search(body)
    if not body.endswith("\n") or not _is_clear(reader, value, own):
        raise uncertain(value.key)
    if own is None:
        repair, body = PARAMETER_CLOSER_MISSING, body[:-1]
        if body.endswith("\n"):
            # An empty line: the end of the value, or what is left of the line of the tag.
            raise uncertain(value.key)
    else:
        repair, body = CLOSER_FOREIGN, body[: own.start()]
        if f"<{value.key}" in body or f"</{value.key}" in body:
            raise uncertain(value.key)
    return Value(_checked(reader, value, body), tag.start, (repair,))


def _is_clear(reader: Reader, value: Opened, own: re.Match[str] | None) -> bool:
    """Is the newline before the missing tag certainly not part of the value?"""
    on_lines = reader.grammar.block or value.block
    return on_lines or (own is not None and not own.group().startswith("\n"))


def _checked(reader: Reader, value: Opened, body: str) -> str:
    """`body`, if it does not end in what may have been meant as its closing tag."""
    last = body[body.rfind("\n") + 1 :]
    end = value.start + value.block + len(body)
    damaged = is_torn_tag(last) or reader.grammar.damaged.search(last) is not None
    if damaged or foreign_closer(body) or reader.looks_closed(value, body, end):
        raise uncertain(value.key)
    return body
