"""The pages of the reference about servers: lint rules, families, survey, model cards, fakes.

In: the registries of `seatrial.serve` and `seatrial.fakes`. Out: Markdown, for
`generate_docs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from seatrial.fakes.personalities import FAULTS
from seatrial.serve.cards import Card, cards
from seatrial.serve.facts import Traits
from seatrial.serve.families import FAMILIES
from seatrial.serve.lint.rule import Rule, Severity, registered
from seatrial.serve.survey.probes import OBSERVATIONS, PROBES

TOPICS = {
    "W": "Window",
    "K": "KV cache and memory",
    "S": "Sampler",
    "G": "Output bounds",
    "R": "Reasoning",
    "T": "Tool calls and templates",
    "C": "Prompt cache",
    "N": "Concurrency, timeouts, identity",
    "P": "Speculation and records",
    "D": "What the server says and does",
}

GROUNDS = {
    "config": "a server's settings",
    "client": "a client's settings",
    "facts": "the running server",
    "survey": "the survey",
    "turns": "recorded turns",
    "log": "the server's log",
    "gguf": "the model file",
    "concurrency": "how many requests are meant to run at a time",
}


def lint_page() -> str:
    """Every lint rule, by topic."""
    rules = registered()
    counts = ", ".join(f"{sum(r.severity is s for r in rules)} {s.value}s" for s in Severity)
    parts = [
        "# Lint rules",
        "",
        f"{len(rules)} rules ({counts}). `seatrial lint` runs those that need only files, "
        "`seatrial doctor` runs all whose ground it has. A rule fires only on what it can quote; "
        "one whose ground is missing is listed as not checked.",
    ]
    for letter, topic in TOPICS.items():
        of_topic = [rule for rule in rules if rule.id.startswith(letter)]
        if of_topic:
            parts += ["", f"## {topic}", "", *_table(of_topic)]
    return "\n".join(parts) + "\n"


def _table(rules: Iterable[Rule]) -> list[str]:
    head = ("id", "severity", "what is wrong", "why it matters", "needs", "source")
    return _rows(
        head, ((r.id, r.severity.value, r.title, r.why, _needs(r), r.source) for r in rules)
    )


def _needs(rule: Rule) -> str:
    return ", or ".join(" and ".join(GROUNDS[ground] for ground in way) for way in rule.needs)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def servers_page() -> str:
    """Families, survey, cards and the faults of the fakes."""
    parts = [
        "# Servers",
        "",
        "What `seatrial doctor`, `attest` and `lint` know of each kind of server. A fact of a "
        "running server carries its source; what could not be learned is shown as not known.",
        "",
        "## Families",
        "",
        *_families(),
        "",
        "## Survey",
        "",
        "Probes, in order. `quick` is the default of `seatrial doctor`, `--full` and `--overflow` "
        "hold more.",
        "",
        *_probes(),
        "",
        "Observations, with what it means that one is good:",
        "",
        *_rows(("observation", "good means"), sorted(OBSERVATIONS.items())),
        "",
        "## Model cards",
        "",
        "Recommended sampling by the makers of a model, matched by the metadata of the model file. "
        "Rule S05 compares with them.",
        "",
        *_cards(),
        "",
        "## Fakes",
        "",
        "`seatrial.fakes.personalities.personality(family, *faults)` is a server of any family on "
        "a real socket, for tests. It is honest unless a fault is named:",
        "",
        *_rows(("fault", "what it does"), ((name, fault.does) for name, fault in FAULTS.items())),
    ]
    return "\n".join(parts) + "\n"


def _families() -> list[str]:
    head = ("family", "ports", "/v1/models lists", "too long a prompt", "traits", "sampler fields")
    return _rows(head, (_family(family.traits) for family in FAMILIES))


def _family(traits: Traits) -> tuple[str, ...]:
    said = {
        "prompt + max_tokens must fit": traits.refuses_by_cap,
        "echoes the model's name": traits.echoes_model,
        "loads what a request names": traits.loads_on_request,
        f"reasoning in `{traits.thinks_in}`": traits.thinks_in is not None,
        "tells cached tokens": traits.reports_cached,
        "tells its speed": traits.reports_speed,
    }
    return (
        f"{traits.title} (`{traits.id}`)",
        ", ".join(map(str, traits.ports)) or "-",
        traits.listing,
        traits.overflow,
        "; ".join(text for text, holds in said.items() if holds) or "-",
        " ".join(sorted(traits.knobs)) or "not known",
    )


def _probes() -> list[str]:
    return _rows(("probe", "depth", "what it does"), ((p.id, p.depth, p.title) for p in PROBES))


def _cards() -> list[str]:
    head = ("model", "mode", "settings", "as of")
    return _rows(head, (row for card in cards() for row in _card(card)))


def _card(card: Card) -> list[tuple[str, ...]]:
    return [
        (
            f"[{card.title}]({card.url})",
            mode.replace("_", " "),
            ", ".join(f"{name} {value:g}" for name, value in values.items()),
            card.date,
        )
        for mode, values in card.modes.items()
    ]


def _rows(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head)]
    return [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in [*lines, *rows]]
