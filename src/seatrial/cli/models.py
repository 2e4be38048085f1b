"""`seatrial models`: what ships with the package."""

from __future__ import annotations

import argparse
import json
import sys

from seatrial.cli.options import add_json
from seatrial.models import ADAPTERS, MODELS


def configure(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    rows = [
        {
            "name": entry.name,
            "kind": kind,
            "bytes": entry.path.stat().st_size if entry.path.is_file() else None,
            "about": entry.about,
            "path": str(entry.path),
        }
        for kind, entries in (("model", MODELS), ("adapter", ADAPTERS))
        for entry in entries
    ]
    if args.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return 0
    for row in rows:
        size = f"{row['bytes'] / 1e6:.1f} MB" if isinstance(row["bytes"], int) else "missing"
        sys.stdout.write(f"{row['name']:<14}{row['kind']:<9}{size:>8}  {row['about']}\n")
    return 0
