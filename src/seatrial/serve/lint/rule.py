"""What a lint rule is, what it finds, and the run of all rules over one subject.

A rule is one small function with a decorator; it fires only on what it can quote. A rule whose
ground is missing does not run and is listed as not checked: silence is not a clean bill. In: a
`Subject`. Out: `Finding`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

from seatrial.serve.lint.subject import Ground, Place, Subject


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    """Work is lost or a verdict is false while this stands."""
    WARNING = "warning"
    INFO = "info"


class Edit(msgspec.Struct, frozen=True):
    """A change of a file: line `line` (from 1) becomes `after`; no lines = it goes."""

    source: str
    line: int
    before: str
    """The line as it was read: a file that changed meanwhile is not patched."""
    after: tuple[str, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a rule fires."""

    seen: str
    """What was seen, with the value: `-np 4 splits -c 32768: 8192 tokens for each request`."""
    fix: str
    """What to change, with the exact flag or line: `set -np 1, or -c 131072`."""
    place: Place | None = None
    edit: Edit | None = None
    severity: Severity | None = None
    """Only where this place is less sure than the rule is."""


Check = Callable[[Subject], Iterable[Problem]]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is known to go wrong."""

    id: str
    severity: Severity
    title: str
    """What is wrong, as a noun phrase: `window of the client is larger than a slot`."""
    needs: tuple[tuple[Ground, ...], ...]
    """Alternatives: the rule runs when all grounds of one of them are there."""
    why: str
    """Why it matters, for somebody who has never heard of KV caches: one or two sentences."""
    source: str
    """Where the fact comes from: an issue, a pull request, a file and line, a measurement."""
    check: Check


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that fired, complete for a report."""

    rule: str
    severity: Severity
    title: str
    seen: str
    why: str
    fix: str
    source: str
    place: Place | None = None
    edit: Edit | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a lint."""

    findings: tuple[Finding, ...]
    """Worst first, then by rule."""
    checked: tuple[str, ...]
    """Ids of the rules that ran."""
    not_checked: dict[str, str]
    """Id -> the ground that is missing: `a+b or c` = both, or else that one."""


_REGISTRY: dict[str, Rule] = {}
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def rule(
    id_: str,
    severity: Severity,
    title: str,
    *needs: tuple[Ground, ...],
    why: str,
    source: str,
) -> Callable[[Check], Check]:
    """Register the decorated check as a rule."""

    def register(check: Check) -> Check:
        if id_ in _REGISTRY:
            raise ValueError(f"rule {id_} is registered twice")
        _REGISTRY[id_] = Rule(
            id=id_,
            severity=severity,
            title=title,
            needs=needs,
            why=why,
            source=source,
            check=check,
        )
        return check

    return register


def registered() -> tuple[Rule, ...]:
    """Every rule, by id."""
    import seatrial.serve.lint.rules  # noqa: F401 - fills the registry

    return tuple(_REGISTRY[id_] for id_ in sorted(_REGISTRY))


def lint(subject: Subject, rules: Iterable[Rule] | None = None) -> Report:
    """Run `rules` (default: all) over `subject`."""
    there = subject.grounds()
    findings: list[Finding] = []
    checked: list[str] = []
    not_checked: dict[str, str] = {}
    for one in registered() if rules is None else rules:
        if not any(there >= set(grounds) for grounds in one.needs):
            not_checked[one.id] = _missing(one, there)
            continue
        checked.append(one.id)
        findings += _findings(one, subject)
    findings.sort(key=lambda found: (_RANK[found.severity], found.rule))
    return Report(findings=tuple(findings), checked=tuple(checked), not_checked=not_checked)


def _missing(one: Rule, there: frozenset[Ground]) -> str:
    """What would have to be added for it to run, without what is there already."""
    ways = [[ground for ground in way if ground not in there] for way in one.needs]
    least = [way for way in ways if not any({*other} < {*way} for other in ways)]
    return " or ".join(dict.fromkeys("+".join(way) for way in least))


def _findings(one: Rule, subject: Subject) -> Iterator[Finding]:
    for problem in one.check(subject):
        yield Finding(
            rule=one.id,
            severity=problem.severity or one.severity,
            title=one.title,
            seen=problem.seen,
            why=one.why,
            fix=problem.fix,
            source=one.source,
            place=problem.place,
            edit=problem.edit,
        )
