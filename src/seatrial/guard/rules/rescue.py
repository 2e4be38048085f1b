"""Rescue of tool calls that a server left in text or in reasoning.

The text is read as `toolcalls` reads a raw turn: only declared tools, only what is certain.
Text is held back from the first beginning of a call on, and only from there. What can be read
becomes calls in place of the text; what cannot is asked for again; a call that the server itself
could not read is asked for again too. One that is whole and only does not fit is passed on where
asking does not help: the client says so to its model. Where clients may read the frames of a
call otherwise than they are read here, they are written anew.

What the request asks for bounds all of it: no call where none may come, none but the forced one,
not two where one may come, and none without its markup where an answer of that form was wanted.

Where we parse ourselves nothing is left in the text; only what could not be read comes here. In:
stream events. Out: edits and retries.
"""

from __future__ import annotations

import msgspec

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think
from seatrial.chat.fragments import FRAMES_REWRITTEN
from seatrial.chat.growing import GrowingText
from seatrial.chat.wires import call_id_prefix
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import ToolSchema
from seatrial.guard.protocol import PASS, Decision, Finding, Mode, PassingRule
from seatrial.guard.rules.asked import callable_tools, wants_no_call
from seatrial.guard.rules.base import QUOTE_CHARS, tail
from seatrial.guard.rules.truncation import cut_call
from seatrial.toolcalls import (
    CUT_OFF,
    HEAD_CHARS,
    Options,
    Parsed,
    TurnParser,
    may_begin,
    parse,
    read_whole_answer,
    reask_message,
)

_HOLD = Decision("hold")
_THINK_PREFILL = "<think>\n"
_EXAMPLE = "the call is announced as an example"
"""An answer that explains calls is an answer."""


class RescueRule(PassingRule):
    """Turns text that is a call into the call."""

    id = "rescue"

    def __init__(self, spec: GuardSpec, mode: Mode = "enforce") -> None:
        super().__init__(spec, mode)
        self._request = Request(messages=())
        self._tools: tuple[ToolSchema, ...] = ()
        self._options = Options()
        self._parser = TurnParser(())
        self._text = GrowingText()
        self._think = GrowingText()
        self._held: list[Event] = []
        self._fed = self._shown = 0
        self._passed = self._visible = 0
        """Characters that went on: of all text, and of what is neither reasoning nor markup."""
        self._head, self._whole = "", True
        """The answer may be nothing but a call in a wrapper that no dialect owns."""
        self._native = False

    def on_request(self, request: Request) -> Decision:
        self._request, self._tools = request, callable_tools(request)
        self._options = Options(loose="none" if wants_no_call(request) else "all")
        self._parser = TurnParser(self._tools, options=self._options)
        return PASS

    def on_event(self, event: Event) -> Decision:
        if not self._request.tools:
            return PASS
        if isinstance(event, CallEvent):
            self._native = True
        elif isinstance(event, Think):
            self._think.add(event.text)
        elif isinstance(event, Text):
            self._text.add(event.text)
            self._fed += len(event.text)
            self._shown += len(self._parser.feed(event.text))
            if self._whole and len(self._head) < HEAD_CHARS:
                self._head = (self._head + event.text).lstrip()[:HEAD_CHARS]
                self._whole = may_begin(self._head)
        elif isinstance(event, End):
            return self._judge(event)
        if not self._tools:
            return PASS
        settled = self._shown >= self._fed or self._parser.settled
        if settled and not (self._whole and self._fed):
            self._held.clear()
            self._passed, self._visible = self._fed, self._shown
            return PASS
        self._held.append(event)
        return _HOLD

    def _judge(self, end: End) -> Decision:
        if end.verdict == "reask":
            broken = Parsed("reask", reason=end.reason, tool=end.tool, dialect=end.dialect)
            return self._reask(broken, end.text, "the server's call cannot be read", end)
        if self._native and FRAMES_REWRITTEN in end.repairs:
            return self._rewritten(end)
        if not self._tools:
            return PASS
        if self._native or end.verdict != "no_call" or end.finish in (Finish.GUARD,):
            return PASS
        text, think = self._text.whole(), self._think.whole()
        if text.strip():
            return self._in_text(text, end) if self._held else PASS
        if think.strip() and end.finish in (Finish.STOP, Finish.TOOL_CALLS):
            return self._in_think(think, end)
        return PASS

    def _in_text(self, text: str, end: End) -> Decision:
        prefix = call_id_prefix(self._request.messages)
        parsed = parse(
            text, self._tools, finish=end.finish, options=self._options, id_prefix=prefix
        )
        if not parsed.calls and end.finish in (Finish.STOP, Finish.TOOL_CALLS):
            parsed = self._alone(text, prefix) or parsed
        if parsed.verdict == "reask":
            if parsed.reason == CUT_OFF:
                why = f"finish {end.finish.value!r}"
                return cut_call(parsed.tool or "a tool", why, tail(text))
            if parsed.reason == _EXAMPLE:
                return PASS
            return self._reask(parsed, text, "a call in the text cannot be read", end)
        if not parsed.calls:
            return PASS
        if end.finish not in (Finish.STOP, Finish.TOOL_CALLS):
            # Those before the cut may be whole; what was to come with them is lost.
            return cut_call(parsed.calls[0].name, f"finish {end.finish.value!r}", tail(text))
        rest = parsed.text[self._visible :]
        kept: list[Event] = [event for event in self._held if not isinstance(event, Text)]
        if rest.strip():
            kept.insert(0, Text(rest))
        return self._edit(parsed, kept, end, "text", text)

    def _alone(self, text: str, prefix: str) -> Parsed | None:
        """The calls that the whole answer is, where nothing of them went on."""
        read = read_whole_answer(text, self._tools, options=self._options, id_prefix=prefix)
        gone = self._passed > (len(read.text) if read else 0)
        return None if gone else read

    def _in_think(self, think: str, end: End) -> Decision:
        prefix = call_id_prefix(self._request.messages)
        parsed = parse(
            think,
            self._tools,
            finish=end.finish,
            options=self._options,
            prefill=_THINK_PREFILL,
            id_prefix=prefix,
        )
        if parsed.verdict == "reask":
            return self._reask(parsed, "", "a call in the reasoning cannot be read", end)
        if not parsed.calls:
            return PASS
        return self._edit(parsed, list(self._held), end, "think", think)

    def _edit(
        self, parsed: Parsed, kept: list[Event], end: End, channel: str, written: str
    ) -> Decision:
        if self._request.parallel_calls is False and len(parsed.calls) > 1:
            several = msgspec.structs.replace(parsed, reason="only one call may be made at a time")
            return self._reask(several, written, f"{len(parsed.calls)} calls in one answer", end)
        calls = [CallEvent(msgspec.structs.replace(call, raw_span=None)) for call in parsed.calls]
        at = next((n for n, event in enumerate(kept) if not isinstance(event, Text | Think)), None)
        at = len(kept) if at is None else at
        finished = msgspec.structs.replace(
            end,
            finish=Finish.TOOL_CALLS,
            verdict="repaired",
            dialect=parsed.dialect,
            repairs=parsed.repairs,
            raw=b"",
        )
        events: tuple[Event, ...] = (*kept[:at], *calls, *kept[at:], finished)
        return Decision(
            "edit",
            self._finding(parsed, channel, written),
            events=events,
            before=written[self._passed :] if channel == "text" else "",
        )

    def _rewritten(self, end: End) -> Decision:
        """The server's own call in frames that every client reads alike."""
        finding = Finding(
            detector=self.id,
            mode_id="stack.tool_parse_error",
            channel="calls",
            detail=f"clients may read the server's frames otherwise: {', '.join(end.repairs)}",
            quote="",
            count=end.repairs.count(FRAMES_REWRITTEN),
        )
        events = (*self._held, msgspec.structs.replace(end, raw=b""))
        return Decision("edit", finding, events=events)

    def _finding(self, parsed: Parsed, channel: str, written: str) -> Finding:
        names = ", ".join(call.name for call in parsed.calls)
        form = parsed.dialect or "a loose form"
        span = parsed.calls[0].raw_span or (0, 0)
        return Finding(
            detector=self.id,
            mode_id="stack.tool_not_parsed",
            channel="think" if channel == "think" else "text",
            detail=f"{names} as {form} in {'reasoning' if channel == 'think' else 'text'}",
            quote=written[span[0] : span[0] + QUOTE_CHARS],
            start=span[0],
            count=len(parsed.calls),
        )

    def _reask(self, parsed: Parsed, shown: str, what: str, end: End) -> Decision:
        finding = Finding(
            detector=self.id,
            mode_id="format.malformed_call",
            channel="calls",
            detail=f"{what}: {parsed.reason}",
            quote=shown[:QUOTE_CHARS],
        )
        # Text that was no call after all is still an answer, and a call that only does not fit is
        # refused by whoever executes it; one that nobody can read must not go on.
        otherwise = "stop" if end.verdict == "reask" and not end.unfit else "pass"
        words = reask_message(msgspec.structs.replace(parsed, calls=()), self._tools)
        return Decision("retry", finding, nudge=words, shown=shown, otherwise=otherwise)  # type: ignore[arg-type]
