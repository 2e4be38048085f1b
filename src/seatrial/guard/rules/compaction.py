"""Compaction with a pin: the task, its conditions and the changed files come through word for word.

A client that runs out of window lets the model summarise the conversation and goes on from what
it wrote; the task is then the model's paraphrase of a paraphrase. Here the request for the
summary is given a short block, made from the conversation itself, that the summary has to end
with. The next compaction finds the block in the summary and carries it on. Only the last message
changes, at its end, so the server's prompt cache holds.

In: a request. Out: the request with the block; at the end, a finding if the summary lacks it.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import End, Event, Request, Text
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.guard.conversation import read_compaction
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import QUOTE_CHARS
from seatrial.guard.rules.pinned import Pinned, collect, written

ORDER = (
    "The summary must end with the block below, inside its own tags where it has some. Copy the "
    "block word for word, its two tags included; it was taken from the conversation."
)


class CompactionPinRule(PassingRule):
    """Pins the task, its conditions and the changed files in a client's request for a summary."""

    id = "compaction_pin"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._pinned: Pinned | None = None
        self._text: list[str] = []

    def on_request(self, request: Request) -> Decision:
        asked = read_compaction(request)
        if asked is None:
            return PASS
        self._pinned = collect(request.messages, asked)
        if self._pinned is None or ORDER in request.messages[-1].text:
            return PASS
        block = written(self._pinned)
        last = request.messages[-1]
        last = msgspec.structs.replace(last, text=f"{last.text}\n\n{ORDER}\n\n{block}")
        finding = Finding(
            detector=self.id,
            mode_id="harness.compaction",
            channel="request",
            detail=f"a compaction of {len(request.messages)} messages: a task of "
            f"{len(self._pinned.task)} characters and {len(self._pinned.files)} files are pinned",
            quote=asked.quote[:QUOTE_CHARS],
        )
        pinned = msgspec.structs.replace(request, messages=(*request.messages[:-1], last))
        return Decision("edit", finding, request=pinned)

    def on_event(self, event: Event) -> Decision:
        if self._pinned is None:
            return PASS
        if isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, End) and event.finish is Finish.STOP:
            return self._judge(self._pinned)
        return PASS

    def _judge(self, pinned: Pinned) -> Decision:
        """Delivered or not: the summary goes to the client as it is."""
        summary = "".join(self._text)
        if not summary.strip() or _plain(pinned.task) in _plain(summary):
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="harness.compaction",
            channel="text",
            detail="the summary does not hold the words of the task",
            quote=summary[:QUOTE_CHARS],
        )
        return Decision("pass", finding)


def _plain(text: str) -> str:
    return " ".join(text.split())
