"""The dialects that are known, in order of precedence. A new dialect is a file and a line here."""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls.accept import accept, arguments_of
from seatrial.toolcalls.dialects import (
    deepseek,
    dsml,
    gemma,
    glm,
    granite,
    harmony,
    hermes,
    invoke,
    kimi,
    llama,
    mistral,
    qwen_xml,
    tool_tags,
)
from seatrial.toolcalls.nonce import with_nonce
from seatrial.toolcalls.reading import Dialect, Envelope, Tail, Window

TOOL_TAGS: Dialect = tool_tags.DIALECT

_ALL: tuple[Dialect, ...] = (
    qwen_xml.DIALECT,
    glm.DIALECT,
    granite.DIALECT,
    gemma.DIALECT,
    hermes.DIALECT,
    llama.DIALECT,
    mistral.DIALECT,
    deepseek.DIALECT,
    dsml.DIALECT,
    kimi.DIALECT,
    harmony.DIALECT,
    invoke.DIALECT,
    TOOL_TAGS,
)
DIALECTS: dict[str, Dialect] = {dialect.id: dialect for dialect in _ALL}


def render(
    calls: Iterable[Call],
    tools: tuple[ToolSchema, ...],
    dialect: str = "hermes",
    *,
    nonce: str = "",
) -> str:
    """The canonical text of `calls`, one envelope after the other.

    Raises:
        FormatError: the dialect cannot write these arguments so that they are read again as
            they are (one without quoting cannot write every value), or cannot carry the nonce.
    """
    return "\n".join(_render(call, tools, DIALECTS[dialect], nonce) for call in calls)


def _render(call: Call, tools: tuple[ToolSchema, ...], dialect: Dialect, nonce: str) -> str:
    arguments = arguments_of(call)
    text = dialect.render(call.name, arguments)
    if not _reads_back(text, call, tools, dialect):
        raise FormatError(f"{dialect.id} cannot write these arguments of {call.name}")
    bound = with_nonce(text, _opener(text, call, dialect), nonce)
    if bound is None:
        raise FormatError(f"{dialect.id} has no tag that can carry a nonce")
    return bound


def _opener(text: str, call: Call, dialect: Dialect) -> str:
    openers = dialect.openers or (f"<{call.name}>",)
    return max((literal for literal in openers if text.startswith(literal)), key=len, default="")


def _reads_back(text: str, call: Call, tools: tuple[ToolSchema, ...], dialect: Dialect) -> bool:
    by_name = {tool.name: tool for tool in tools}
    opener = _opener(text, call, dialect)
    read = dialect.read(Window(text, Tail.STOPPED, by_name), 0, opener) if opener else None
    if not isinstance(read, Envelope) or read.broken or len(read.calls) != 1:
        return False
    again = accept(read.calls[0], by_name, call.id, "envelope")
    return (
        isinstance(again, Call)
        and not again.repairs
        and read.end == len(text)
        and again.name == call.name
        and arguments_of(again) == arguments_of(call)
    )
