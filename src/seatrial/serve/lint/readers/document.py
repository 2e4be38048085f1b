"""A value of a file with its place: what YAML and JSON look like to the readers of configurations.

Neither format is parsed here. In: nothing. Out: `Item`, and small ways to ask one for what a
reader wants without believing that it has the right type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.lint.subject import Place, Setting, Value

MAX_BYTES = 1_000_000
"""Of a file that lint reads; a configuration of a thousand models has half of it."""
MAX_DEPTH = 60
MAX_ITEMS = 100_000
"""Values of one file, aliases followed."""


class Item(msgspec.Struct, frozen=True):
    """One value: a scalar, a list of items, or items by key."""

    value: Value | dict[str, Item] | list[Item]
    line: int
    """Where its key stands, or it where there is none."""
    written: str
    """Key and value as they stand, if on one line, else the key."""
    text: str = ""
    """Of a scalar: its text before it was read as a number or a truth."""
    lines: tuple[tuple[int, str], ...] = ()
    """Of a text over several lines: the lines with their numbers."""

    def fields(self) -> dict[str, Item]:
        """Items by key; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    def entries(self) -> list[Item]:
        """Items of a list; none where it is something else."""
        return self.value if isinstance(self.value, list) else []

    def get(self, *path: str) -> Item | None:
        """The item at the end of a path of keys."""
        item: Item = self
        for key in path:
            found = item.fields().get(key)
            if found is None:
                return None
            item = found
        return item

    def string(self, *path: str) -> str | None:
        """The text at the end of a path, if it is a text."""
        item = self.get(*path)
        return item.value if item is not None and isinstance(item.value, str) else None

    def setting(self, source: str) -> Setting | None:
        """A scalar as a setting; a list or a mapping becomes compact JSON."""
        value = self.value
        if isinstance(value, (dict, list)):
            value = msgspec.json.encode(self.plain()).decode()
        return None if value is None else Setting(value, Place(source, self.line), self.written)

    def plain(self) -> Any:  # noqa: ANN401 - whatever the file holds
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Item]]:
        """Everything below that is no mapping, by dotted path."""
        for key, item in self.fields().items():
            path = f"{prefix}{key}"
            if isinstance(item.value, dict):
                yield from item.leaves(f"{path}.")
            else:
                yield path, item


class Counter:
    """Counts the values of one file, so that a small one cannot unfold into a large one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._left = MAX_ITEMS

    def count(self, depth: int, line: int) -> None:
        """One more value.

        Raises:
            UserError: too many, or nested too deeply.
        """
        self._left -= 1
        if self._left < 0:
            raise UserError(
                f"{self._source} unfolds into more than {MAX_ITEMS:,} values",
                hint="aliases that hold aliases multiply; write them out",
            )
        if depth > MAX_DEPTH:
            raise UserError(
                f"{self._source}, line {line}: nested more than {MAX_DEPTH} levels deep",
                hint="no configuration needs that; is this the right file?",
            )
