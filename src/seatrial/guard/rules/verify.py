"""Verify before done: a final answer after changes that nothing has checked must check first.

"All tests pass now", and no test was run since the last edit. The model is told once, before the
client saw the answer, to run a check and look at it; what it answers then goes on, whatever it is.

How it asks only once without a memory. Within one request the ladder's words stand at the end of
what the model is asked again, so the second answer passes. If the model goes on with calls, the
client never saw the answer that was refused, and nothing in its history would tell; so the turn
that goes on begins its calls with a line of text, `NOTE`, which the user sees and the client sends
back. A client that drops the text of such turns is asked at most once for each further change, and
not at all once the model has looked around for some calls after it (`conversation.files`).

In: stream events. Out: one retry; where none is possible, the answer passes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import Message, ToolSchema
from seatrial.guard.conversation import (
    Change,
    last_words_at,
    own_words,
    read_compaction,
    unchecked_changes,
)
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.base import last_words, tail

NUDGE = (
    "You changed files, and nothing was run after the last change that could show whether they "
    "work. Run the tests, the build or the program now, look at what it says, and then finish. "
    "If nothing here can be run, say so and finish."
)
NOTE = "Checking the changes before I finish."
_FORBIDDEN = re.compile(
    r"\b(?:do not|don['\u2019]t|no need to|without|never|skip|instead of)\s+(?:\w+\s+){0,3}"
    r"(?:run|running|execut\w+|test\w*|verif\w+|check\w*|build\w*|compil\w+)\b"
    r"|\b(?:no|skip the) (?:tests?|checks?|verification)\b|\bnot be (?:run|executed|tested)\b",
    re.IGNORECASE,
)
_COMMAND_KEYS = frozenset({"command", "cmd", "script", "commands"})


class VerifyRule(PassingRule):
    """Asks once for a check where files were changed and nothing was run since."""

    id = "verify_before_done"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._past: Sequence[Message] = ()
        self._asked_again = False
        self._noted = False
        self._text: list[str] = []
        self._called = False

    def on_request(self, request: Request) -> Decision:
        self._asked_again = NUDGE in last_words(request)
        if not self._asked_again and _may_check(request) and read_compaction(request) is None:
            self._past = request.messages
        return PASS

    def on_event(self, event: Event) -> Decision:
        if isinstance(event, CallEvent):
            self._called = True
            if self._asked_again and not self._noted:
                self._noted = True
                return Decision("edit", events=(Text(f"{NOTE}\n"), event))
        elif not self._past:
            return PASS
        elif isinstance(event, Text):
            self._text.append(event.text)
        elif isinstance(event, End):
            return self._judge(event)
        return PASS

    def _judge(self, end: End) -> Decision:
        text = "".join(self._text).strip()
        done = end.finish is Finish.STOP and end.verdict == "no_call" and not self._called
        if not done or not text or text.endswith("?"):
            return PASS
        change = _unchecked(self._past)
        if change is None:
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="claim.false_success.unverified",
            channel="text",
            detail=f"the turn ends after changes of {', '.join(change.paths[:5])} "
            f"that nothing has checked; the last one: {change.call[:80]}",
            quote=tail(text),
            start=max(0, len("".join(self._text).rstrip()) - len(tail(text))),
            count=len(change.paths),
        )
        return Decision("retry", finding, nudge=NUDGE, shown="".join(self._text), otherwise="pass")


def _unchecked(messages: Sequence[Message]) -> Change | None:
    """What the user's last words have led to, if it is to be checked and was not."""
    at = last_words_at(messages)
    if at < 0:
        return None
    asked = own_words(messages[at])
    work = messages[at + 1 :]
    if asked.endswith("?") or _FORBIDDEN.search(asked):
        return None
    if any(message.role == "assistant" and NOTE in message.text for message in work):
        return None
    return unchecked_changes(work)


def _may_check(request: Request) -> bool:
    """Whether the model has anything to run a check with."""
    return request.tool_choice != "none" and any(map(_runs_commands, request.tools))


def _runs_commands(tool: ToolSchema) -> bool:
    properties = tool.parameters.get("properties")
    return isinstance(properties, dict) and not _COMMAND_KEYS.isdisjoint(properties)
