"""Tags named like tools: a call only where nothing else can be meant."""

import pytest

from seatrial.toolcalls.dialects import tool_tags
from seatrial.toolcalls.reading import CUT_OFF, Broken
from tests.toolcalls.markup_turns import BASH, JS, PYTHON, RUST, TOOLS, executed, first_read

TAGS = tool_tags.DIALECT
DOCS = "Write\n" + TAGS.render("save", {"file": "x", "text": "y\n"}) + "\nto save."
HTML = "<p>\n<b>x</b>\n</p>\n<text>\ny</text>\n<br>"
VIEW = ("view", {"file": "a"})


def save(text):
    return "save", {"file": "a b.py", "text": text}


def check(raw, *calls):
    assert executed(TAGS, raw) == (list(calls), [], False)


@pytest.mark.parametrize("text", [PYTHON, RUST, JS, BASH, DOCS, HTML, "null", "\n\na\n", "a\n", ""])
def test_a_call_is_read(text):
    check("I save it.\n\n" + TAGS.render(*save(text)), save(text))


def test_tight_several_and_no_arguments():
    tight = "<view><file>a</file></view>"
    check(tight, VIEW)
    check(f"{tight}\n<status></status>\n{tight}\n", VIEW, ("status", {}), VIEW)


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_values_on_lines_of_their_own(text):
    check(f"<save>\n<file>a b.py</file>\n<text>\n{text}\n</text>\n</save>", save(text))


@pytest.mark.parametrize(
    "raw",
    [
        "<view><file>a</file></view>\n\nThat tag would open the file.",
        "<open_file><file>a</file></open_file>",
        "Wrap it in a <view> element and close it with </view>.",
        "as in <view><file>a</file></view>",
        "<view>the file</view>",
        "<view>\n<path>a</path>\n</view>",
        "<view class='a'><file>a</file></view>",
    ],
)
def test_what_is_no_call(raw):
    assert executed(TAGS, raw)[0] == []
    found = [name for name in TOOLS if f"<{name}>" in raw]
    assert all(first_read(TAGS, raw, at=raw.index(f"<{name}>")) is None for name in found)


@pytest.mark.parametrize(
    "raw",
    [
        "<view><file>a</view>",
        "<view><file>a</file>",
        "<view><file>a</file>x</view>",
        "<view><file>a</file><file>b</file></view>",
        "<save><file>a<text>b</text></save>",
        "<note><title>a</title>b</body></note>",
        "<note><title>a<body>b</title></note>",
    ],
)
def test_what_is_asked_for_again(raw):
    assert executed(TAGS, raw)[::2] == ([], True)


def test_nothing_is_read_of_a_cut_turn():
    raw = TAGS.render("view", {"file": "a"})
    for end in range(len("<view>"), len(raw) + 1):
        read = first_read(TAGS, raw[:end], stopped=False)
        assert read is None or (isinstance(read, Broken) and read.reason == CUT_OFF)
    assert first_read(TAGS, raw + "\nSo.", stopped=False) is None


def test_the_openers_follow_the_tools():
    assert tool_tags.openers_for(["a", "b"]) == ("<a>", "<b>")
    assert TAGS.openers == ()
