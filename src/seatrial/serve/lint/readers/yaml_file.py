"""YAML to items with their lines, bounded: aliases, depth, number of values, duplicate keys.

PyYAML's C parser gives events, and they are put together here: its composer recurses in C, where
a deeply nested file ends the process. Nothing in a file can name a type. Words stay text where
YAML 1.1 and 1.2 disagree: `on` is "on". In: text. Out: `Item`.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import Counter, Item
from seatrial.serve.lint.readers.flags import number
from seatrial.serve.lint.subject import Value

_TRUTHS: dict[str, Value] = {"true": True, "false": False, "null": None, "~": None, "": None}
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML 1.1, and so the parser's line numbers, count as the end of a line."""
_BLOCK = ("|", ">")
_QUOTES = ("'", '"')


class _Mark(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Event(Protocol):
    """What is used of PyYAML's events; marks are always there in what a file gives."""

    @property
    def start_mark(self) -> _Mark: ...
    @property
    def end_mark(self) -> _Mark: ...
    @property
    def anchor(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def style(self) -> str | None: ...


def parse_yaml(text: str, source: str) -> Item:
    """Read one YAML document.

    Raises:
        UserError: it is not YAML, has a key twice, or is larger than any configuration.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(text, source)
    try:
        events: Any = yaml.parse(text, Loader=loader)
        for event in events:
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise UserError(_said(error, source), hint="mend the line; `#` begins a comment") from None
    except (yaml.YAMLError, ValueError) as error:
        said = str(error).split("\n", 1)[0] or type(error).__name__
        raise UserError(
            f"{source} is not YAML: {said[:200]}", hint="is this the right file?"
        ) from None
    return builder.root or Item({}, 1, "")


class _Frame:
    """A mapping or a list that is not closed yet."""

    __slots__ = ("anchor", "fields", "items", "key", "line", "merged", "name", "size", "written")

    def __init__(self, mapping: bool, line: int, written: str, anchor: str | None) -> None:
        self.fields: dict[str, Item] | None = {} if mapping else None
        self.merged: dict[str, Item] = {}
        self.items: list[Item] = []
        self.key: _Event | None = None
        self.name: str | None = None
        self.line = line
        self.written = written
        self.anchor = anchor
        self.size = 1


class _Builder:
    """Events of one file, put together."""

    def __init__(self, text: str, source: str) -> None:
        self.root: Item | None = None
        self._lines = _BREAK.split(text)
        self._source = source
        self._counter = Counter(source)
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Item, int] | None] = {}

    def take(self, event: _Event) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._open(event, kind == "MappingStartEvent")
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._close()
        elif kind == "AliasEvent":
            self._alias(event)
        elif kind == "DocumentStartEvent" and self.root is not None:
            line = event.start_mark.line + 1
            raise UserError(
                f"{self._source}, line {line}: a second document begins",
                hint="one configuration is one document: split the file at `---`",
            )

    def _scalar(self, event: _Event) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.fields is not None and frame.name is None:
            self._key(frame, event)
            return
        key = frame.key if frame is not None else None
        start = event.start_mark
        line = (key.start_mark if key is not None else start).line + 1
        self._counter.count(len(self._stack), line)
        item = Item(_value(event), line, *self._shown(event, key))
        if event.anchor:
            self._anchors[event.anchor] = (item, 1)
        self._put(item, 1)

    def _key(self, frame: _Frame, event: _Event) -> None:
        name: str = event.value
        merges = name == "<<" and event.style not in _QUOTES
        if not merges and name in (frame.fields or {}):
            assert frame.fields is not None
            line = event.start_mark.line + 1
            raise UserError(
                f"{self._source}, line {line}: {name[:80]!r} stands twice, "
                f"first in line {frame.fields[name].line}",
                hint="one of the two is ignored: remove it",
            )
        frame.key, frame.name = event, name

    def _open(self, event: _Event, mapping: bool) -> None:
        key = self._stack[-1].key if self._stack else None
        line = (key or event).start_mark.line + 1
        self._counter.count(len(self._stack), line)
        self._no_key(line)
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = None
        self._stack.append(_Frame(mapping, line, self._head(key), anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        value = frame.items if frame.fields is None else {**frame.merged, **frame.fields}
        item = Item(value, frame.line, frame.written)
        if frame.anchor:
            self._anchors[frame.anchor] = (item, frame.size)
        self._put(item, frame.size)

    def _alias(self, event: _Event) -> None:
        line = event.start_mark.line + 1
        self._no_key(line)
        found = self._anchors.get(event.anchor)
        if found is None:
            known = event.anchor in self._anchors
            said = "holds itself" if known else "stands nowhere before"
            raise UserError(
                f"{self._source}, line {line}: the alias *{event.anchor[:80]} {said}",
                hint="write out what it should be",
            )
        for _ in range(found[1]):
            self._counter.count(len(self._stack), line)
        self._put(*found)

    def _put(self, item: Item, size: int) -> None:
        if not self._stack:
            self.root = item
            return
        frame = self._stack[-1]
        frame.size += size
        if frame.fields is None:
            frame.items.append(item)
            return
        assert frame.name is not None
        if frame.name == "<<" and frame.key is not None and frame.key.style not in _QUOTES:
            for one in reversed([item, *item.entries()]):
                frame.merged.update(one.fields())
        else:
            frame.fields[frame.name] = item
        frame.key = frame.name = None

    def _no_key(self, line: int) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.fields is not None and frame.name is None:
            raise UserError(
                f"{self._source}, line {line}: a key is expected",
                hint="a key is a word; quote it if it begins with a bracket or a star",
            )

    def _shown(
        self, event: _Event, key: _Event | None
    ) -> tuple[str, str, tuple[tuple[int, str], ...]]:
        """`written`, `text` and `lines` of a scalar."""
        start, end, written = event.start_mark, event.end_mark, self._head(key)
        if event.style in _BLOCK:
            return written, event.value, self._cut(start.line + 1, end.line)
        if start.line == end.line:
            first = key.start_mark if key is not None and key.start_mark.line == end.line else start
            return self._lines[end.line][first.column : end.column], event.value, ()
        if event.style in _QUOTES:
            return written, event.value, ()
        lines = self._cut(start.line, end.line + 1, start.column, end.column)
        return written, event.value, lines

    def _cut(
        self, first: int, end: int, start_column: int = 0, end_column: int | None = None
    ) -> tuple[tuple[int, str], ...]:
        """Lines `first` to `end` (from 0, end not included) with the ends cut."""
        texts = self._lines[first:end]
        if texts and end_column is not None:
            texts[-1] = texts[-1][:end_column]
        if texts:
            texts[0] = texts[0][start_column:]
        return tuple(enumerate(texts, first + 1))

    def _head(self, key: _Event | None) -> str:
        if key is None:
            return ""
        start, end = key.start_mark, key.end_mark
        return self._lines[start.line][start.column : end.column] if start.line == end.line else ""


def _value(event: _Event) -> Value:
    text: str = event.value
    if event.style in _BLOCK or event.style in _QUOTES:
        return text
    low = text.lower()
    return _TRUTHS[low] if low in _TRUTHS else number(text)


def _said(error: object, source: str) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark is not None else ""
    said = " ".join(str(getattr(error, "problem", None) or "not YAML").split())
    return f"{source}{where}: {said[:200]}"
