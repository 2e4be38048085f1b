"""Values without quotes, over all dialects that write them: exact bytes or none at all."""

import random
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.toolcalls.reading import Broken, Envelope, Tail, Window
from tests.toolcalls.markup_defects import TAGS, carried, check, pieces, run, turn
from tests.toolcalls.markup_turns import (
    CODE,
    DIALECTS,
    EDGES,
    JS,
    PYTHON,
    RUST,
    TOOLS,
    WORDS,
    executed,
    first_read,
    openers_of,
)

NAMES = list(DIALECTS)
names = st.sampled_from(NAMES)
seeds = st.integers(0, 10**9)


def quoted(dialect, name="view", **given):
    return DIALECTS[dialect].render(name, given or {"file": "src/a.py"})


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("text", [*CODE, *WORDS, *EDGES])
def test_a_value_arrives_as_it_was_written(dialect, text):
    for call in (("save", {"file": "a b.py", "text": text}), ("sh", {"cmd": text, "secs": 3})):
        raw = DIALECTS[dialect].render(*call)
        assert executed(DIALECTS[dialect], raw) == ([call], [], False)


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("around", ["{}", "Write\n{}\nand nothing else.", "see {}.", "{}\n\n{}\n"])
@pytest.mark.parametrize("name", ["view", "save"])
def test_a_value_may_hold_whole_calls_of_its_own_dialect(dialect, around, name):
    inner = {"view": {"file": "x"}, "save": {"file": "x.js", "text": JS}}[name]
    text = around.replace("{}", quoted(dialect, name, **inner))
    call = ("save", {"file": "docs.md", "text": text})
    raw = DIALECTS[dialect].render(*call)
    assert executed(DIALECTS[dialect], raw) == ([call], [], False)


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_a_value_may_hold_whole_calls_of_other_dialects(dialect, other):
    call = ("save", {"file": "docs.md", "text": "So:\n" + quoted(other) + "\nThat is it."})
    raw = DIALECTS[dialect].render(*call)
    assert executed(DIALECTS[dialect], raw) == ([call], [], False)


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("text", [PYTHON, RUST, "a\n"])
def test_several_calls(dialect, text):
    calls = [("sh", {"cmd": "ls"}), ("save", {"file": "a", "text": text}), ("status", {})]
    raw = "\n".join(DIALECTS[dialect].render(*call) for call in calls)
    got, repairs, broken = executed(DIALECTS[dialect], "I look.\n\n" + raw + "\n")
    assert (got, repairs, broken) == (calls, [], False)


@pytest.mark.parametrize("dialect", NAMES)
def test_a_whole_ending_in_a_value_is_never_taken_for_the_end(dialect):
    text = "x" + quoted(dialect, "save", file="a", text="b").partition("b")[2]
    for body in (text, text + "\ny", "\n" + text + "\n"):
        raw = DIALECTS[dialect].render("save", {"file": "a", "text": body})
        assert run(dialect, raw)[0] in ([], [("save", {"file": "a", "text": body})])


@pytest.mark.parametrize("dialect", ["qwen_xml", "invoke", "dsml", "glm"])
@pytest.mark.parametrize("text", [PYTHON, RUST, "a", "null"])
def test_a_cut_call_gives_nothing(dialect, text):
    raw = DIALECTS[dialect].render("save", {"file": "a.py", "text": text})
    for end in range(1, len(raw)):
        for stopped in (False, True):
            got, _, broken = run(dialect, raw[:end], stopped=stopped)
            assert got == [] or (stopped and got == [("save", {"file": "a.py", "text": text})])
            if not stopped and end > 16:
                assert first_read(DIALECTS[dialect], raw[:end], stopped=False) is None or broken


@settings(max_examples=300)
@given(seeds, names)
def test_what_is_written_is_read_exactly_or_not_at_all(seed, dialect):
    made = turn(random.Random(seed), dialect, 0)
    assume(made is not None)
    assert run(dialect, made[0]) == (made[1], [], False)


@settings(max_examples=1500, derandomize=True)
@given(seeds, names)
def test_defects_give_the_bytes_that_were_meant_or_none(seed, dialect):
    assert check(seed, dialect)[1] is None


@settings(max_examples=60)
@given(seeds, names, st.integers(0, 1))
def test_a_cut_turn_gives_only_a_beginning_of_its_calls(seed, dialect, defects):
    made = turn(random.Random(seed), dialect, defects)
    assume(made is not None)
    raw, calls = made
    for end in range(len(raw)):
        got = run(dialect, raw[:end], stopped=False)[0]
        assert got == calls[: len(got)], raw[:end]


words = st.lists(
    st.sampled_from([tag for tags in TAGS.values() for tag in tags]) | st.text(max_size=5),
    max_size=15,
).map("".join)


@settings(max_examples=500)
@given(names, words, st.sampled_from(list(Tail)), st.integers(0, 6))
def test_no_text_raises(dialect, text, tail, pick):
    read = DIALECTS[dialect]
    opener = openers_of(read)[pick % len(openers_of(read))]
    for raw in (opener + text, opener + text + "\ud800\0"):
        window = Window(raw, tail, TOOLS)
        opens = read.opens(window, 0, opener)
        assert opens in (True, False, None)
        found = read.read(window, 0, opener)
        if isinstance(found, Envelope):
            assert 0 < found.end <= len(raw) and not found.sure
            assert all(0 <= c.span[0] < c.span[1] <= len(raw) for c in found.calls)


@settings(max_examples=300)
@given(names, words, st.integers(0, 6))
def test_a_place_that_opens_nothing_stays_so(dialect, text, pick):
    """What a stream has let go as text is not an envelope once more of it is there."""
    read = DIALECTS[dialect]
    opener = openers_of(read)[pick % len(openers_of(read))]
    raw = opener + text
    whole = read.opens(Window(raw, Tail.STOPPED, TOOLS), 0, opener)
    for end in range(len(opener), len(raw)):
        early = read.opens(Window(raw[:end], Tail.CUT, TOOLS), 0, opener)
        assert not (early is False and whole is True), raw[:end]


UNITS = {
    "qwen_xml": ["<parameter=q>", "\n</parameter>\n", "\n<function=sh>\n<parameter=cmd>\n"],
    "invoke": ['<parameter name="q">', "</parameter>", '<invoke name="a">', "<function_calls>"],
    "dsml": ["</｜DSML｜parameter>", "<｜DSML｜", '<｜DSML｜invoke name="sh">'],
    "glm": ["<arg_key>q</arg_key><arg_value>", "</arg_value>", "<tool_call>", "x</arg_key>"],
    "tool_tags": ["<text>", "</text>", "<save>", "<text>x</text>"],
}  # fmt: skip


@pytest.mark.parametrize("dialect", NAMES)
@pytest.mark.parametrize("tail", list(Tail))
def test_two_hostile_megabytes_take_no_time(dialect, tail):
    head = quoted(dialect, "save", text="\0").partition("\0")[0]
    opener = max((o for o in openers_of(DIALECTS[dialect]) if head.startswith(o)), key=len)
    for unit in ["<", "\n", " ", "a", "</", '"', "{", *UNITS[dialect]]:
        window = Window(head + unit * (2_000_000 // len(unit)), tail, TOOLS)
        start = time.process_time()
        DIALECTS[dialect].opens(window, 0, opener)
        read = DIALECTS[dialect].read(window, 0, opener)
        assert time.process_time() - start < 2, unit
        assert not isinstance(read, Envelope)


def test_the_defects_reach_every_outcome():
    for dialect in NAMES:
        seen = {check(seed, dialect)[0] for seed in range(300)}
        assert seen >= {"exact", "none", "unwritable"}
        assert carried(dialect, [("status", {})])
    assert "".join(text for _, text in pieces("glm", [("sh", {"cmd": "a"})])) == quoted(
        "glm", "sh", cmd="a"
    )


def test_a_broken_call_names_its_tool():
    for dialect in ("qwen_xml", "invoke", "dsml", "glm"):
        raw = quoted(dialect, "view", file="\0").partition("\0")[0]
        read = first_read(DIALECTS[dialect], raw + "a", stopped=False)
        assert isinstance(read, Broken) and (read.reason, read.name) == ("cut off", "view")
