"""`seatrial gateway --replay RUN`: what the rules would have done to recorded turns, for nothing.

No server is asked and nothing is written. In: a run folder with trials or sessions. Out: one
sentence, the rules with their counts, and the decisions themselves as JSON.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import msgspec

from seatrial.core.config import GuardSpec
from seatrial.core.errors import UserError
from seatrial.guard import Memory, Replay, gateway_rules, replay
from seatrial.report.visible import one_line
from seatrial.store import PACKED, PLAIN, read_events

_SHOWN = 20
"""Decisions that a person is shown; `--json` has all."""


def replayed(run: Path, guard: GuardSpec, *, as_json: bool) -> int:
    """Run the gateway's rules over every trace below `run`, and tell what they would have done.

    Raises:
        UserError: there is no trace.
    """
    total, found = Replay(), []
    for place in _traces(run):
        done = replay(read_events(place), partial(gateway_rules, guard, memory=Memory()))
        total += done
        found += [(place.relative_to(run).as_posix(), seen) for seen in done.seen]
    if as_json:
        rows = [{"trace": trace, **msgspec.to_builtins(seen)} for trace, seen in found]
        told = {**msgspec.to_builtins(total), "by_rule": total.by_rule, "seen": rows}
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        return 0
    lines = [total.summary()]
    lines += [f"  {rule}: {count}" for rule, count in total.by_rule.items()]
    for trace, seen in found[:_SHOWN]:
        finding = seen.decision.finding
        detail = finding.detail if finding is not None else ""
        lines.append(f"  {trace} turn {seen.turn}: {seen.rule}: {one_line(detail)}")
    if len(found) > _SHOWN:
        lines.append(f"  … {len(found) - _SHOWN} more: --json has them")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _traces(run: Path) -> list[Path]:
    places = sorted({path.parent for name in (PLAIN, PACKED) for path in run.rglob(name)})
    if not places:
        hint = "give a run folder: `seatrial runs` lists them"
        raise UserError(f"{run}: no recorded turns", hint=hint)
    return places
