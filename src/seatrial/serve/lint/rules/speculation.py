"""Rules P01-P04: drafting ahead (speculative decoding), and what a run should write down.

A small model, or a part of the big one, guesses the next tokens and the big model checks them:
faster if the guesses are good, slower if not. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.readers.llama_flags import REMOVED, RETIRED
from seatrial.serve.lint.replacement import written_as
from seatrial.serve.lint.rule import Edit, Problem, Severity, rule
from seatrial.serve.lint.subject import ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import facts_are_of, is_llama

RETIRED_FROM_BUILD = 11_053
MIN_ACCEPTANCE = 0.5
MIN_DRAFTED = 100
"""Fewer guesses say nothing."""
MIN_POINTS = 3
"""A measurement of the survey is a few dozen tokens long: one or two say nothing."""

_RENAMED = {
    "--draft": "--spec-draft-n-max",
    "--draft-n": "--spec-draft-n-max",
    "--draft-max": "--spec-draft-n-max",
    "--draft-min": "--spec-draft-n-min",
    "--draft-n-min": "--spec-draft-n-min",
}
_ACCEPTANCE = re.compile(r"draft acceptance.*?\(\s*(\d{1,12}) accepted /\s*(\d{1,12}) generated\)")
_BUILD = re.compile(r"\bb(\d{4,6})\b")


@rule(
    "P01",
    Severity.ERROR,
    "flag was removed",
    ("config",),
    why="llama-server ends at once when it meets a flag that it no longer has.",
    source="llama.cpp tools/server/README.md; messages of build b11549",
)
def removed_flag(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        for setting in server.unknown:
            flag = re.split(r"[\s=]", setting.written.strip(), maxsplit=1)[0]
            instead = REMOVED.get(flag)
            if instead is not None:
                yield Problem(
                    seen=f"{server.name}: `{setting.written}` was removed",
                    fix=f"write {instead}" if not instead.startswith("nothing") else _drop(instead),
                    place=setting.place,
                    edit=_renamed(setting, flag, server),
                )
        build = _build(server, subject)
        for name, instead in RETIRED.items() if build >= RETIRED_FROM_BUILD else ():
            retired = server.options.get(name)
            if retired is not None and is_llama(server):
                yield Problem(
                    seen=f"{server.name}: `{retired.written}` was removed; this is build b{build}",
                    fix=f"write {instead}",
                    place=retired.place,
                )


def _drop(instead: str) -> str:
    return f"remove it: {instead.removeprefix('nothing: ')}"


def _renamed(setting: Setting, flag: str, server: ServerConfig) -> Edit | None:
    """Only where the flag has one successor: with n-gram drafting `--draft-max` has another."""
    kind = server.get("spec-type")
    if flag not in _RENAMED or (isinstance(kind, str) and "ngram" in kind):
        return None
    return written_as(setting, setting.written.replace(flag, _RENAMED[flag], 1))


def _build(server: ServerConfig, subject: Subject) -> int:
    """Number of the build if the facts say it of this server; 0 = unknown."""
    facts = subject.facts
    if facts is None or facts.version is None or not facts_are_of(server, subject):
        return 0
    found = _BUILD.search(str(facts.version.value))
    return int(found.group(1)) if found else 0


@rule(
    "P02",
    Severity.WARNING,
    "most guesses of the draft are thrown away",
    ("turns",),
    ("log",),
    ("survey",),
    why=(
        "Each wrong guess costs time. Below one half accepted, drafting ahead usually makes the "
        "server slower than without it."
    ),
    source="ggml-org/llama.cpp#25908",
)
def low_acceptance(subject: Subject) -> Iterator[Problem]:
    for where, accepted, drafted in _acceptances(subject):
        if drafted >= MIN_DRAFTED and accepted / drafted < MIN_ACCEPTANCE:
            yield Problem(
                seen=f"{where}: {accepted:,} of {drafted:,} guesses accepted "
                f"({accepted / drafted:.0%})",
                fix=_ACCEPTANCE_FIX,
            )
    shares = list(_surveyed(subject))
    mean = sum(shares) / len(shares) if shares else 1.0
    if len(shares) >= MIN_POINTS and mean < MIN_ACCEPTANCE:
        seen = f"survey: {mean:.0%} of the guesses were accepted, over {len(shares)} measurements"
        yield Problem(seen=seen, fix=_ACCEPTANCE_FIX)


_ACCEPTANCE_FIX = (
    "set --spec-draft-p-min 0.75 and measure again, or switch it off: remove --spec-type and the "
    "draft model"
)


def _surveyed(subject: Subject) -> Iterator[float]:
    for one in subject.survey.observations if subject.survey is not None else ():
        share = one.values.get("draft_acceptance")
        if isinstance(share, (int, float)):
            yield float(share)


def _acceptances(subject: Subject) -> Iterator[tuple[str, int, int]]:
    drafted = sum(turn.drafted or 0 for turn in subject.turns if turn.draft_accepted is not None)
    accepted = sum(turn.draft_accepted or 0 for turn in subject.turns if turn.drafted is not None)
    yield f"{len(subject.turns)} turns", accepted, drafted
    found = [match for line in subject.log if (match := _ACCEPTANCE.search(line))]
    if found:
        sums = [sum(int(match.group(group)) for match in found) for group in (1, 2)]
        yield "log", sums[0], sums[1]


@rule(
    "P03",
    Severity.INFO,
    "length of the draft is the default",
    ("config",),
    why=(
        "How many tokens to guess at a time depends on model, card and text; the default of 3 "
        "is a guess as well, and 2 to 4 differ measurably."
    ),
    source="ggml-org/llama.cpp PR #23269",
)
def default_draft(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        kind = server.options.get("spec-type")
        draft = kind or server.options.get("spec-draft-model")
        drafts = kind is None or "draft" in str(kind.value)
        if draft is None or not drafts or not is_llama(server):
            continue
        if "spec-draft-n-max" in server.options:
            continue
        yield Problem(
            seen=f"{server.name}: `{draft.written}` without --spec-draft-n-max",
            fix="try --spec-draft-n-max 2, 3 and 4 as a paired experiment and keep the fastest",
            place=draft.place,
        )


@rule(
    "P04",
    Severity.INFO,
    "build or command line of the server is unknown",
    ("facts",),
    why=(
        "A result can only be repeated, and a surprise only be explained, when the run has "
        "written down which program served the model and how it was started."
    ),
    source="principle: no trial before the served identity is proven",
)
def unrecorded(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None:
        return
    missing = [
        what
        for what, fact in (("its version", facts.version), ("its command line", facts.command))
        if fact is None
    ]
    if missing:
        yield Problem(
            seen=f"{facts.url} ({facts.family.title}): {' and '.join(missing)} could not be read",
            fix="write both into the run by hand, or run the survey on the machine of the server, "
            "where its process can be seen",
        )
