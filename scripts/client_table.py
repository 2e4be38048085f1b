"""Run real clients against a scripted model with one fault each, and write down what they did.

    python scripts/client_table.py --clients-folder DIR [--with-gateway] [--clients pi,aider]

The clients come from npm and PyPI, each into a folder of its own; one that cannot be installed
is skipped and named. Rows that exist in the report and were not run again are kept.
In: `tests/clients/scenarios/*.toml`. Out: `clients.json` and `clients.md` in the folder `--out`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clients.report import Report, markdown, merged  # noqa: E402

from tests.clients.cell import Cell, GatewayError, run_cell  # noqa: E402
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install  # noqa: E402
from tests.clients.programs import clients  # noqa: E402
from tests.clients.programs.client import Client  # noqa: E402
from tests.clients.scenario import Scenario, load_all  # noqa: E402

GATEWAY = f"{sys.executable} -m seatrial gateway --upstream {{upstream}} --port 0 --no-record"


def main() -> int:
    asked = _arguments()
    chosen = clients(_names(asked.clients))
    scenarios = load_all(_names(asked.scenarios))
    gateways = _gateways(asked)
    skipped: dict[str, str] = {}
    installed: list[tuple[Client, Path]] = []
    for client in chosen:
        try:
            installed.append((client, install(client, asked.clients_folder)))
        except NotInstalledError as error:
            skipped[client.id] = str(error)
            _talk(f"{client.id}: skipped: {error}")
    jobs = [(*pair, each, way) for each in scenarios for pair in installed for way in gateways]
    _write(asked.out, [], skipped)
    try:
        asyncio.run(_run(jobs, asked.jobs, asked.out))
    except GatewayError as error:
        _talk(f"error: {error}")
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", default="", help="ids with commas between; default: all")
    parser.add_argument("--scenarios", default="", help="names with commas between; default: all")
    parser.add_argument("--clients-folder", type=Path, default=DEFAULT_FOLDER, metavar="DIR")
    parser.add_argument(
        "--with-gateway",
        nargs="?",
        const=GATEWAY,
        metavar="COMMAND",
        help="also run behind a gateway; a command with {upstream} in it that prints its URL",
    )
    parser.add_argument("--only-gateway", action="store_true", help="leave the plain runs as is")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "proofs", metavar="DIR")
    return parser.parse_args()


def _gateways(asked: argparse.Namespace) -> list[str | None]:
    if asked.only_gateway:
        return [asked.with_gateway or GATEWAY]
    return [None, asked.with_gateway] if asked.with_gateway else [None]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


async def _run(
    jobs: list[tuple[Client, Path, Scenario, str | None]], at_a_time: int, out: Path
) -> None:
    places = asyncio.Semaphore(at_a_time)

    async def one(client: Client, folder: Path, scenario: Scenario, way: str | None) -> None:
        async with places:
            cell = await run_cell(client, scenario, folder, way)
        behind = "gateway" if cell.gateway else "plain"
        _talk(
            f"{cell.scenario:26} {cell.client:15} {behind:8} {cell.outcome:14} "
            f"{cell.word[:24]:24} rc {cell.returncode}  {cell.requests} requests  "
            f"{cell.output_tokens} tokens  {cell.seconds} s"
        )
        # After each cell: a run that is ended keeps what it has.
        _write(out, [cell], {})

    await asyncio.gather(*(one(*job) for job in jobs))


def _write(folder: Path, cells: list[Cell], skipped: dict[str, str]) -> None:
    path = folder / "clients.json"
    before = msgspec.json.decode(path.read_bytes(), type=Report) if path.is_file() else Report()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    report = merged(before, cells, skipped, commit)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    (folder / "clients.md").write_text(markdown(report), "utf-8")


def _talk(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
