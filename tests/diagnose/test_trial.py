"""One trial: order of events, broken files, thresholds, and traces that nobody wrote."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core import trace as events
from seatrial.core.errors import Boundary
from seatrial.core.generation import Caps, Finish, Usage
from seatrial.core.lock import make_lock
from seatrial.core.message import Call, Message
from seatrial.core.result import Ended, Verified
from seatrial.diagnose import diagnose_trial
from seatrial.diagnose.reading import TrialReader
from seatrial.diagnose.trial import GuardSpec, find_modes


def test_names_and_numbers(story):
    story.edits().finishes("Fixed it.").end("finished").oracle()
    found = story.diagnosis()
    assert (found.task, found.model, found.turns) == ("fix-bug", "dinghy", 2)
    assert found.outcome == "failed_oracle"
    assert found.note == ""


def test_reads_the_result_of_the_folder(story):
    story.edits().finishes("Fixed it.").end("finished").oracle()
    story.write("passed")
    assert diagnose_trial(story.folder).primary == "none"


def test_a_passed_trial_shows_modes_and_has_no_cause(story):
    for _ in range(3):
        story.runs("cat app.py", "x = 0")
    found = story.edits().finishes("Fixed it.").end("finished").diagnosis("passed")
    assert [mode.id for mode in found.modes] == ["gen.action_loop"]
    assert found.primary == "none"


def test_a_passed_trial_that_hit_a_bound_has_no_cause(story):
    story.edits().end("max_turns").oracle("ok", 1.0)
    found = story.diagnosis("passed")
    assert [mode.id for mode in found.modes] == ["harness.budget_steps"]
    assert found.primary == "none"


def test_side_calls_are_not_turns(story):
    story.edits()
    story.ask(side_call="compaction")
    digest = story.message(Message("assistant", "I'll sum up."))
    story.emit(events.Response, id="side", message=digest, finish=Finish.STOP)
    story.finishes("Tried.").end("finished").oracle()
    assert story.diagnosis().primary == "capability.wrong_solution"


def test_a_session_is_judged_by_its_end(story):
    story.edits().finishes("Fixed it.").end("finished")
    found = story.diagnosis(None)
    assert (found.outcome, found.primary) == ("unscored", "inconclusive")
    assert found.task == "fix-bug"


def test_a_trace_with_an_oracle_needs_no_result(story):
    story.edits().finishes("Fixed it.").end("finished", "no").oracle()
    assert story.diagnosis(None).primary == "claim.false_success.unverified"


def test_a_repeated_reply_is_quoted_where_it_first_stands(story):
    story.reply("I'll look.", raw="").reply("I'll look.", raw="").end("gave_up").oracle()
    (only,) = story.diagnosis().modes
    assert (only.count, len(only.evidence)) == (2, 1)


def test_quotes_count_code_points(story):
    story.reply("😀😀 é\u0301 I'll look at “app.py”.").end("gave_up").oracle()
    (only,) = story.diagnosis().modes
    assert only.evidence[0].quote == "I'll look at “app.py”."


@pytest.mark.parametrize("damage", [b"{", b'{"kind":"end"}\n', b"\xff\n{}\n"])
def test_a_broken_trace_is_a_note(story, damage):
    story.reply("I'll look.").end("gave_up").oracle()
    story.write()
    trace = story.folder / "events.jsonl"
    trace.write_bytes(trace.read_bytes() + damage)
    found = diagnose_trial(story.folder)
    assert found.primary == "inconclusive"
    assert found.note
    assert [mode.id for mode in found.modes] == ["format.no_tool_call"]


def test_a_missing_trace_is_a_note(story):
    story.reply("I'll look.").end("gave_up").write()
    (story.folder / "events.jsonl").unlink()
    found = diagnose_trial(story.folder)
    assert (found.outcome, found.primary) == ("failed_oracle", "inconclusive")
    assert found.note


def test_a_broken_result_is_a_note(story):
    story.reply("I'll look.").end("gave_up").write()
    (story.folder / "result.json").write_text("{")
    found = diagnose_trial(story.folder)
    assert found.primary == "inconclusive"
    assert "result.json" in found.note


def test_an_empty_folder_is_a_note(tmp_path):
    assert diagnose_trial(tmp_path).note


def test_thresholds_are_those_of_the_lock(new_story, tmp_path):
    folder = tmp_path / "trials" / "fix-bug" / "arm" / "1" / "attempt-1"
    story = new_story(folder)
    for _ in range(3):
        story.runs("cat app.py", "x = 0")
    story.end("max_turns")
    assert [m.id for m in story.diagnosis().modes] == ["gen.action_loop", "harness.budget_steps"]
    lock = make_lock("arm", {"guard": {"repeat_calls": 5}}, {}, {}, {})
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / f"{lock.arm}.json").write_bytes(msgspec.json.encode(lock))
    assert [m.id for m in story.diagnosis(arm=lock.arm).modes] == ["harness.budget_steps"]


@pytest.mark.parametrize("guard", [None, {"repeat_calls": 0}, {"loop_chars": "x"}, 7])
def test_thresholds_that_cannot_be_used_are_the_defaults(new_story, tmp_path, guard):
    lock = make_lock("arm", {"guard": guard}, {}, {}, {})
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / f"{lock.arm}.json").write_bytes(msgspec.json.encode(lock))
    story = new_story(tmp_path / "trials" / "fix-bug" / "arm" / "1" / "attempt-1")
    for _ in range(3):
        story.runs("cat app.py", "x = 0")
    found = story.end("max_turns").diagnosis(arm=lock.arm)
    assert "gen.action_loop" in [mode.id for mode in found.modes]


WORDS = st.sampled_from(
    ["", "I'll look.", "Fixed it.", "```\nx\n```", "{", '{"command":"pytest"}', "ab" * 300, "é😀"]
)
DIGESTS = st.sampled_from(["d1", "d2", "d3"])
IDS = st.sampled_from(["c1", "c2"])


def event(cls, **fields):
    return st.builds(cls, seq=st.just(0), t=st.just(0.0), turn=st.integers(0, 3), **fields)


CALLS = st.lists(st.builds(Call, IDS, WORDS, WORDS), max_size=2).map(tuple)
EVENTS = st.one_of(
    event(
        events.Begin,
        trial=st.just(events.TrialRef("t")),
        schema_version=st.just(1),
        identity=st.dictionaries(
            st.sampled_from(["model", "window"]), st.one_of(st.none(), st.integers(), WORDS)
        ),
    ),
    event(
        events.MessageEvent,
        digest=DIGESTS,
        role=st.sampled_from(["assistant", "user"]),
        text=WORDS,
        think=WORDS,
        calls=CALLS,
    ),
    event(
        events.Request,
        id=IDS,
        messages=st.just(()),
        tools_digest=st.sampled_from(["", "t1"]),
        caps=st.builds(Caps, st.integers(0, 9)),
        side_call=st.sampled_from([None, None, "reask"]),
    ),
    event(
        events.Response,
        id=IDS,
        message=DIGESTS,
        finish=st.sampled_from(Finish),
        raw=WORDS,
        usage=st.builds(Usage, st.integers(0, 9), st.just(0), st.integers(0, 9)),
        verdict=st.sampled_from(["ok", "repaired", "reask", "no_call"]),
        reason=st.sampled_from([None, "cut off", "unknown tool 'x'"]),
    ),
    event(
        events.Guard,
        rule=WORDS,
        mode=st.just("enforce"),
        action=st.just("stop"),
        channel=st.sampled_from(["text", "think", "calls", ""]),
        finding=WORDS,
    ),
    event(
        events.Tool,
        call_id=IDS,
        exit=st.sampled_from([None, 0, 1, 127]),
        output=WORDS,
        files=st.sampled_from([(), (events.FileChange("a"),)]),
    ),
    event(
        events.Fault,
        boundary=st.sampled_from(Boundary),
        type=st.sampled_from(["", "ContextOverflowError"]),
        message=st.sampled_from(["", "No space left on device", "prompt is too long"]),
        channel=st.sampled_from(["server", "harness", "sandbox", "disk"]),
    ),
    event(
        events.Oracle,
        phase=st.sampled_from(["run", "policy"]),
        exit=st.just(1),
        reward=st.sampled_from([None, 0.0, 1.0]),
        output=WORDS,
    ),
    event(events.End, ended=st.sampled_from(Ended), verified=st.sampled_from(Verified)),
)


@settings(deadline=None, max_examples=60)
@given(told=st.lists(EVENTS, max_size=25))
def test_any_trace_is_read_and_every_quote_stands(new_story, told):
    with tempfile.TemporaryDirectory() as name:
        story = new_story(Path(name) / "attempt-1")
        for event in told:
            numbered = msgspec.structs.replace(event, seq=len(story.lines))
            story.lines.append(msgspec.json.encode(numbered))
        assert not story.diagnosis(None).note
        for status in ("failed", "error", "not_run"):
            story.ended = next((e.ended for e in told if isinstance(e, events.End)), None)
            assert not story.diagnosis(status).note


@settings(deadline=None, max_examples=50)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_note_or_a_trace(new_story, data):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "events.jsonl").write_bytes(data)
        (folder / "result.json").write_bytes(data)
        assert diagnose_trial(folder).primary == "inconclusive"


def test_memory_does_not_grow_with_the_trace():
    reader = TrialReader(GuardSpec())
    common = {"seq": 0, "t": 0.0}
    for turn in range(2000):
        call = Call(f"c{turn}", "run_command", f'{{"command":"cat {turn}"}}')
        message = Message("assistant", "I'll look.", calls=(call,))
        reader.feed(
            3 * turn,
            events.MessageEvent(
                digest=message.digest,
                role="assistant",
                text=message.text,
                calls=(call,),
                turn=turn,
                **common,
            ),
        )
        reader.feed(
            3 * turn + 1,
            events.Response(
                id="r", message=message.digest, finish=Finish.TOOL_CALLS, turn=turn, **common
            ),
        )
        reader.feed(
            3 * turn + 2,
            events.Fault(
                boundary=Boundary.ENGINE,
                type="E",
                message="m",
                channel="server",
                turn=turn,
                **common,
            ),
        )
    assert len(reader._messages) <= 32
    assert len(reader._pending) <= 1
    assert len(reader.trial.faults) <= 8
    assert find_modes(reader.close()) == ()
