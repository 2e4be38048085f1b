"""The edit that gives one written setting another value.

An edit is made only where the value stands exactly once in what was written, so that a patch
cannot hit anything else; otherwise there is none and the words of the fix must do. In: a
`Setting` with its line. Out: an `Edit` whose `before` is a fragment of that line.
"""

from __future__ import annotations

import re

from seatrial.serve.lint.rule import Edit
from seatrial.serve.lint.subject import Setting


def with_value(setting: Setting, value: str | int | float) -> Edit | None:
    """`setting` with another value; None = it cannot be done safely."""
    if isinstance(setting.value, bool) or setting.value is None:
        return None
    old = re.compile(rf"(?<![\w.-]){re.escape(str(setting.value))}(?![\w.])")
    after, count = old.subn(lambda _: str(value), setting.written)
    return _edit(setting, after) if count == 1 else None


def written_as(setting: Setting, after: str) -> Edit | None:
    """Other words in the place of `setting`; none of them = the setting goes."""
    return _edit(setting, after)


def _edit(setting: Setting, after: str) -> Edit | None:
    place = setting.place
    if place.line is None or not setting.written or "\n" in setting.written:
        return None
    return Edit(place.source, place.line, setting.written, (after,))
