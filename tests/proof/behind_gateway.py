"""Dinghy on the embedded engine, with a gateway in front of it or not, and what came of it.

In: tasks, a client. Out: traces of trials and sessions as plain data, and the engine's own
counters.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seatrial.bench.arm import resolve
from seatrial.bench.trial import Trial, run_trial
from seatrial.chat import Facts, LlamaCppEndpoint
from seatrial.core import trace as events
from seatrial.core.config import ArmSpec
from seatrial.core.generation import Usage
from seatrial.core.result import Result
from seatrial.core.trace import TraceEvent, TrialRef
from seatrial.store import read_events
from seatrial.suites import Task
from tests.gateway import load

LEFT_OUT = {
    "t": "seconds since the start",
    "seconds": "of a tool",
    "timings": "of an answer",
    "identity.pid": "another engine process in each pass",
    "identity.url": "any free port",
    "body_sha256": "over a body with ids that the engine draws by chance",
}
"""What may differ between two passes. The engine draws call ids by chance: they, and the digests
of messages, are compared by their order of appearance. So is what pytest says of its duration."""

KindT = TypeVar("KindT")
_DURATION = re.compile(r"in \d+\.\d+s")
_COUNTERS = {
    "prompt": "llamacpp:prompt_tokens_total",
    "cached": "llamacpp:prompt_tokens_cached_total",
    "completion": "llamacpp:tokens_predicted_total",
}


@contextmanager
def engine(parsing: str = "server") -> Iterator[str]:
    """The URL of a fresh engine with one slot."""
    words = ("serve", "dinghy", "--slots", "1", "--parsing", parsing, "--json")
    with load.process("seatrial", *words) as (url, _):
        yield url


async def trials(url: str, facts: Facts, tasks: list[Task], folder: Path) -> list[Result]:
    """Our agent on `tasks`, greedy, each a conversation with a name of its own."""
    arm = resolve(ArmSpec())
    assert arm.spec.sampling.temperature == 0
    results = []
    for task in tasks:
        ref = TrialRef(task.id, task.digest, "gateway", 1)
        place = folder / task.id
        place.mkdir(parents=True)
        headers = {"X-Session-Id": task.id, "User-Agent": "seatrial"}
        async with LlamaCppEndpoint(url, facts, options=arm.spec.toolcalls, headers=headers) as end:
            results.append(await run_trial(Trial(ref, task, arm, place), end))
    return results


def sessions(runs: Path) -> list[tuple[Path, list[TraceEvent]]]:
    """Every recorded session, the one that began first first."""
    folders = sorted(runs.glob("*/sessions/*/*"), key=lambda path: path.name)
    return [(folder, list(read_events(folder))) for folder in folders]


def of(kind: type[KindT], trace: list[TraceEvent]) -> list[KindT]:
    return [event for event in trace if isinstance(event, kind)]


def plain(folder: Path) -> list[dict[str, Any]]:
    """The transcript of a trial, without what may differ."""
    names: dict[str, str] = {}
    out = []
    for event in read_events(folder):
        row = msgspec.to_builtins(event)
        for key in LEFT_OUT:
            first, _, last = key.rpartition(".")
            (row.get(first, {}) if first else row).pop(last, None)
        out.append(_renamed(row, names))
    return out


def _renamed(value: Any, names: dict[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _renamed(part, names, name) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(part, names, key) for part in value]
    if not isinstance(value, str):
        return value
    if key in ("digest", "call_id", "id", "messages", "message"):
        return names.setdefault(value, f"{len(names)}")
    return _DURATION.sub("in 0s", value) if key == "output" else value


def counted(url: str) -> Usage:
    """The engine's own counters."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = [line.split() for line in answer.read().decode().splitlines()]
    values = {line[0]: int(float(line[1])) for line in lines if not line[0].startswith("#")}
    found = {name: values[counter] for name, counter in _COUNTERS.items()}
    # The engine counts apart what it computed and what it took from its cache.
    return Usage(
        prompt=found["prompt"] + found["cached"],
        cached=found["cached"],
        completion=found["completion"],
    )


def spent(before: Usage, after: Usage) -> tuple[int, int, int]:
    """Prompt tokens, those of them from the cache, and generated tokens, in between."""
    return (
        after.prompt - before.prompt,
        after.cached - before.cached,
        after.completion - before.completion,
    )


def recorded(traces: list[list[TraceEvent]]) -> tuple[int, int, int]:
    """The same as the traces have it, attempts that were thrown away included."""
    total = Usage()
    for trace in traces:
        for response in of(events.Response, trace):
            total += response.usage + response.discarded
    return total.prompt, total.cached, total.completion


def acted(trace: list[TraceEvent]) -> int | None:
    """The first turn in which a rule changed anything."""
    turns = [event.turn for event in of(events.Guard, trace) if event.mode == "enforce"]
    return min(turns, default=None)


def metric(url: str, name: str) -> int:
    """A counter of a gateway, over all labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(rf"^seatrial_gateway_{name}(?:{{.*}})? (\d+)", text, re.MULTILINE)
    return sum(map(int, found))
