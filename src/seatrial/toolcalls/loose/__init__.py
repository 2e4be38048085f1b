"""Calls without any envelope: JSON, a fence, a line of Python, ReAct, at the very end of a turn.

A call-shaped text may be an example, an answer or a quotation, and whoever can place text into a
prompt can have it copied. So the rules are strict: `find` gives a call only where the text can
be nothing else.
"""

from seatrial.toolcalls.loose.find import find
from seatrial.toolcalls.loose.found import Found

__all__ = ["Found", "find"]
