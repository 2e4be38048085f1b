"""Our tool-call parser and those of other projects over the same cases.

    python scripts/compare_parsers.py

writes docs/proofs/toolcall_peers.json and docs/proofs/toolcall_peers.md. For development only:
the first run fetches the peers with pip into an environment of their own (about 90 MB). The
versions are pinned in scripts/peers/environment.py.

In: the cases of tests/toolcalls/corpus. Out: the two files, and the path of the page.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from peers.dialects import dialect
from peers.environment import Environment, prepare
from peers.report import OURS, Row, data, page
from peers.scoring import Given, outcome

from seatrial.core.generation import Finish

if TYPE_CHECKING:
    from tests.toolcalls.corpus.case import Case

ROOT = Path(__file__).resolve().parent.parent
PEERS = {
    "vLLM": "vllm",
    "SGLang": "sglang",
    "mlx-lm": "mlx",
    "forge": "forge",
    "json_repair": "json_repair",
}
"""Title to the module of its adapter."""

NAME = "toolcall_peers"
PEER_SECONDS = 900
SOURCES = (
    "src/seatrial/toolcalls",
    "tests/toolcalls/corpus",
    "scripts/peers",
    "scripts/compare_parsers.py",
)


def main() -> int:
    options = _options()
    sys.path[:0] = [str(ROOT)]
    cases = importlib.import_module(options.cases).cases()
    environment = prepare(options.environment)
    given: dict[str, list[Given | None]] = (
        {} if options.peers_only else {OURS: [_ours(case) for case in cases]}
    )
    for title, name in PEERS.items():
        given[title] = _peer(environment, name, cases)
    rows = [
        Row(
            case.id,
            str(case.kind),
            case.label,
            _dialect(case),
            {
                title: outcome(case.label, case.calls, case.tools, all_[i])
                for title, all_ in given.items()
            },
        )
        for i, case in enumerate(cases)
    ]
    about = {
        "commit": _commit(),
        "cases_from": options.cases,
        "cases_sha256": hashlib.sha256(msgspec.json.encode(cases)).hexdigest(),
        "n": len(cases),
    }
    found = data(rows, environment.versions, about)
    options.output.mkdir(parents=True, exist_ok=True)
    written = options.output / f"{NAME}.json"
    written.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    written.with_suffix(".md").write_text(page(found, rows), encoding="utf-8")
    sys.stdout.write(f"{written.with_suffix('.md')}\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-peers", metavar="PATH")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "proofs", metavar="PATH")
    parser.add_argument("--cases", default="tests.toolcalls.corpus", metavar="MODULE")
    parser.add_argument("--peers-only", action="store_true", help="leave our own parser out")
    return parser.parse_args()


def _ours(case: Case) -> Given:
    """Whatever goes wrong in our parser is an outcome, as it is for a peer."""
    from seatrial.toolcalls import parse

    try:
        read = parse(case.raw, case.tools, finish=Finish(case.finish), prefill=case.prefill)
        return Given([(call.name, json.loads(call.arguments)) for call in read.calls])
    except Exception as error:
        return Given((), f"{type(error).__name__}: {error}")


def _peer(environment: Environment, name: str, cases: Sequence[Case]) -> list[Given | None]:
    lines = "".join(f"{json.dumps(_turn(case))}\n" for case in cases)
    command = [str(environment.python), "-m", "peers.worker", name, str(environment.sources)]
    done = subprocess.run(
        command,
        input=lines,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "scripts",
        timeout=PEER_SECONDS,
        check=False,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(results) != len(cases):
        raise SystemExit(f"{name} ended after {len(results)} of {len(cases)} cases")
    return [each if each is None else _given(each) for each in results]


def _given(result: Mapping[str, Any]) -> Given:
    return Given([(name, arguments) for name, arguments in result["calls"]], result["error"])


def _turn(case: Case) -> dict[str, Any]:
    return {
        "raw": case.raw,
        "tools": [tool.openai() for tool in case.tools],
        "finish": case.finish,
        "prefill": case.prefill,
        "dialect": _dialect(case),
    }


def _dialect(case: Case) -> str:
    return dialect(case.raw, [tool.name for tool in case.tools])


def _commit() -> str:
    """The commit of the sources, marked if they differ from it."""
    head = _git("rev-parse", "HEAD")
    return f"{head} and changes" if _git("status", "--porcelain", "--", *SOURCES) else head


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
