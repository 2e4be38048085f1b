"""The comparison as data and as a page.

In: outcomes of every case and parser. Out: one JSON object, and Markdown made from it alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from peers.scoring import ERROR, EXACT, GROUPS, MISSED, OUTCOMES, REFUSABLE, UNCOVERED, WRONG
from seatrial.stats import wilson

COMMAND = "python scripts/compare_parsers.py"
OURS = "Seatrial"

LIMITS = """\
- Text only. The servers also see token ids; a marker that is a special token there is plain text
  here. Harmony on vLLM needs token ids and is not covered.
- Whole responses. Streaming has other code and other defects.
- Cut responses count by the calls that a parser gives. A client that looks at the finish reason
  can still refuse them.
- No grammar held the model while it wrote. A server that constrains calls will not see some of
  these defects.
- Each peer gets the parser that belongs to the dialect of the response, told by its first marker
  and not by its label, and its reasoning parser exactly where there is reasoning: the best case
  of a configuration. Prose without a marker goes to the Hermes parser, bare JSON to the one for
  Llama. Forms that no server has a parser for (Python, ReAct, tags named after tools) are not
  covered.
- Text behind a token that ends the turn is part of a case. A server whose stop tokens are right
  never sees it.
- The peers cannot ask again. On a re-ask case every parser is exact that gives no call; on the
  others no parser is credited for saying why.
- json_repair repairs JSON and no dialects: it is given the JSON of an envelope, from the first
  bracket to the last. forge's values from markup are typed by the function of its own client.
- mlx-lm's server loop between its state machine and its parsers is written after the original.
- An exception that a server catches itself is scored by what its client would get.
- The cases were written by the authors of Seatrial to specify its parser, most of them after
  defects in public issues, and the parser was developed against these very cases; no peer has
  seen them. For Seatrial the tables say that it meets its specification, not how it would do on
  cases it was not made for. For the peers they say which defects they survive. Neither says how
  often a model makes them, and what to do about a defect is a choice that a peer may have made
  differently. The intervals cover none of this.
- The adapters were corrected after looking at results, to give a peer the text it expects, the
  better of two parsers, or no case that it does not claim. Two corrections cut both ways: JSON
  after prose goes to the Llama parser too, which gains calls and false calls, and json_repair's
  objects count as calls only with an `arguments` or `parameters` key."""


@dataclass(frozen=True)
class Row:
    """One case and the outcome for each parser."""

    id: str
    kind: str
    label: str
    dialect: str
    outcomes: Mapping[str, str]


def data(
    rows: Sequence[Row], versions: Mapping[str, str], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that the page shows."""
    parsers = list(rows[0].outcomes)
    groups = list(dict.fromkeys(GROUPS.values()))
    return {
        "command": COMMAND,
        **about,
        "versions": dict(sorted(versions.items())),
        "method": "Wilson, 95 %",
        "groups": {
            group: {name: _score(_of(rows, group), name) for name in parsers} for group in groups
        },
        "all": {name: _score(rows, name) for name in parsers},
        "pairs": {name: _pair(rows, name) for name in parsers if name != OURS and OURS in parsers},
        "letters": OUTCOMES,
        "parsers": parsers,
        "cases": {row.id: "".join(row.outcomes.values()) for row in rows},
    }


def _of(rows: Sequence[Row], group: str) -> list[Row]:
    return [row for row in rows if GROUPS[row.label] == group]


def _score(rows: Sequence[Row], name: str) -> dict[str, Any]:
    letters = [row.outcomes[name] for row in rows]
    covered = len(letters) - letters.count(UNCOVERED)
    rate = wilson(letters.count(EXACT), covered)
    return {
        "n": covered,
        "exact": letters.count(EXACT),
        "interval": [round(rate.low, 4), round(rate.high, 4)],
        "silent_wrong": letters.count(WRONG) + letters.count(REFUSABLE),
        "executable": letters.count(WRONG),
        "missed": letters.count(MISSED),
        "errors": letters.count(ERROR),
        "not_covered": letters.count(UNCOVERED),
    }


def _pair(rows: Sequence[Row], name: str) -> dict[str, Any]:
    """This peer and us on the cases that it covers."""
    both = [row for row in rows if row.outcomes[name] != UNCOVERED]
    theirs = [row for row in both if row.outcomes[name] == EXACT]
    ours = [row for row in both if row.outcomes[OURS] == EXACT]
    return {
        "n": len(both),
        "both": sum(row.outcomes[OURS] == EXACT for row in theirs),
        "only_peer": [row.id for row in theirs if row.outcomes[OURS] != EXACT],
        "only_ours": sum(row.outcomes[name] != EXACT for row in ours),
    }


def page(found: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page, from the data."""
    sections = [
        f"<!-- Generated by `{COMMAND}`. -->",
        "# Tool-call parsers side by side",
        f"{found['n']} cases of `{found['cases_from']}`. One outcome per case and parser: exact"
        " (every call and value as expected), silent wrong (a call that nobody meant, without an"
        " error), missed (a call is not found), error. Silent wrong is executable if the call fits"
        " the schema of a declared tool; an agent that checks names and schemas refuses the rest.",
        *(_group(name, scores) for name, scores in found["groups"].items()),
        _group("all cases", found["all"]),
        _pairs(found["pairs"]),
        _beaten(found["pairs"], {row.id: row for row in rows}),
        f"## Limits\n\n{LIMITS}",
        "## Versions\n\n"
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + ".",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _group(name: str, scores: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"## {name[0].upper()}{name[1:]}",
        "",
        "| parser | exact | interval | silent wrong | executable | missed | errors | not covered |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for parser, each in scores.items():
        low, high = (100 * bound for bound in each["interval"])
        rate = f"{100 * each['exact'] / each['n']:.1f} %" if each["n"] else "no data"
        lines.append(
            f"| {parser} | {each['exact']} of {each['n']} ({rate}) | {low:.1f} to {high:.1f} % "
            f"| {each['silent_wrong']} | {each['executable']} | {each['missed']} "
            f"| {each['errors']} | {each['not_covered']} |"
        )
    return "\n".join(lines)


def _pairs(pairs: Mapping[str, Mapping[str, Any]]) -> str:
    if not pairs:
        return ""
    lines = [
        "## On the cases that a peer covers",
        "",
        f"| peer | cases | both exact | only {OURS} exact | only the peer exact | neither |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in pairs.items():
        only = len(each["only_peer"])
        neither = each["n"] - each["both"] - each["only_ours"] - only
        lines.append(
            f"| {name} | {each['n']} | {each['both']} | {each['only_ours']} | {only} | {neither} |"
        )
    return "\n".join(lines)


def _beaten(pairs: Mapping[str, Mapping[str, Any]], rows: Mapping[str, Row]) -> str:
    if not pairs:
        return ""
    peers: dict[str, list[str]] = {}
    for name, each in pairs.items():
        for case in each["only_peer"]:
            peers.setdefault(case, []).append(name)
    if not peers:
        return "## Where a peer beats us\n\nNowhere among these cases."
    lines = [
        "## Where a peer beats us",
        "",
        "| case | kind | label | dialect | exact | ours |",
        "|---|---|---|---|---|---|",
    ]
    for case in sorted(peers):
        row = rows[case]
        ours = OUTCOMES[row.outcomes[OURS]].partition(":")[0]
        lines.append(
            f"| `{case}` | {row.kind} | {row.label} | {row.dialect} | {', '.join(peers[case])} "
            f"| {ours} |"
        )
    return "\n".join(lines)
