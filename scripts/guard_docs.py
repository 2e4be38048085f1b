"""The page of the reference about the guard: its rules, and what the gateway counts.

In: the registries of `seatrial.guard` and `seatrial.gateway`. Out: Markdown, for
`generate_docs.py`.
"""

from __future__ import annotations

import inspect

from seatrial.gateway.metrics import COUNTERS, GAUGES, PREFIX
from seatrial.guard.rules import RULES

_INTRODUCTION = """\
A rule watches the events of one answer, or the messages of one request. In mode `enforce` it may
hold, edit, retry or stop; in mode `observe` it only says what it would have done; `off` leaves it
out. The same rules run over recorded turns (`seatrial gateway --replay RUN`).

The two columns are the modes in which a rule runs when nobody says otherwise: around our own
agent, which does much of this itself, and in the gateway. `seatrial gateway --observe` lets none
go further than `observe`; `--off RULE` leaves one out. Their thresholds stand in the
[configuration](config.md)."""

_COUNTED = """\
`GET /metrics`, in the text format of Prometheus. Labels are few and bounded: client, rule, mode,
action, status."""


def guard_page() -> str:
    """The rules in the order in which they see an event, and the counters."""
    lines = ["# Guard rules", "", _INTRODUCTION, "", "## Rules", ""]
    lines += ["| rule | does | agent | gateway |", "|---|---|---|---|"]
    for id, entry in RULES.items():
        does = (inspect.getdoc(entry.make) or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"| `{id}` | {does} | {entry.agent} | {entry.gateway} |")
    lines += ["", "## Counters", "", _COUNTED, "", "| name | type | counts |", "|---|---|---|"]
    for kind, named in (("counter", COUNTERS), ("gauge", GAUGES)):
        lines += [f"| `{PREFIX}{name}` | {kind} | {text} |" for name, text in named.items()]
    return "\n".join(lines) + "\n"
