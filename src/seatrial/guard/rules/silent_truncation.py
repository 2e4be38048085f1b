"""Silent truncation: the server read less of the prompt than it was sent, and says nothing.

Two signs, both from the usage that it reports, both over two turns of a conversation. The count is
far too small for the text, by a bound that no tokenizer comes near; or the conversation grew, and
its count stayed the same to the token: that number is the window. Neither needs to know the
tokenizer or the window. A server that counts only what it had not cached shows itself by a count
that falls while the conversation grows; nothing is said of it from then on.

In: requests, usage. Out: findings; changes nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from seatrial.chat.endpoint import Event, Request, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Usage
from seatrial.core.message import Message, ToolSchema
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule

MAX_CHARS_PER_TOKEN = 8
"""Prose and code have three to five; whole texts above this are no text."""
MIN_LOST_TOKENS = 1_000
"""So much must be missing at least: small prompts have odd ratios."""
MIN_WINDOW_TOKENS = 512
"""No server cuts shorter; smaller counts that stay the same are invented ones."""
GREW_SHARE = 0.05
MIN_GREW_CHARS = 512
FELL_SHARE = 0.5
MAX_CONVERSATIONS = 64

_THOUGHT_END = "</think>"
_RUN = re.compile(r"(.)\1{15,}", re.DOTALL)


class _Counted(msgspec.Struct, frozen=True):
    chars: int
    tokens: int
    messages: int = 0
    last: str = ""
    """Digest of the last message: a prompt that has it at the same place goes on from this one."""


class PromptMemory:
    """The length and the count of the last prompt of each of the latest conversations."""

    def __init__(self, conversations: int = MAX_CONVERSATIONS) -> None:
        self._most = conversations
        self.partial = False
        """This server counts only a part of each prompt."""
        self._last: OrderedDict[str, _Counted] = OrderedDict()

    def swap(self, conversation: str, new: _Counted) -> _Counted | None:
        """Keep `new`; what was kept before."""
        before = self._last.pop(conversation, None)
        self._last[conversation] = new
        if len(self._last) > self._most:
            self._last.popitem(last=False)
        return before


class SilentTruncationRule(PassingRule):
    """Says that a server read less of the prompt than it was sent; never changes anything."""

    id = "silent_truncation"

    def __init__(
        self,
        spec: GuardSpec,
        mode: Mode = "observe",
        memory: PromptMemory | None = None,
        shortened: Callable[[], bool] = lambda: False,
    ) -> None:
        """`shortened`: whether less was sent than the request says; its count says nothing."""
        super().__init__(spec, "off" if mode == "off" else "observe")
        self._memory = memory
        self._shortened = shortened
        self._messages: tuple[Message, ...] = ()
        self._tools: tuple[ToolSchema, ...] = ()

    def on_request(self, request: Request) -> Decision:
        self._messages, self._tools = request.messages, request.tools
        return PASS

    def on_event(self, event: Event) -> Decision:
        if not isinstance(event, UsageEvent) or event.usage.prompt <= 0:
            return PASS
        tokens = _counted(event.usage)
        chars = sum(map(_chars, self._messages))
        last = self._messages[-1].digest if self._messages else ""
        detail = self._judged(_Counted(chars, tokens, len(self._messages), last))
        if detail is None:
            return PASS
        finding = Finding(
            detector=self.id,
            mode_id="stack.silent_truncation",
            channel="request",
            detail=detail,
            quote=f'"prompt_tokens": {event.usage.prompt}',
        )
        return Decision("pass", finding)

    def _judged(self, new: _Counted) -> str | None:
        memory = self._memory
        if memory is None or not self._messages or self._shortened():
            return None
        before = memory.swap(_conversation(self._messages, self._tools), new)
        if before is None or new.chars < before.chars or not self._goes_on(before):
            return None
        memory.partial = memory.partial or new.tokens < FELL_SHARE * before.tokens
        if memory.partial or min(before.tokens, new.tokens) < MIN_WINDOW_TOKENS:
            return None
        return _constant(before, new) or self._short(new.chars, new.tokens)

    def _goes_on(self, before: _Counted) -> bool:
        """Whether this prompt is the one before and more: only then its count cannot fall."""
        at = before.messages
        return 0 < at <= len(self._messages) and self._messages[at - 1].digest == before.last

    def _short(self, chars: int, tokens: int) -> str | None:
        needed = tokens + MIN_LOST_TOKENS
        if chars < needed * MAX_CHARS_PER_TOKEN:
            return None
        # Rules, blanks and the like are one token for many characters.
        folded = sum(len(_RUN.sub(r"\1", message.text)) for message in self._messages)
        folded += sum(len(call.arguments) for message in self._messages for call in message.calls)
        folded = min(folded, chars)
        if folded < needed * MAX_CHARS_PER_TOKEN:
            return None
        return (
            f"the server counted {tokens} tokens in a prompt of {folded} characters: "
            "it did not read all of it"
        )


def _constant(before: _Counted, new: _Counted) -> str | None:
    grew = new.chars - before.chars
    same = new.tokens == before.tokens
    if not same or grew < MIN_GREW_CHARS or grew < GREW_SHARE * before.chars:
        return None
    return (
        f"the server counted {new.tokens} tokens again, though the conversation grew from "
        f"{before.chars} to {new.chars} characters: {new.tokens} tokens are all that it reads"
    )


def _counted(usage: Usage) -> int:
    """Some servers count only what was not cached: a hit must not look like a cut."""
    cached = usage.cached if usage.cached <= usage.prompt else 0
    return max(usage.prompt + cached, usage.cached)


def _chars(message: Message) -> int:
    """What surely reaches the model: templates drop the thinking of earlier turns."""
    text = message.text
    size = len(text)
    if message.role == "assistant" and (end := text.rfind(_THOUGHT_END)) >= 0:
        size -= end
    return size + sum(len(call.arguments) for call in message.calls)


def _conversation(messages: tuple[Message, ...], tools: tuple[ToolSchema, ...]) -> str:
    """Its first words stay as long as it lasts; a summary or a title of it has other tools."""
    first = next((message.digest for message in messages if message.role == "user"), "")
    return " ".join([first, *(tool.name for tool in tools)])
