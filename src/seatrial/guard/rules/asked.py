"""What a request asks for, as far as it bounds the calls that an answer may hold.

In: a request. Out: the tools that may be called; whether the user wants to see a call, not to
have one made.
"""

from __future__ import annotations

import re

from seatrial.chat.endpoint import Request
from seatrial.core.message import ToolSchema

_MOST_CHARS = 4_000
"""A longer message is a task, not a question about calls."""
_SHOW = re.compile(
    r"(?<!\w)(?:print|show|give|write|output|describe|explain|what does|what would)(?!\w)"
    r"[^.!?\n]{0,80}(?<!\w)(?:function|tool)[ _-]?calls?(?!\w)",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"(?<!\w)(?:examples?|samples?|json|formats?|syntax|looks? like"
    r"|(?:do not|don['’]t|without) (?:actually |really )?(?:run|execut|call|invok|mak)\w*)(?!\w)",
    re.IGNORECASE,
)


def callable_tools(request: Request) -> tuple[ToolSchema, ...]:
    """The tools that an answer to `request` may call."""
    if request.tool_choice == "none":
        return ()
    if request.forced_tool is None:
        return request.tools
    return tuple(tool for tool in request.tools if tool.name == request.forced_tool)


def wants_no_call(request: Request) -> bool:
    """Is an answer that only looks like a call, without its markup, what was asked for?"""
    return request.json_answer or _asks_for_an_example(request)


def _asks_for_an_example(request: Request) -> bool:
    """Does the last message want a call to be shown? It looks like one without its markup."""
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "user" or len(last.text) > _MOST_CHARS:
        return False
    return bool(_SHOW.search(last.text) and _EXAMPLE.search(last.text))
