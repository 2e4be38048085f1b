"""The reference page of tool calls: tables of dialects, repairs, closed lists and options.

Everything comes from the package; every example is parsed while the page is made, and a repair
whose example does not need it is an error. In: `seatrial.toolcalls`. Out: Markdown.
"""

from __future__ import annotations

from seatrial.core.parse_options import Options
from seatrial.toolcalls import DIALECTS, EXAMPLE_TOOLS, REPAIRS, Parsed, parse
from seatrial.toolcalls.arguments import ALIASES, ANNOTATIONS, WRAPPERS
from seatrial.toolcalls.names import PREFIXES, SUFFIXES
from seatrial.toolcalls.repairs import Repair
from seatrial.toolcalls.tokens import ROLE_WORDS, THINK_OPENERS

_GROUPS = {
    "envelope": "The wrapper of a call",
    "json": "Broken JSON",
    "shape": "The shape of a call",
    "name": "Names of tools",
    "argument": "Arguments",
    "turn": "The turn around the calls",
    "loose": "Calls without an envelope",
}
_INTRODUCTION = """\
`seatrial parse`, the agent and the gateway read what models write with one parser. Its verdict on
a turn is `ok`, `repaired`, `reask` or `no_call`; nothing is executed that is not certain. Each
repair has an id, stands in the trace of the call that needed it, and can be switched off
(`seatrial parse --off ID`, `-c arms.0.toolcalls.off='["ID"]'`); a call that needs it is then asked
for again. `seatrial parse --explain` shows one turn with all of it. The options are those of
[`arms.N.toolcalls`](config.md#armsntoolcalls)."""
_LOOSE = """\
Loose forms are read only if the model stopped by itself, nothing else in the turn was a call or an
attempt at one, the form is the very last thing, the tool is declared under exactly this name, the
arguments fit as they are, and no word before says that it is an example. Openers in fences, code
spans, block quotes and indented code are text."""


def page() -> str:
    """The whole page."""
    return (
        "\n".join(
            [
                "# Tool calls",
                "",
                _INTRODUCTION,
                *_dialects(),
                *_repairs(),
                "",
                _LOOSE,
                *_lists(),
            ]
        )
        + "\n"
    )


def _dialects() -> list[str]:
    lines = [
        "",
        "## Dialects",
        "",
        "| id | written by | values | canonical form |",
        "|---|---|---|---|",
    ]
    for dialect in DIALECTS.values():
        form = dialect.render("view", {"file": "a.py"})
        quoted = "quoted" if dialect.quoted else "raw text"
        lines.append(f"| `{dialect.id}` | {dialect.title} | {quoted} | {_code(form)} |")
    lines += [
        "",
        "Where values are raw text, a value can look like the end of itself. Such calls count only",
        "if the turn goes on cleanly behind them, and never if the response was cut inside.",
    ]
    return lines


def _repairs() -> list[str]:
    lines: list[str] = []
    for group, title in _GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| repair | what it does | example | read as |",
            "|---|---|---|---|",
        ]
        lines += [_repair(repair) for repair in REPAIRS.values() if repair.group == group]
    return lines


def _repair(repair: Repair) -> str:
    options = Options(**repair.options)
    parsed = parse(repair.example, EXAMPLE_TOOLS, prefill=repair.prefill, options=options)
    if set(parsed.repairs) != {repair.id}:
        raise SystemExit(f"the example of {repair.id} needs {parsed.repairs}: {repair.example!r}")
    example = repair.prefill + repair.example
    return f"| `{repair.id}` | {repair.summary} | {_code(example)} | {_code(_calls(parsed))} |"


def _calls(parsed: Parsed) -> str:
    return "\n".join(f"{call.name} {call.arguments}" for call in parsed.calls)


def _lists() -> list[str]:
    same = [f"- {_words(group)}" for group in ALIASES]
    return [
        "",
        "## Closed lists",
        "",
        "Nothing outside of these lists is guessed: no edit distance, no prefix match.",
        "",
        f"Prefixes of names that are dropped: {_words(PREFIXES)}. Suffixes: {_words(SUFFIXES)}.",
        "",
        "Words for one argument; a declared name is met by another of its line if it is missing",
        "itself and only one candidate is there:",
        "",
        *same,
        "",
        f"Remarks that are dropped unless declared: {_words(sorted(ANNOTATIONS))}.",
        "",
        f"Keys that may wrap the arguments: {_words(WRAPPERS)}.",
        "",
        f"Reasoning begins with {_words(THINK_OPENERS)}; a turn of somebody else with",
        f"{_words(ROLE_WORDS)} at the beginning of a line.",
    ]


def _words(words: object) -> str:
    return ", ".join(f"`{word}`" for word in words)  # type: ignore[attr-defined]


def _code(text: str) -> str:
    """`text` as code in a cell of a table."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = (
        shown.replace("|", "&#124;")
        .replace("`", "&#96;")
        .replace("*", "&#42;")
        .replace("_", "&#95;")
    )
    return f"<code>{shown.replace(chr(10), '<br>')}</code>"
