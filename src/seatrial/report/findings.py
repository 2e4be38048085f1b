"""Findings of lint for a terminal: worst first, each with what, why, and what to change.

It must read well to somebody who has never heard of KV caches, and without colour. In: findings.
Out: text that ends in a newline.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from textwrap import wrap

from seatrial.report.visible import visible
from seatrial.serve.lint.rule import Finding, Severity
from seatrial.serve.lint.subject import Place

WIDTH = 96
_MOST = 5
"""Places of one rule that are shown: a mistake in a macro is seen in every model."""
_COLORS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36"}
_GROUNDS = {
    "config": "the server's configuration",
    "client": "the client's configuration",
    "facts": "--url of the running server",
    "survey": "a survey by `seatrial doctor`",
    "turns": "recorded turns",
    "log": "the server's log",
    "gguf": "the model file on this machine",
    "concurrency": "a planned number of requests at a time",
}
_SILENT = "facts that this server does not tell"


def findings_text(findings: Sequence[Finding], *, color: bool = False) -> str:
    """Every rule that fired, in the order given: why it matters once, then each place."""
    by_rule: dict[tuple[str, Severity], list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault((finding.rule, finding.severity), []).append(finding)
    return "".join(f"{_block(same, color)}\n" for same in by_rule.values())


def summary(findings: Sequence[Finding], checked: int) -> str:
    """One sentence: how many of each kind."""
    counts = {kind: sum(one.severity is kind for one in findings) for kind in Severity}
    said = ", ".join(
        f"{count} {kind.value if kind is not Severity.INFO else 'note'}{'s' if count != 1 else ''}"
        for kind, count in counts.items()
        if count
    )
    return f"{said or 'nothing found'} by {checked} rules\n"


def not_checked_text(
    not_checked: Mapping[str, str], there: Collection[str] = (), *, asked: bool = False
) -> str:
    """One line: how many rules did not run, and with what more of them would; empty if all ran.

    `there` = the grounds that are there already; `asked` = a server was named and asked.
    """
    if not not_checked:
        return ""
    needs: dict[str, int] = {}
    for need in not_checked.values():
        for ground in sorted({*need.replace(" or ", "+").split("+")} - {*there}):
            needs[ground] = needs.get(ground, 0) + 1
    words = _GROUNDS | ({"facts": _SILENT} if asked else {})
    said = ", ".join(
        f"{words.get(ground, ground)} ({count})"
        for ground, count in sorted(needs.items(), key=lambda pair: -pair[1])
    )
    total = len(not_checked)
    more = f"; more would be with {said}" if said else ""
    return f"not checked: {total} rule{'s' if total != 1 else ''}{more}\n"


def _block(same: Sequence[Finding], color: bool) -> str:
    first = same[0]
    severity = first.severity.value
    if color:
        severity = f"\x1b[{_COLORS[first.severity]}m{severity}\x1b[0m"
    lines = [f"{severity} {first.rule}: {visible(first.title)}"]
    places: dict[tuple[str, str], list[Finding]] = {}
    for one in same:
        places.setdefault((one.seen, one.fix), []).append(one)
    one_fix = len({fix for _, fix in places}) == 1
    for (seen, fix), found in list(places.items())[:_MOST]:
        lines += _said("seen", seen)
        where = dict.fromkeys(_place(one.place) for one in found if one.place is not None)
        lines += _said("where", ", ".join(where)) if where else []
        lines += [] if one_fix else _said("fix", fix)
    if len(places) > _MOST:
        lines.append(f"{'':9}and {len(places) - _MOST} more like these (--json lists all)")
    lines += _said("fix", first.fix) if one_fix else []
    lines += _said("why", first.why)
    return "\n".join(lines) + "\n"


def _said(label: str, text: str) -> list[str]:
    """A labelled text, wrapped and indented; what people copy is not broken inside a word."""
    bare = " ".join(visible(text).split())
    pieces = wrap(bare, WIDTH - 8, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"  {label + ':':<6} {pieces[0]}", *(f"{'':9}{piece}" for piece in pieces[1:])]


def _place(place: Place) -> str:
    source = visible(place.source)
    return source if place.line is None else f"{source}:{place.line}"
