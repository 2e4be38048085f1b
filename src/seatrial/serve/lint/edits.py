"""Edits for findings that may have no setting to change: then there is no edit.

In: a `Setting` or None. Out: an `Edit` or None.
"""

from __future__ import annotations

from seatrial.serve.lint.replacement import with_value, written_as
from seatrial.serve.lint.rule import Edit
from seatrial.serve.lint.subject import Setting


def swap(setting: Setting | None, value: str | int | float) -> Edit | None:
    """The same setting with another value."""
    return None if setting is None else with_value(setting, value)


def rewrite(setting: Setting | None, text: str) -> Edit | None:
    """Other words in the place of a setting."""
    return None if setting is None else written_as(setting, text)


def append(setting: Setting | None, flag: str) -> Edit | None:
    """One more flag behind a flag; only on a command line, not in a file of keys."""
    if setting is None or not setting.written.startswith("-"):
        return None
    return written_as(setting, f"{setting.written} {flag}")
