"""Traces: what is written reads back, whatever kills the writer or mangles the file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core.errors import FormatError, HarnessError, InfraError
from seatrial.core.evidence import Place, resolve
from seatrial.core.generation import Finish, Usage
from seatrial.core.message import Call, Message
from seatrial.core.result import Ended, Verified
from seatrial.core.trace import (
    Begin,
    Compaction,
    End,
    Fault,
    FileChange,
    Guard,
    MessageEvent,
    Oracle,
    Request,
    Response,
    Source,
    Tool,
    TraceEvent,
    TrialRef,
)
from seatrial.store import (
    PACKED,
    PLAIN,
    TraceWriter,
    compact,
    frame_offsets,
    read_events,
    read_line,
    read_lines,
)
from seatrial.store import trace as trace_module

ODD = 'a\nb\r\u2028\0"\\ \U0001f6a2 é'
EVENTS = [
    (Begin, {"trial": TrialRef("t/x", "d", "a", 3, 2), "identity": {"model": ODD, "n": None}}),
    (MessageEvent, {"digest": "m1", "role": "assistant", "text": ODD, "think": ODD}),
    (Request, {"id": "r1", "messages": ("m1",), "sent": {"temperature": 0.5, "stream": True}}),
    (
        Response,
        {"id": "r1", "message": "m1", "finish": Finish.STOP, "usage": Usage(3, 1, 4, think=2)},
    ),
    (
        Guard,
        {"rule": "loop", "mode": "enforce", "action": "stop", "channel": "text", "finding": ODD},
    ),
    (Tool, {"call_id": "c", "exit": None, "output": ODD, "files": (FileChange("p", None, "x"),)}),
    (Compaction, {"rung": "drop", "before": 10, "after": 5, "kept": ("m1",)}),
    (Fault, {"boundary": "infra", "type": "OSError", "message": ODD, "channel": "disk"}),
    (Oracle, {"phase": "run", "exit": 0, "reward": 1.0, "subtests": {"one": False}}),
    (End, {"ended": Ended.FINISHED, "verified": Verified.YES, "source": Source("", "f", 3)}),
]


def write(folder, count, close=True, text="x" * 200):
    """A trace of `count` events in `folder`."""
    folder.mkdir(exist_ok=True)
    writer = TraceWriter(folder)
    writer.emit(Begin, turn=0, trial=TrialRef("t"))
    for i in range(count - 1):
        writer.emit(Tool, turn=i, call_id=str(i), exit=0, output=text)
    if close:
        writer.close()
    return writer


def test_every_kind_of_event_reads_back_from_both_forms(tmp_path):
    assert {cls for cls, _ in EVENTS} == set(TraceEvent.__args__)
    ticks = iter(range(100))
    writer = TraceWriter(tmp_path, clock=lambda: next(ticks) * 0.25)
    written = [writer.emit(cls, turn=i, **fields) for i, (cls, fields) in enumerate(EVENTS)]
    assert [event.seq for event in written] == list(range(len(EVENTS)))
    assert [event.t for event in written] == [0.25 * (i + 1) for i in range(len(EVENTS))]
    plain = list(read_events(tmp_path))
    # JSON has no enums: what was given as text comes back as the type.
    assert msgspec.to_builtins(plain) == msgspec.to_builtins(written)
    raw = list(read_lines(tmp_path))
    assert writer.close() == (0,)
    assert not (tmp_path / PLAIN).exists()
    assert list(read_events(tmp_path)) == list(read_events(tmp_path / PACKED)) == plain
    assert list(read_lines(tmp_path)) == raw
    assert resolve(read_line(tmp_path, 2), Place(2, 0, 3, "/text")) == ODD[:3]


def test_one_write_an_event(tmp_path, monkeypatch):
    writes = []
    real = trace_module.AppendLog.__init__.__globals__["os"].write
    monkeypatch.setattr("os.write", lambda fd, data: writes.append(bytes(data)) or real(fd, data))
    write(tmp_path, 30, close=False)
    assert len(writes) == 30
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in writes)


def test_a_message_is_written_once(tmp_path):
    writer = write(tmp_path, 1, close=False)
    message = Message("assistant", "hi", calls=(Call("c", "run", '{"a": 1}', (0, 3)),))
    assert writer.message(message, 1) == writer.message(message, 2) == message.digest
    other = writer.message(Message("user", "hi"), 2)
    _, first, second = read_events(tmp_path)
    assert (first.digest, second.digest) == (message.digest, other)
    assert Message(first.role, first.text, first.think, first.calls, first.call_id) == message


def test_the_writer_refuses_what_would_not_read_back(tmp_path):
    writer = TraceWriter(tmp_path)
    with pytest.raises(HarnessError, match="starts with Begin"):
        writer.emit(End, turn=0, ended=Ended.FINISHED, verified=Verified.NO)
    writer.emit(Begin, turn=0, trial=TrialRef("t"))
    good = {"call_id": "c", "exit": 0, "output": ""}
    for bad in ({"output": "\ud800"}, {"exit": "1"}, {"seconds": float("nan")}, {"output": {}}):
        with pytest.raises(HarnessError, match="Tool cannot be written"):
            writer.emit(Tool, turn=1, **(good | bad))
    assert writer.emit(Tool, turn=1, **good).seq == 1
    writer.close()
    assert writer.close() == (0,)
    with pytest.raises(HarnessError, match="closed"):
        writer.emit(Tool, turn=1, **good)
    with pytest.raises(HarnessError, match="there already"):
        TraceWriter(tmp_path)
    assert len(list(read_events(tmp_path))) == 2


def test_a_trace_under_way_is_not_begun_again(tmp_path):
    write(tmp_path, 2, close=False)
    with pytest.raises(HarnessError, match="there already"):
        TraceWriter(tmp_path)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 300])
def test_frames_open_alone_and_lines_keep_their_numbers(tmp_path, count):
    writer = write(tmp_path, count, close=False)
    raw = list(read_lines(tmp_path))
    offsets = writer.close()
    assert len(offsets) == -(-count // 64)
    assert frame_offsets(tmp_path / PACKED) == offsets
    assert compact(tmp_path) == offsets
    for first in {1, 2, 64, 65, 66, 129, count, count + 1, count + 200}:
        assert list(read_lines(tmp_path, first)) == raw[first - 1 :]
    assert read_line(tmp_path, count) == raw[-1][1]
    with pytest.raises(FormatError, match="no line"):
        read_line(tmp_path, count + 1)


def test_a_torn_last_line_is_reported_and_kept(tmp_path):
    write(tmp_path, 70, close=False)
    file = tmp_path / PLAIN
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    for _ in range(2):
        reader = read_events(tmp_path)
        assert not reader.torn
        assert len(list(reader)) == 69
        assert reader.torn
        assert reader.line == 69
        compact(tmp_path)
    assert not file.exists()
    # A line that only lacks its newline has all its bytes.
    (tmp_path / PACKED).unlink()
    file.write_bytes(whole[:-1])
    reader = read_events(tmp_path)
    assert len(list(reader)) == 70
    assert not reader.torn


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (3, b"{}", "line 3"),
        (3, b'{"kind": "tool"', "line 3"),
        (1, b"\xff\xfe", "line 1"),
        (2, b'{"kind":"new_kind","seq":1,"t":0,"turn":0}', "line 2"),
        (3, b"[" * 100_000, "line 3"),
        (3, b"", "line 3"),
    ],
)
def test_a_broken_line_in_the_middle_is_named(tmp_path, line, text, says):
    write(tmp_path, 5, close=False)
    lines = (tmp_path / PLAIN).read_bytes().split(b"\n")
    lines[line - 1] = text
    (tmp_path / PLAIN).write_bytes(b"\n".join(lines))
    reader = read_events(tmp_path)
    with pytest.raises(FormatError, match=says):
        list(reader)


def test_a_lost_line_is_seen(tmp_path):
    write(tmp_path, 5, close=False)
    lines = (tmp_path / PLAIN).read_bytes().splitlines(keepends=True)
    (tmp_path / PLAIN).write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(FormatError, match="line 3: event 3 where 2 was due"):
        list(read_events(tmp_path))


def test_a_newer_trace_says_so(tmp_path):
    (tmp_path / PLAIN).write_text('{"kind":"begin","schema_version":9,"shape":"unknown"}\n')
    with pytest.raises(FormatError, match="schema version 9") as caught:
        list(read_events(tmp_path))
    assert caught.value.hint


def test_no_trace_is_a_format_error(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FormatError, match="no"):
            read_events(path)


def test_a_bomb_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_module, "MAX_LINE_BYTES", 1000)
    (tmp_path / PLAIN).write_bytes(b'"' + b"x" * 5000)
    compact(tmp_path)
    with pytest.raises(FormatError, match="over 1000 bytes"):
        list(read_lines(tmp_path))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Bytes of one trace in both forms."""
    folder = tmp_path_factory.mktemp("pristine")
    write(folder, 150, close=False, text=ODD)
    plain = (folder / PLAIN).read_bytes()
    compact(folder)
    return {PLAIN: plain, PACKED: (folder / PACKED).read_bytes()}


@pytest.mark.parametrize("name", [PLAIN, PACKED])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mangled_files_give_events_or_a_format_error(name, data, pristine, tmp_path_factory):
    whole = pristine[name]
    cut = data.draw(st.integers(0, len(whole)))
    mangled = bytearray(whole[:cut] if data.draw(st.booleans()) else whole)
    for _ in range(data.draw(st.integers(0, 3))):
        if mangled:
            mangled[data.draw(st.integers(0, len(mangled) - 1))] = data.draw(st.integers(0, 255))
    mangled += data.draw(st.binary(max_size=20))
    folder = tmp_path_factory.mktemp("mangled")
    (folder / name).write_bytes(mangled)
    for read in (
        lambda: list(read_events(folder)),
        lambda: list(read_lines(folder, data.draw(st.integers(-1, 300)))),
        lambda: frame_offsets(folder / name),
    ):
        try:
            read()
        except FormatError as error:
            assert str(folder) in error.message


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 10_000))
def test_every_cut_of_a_plain_trace_keeps_what_came_before(cut, pristine, tmp_path_factory):
    whole = pristine[PLAIN][:cut]
    folder = tmp_path_factory.mktemp("cut")
    (folder / PLAIN).write_bytes(whole)
    reader = read_events(folder)
    # The newline itself may be what is missing: then the event is whole.
    assert len(list(reader)) - whole.count(b"\n") in (0, 1)
    assert reader.torn or not whole or whole[-1:] in (b"\n", b"}")


CHILD = """
import os, sys
from pathlib import Path
from seatrial.core.trace import Begin, Tool, TrialRef
from seatrial.store import TraceWriter
folder, count = Path(sys.argv[1]), int(sys.argv[2])
writer = TraceWriter(folder)
writer.emit(Begin, turn=0, trial=TrialRef("t"))
os.write(1, b".")
for i in range(count):
    writer.emit(Tool, turn=i, call_id=str(i), exit=0, output="y" * (37 * i % 3000))
    os.write(1, b".")
if count < 1_000_000:
    writer.close()
    os.write(1, b"!")
"""


@pytest.mark.parametrize("attempt", range(20))
def test_a_kill_loses_at_most_the_event_being_written(attempt, tmp_path, child_env):
    """Odd ones are killed around the compaction, even ones while events are written."""
    compacting = attempt % 2
    count = 1500 if compacting else 1_000_000
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), str(count)],
        stdout=subprocess.PIPE,
        env=child_env,
    )
    with process:
        acknowledged = process.stdout.read(count + 1 if compacting else 1)
        time.sleep(random.uniform(0.0, 0.1 if compacting else 0.03))
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read()
    written = acknowledged.count(b".")
    reader = read_events(tmp_path)
    found = sum(1 for _ in reader)
    assert written <= found <= written + 1
    if compacting:
        assert found == count + 1
        assert not reader.torn
    compact(tmp_path)
    assert sum(1 for _ in read_events(tmp_path)) == found


def test_a_kill_between_the_steps_of_a_compaction(tmp_path, pristine):
    """A half-written copy; a copy in place and the plain file still there."""
    (tmp_path / PLAIN).write_bytes(pristine[PLAIN])
    (tmp_path / f".{PACKED}.tmp").write_bytes(pristine[PACKED][:99])
    assert len(list(read_events(tmp_path))) == 150
    (tmp_path / PACKED).write_bytes(pristine[PACKED])
    assert len(list(read_events(tmp_path))) == 150
    assert len(compact(tmp_path)) == 3
    assert [path.name for path in tmp_path.iterdir()] == [PACKED]
    assert (tmp_path / PACKED).read_bytes() == pristine[PACKED]


def test_a_full_disk_stops_the_trace_and_loses_nothing(small_disk, fill):
    writer = write(small_disk, 10, close=False)
    ballast = fill(small_disk, leave=20_000)
    with pytest.raises(InfraError) as caught:
        for i in range(1000):
            writer.emit(Tool, turn=i, call_id=str(i), exit=0, output="z" * 7000)
    assert "space" in caught.value.hint
    reader = read_events(small_disk)
    before = list(reader)
    assert len(before) > 10
    assert not reader.torn
    ballast.unlink()
    assert writer.emit(End, turn=9, ended="finished", verified="no").seq == len(before)
    writer.close()
    assert list(read_events(small_disk))[:-1] == before


def test_a_full_disk_at_compaction_keeps_the_plain_trace(small_disk, fill):
    writer = write(small_disk, 200, close=False, text=random.Random(1).randbytes(400).hex())
    before = list(read_events(small_disk))
    ballast = fill(small_disk)
    with pytest.raises(InfraError) as caught:
        writer.close()
    assert "space" in caught.value.hint
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", PLAIN]
    assert list(read_events(small_disk)) == before
    ballast.unlink()
    assert len(writer.close()) == 4
    assert list(read_events(small_disk)) == before


def test_a_copy_that_does_not_read_back_is_not_trusted(tmp_path, monkeypatch):
    from seatrial.store import frames

    writer = write(tmp_path, 100, close=False)
    real = frames.zstd.compress
    monkeypatch.setattr(
        frames.zstd, "compress", lambda data, **options: real(data[:-2] + b"!\n", **options)
    )
    with pytest.raises(InfraError, match="does not read back"):
        writer.close()
    assert [path.name for path in tmp_path.iterdir()] == [PLAIN]
    assert len(list(read_events(tmp_path))) == 100


def test_reading_holds_one_line_not_the_trace(tmp_path):
    import tracemalloc

    write(tmp_path, 4000, text="x" * 2000)
    tracemalloc.start()
    assert sum(1 for _ in read_events(tmp_path)) == 4000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_500_000


def test_a_writer_at_rest_holds_no_file_and_goes_on(tmp_path):
    writer = write(tmp_path, 1, close=False)
    before = open_files(tmp_path)
    writer.rest()
    assert (len(before), open_files(tmp_path)) == (1, [])
    writer.message(Message("user", "more"), turn=1)
    writer.rest()
    writer.rest()
    writer.close()
    assert [type(event).__name__ for event in read_events(tmp_path)] == ["Begin", "MessageEvent"]


def open_files(folder):
    """What this process holds open below `folder`."""
    links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [link for link in links if link.startswith(str(folder))]
