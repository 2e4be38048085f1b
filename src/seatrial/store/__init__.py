"""What is kept on disk: run folders, traces, and an index that can be thrown away."""

from seatrial.store.files import read_versioned, write_atomic
from seatrial.store.frames import FRAME_LINES, PACKED, PLAIN, compact, frame_offsets
from seatrial.store.index import INDEX, list_runs, list_trials, reindex
from seatrial.store.index_rows import RunRow, TrialRow
from seatrial.store.layout import TrialKey, decode_name, encode_name
from seatrial.store.manifest import Manifest, SuiteRecord, read_result
from seatrial.store.run import Attempt, RunDir
from seatrial.store.trace import TraceReader, TraceWriter, read_events, read_line, read_lines

__all__ = [
    "FRAME_LINES",
    "INDEX",
    "PACKED",
    "PLAIN",
    "Attempt",
    "Manifest",
    "RunDir",
    "RunRow",
    "SuiteRecord",
    "TraceReader",
    "TraceWriter",
    "TrialKey",
    "TrialRow",
    "compact",
    "decode_name",
    "encode_name",
    "frame_offsets",
    "list_runs",
    "list_trials",
    "read_events",
    "read_line",
    "read_lines",
    "read_result",
    "read_versioned",
    "reindex",
    "write_atomic",
]
