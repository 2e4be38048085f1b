"""`seatrial gateway --replay RUN`: rules over recorded turns, without any server."""

from __future__ import annotations

import json
from pathlib import Path

from seatrial.cli import main
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import Message
from seatrial.core.schema import TRACE_VERSION
from seatrial.core.trace import Begin, Request, Response, TrialRef
from seatrial.store import TraceWriter

LOOP = "Let me look at the file once more to be sure. "


def recorded(folder: Path, text: str, finish: Finish) -> Path:
    """A run of one session with one answer."""
    place = folder / "sessions" / "pi" / "one"
    place.mkdir(parents=True)
    writer = TraceWriter(place)
    writer.emit(Begin, turn=0, trial=TrialRef(task="session"), schema_version=TRACE_VERSION)
    asked = writer.message(Message(role="user", text="Create a file."), 1)
    writer.emit(Request, turn=1, id="r1", messages=(asked,))
    said = writer.message(Message(role="assistant", text=text), 1)
    usage = Usage(prompt=10, completion=len(text) // 4)
    writer.emit(Response, turn=1, id="r1", message=said, finish=finish, usage=usage)
    writer.close()
    return folder


def test_a_loop_would_have_been_cut(tmp_path, capsys):
    run = recorded(tmp_path, LOOP * 300, Finish.LENGTH)
    assert main(["gateway", "--replay", str(run)]) == 0
    out = capsys.readouterr().out
    assert "cut 1 of 1 length stops" in out and "text_loop: 1" in out
    assert main(["gateway", "--replay", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["saved_tokens"] > 1000 and told["seen"][0]["trace"] == "sessions/pi/one"


def test_a_sound_answer_is_left_alone(tmp_path, capsys):
    run = recorded(tmp_path, "The file is there. All tests pass.", Finish.STOP)
    assert main(["gateway", "--replay", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["by_rule"] == {}


def test_a_rule_can_be_left_out(tmp_path, capsys):
    run = recorded(tmp_path, LOOP * 300, Finish.LENGTH)
    assert main(["gateway", "--replay", str(run), "--off", "text_loop", "--json"]) == 0
    assert "text_loop" not in json.loads(capsys.readouterr().out)["by_rule"]
    on = ["--on", "verify_before_done", "--off", "text_loop", "--json"]
    assert main(["gateway", "--replay", str(run), *on]) == 0


def test_other_thresholds_can_be_tried_on_what_was_recorded(tmp_path, capsys):
    run = recorded(tmp_path, LOOP * 30, Finish.STOP)
    counts = []
    for chars in (1040, 9000):
        words = ["-c", f"guard.loop_chars={chars}", "--json"]
        assert main(["gateway", "--replay", str(run), *words]) == 0
        counts.append(json.loads(capsys.readouterr().out)["by_rule"].get("text_loop", 0))
    assert counts == [1, 0]


def test_no_trace_is_one_line_and_a_hint(tmp_path, capsys):
    assert main(["gateway", "--replay", str(tmp_path)]) == 64
    assert "no recorded turns" in capsys.readouterr().err
    assert main(["gateway", "--replay", str(tmp_path), "--off", "nope"]) == 64
    assert "no such rule: nope" in capsys.readouterr().err
