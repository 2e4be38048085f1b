"""Writes the parts of the docs that come from the code, and checks that they are fresh.

    python scripts/generate_docs.py           write them
    python scripts/generate_docs.py --check   exit 1 and name what is stale

Also checks that every relative link in the docs leads to a file. In: the package. Out:
`docs/reference/*.md`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_args, get_origin

import guard_docs
import msgspec
import server_docs
import toolcall_docs

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
os.environ["COLUMNS"] = "90"
os.environ.pop("SEATRIAL_RUNS", None)

from seatrial.cli.main import COMMANDS, overview, parser_for  # noqa: E402
from seatrial.core import config  # noqa: E402
from seatrial.core.generation import Caps, Sampling  # noqa: E402
from seatrial.core.parse_options import CodeMode, Options  # noqa: E402
from seatrial.diagnose import MODES  # noqa: E402
from seatrial.diagnose.registry import DETECTORS, RESIDUES  # noqa: E402
from seatrial.models import ADAPTERS, MODELS  # noqa: E402


def commands() -> str:
    """Every command with its own help."""
    parts = ["# Commands", "", _console("$ seatrial --help", overview())]
    for command in COMMANDS:
        shown = f"$ seatrial {command.name} --help"
        parts += ["", f"## {command.name}", "", _console(shown, parser_for(command).format_help())]
    return "\n".join(parts) + "\n"


def settings() -> str:
    """Every key of the config tree, with its type and default."""
    parts = ["# Configuration", "", _CONFIG_INTRODUCTION]
    for title, struct in (
        ("Run", config.RunSpec),
        ("suite", config.SuiteSpec),
        ("arms.N", config.ArmSpec),
        ("arms.N.sampling", Sampling),
        ("arms.N.caps", Caps),
        ("arms.N.engine", config.EngineSpec),
        ("arms.N.guard", config.GuardSpec),
        ("arms.N.guard.budgets", config.BudgetSpec),
        ("arms.N.guard.ladder", config.LadderSpec),
        ("arms.N.toolcalls", Options),
        ("arms.N.toolcalls.code_mode", CodeMode),
    ):
        parts += ["", f"## {title}", "", "| key | type | default |", "|---|---|---|"]
        parts += [_row(field) for field in msgspec.structs.fields(struct)]
    return "\n".join(parts) + "\n"


def modes() -> str:
    """The failure modes, and which of them are detected today."""
    parts = [
        "# Failure modes",
        "",
        "Ids are stable. `found` marks the modes that `seatrial diagnose` detects today.",
        "",
        "| id | scope | found |",
        "|---|---|---|",
    ]
    parts += [
        f"| `{mode.id}` | {mode.scope} | {'yes' if _detected(mode.id) else ''} |"
        for mode in MODES.values()
    ]
    return "\n".join(parts) + "\n"


def files() -> str:
    """The shipped files with their digests: the card cannot drift from the weights."""
    lines = ["| file | bytes | SHA-256 |", "|---|---|---|"]
    for entry in (*MODELS, *ADAPTERS):
        data = entry.path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        lines.append(f"| `{entry.file}` | {len(data):,} | `{digest}` |")
    return "\n".join(lines)


def scores() -> str:
    """The proofs of the shipped models."""
    shown = (
        ("greedy", "`dinghy`, greedy"),
        ("temperature_0.7", "`dinghy`, temperature 0.7"),
        ("hard_band", "`dinghy`, greedy, hard band"),
        ("raw", "`dinghy-raw`, greedy"),
        ("coder", "`dinghy-coder`, greedy"),
        ("coder_healed", "`dinghy-coder` + `dinghy-heal`, greedy"),
    )
    return _score_table([(label, f"shipped_models_{name}") for name, label in shown])


def seeds() -> str:
    """The same recipe with another seed: how much is luck."""
    shown = (("seed_2_greedy", "seed 2, greedy"), ("seed_2_hard_band", "seed 2, hard band"))
    rows = [(label, f"dinghy_{name}") for name, label in shown]
    if not all((PROOFS / f"{name}.json").is_file() for _, name in rows):
        return "Not measured yet: all numbers above are of one training seed (1)."
    return _score_table(rows)


def _score_table(rows: list[tuple[str, str]]) -> str:
    lines = [
        "| what | passed | rate | interval | suite seed | how the rest failed |",
        "|---|---|---|---|---|---|",
    ]
    for label, name in rows:
        proof = json.loads((PROOFS / f"{name}.json").read_text())
        low, high = (100 * bound for bound in proof["interval"])
        modes = ", ".join(f"{mode} {count}" for mode, count in proof["modes"].items())
        lines.append(
            f"| {label} | {proof['passed']} of {proof['n']} "
            f"| {100 * proof['passed'] / proof['n']:.1f} % | {low:.1f} to {high:.1f} % "
            f"| {proof['seeds']['suite']} | {modes} |"
        )
    return "\n".join(lines)


PROOFS = ROOT / "docs" / "proofs"
CARD = ROOT / "src" / "seatrial" / "models" / "dinghy" / "CARD.md"
SECTIONS: dict[str, Callable[[], str]] = {"files": files, "scores": scores, "seeds": seeds}

PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "config.md": settings,
    "guard.md": guard_docs.guard_page,
    "lint.md": server_docs.lint_page,
    "modes.md": modes,
    "servers.md": server_docs.servers_page,
    "toolcalls.md": toolcall_docs.page,
}

_CONFIG_INTRODUCTION = """\
One typed tree: a TOML file (`seatrial run --config FILE`), one setting at a time
(`-c suite.count=40`), and the resolved form that is stored in the run. An unknown key is an
error. A `null` default means: not set by Seatrial, the server's own default holds."""


def main() -> int:
    check = "--check" in sys.argv[1:]
    REFERENCE.mkdir(parents=True, exist_ok=True)
    problems = []
    for name, page in PAGES.items():
        path, text = REFERENCE / name, f"{_notice()}\n{page()}"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            if check:
                problems.append(f"docs/reference/{name} is stale: make docs")
            else:
                path.write_text(text, encoding="utf-8")
    problems += _card(check)
    problems += broken_links()
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


def _card(check: bool) -> list[str]:
    """Writes the generated sections of the model card, or says that they are stale."""
    old = new = CARD.read_text(encoding="utf-8")
    for name, section in SECTIONS.items():
        start, end = f"<!-- generated:{name} -->", f"<!-- /generated:{name} -->"
        before, rest = new.split(start)
        new = f"{before}{start}\n{section()}\n{end}{rest.split(end)[1]}"
    if new != old and check:
        return [f"{CARD.relative_to(ROOT)} is stale: make docs"]
    CARD.write_text(new, encoding="utf-8")
    return []


def broken_links() -> list[str]:
    """Relative links that lead nowhere."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/**/*.md")]
    found = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" in target or target.startswith(("#", "mailto:")):
                continue
            if not (page.parent / target.split("#")[0]).exists():
                found.append(f"{page.relative_to(ROOT)}: broken link {target}")
    return found


def _detected(mode: str) -> bool:
    """A detector stands for its mode and for the finer ones of the same stem."""
    known = DETECTORS.keys() | RESIDUES.keys()
    return any(mode == one or mode.startswith(f"{one}.") for one in known)


def _console(command: str, output: str) -> str:
    return f"```console\n{command}\n{output.rstrip()}\n```"


_BOUNDED = re.compile(r"Optional\[Annotated\[int, msgspec.Meta\(ge=(\d+)\)\]\]")


def _row(field: msgspec.structs.FieldInfo) -> str:
    kind, least = str(field.type), None
    if get_origin(field.type) is Annotated:
        plain, meta = get_args(field.type)
        kind, least = str(plain), meta.ge
    kind = kind.replace("typing.", "").replace("seatrial.core.", "")
    kind = kind.replace("parse_options.", "").replace(" | msgspec.UnsetType", "")
    kind = _BOUNDED.sub(r"int, at least \1, or None", kind)
    kind = re.sub(r"<class '([^']+)'>", r"\1", kind).replace("|", "\\|")
    if least is not None:
        kind = f"{kind}, at least {least}"
    default = field.default
    if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    unset = default in (msgspec.NODEFAULT, msgspec.UNSET)
    shown = "" if unset else f"`{msgspec.json.encode(default).decode()}`"
    return f"| `{field.encode_name}` | {kind} | {shown} |"


def _notice() -> str:
    return "<!-- Generated by scripts/generate_docs.py; `make docs` writes it anew. -->\n"


if __name__ == "__main__":
    sys.exit(main())
