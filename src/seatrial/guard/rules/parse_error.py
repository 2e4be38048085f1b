"""A server whose own tool-call parser fails: an error of format, not of the server.

llama.cpp answers 500 and throws the whole turn away when its parser cannot read what the model
wrote (ggml-org/llama.cpp#24807). Asked again, with a word about the form, it mostly works.

In: the error of an upstream. Out: a retry, else the error goes on as it is.
"""

from __future__ import annotations

import re

from seatrial.chat import ContextOverflowError
from seatrial.guard.protocol import PASS, Decision, Finding, PassingRule
from seatrial.guard.rules.base import QUOTE_CHARS

_SIGNS = re.compile(
    r"failed to parse (?:input|tool|output|the (?:model|tool))|invalid diff|xml syntax error"
    r"|unexpected eof|error parsing tool call|unparsed peg|peg.{0,20}parse",
    re.IGNORECASE,
)
_WORDS = (
    "Your last tool call could not be read and was not executed. Write one call, exactly in the "
    "form that you were given, with nothing behind it."
)


class ParseErrorRule(PassingRule):
    """Asks again after a parse error of the server."""

    id = "parse_error"

    def on_error(self, error: Exception) -> Decision:
        match = _SIGNS.search(str(error))
        if match is None or isinstance(error, ContextOverflowError):
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="stack.tool_parse_error",
            channel="calls",
            detail="the server could not parse what the model wrote",
            quote=str(error)[:QUOTE_CHARS],
            start=0,
        )
        return Decision("retry", finding, nudge=_WORDS, otherwise="pass")
