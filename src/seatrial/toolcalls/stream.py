"""A turn as it arrives: visible text as soon as it is safe, the rest when the turn has ended.

The whole turn is read once, by `turn.parse`, when it is finished; so a result cannot depend on how
the stream was cut. What this module decides is only how much of the visible text is certain for
every continuation: prose is held back by no more than a partial token, a line that may be a loose
form until its block is over, and from the first beginning of a call on everything.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Literal

from seatrial.core.generation import Finish
from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose.starts import may_start
from seatrial.toolcalls.options import DEFAULTS, Options
from seatrial.toolcalls.prose import Prose
from seatrial.toolcalls.reading import BLANK, Parsed, Tail, Window, skip_blanks
from seatrial.toolcalls.scanner import PROSE_FOLLOWS, WEAK
from seatrial.toolcalls.strict_json import object_end
from seatrial.toolcalls.tokens import ROLE_WORDS, THINK_CLOSERS, Kind, tokens_for
from seatrial.toolcalls.turn import ROLE_HEADER, forced_call, in_reasoning, parse
from seatrial.toolcalls.turn_ends import reasoning_end, role_begins_line
from seatrial.toolcalls.visible import HELD_BLANKS

_LONGEST_CLOSER = max(map(len, THINK_CLOSERS))
_HEADS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|turn>", "<|assistant|>")
_HEADER_HELD = 64
_BLOCK_HELD = 64 * 1024
"""A block that may be a loose form is held up to so many characters, then all of the turn is."""
_KEPT = 8192
"""What was shown is dropped in steps of so many characters."""
_FENCE = re.compile(r" {0,3}(?:`{3,}|~{3,})")
_FENCE_END = re.compile(r"\n {0,3}(?:`{3,}|~{3,})[ \t]*(?:\n|\Z)")


class _State(Enum):
    HEAD = "before the first visible character"
    PROSE = "visible text"
    THINK = "reasoning"
    HELD = "nothing more is shown before the end"


class TurnParser:
    """Reads one turn; feed it pieces, then finish it once."""

    def __init__(
        self,
        tools: tuple[ToolSchema, ...],
        *,
        prefill: str = "",
        options: Options = DEFAULTS,
        id_prefix: str = "call",
    ) -> None:
        self._tools, self._prefill = tools, prefill
        self._options, self._id_prefix = options, id_prefix
        self._by_name = {tool.name: tool for tool in tools}
        inner = options.code_mode.functions if options.code_mode else ()
        self._callable = {*self._by_name, *inner}
        self._fences = options.fence_writes or options.fence_edits
        self._tokens = tokens_for(self._by_name, options.nonce)
        self._pieces: list[str] = []
        self._buf = ""
        """The current line and what came after it."""
        self._pos = self._scan = 0
        """In `_buf`: what is shown, and where tokens are looked for."""
        self._line = 0
        """In `_buf`: the line to look at next; -1 = it has not begun yet."""
        self._newline_scan = 0
        self._out: list[str] = []
        self._think: list[str] = []
        self._think_taken = 0
        self._prose = Prose(0)
        self._drop_blanks = self._header = False
        self._think_mentioned = False
        self._next_try = 0
        self._code = False
        """In a fence that holds no call."""
        self._result: Parsed | None = None
        self._state = _State.THINK if in_reasoning(prefill) else _State.HEAD
        if forced_call(prefill, self._by_name, options.nonce) or "<|channel|>" in prefill:
            self._state = _State.HELD

    def feed(self, delta: str) -> str:
        """Take the next piece; give the visible text that is now certain."""
        self._pieces.append(delta)
        if self._state is _State.HELD:
            return ""
        self._compact()
        self._buf += delta
        if len(self._buf) >= self._next_try:
            while self._step():
                pass
        shown = "".join(self._out)
        self._out.clear()
        return shown

    def take_think(self) -> str:
        """The reasoning that came since the last time this was asked."""
        if self._result is not None:
            new = self._result.think[self._think_taken :]
        else:
            new = "".join(self._think)
            self._think.clear()
        self._think_taken += len(new)
        return new

    @property
    def settled(self) -> bool:
        """Is all that was fed visible text, but for reasoning that visible text follows?"""
        shown = self._state is _State.PROSE and not self._drop_blanks and not self._header
        return shown and self._pos == len(self._buf)

    def finish(self, finish: Finish) -> Parsed:
        """The whole turn, given why it ended."""
        raw = "".join(self._pieces)
        self._pieces = [raw]
        self._buf = ""
        self._result = parse(
            raw,
            self._tools,
            finish=finish,
            prefill=self._prefill,
            options=self._options,
            id_prefix=self._id_prefix,
        )
        return self._result

    def _step(self) -> bool:
        """Go on by one token, line or state; False = more text is needed."""
        if self._state is _State.HEAD:
            return self._head()
        if self._state is _State.THINK:
            return self._reason()
        return self._state is _State.PROSE and self._read_prose()

    def _compact(self) -> None:
        # One character before is kept: it says whether a closing tag is talked about.
        cut = min(self._pos - 1, self._prose.line) if self._state is _State.PROSE else self._pos - 1
        if cut < _KEPT or self._next_try > len(self._buf):
            return
        self._buf = self._buf[cut:]
        self._pos -= cut
        self._scan -= cut
        self._line -= cut if self._line >= 0 else 0
        self._newline_scan -= cut
        self._prose.shift(cut)

    def _hold(self) -> bool:
        self._state = _State.HELD
        self._buf = ""
        return False

    def _head(self) -> bool:
        first = self._buf.lstrip()
        if not first and len(self._buf) <= HELD_BLANKS:
            return False
        header = ROLE_HEADER.match(self._buf)
        if header and header.end() == len(self._buf):
            return False
        maybe = any(head.startswith(first[: len(head)]) for head in (*_HEADS, "assistant\n"))
        if maybe and not header and len(first) < _HEADER_HELD:
            return False
        if "<|channel|>" in first[:_HEADER_HELD] or first.startswith("<|start|>"):
            return self._hold()
        self._state = _State.PROSE
        self._header = header is not None
        self._restart(header.end() if header else 0)
        return True

    def _restart(self, at: int) -> None:
        self._pos = self._scan = self._line = self._newline_scan = at
        self._prose.restart(at)

    # Reasoning

    def _reason(self) -> bool:
        end = reasoning_end(self._buf, self._pos)
        if end is None:
            self._add_think(max(self._pos, len(self._buf) - _LONGEST_CLOSER + 1))
            return False
        self._add_think(end.start())
        self._state = _State.PROSE
        self._restart(end.end())
        self._drop_blanks = True
        return True

    def _add_think(self, end: int) -> None:
        if end > self._pos:
            self._think.append(self._buf[self._pos : end])
            self._pos = end

    # Prose

    def _read_prose(self) -> bool:
        if self._drop_blanks:
            self._restart(skip_blanks(self._buf, self._pos))
            self._drop_blanks = self._pos == len(self._buf)
        match = self._tokens.search(self._buf, self._scan)
        if match is None:
            at = self._tokens.partial(self._buf, max(self._pos, self._scan), openers=False)
        else:
            at = match.start()
        line = self._next_line()
        if 0 <= line <= at and line < len(self._buf):
            return self._read_line(line)
        if match is None:
            return self._show(at)
        return self._token(match.group(), at)

    def _show(self, end: int) -> bool:
        """Show what stands before `end` but for blanks that may belong to markup."""
        first = max(self._pos, end - HELD_BLANKS)
        stop = first + len(self._buf[first:end].rstrip(BLANK))
        if stop > self._pos:
            self._out.append(self._buf[self._pos : stop])
            self._pos = stop
        self._scan = max(self._scan, end)
        return False

    def _next_line(self) -> int:
        if self._line < 0:
            newline = self._buf.find("\n", self._newline_scan)
            self._newline_scan = len(self._buf) if newline < 0 else newline
            self._line = newline + 1 if newline >= 0 else -1
        return self._line

    def _read_line(self, at: int) -> bool:
        """Is the line at `at` the beginning of a loose form?"""
        starts = self._in_code(at) if self._code else may_start(self._buf, at, self._callable)
        if self._fences and starts is not None and _FENCE.match(self._buf, at):
            starts = "other"
        if starts is None:
            return self._wait(at)
        if not starts:
            if _FENCE.match(self._buf, at):
                self._code = not self._code
            self._line, self._newline_scan = -1, at
            return True
        return self._read_block(at, starts)

    def _in_code(self, at: int) -> Literal[""] | None:
        """Can the line at `at`, in a fence that holds no call, be shown? None = not known yet."""
        line = self._buf[at : at + 8]
        return None if "\n" not in line and not line.strip(" `~") else ""

    def _read_block(self, at: int, starts: str) -> bool:
        if starts == "other":
            return self._show(at) or self._hold()
        end = _fence_end(self._buf, at) if starts == "fence" else object_end(self._buf, at)
        behind = skip_blanks(self._buf, end) if end is not None else len(self._buf)
        if end is None or behind == len(self._buf):
            if len(self._buf) - at > _BLOCK_HELD:
                return self._show(at) or self._hold()
            self._next_try = len(self._buf) + (len(self._buf) - at) // 64
            return self._wait(at)
        # More of the same, or a closing tag whose opening tag is missing.
        if self._buf[behind] in "{[,;<" or self._may_end_turn(behind):
            return self._show(at) or self._hold()
        self._line = self._buf.rfind("\n", at, behind) + 1 or -1
        self._newline_scan = behind
        return True

    def _may_end_turn(self, at: int) -> bool:
        rest = self._buf[at : at + 16]
        return any(rest.startswith(word[: len(rest)]) for word in ROLE_WORDS)

    def _wait(self, at: int) -> bool:
        self._show(at)
        self._scan = at
        return False

    def _token(self, literal: str, at: int) -> bool:
        quoted = self._prose.quoted(self._buf, at, False)
        if quoted is None:
            return self._wait(at)
        kind = self._tokens.kinds[literal]
        if quoted:
            return self._as_text(literal, at)
        line_start = self._prose.line_start(self._buf, at)
        if kind is Kind.OPENER:
            return self._opener(literal, at, line_start)
        if kind is Kind.THINK:
            if not line_start:
                self._think_mentioned = True
                return self._as_text(literal, at)
            self._show(at)
            self._state = _State.THINK
            self._pos = at + len(literal)
            return True
        if kind is Kind.THINK_END:
            if self._think_mentioned and not line_start:
                return self._as_text(literal, at)
            self._show(at)
            self._restart(at + len(literal))
            self._drop_blanks = True
            return True
        text = kind is Kind.ROLE and not role_begins_line(self._buf, at)
        text = text or ("tool_response" in literal and not line_start)
        if text:
            return self._as_text(literal, at)
        return self._show(at) or self._hold()

    def _as_text(self, literal: str, at: int) -> bool:
        self._scan = at + len(literal)
        return True

    def _opener(self, literal: str, at: int, line_start: bool) -> bool:
        if literal in self._tokens.unbound:
            return self._show(at) or self._hold()
        window = Window(self._buf, Tail.CUT, self._by_name)
        opens = [dialect.opens(window, at, literal) for dialect in self._tokens.dialects[literal]]
        if True in opens:
            return self._show(at) or self._hold()
        behind = at + len(literal)
        if None in opens or skip_blanks(self._buf, behind) == len(self._buf):
            return self._wait(at)
        prose = PROSE_FOLLOWS.match(self._buf, behind) is not None
        if not line_start or prose or literal.startswith(WEAK):
            return self._as_text(literal, at)
        return self._show(at) or self._hold()


def _fence_end(text: str, at: int) -> int | None:
    match = _FENCE_END.search(text, at)
    return match.end() if match else None
