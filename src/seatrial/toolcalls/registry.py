"""The dialects that are known, in order of precedence. A new dialect is a file and a line here."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls.accept import arguments_of
from seatrial.toolcalls.hermes import Hermes
from seatrial.toolcalls.qwen_xml import QwenXml
from seatrial.toolcalls.reading import Complete, Dialect, Tail

DIALECTS: dict[str, Dialect] = {dialect.id: dialect for dialect in (Hermes(), QwenXml())}


def render(calls: Iterable[Call], tools: tuple[ToolSchema, ...], dialect: str = "hermes") -> str:
    """The canonical text of `calls`, one envelope after the other.

    Raises:
        FormatError: the dialect cannot write these arguments so that they are read again as
            they are. A dialect without quoting cannot write every value.
    """
    return "\n".join(_render(call, tools, DIALECTS[dialect]) for call in calls)


def _render(call: Call, tools: tuple[ToolSchema, ...], dialect: Dialect) -> str:
    arguments = arguments_of(call)
    text = dialect.render(call.name, arguments)
    if not dialect.quoted:
        opener = dialect.openers[0]
        start = text.index(opener.body, len(opener.literal))
        by_name = {tool.name: tool for tool in tools}
        read = dialect.read(text, start, Tail.CUT, by_name, False)
        same = isinstance(read, Complete) and read.end == len(text) and read.name == call.name
        if not same or read.arguments != arguments:  # type: ignore[union-attr]
            raise FormatError(f"{dialect.id} cannot write these arguments of {call.name}")
    return text
