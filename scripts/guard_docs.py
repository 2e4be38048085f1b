"""The page of the reference about the guard: its rules, and what the gateway counts.

In: the registries of `seatrial.guard` and `seatrial.gateway`. Out: Markdown, for
`generate_docs.py`.
"""

from __future__ import annotations

import inspect

from seatrial.gateway.metrics import COUNTERS, GAUGES, PREFIX
from seatrial.guard.conversation.shell import LOOKING
from seatrial.guard.rules import RULES
from seatrial.guard.rules.compaction import ORDER
from seatrial.guard.rules.verify import NOTE, NUDGE

_INTRODUCTION = """\
A rule watches the events of one answer, or the messages of one request. In mode `enforce` it may
hold, edit, retry or stop; in mode `observe` it only says what it would have done; `off` leaves it
out. The same rules run over recorded turns (`seatrial gateway --replay RUN`).

The two columns are the modes in which a rule runs when nobody says otherwise: around our own
agent, which does much of this itself, and in the gateway. `seatrial gateway --observe` lets none
go further than `observe`; `--on RULE` lets one act, `--off RULE` leaves one out, so that each is a
factor by itself. Their thresholds stand in the
[configuration](config.md)."""

_COUNTED = """\
`GET /metrics`, in the text format of Prometheus. Labels are few and bounded: client, rule, mode,
action, status."""


_COMPACTION = f"""\
### compaction_pin

A client that runs out of window lets the model summarise the conversation. Such a request is
known by four facts together: a user's message is the last; it orders a summary of the
conversation; somebody is to go on from it; no call can be the answer. So opencode, qwen-code,
codex, pi, Claude Code and Cline are recognised; titles, recaps and tasks that speak of compaction
are not. The last message then ends with

> {ORDER}

and a block `<pinned-task>`: the first words of the user, the last ones where they differ,
conditions that stand in neither, the files that calls changed. Paths come from the arguments of
edits, patches and outright redirections; where the client sends the conversation as one text, its
first words and whole calls are read and nothing else. The block has at most some 6,500
characters, mostly some hundred. A later compaction finds it in the summary and carries it on. A
summary that comes back without the words of the task is told in the record, and passes."""

_VERIFY = f"""\
### verify_before_done

Only observes unless it is switched on. A final answer is held back once when files were changed
since the user's last words, nothing was run after the last change, and the model has a tool that
runs commands. The model is told:

> {NUDGE}

Silent: questions, users who forbid it, prose and data files alone, an answer longer than what is
held back (the client has seen it). The turn that goes on says "{NOTE}", so that the user sees
why, and the conversation tells that it was asked.

A shell command is a check if it runs a program. No checks are package managers that install, and
"""

_LENGTH = """\
### length_nudge

A text without a call that was cut by the token cap in the middle of work, and that the client has
not seen, is asked for once more, shorter. Cut calls are another matter: `truncated_call` never
hands one over."""


def guard_page() -> str:
    """The rules in the order in which they see an event, and the counters."""
    lines = ["# Guard rules", "", _INTRODUCTION, "", "## Rules", ""]
    lines += ["| rule | does | agent | gateway |", "|---|---|---|---|"]
    for id, entry in RULES.items():
        does = (inspect.getdoc(entry.make) or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"| `{id}` | {does} | {entry.agent} | {entry.gateway} |")
    words = ", ".join(f"`{word}`" for word in sorted(LOOKING))
    lines += ["", _COMPACTION, "", f"{_VERIFY}{words}.", "", _LENGTH]
    lines += ["", "## Counters", "", _COUNTED, "", "| name | type | counts |", "|---|---|---|"]
    for kind, named in (("counter", COUNTERS), ("gauge", GAUGES)):
        lines += [f"| `{PREFIX}{name}` | {kind} | {text} |" for name, text in named.items()]
    return "\n".join(lines) + "\n"
