"""A transcript shows what was said, in order, with the evidence where it stands."""

import pytest

from seatrial.core import trace as events
from seatrial.core.evidence import Evidence
from seatrial.core.message import Call
from seatrial.diagnose import ModeFinding, diagnose_trial
from seatrial.report.transcript import MAX_PART_CHARS, transcript
from seatrial.report.visible import one_line, visible
from seatrial.store import TraceWriter


def finding(*places: tuple[str, str], mode: str = "gen.text_loop.exact") -> ModeFinding:
    evidence = tuple(Evidence("events.jsonl", where, quote) for where, quote in places)
    return ModeFinding(mode, "gen", "high", True, 1, evidence)


def text_of(block) -> str:
    return "".join(segment.text for segment in block.segments if not segment.note)


def said(blocks) -> list[str]:
    return [text_of(block) for block in blocks if block.kind == "assistant"]


def test_what_was_said_and_done_in_order(bench):
    made = bench()
    call = Call("c1", "write_file", '{"path": "a.py"}', repairs=("closed_brace",))
    folder = made.trial(text="I write it.", calls=(call,), status="failed")
    blocks = transcript(folder, ())
    assert [block.kind for block in blocks] == ["user", "assistant", "call", "end", "oracle"]
    assert text_of(blocks[2]) == call.arguments
    assert "closed_brace" in blocks[2].title


def test_the_mark_is_exactly_the_quote(bench):
    folder = bench().trial(text="before LOOP after")
    blocks = transcript(folder, [finding(("4#/text[7:11]", "LOOP"))])
    (reply,) = [block for block in blocks if block.kind == "assistant"]
    assert [(s.text, s.mode) for s in reply.segments] == [
        ("before ", ""),
        ("LOOP", "gen.text_loop.exact"),
        (" after", ""),
    ]


def test_real_findings_are_marked_with_what_they_quote(bench):
    made = bench()
    folder = made.trial(text="```python\nx = 1\n```\n", status="failed", ended="gave_up")
    found = diagnose_trial(folder)
    quotes = {e.quote for mode in found.modes for e in mode.evidence if "#/text" in e.where}
    marked = "".join(s.text for b in transcript(folder, found.modes) for s in b.segments if s.mode)
    assert quotes
    assert all(quote in marked for quote in quotes)


def test_marks_that_overlap_mark_all_that_either_quotes(bench):
    folder = bench().trial(text="0123456789")
    found = [finding(("4#/text[2:6]", "2345")), finding(("4#/text[4:8]", "4567"), mode="x")]
    (reply,) = [block for block in transcript(folder, found) if block.kind == "assistant"]
    assert [(s.text, bool(s.mode)) for s in reply.segments] == [
        ("01", False),
        ("2345", True),
        ("67", True),
        ("89", False),
    ]


@pytest.mark.parametrize(
    "places",
    [["4#/text[2:6]", "4#/text[4:9]"], ["4#/text[5:5]"], ["4#/text[90:99]"], ["9#/text[0:1]"]],
)
def test_odd_marks_lose_no_text(bench, places):
    folder = bench().trial(text="0123456789")
    blocks = transcript(folder, [finding(*((place, "x") for place in places))])
    assert said(blocks) == ["0123456789"]


def test_a_long_text_is_cut_and_says_how_much(bench):
    text = "a" * 5_000 + "MARK" + "b" * 5_000
    folder = bench().trial(text=text)
    blocks = transcript(folder, [finding(("4#/text[5000:5004]", "MARK"))])
    (reply,) = [block for block in blocks if block.kind == "assistant"]
    notes = [segment.text for segment in reply.segments if segment.note]
    left_out = sum(int(note.split()[1]) for note in notes)
    assert len(text_of(reply)) + left_out == len(text)
    assert any(segment.text == "MARK" and segment.mode for segment in reply.segments)
    assert len(text_of(reply)) <= MAX_PART_CHARS + 800


def test_a_reply_that_is_said_again_is_shown_again(bench):
    made = bench()
    folder = made.run.new_attempt(events.TrialRef("task-1", "d", "a" * 16, 1))
    trace = TraceWriter(folder)
    trace.emit(events.Begin, turn=0, trial=events.TrialRef("task-1"))
    made.reply(trace, 1, "I will look.")
    made.reply(trace, 2, "I will look.")
    made.reply(trace, 3, "Done.")
    blocks = transcript(folder, ())
    titles = [block.title for block in blocks if block.kind == "assistant"]
    assert titles == ["assistant", "assistant, the same words as before", "assistant"]


def test_a_broken_trace_shows_what_stands_before_the_break(bench):
    made = bench()
    folder = made.run.new_attempt(events.TrialRef("task-1", "d", "a" * 16, 1))
    trace = TraceWriter(folder)
    trace.emit(events.Begin, turn=0, trial=events.TrialRef("task-1"))
    made.reply(trace, 1, "Hello.")
    with (folder / "events.jsonl").open("a") as stream:
        stream.write('{"kind":"wish"}\n{"kind":"wish"}\n')
    blocks = transcript(folder, ())
    assert said(blocks) == ["Hello."]
    assert blocks[-1].kind == "fault"
    assert "line 5" in text_of(blocks[-1])


def test_no_trace_is_a_block_not_an_exception(tmp_path):
    (block,) = transcript(tmp_path, ())
    assert block.kind == "fault"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\x0db"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\ud800", "\\ud800"),
        ("a\tb\nc é 😀 العربية", "a\tb\nc é 😀 العربية"),
    ],
)
def test_what_acts_is_spelled_out_and_what_reads_is_left(text, shown):
    assert visible(text) == shown


def test_one_line_is_one_line_and_short():
    assert one_line("a\nb\r\tc") == "a\\nb\\x0d\\tc"
    assert one_line("x" * 10**6, 20) == "x" * 19 + "…"
    assert one_line("x" * 20, 20) == "x" * 20
    assert len(one_line("\x1b" * 10**6)) == 100
