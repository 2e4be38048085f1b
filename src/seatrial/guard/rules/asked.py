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
    r"(?<!\w)(?:print|show|give|write|output|what does|explain|example|sample)(?!\w)"
    r"[^.!?\n]{0,80}(?<!\w)(?:function|tool)[ _-]?calls?(?!\w)",
    re.IGNORECASE,
)
_NOT_RUN = re.compile(
    r"(?<!\w)(?:do not|don['’]t|never|without) (?:actually |really )?"
    r"(?:run|execut|call|invok|mak|perform)\w*(?: it| this| that| the (?:call|tool|function))"
    r"(?!\w)",
    re.IGNORECASE,
)


def callable_tools(request: Request) -> tuple[ToolSchema, ...]:
    """The tools that an answer to `request` may call."""
    if request.tool_choice == "none":
        return ()
    if request.forced_tool is None:
        return request.tools
    return tuple(tool for tool in request.tools if tool.name == request.forced_tool)


def asks_for_an_example(request: Request) -> bool:
    """Does the last message want a call to be shown? It looks like one without its markup."""
    last = request.messages[-1] if request.messages else None
    if last is None or last.role != "user" or len(last.text) > _MOST_CHARS:
        return False
    return bool(_SHOW.search(last.text) or _NOT_RUN.search(last.text))
