"""Edits: only where the value stands once, in a line of a file."""

from __future__ import annotations

import pytest

from seatrial.serve.lint.replacement import with_value, written_as
from seatrial.serve.lint.subject import Value
from tests.serve.lint.clean import setting


@pytest.mark.parametrize(
    ("old", "written", "new", "after"),
    [
        (32768, "-c 32768", 8192, "-c 8192"),
        (32768, '"contextWindow": 32768', 8192, '"contextWindow": 8192'),
        ("q4_0", "-ctv q4_0", "q8_0", "-ctv q8_0"),
        (-1, "-np -1", 1, "-np 1"),
        (0.8, "--temp=0.8", 0.6, "--temp=0.6"),
        (4, "-np 4 # 4 slots", 1, None),  # which one?
        (4, "-c 4096", 1, None),
        (32768, "-c 32k", 8192, None),  # written another way
        (True, "--no-jinja", 1, None),
        (None, "x", 1, None),
    ],
)
def test_another_value(old: Value, written: str, new: str | int | float, after: str | None) -> None:
    edit = with_value(setting(old, written, source="a.sh", line=3), new)
    assert (edit.after if edit else None) == ((after,) if after is not None else None)
    if edit is not None:
        assert (edit.source, edit.line, edit.before) == ("a.sh", 3, written)


def test_no_edit_without_a_line() -> None:
    assert with_value(setting(1, "-np 1"), 2) is None
    assert written_as(setting(1, "-np \\\n1", source="a.sh"), "") is None
    gone = written_as(setting(True, "--reuse-port", source="a.sh"), "")
    assert gone is not None
    assert gone.after == ("",)
