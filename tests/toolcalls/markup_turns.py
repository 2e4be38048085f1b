"""Help for the tests of the dialects whose values have no quotes: tools, payloads, a small scan.

`executed` does what the scanner has to do with these dialects, and no more: every envelope in
order, nothing behind a defect, nothing at all if a closing tag stands loose behind a call.
"""

from __future__ import annotations

from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.accept import accept, arguments_of
from seatrial.toolcalls.dialects import dsml, glm, invoke, qwen_xml, tool_tags
from seatrial.toolcalls.reading import Broken, Envelope, Tail, Window

STRING = {"type": "string"}


def tool(name: str, required: str = "", /, **properties: Any) -> ToolSchema:
    schema = {"type": "object", "properties": properties, "required": required.split()}
    return ToolSchema(name=name, description="", parameters=schema)


TOOLS = {
    each.name: each
    for each in (
        tool("view", "file", file=STRING),
        tool("save", "file text", file=STRING, text=STRING),
        tool("sh", "cmd", cmd=STRING, secs={"type": "integer"}),
        tool("edit", "path old new", path=STRING, old=STRING, new=STRING),
        tool("note", "", title=STRING, body=STRING),
        tool("status"),
    )
}
DIALECTS = {each.DIALECT.id: each.DIALECT for each in (qwen_xml, invoke, dsml, glm, tool_tags)}

PYTHON = '''import re

PAIR = re.compile(r"^(?P<k>\\w+)=<(.*)>$")

def parse(s: str) -> dict[str, str]:
    """{"a": 1} when s is "a=1"."""
    return {m["k"]: m[2] for m in PAIR.finditer(s) if s < "x" and not s > 'y'}
'''
RUST = r"""fn main() -> Result<Vec<Option<&'static str>>, Box<dyn Error>> {
    println!("{:?} {}", "C:\\temp\n", 1 << 3 >> 1);
    Ok(vec![Some("</b>"), None])
}"""
JS = r"""const li = (n) => `<li data-id="${n}">${n < 10 && "</li>"}</li>`;
export default { re: /^\/\*<a>/g, f: () => ({ "a": [1, { b: null }] }) };"""
BASH = r"""#!/usr/bin/env bash
cat <<'EOS' | sed -e 's/<[^>]*>//g' -e "s/\\n/ /"
<a>${HOME}</a> && $(id) `pwd`
EOS
"""
WORDS = ["null", "None", "true", "42", "", "&lt;b&gt; &amp;amp;", '{"name": "view"}', "[1, 2]"]
EDGES = ["\na", "a\n", "\n", "\n\n", "  a  ", "a\r\nb\r\n", "\ta\n\t", "a\n \n"]
CODE = [PYTHON, RUST, JS, BASH]


Want = tuple[str, dict[str, Any]]


def typed(call: Any) -> Want:
    return call.name, arguments_of(call)


def window(text: str, stopped: bool = True, tools: dict[str, ToolSchema] = TOOLS) -> Window:
    return Window(text, Tail.STOPPED if stopped else Tail.CUT, tools)


def openers_of(dialect: Any) -> tuple[str, ...]:
    return dialect.openers or tool_tags.openers_for(TOOLS)


def first_read(dialect: Any, text: str, *, stopped: bool = True, at: int = 0) -> Any:
    """What the dialect makes of the opener at `at`; None where it does not open."""
    found = [o for o in openers_of(dialect) if text.startswith(o, at)]
    view = window(text, stopped)
    opener = max(found, key=len, default=None)
    if opener is None or not dialect.opens(view, at, opener):
        return None
    return dialect.read(view, at, opener)


class Turn:
    """One scan; `calls` holds what would be executed."""

    def __init__(self, dialect: Any, text: str, stopped: bool) -> None:
        self.calls: list[Want] = []
        self.repairs: list[str] = []
        self.broken = False
        self._dialect = dialect
        self._text = text
        self._window = window(text, stopped)
        self._end = 0
        self._certain = 0
        """How many calls go straight on into another one: their ends are certain."""

    def run(self) -> None:
        at: int | None = 0
        while at is not None and not self.broken:
            at = self._next(at)
        if not self.broken and not self._window.stopped:
            # The last call may go on.
            del self.calls[self._certain :]

    def _break(self, kept: int) -> None:
        del self.calls[kept:]
        self.broken = True

    def _next(self, at: int) -> int | None:
        text, openers = self._text, openers_of(self._dialect)
        hits = [(text.find(o, at), -len(o), o) for o in openers if text.find(o, at) >= 0]
        start, _, opener = min(hits, default=(len(text), 0, ""))
        closers = self._dialect.closers or tuple(f"</{name}>" for name in TOOLS)
        passed = text[self._end : start]
        if any(closer in passed.replace("</ ", "</") for closer in closers):
            return self._break(0)
        return self._read(start, opener) if opener else None

    def _read(self, start: int, opener: str) -> int | None:
        opens = self._dialect.opens(self._window, start, opener)
        read = self._dialect.read(self._window, start, opener) if opens else None
        passed = self._text[self._end : start]
        if not passed.strip() and (
            isinstance(read, Envelope) or getattr(read, "name", "") in TOOLS
        ):
            self._certain = len(self.calls)
        if isinstance(read, Broken) or self._is_lost(read, start, opener):
            return self._break(self._certain)
        if isinstance(read, Envelope):
            self._take(read)
        if read is not None:
            self._end = max(start + len(opener), read.end)
            return self._end
        return start + len(opener)

    def _is_lost(self, read: Any, start: int, opener: str) -> bool:
        """Is this an attempt at a call that no dialect can read?"""
        if self._dialect.id == "tool_tags":
            return read is not None and "<" in self._text[self._end : start]
        line = self._text[:start].rstrip(" \t")
        weak = "function=" in opener or "<invoke" in opener
        return read is None and (not line or line.endswith("\n")) and not weak

    def _take(self, read: Envelope) -> None:
        assert not read.sure
        for raw in read.calls:
            call = accept(raw, TOOLS, "c", "envelope")
            if isinstance(call, Broken):
                return self._break(self._certain)
            self.repairs += raw.repairs
            if not self.calls or self.calls[-1] != typed(call):
                self.calls.append(typed(call))
        return self._break(self._certain) if read.broken else None


def executed(
    dialect: Any, text: str, *, stopped: bool = True
) -> tuple[list[Want], list[str], bool]:
    """The calls that would be executed, the repairs, and whether there was a defect."""
    turn = Turn(dialect, text, stopped)
    turn.run()
    return turn.calls, turn.repairs, turn.broken
