"""`seatrial suite make` and `suite check`: tasks as folders."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import msgspec

from seatrial.bench.arm import resolve
from seatrial.bench.calibrate import Calibration, calibrate
from seatrial.cli.options import add_json
from seatrial.core.config import ArmSpec
from seatrial.core.errors import UserError
from seatrial.sandbox import require
from seatrial.suites import SUITES, load_suite, make


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    maker = actions.add_parser("make", help="generate the tasks of a built-in suite")
    maker.add_argument("name", choices=SUITES)
    maker.add_argument("--seed", type=int, default=1, help="what the tasks are drawn from (1)")
    maker.add_argument("--count", type=int, default=16, help="number of tasks (16)")
    maker.add_argument("--band", choices=("standard", "hard"), default="standard")
    maker.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    add_json(maker)
    checker = actions.add_parser(
        "check", help="is each task sound? the reference must pass, doing nothing must fail"
    )
    checker.add_argument("folder", type=Path)
    checker.add_argument("--sandbox", choices=("bwrap", "process"), default="bwrap")
    add_json(checker)


def run(args: argparse.Namespace) -> int:
    return _make(args) if args.action == "make" else _check(args)


def _make(args: argparse.Namespace) -> int:
    if args.count < 1:
        raise UserError(f"--count {args.count}: at least 1")
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise UserError(f"{args.out} is not an empty folder", hint="give a new folder with -o")
    folders = make(args.name, seed=args.seed, count=args.count, out=args.out, band=args.band)
    if args.json:
        row = {"suite": args.name, "seed": args.seed, "tasks": [str(path) for path in folders]}
        sys.stdout.write(json.dumps(row) + "\n")
    else:
        sys.stdout.write(f"{len(folders)} tasks of {args.name}, seed {args.seed}, in {args.out}\n")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Every task is tried, not one of each family as before a run."""
    require(args.sandbox)
    tasks = load_suite(args.folder)
    if not tasks:
        raise UserError(f"{args.folder}: no tasks", hint="a task is a folder with a task.toml")
    arm = resolve(ArmSpec(sandbox=args.sandbox))
    found = [asyncio.run(calibrate([task], arm)) for task in tasks]
    total = Calibration(
        oracle_passed=sum(each.oracle_passed for each in found),
        nop_failed=sum(each.nop_failed for each in found),
        solvable=sum(each.solvable for each in found),
        tasks=len(tasks),
        problems=tuple(problem for each in found for problem in each.problems),
    )
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(total) + b"\n")
    else:
        sys.stdout.write(
            f"{total.tasks} tasks: the reference passes {total.oracle_passed}, "
            f"doing nothing fails {total.nop_failed}\n"
        )
        for problem in total.problems:
            sys.stdout.write(f"{problem}\n")
    return 0 if total.sound else 1
