"""`seatrial demo`: the whole loop on what ships with the package, in about a minute.

Nothing is recorded: two shipped models run on the embedded engine, their tool calls run in the
sandbox, and the hidden tests decide.
"""

from __future__ import annotations

import argparse
import sys

from seatrial.bench.prepare import prepare_run
from seatrial.cli.execution import run_and_report, shown
from seatrial.cli.options import add_json, add_runs_root
from seatrial.core.config import ArmSpec, RunSpec, SuiteSpec
from seatrial.models import MODELS

DEMO_ARMS = ("dinghy", "dinghy-coder")


def configure(parser: argparse.ArgumentParser) -> None:
    names = [model.name for model in MODELS]
    parser.add_argument(
        "--arm",
        action="append",
        choices=names,
        help=f"a shipped model; repeat for several ({', '.join(DEMO_ARMS)})",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the tasks (1)")
    parser.add_argument("--count", type=int, default=16, help="number of tasks (16)")
    parser.add_argument("--sandbox", choices=("bwrap", "process"), default="bwrap")
    add_runs_root(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    spec = RunSpec(
        suite=SuiteSpec(seed=args.seed, count=args.count),
        arms=tuple(
            ArmSpec(name=name, model=name, sandbox=args.sandbox) for name in args.arm or DEMO_ARMS
        ),
    )
    run_dir = prepare_run(args.runs, spec)
    sys.stderr.write(
        f"demo: {spec.suite.count} tasks of shakedown, seed {spec.suite.seed}, "
        f"on {' and '.join(arm.name for arm in spec.arms)}, into {shown(run_dir.path)}\n"
    )
    return run_and_report(run_dir, as_json=args.json)
