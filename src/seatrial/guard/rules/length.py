"""A final text that was cut by its length: the model is told, instead of the run ending there.

Most clients take a text that ran into the token cap for the final answer and exit with success.
Cut calls, loops, budgets and empty answers have rules of their own; this one has what is left: a
short sound text in the middle of work, mostly behind long reasoning. An answer before any call was
made is the user's to judge; a text that the client saw flow passes with its true finish.

In: stream events. Out: one retry; where none is possible, the answer passes.
"""

from __future__ import annotations

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.conversation import read_compaction
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules import cut_block
from seatrial.guard.rules.base import last_words, tail

NUDGE = (
    "Your last answer reached its length limit and was cut. Nothing after the cut exists. "
    "Decide quickly: call the next tool with small arguments, or give the whole answer in a few "
    "sentences."
)
SMALL_CAP_TOKENS = 256
"""Who allows no more wants a word or a title, and takes what comes."""


class LengthNudgeRule(PassingRule):
    """Tells the model once that its text was cut in the middle of work."""

    id = "length_nudge"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._watching = False
        self._called = False
        self._text: list[str] = []

    def on_request(self, request: Request) -> Decision:
        may_call = bool(request.tools) and request.tool_choice != "none"
        self._watching = (
            may_call
            and any(message.role == "tool" for message in request.messages)
            and request.max_tokens > SMALL_CAP_TOKENS
            and not any(nudge in last_words(request) for nudge in (NUDGE, cut_block.NUDGE))
            and read_compaction(request) is None
        )
        return PASS

    def on_event(self, event: Event) -> Decision:
        if not self._watching:
            return PASS
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, CallEvent):
            self._called = True
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        text = "".join(self._text)
        # A full window is no matter of length: only compaction helps.
        cut = end.finish is Finish.LENGTH and end.verdict == "no_call"
        if not cut or self._called or not text.strip():
            return PASS
        quote = tail(text)
        finding = Finding(
            detector=self.id,
            mode_id="harness.length_ignored",
            channel="text",
            detail=f"a text of {len(text)} characters was cut, "
            f"finish {end.raw_finish or end.finish.value!r}",
            quote=quote,
            start=len(text) - len(quote),
        )
        return Decision("retry", finding, nudge=NUDGE, shown=text, otherwise="pass")
