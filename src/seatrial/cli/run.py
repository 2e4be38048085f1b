"""`seatrial run`: a suite on one or more arms."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from seatrial.bench.prepare import prepare_run
from seatrial.cli.execution import run_and_report, shown
from seatrial.cli.options import add_json, add_runs_root
from seatrial.core.config import RunSpec, convert_config, override, read_config
from seatrial.core.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("suite", nargs="?", help="a built-in suite or a folder of tasks (shakedown)")
    add(
        "--arm",
        action="append",
        default=[],
        metavar="ARM",
        help="a shipped model, a GGUF file, or a TOML file of one arm; repeat for several (dinghy)",
    )
    add(
        "--config",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a TOML file of a whole run; repeat, later ones win",
    )
    add(
        "-c",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="one setting: suite.count=40, arms.0.sampling.top_k=20",
    )
    add("--seed", type=int, help="seed of a built-in suite (1)")
    add("--count", type=int, help="number of tasks of a built-in suite (16)")
    add("--band", choices=("standard", "hard"), help="difficulty of a built-in suite (standard)")
    add("--temperature", type=float, help="sampler temperature of every arm (0)")
    add("--sandbox", choices=("bwrap", "process"), help="process is no isolation (bwrap)")
    add("--dry-run", action="store_true", help="print the resolved configuration and stop")
    add_runs_root(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    spec = spec_from(args)
    if args.dry_run:
        text = msgspec.json.format(msgspec.json.encode(spec), indent=2)
        sys.stdout.write(text.decode() + "\n")
        return 0
    run_dir = prepare_run(args.runs, spec)
    sys.stderr.write(f"run {shown(run_dir.path)}, suite seed {spec.suite.seed}\n")
    return run_and_report(run_dir, as_json=args.json)


def spec_from(args: argparse.Namespace) -> RunSpec:
    """Files first, then the options, then `-c`: what comes later wins."""
    tree = read_config(args.config)
    if args.arm:
        tree["arms"] = [_arm(word) for word in args.arm]
    for key in ("seed", "count", "band"):
        if getattr(args, key) is not None:
            _table(tree, "suite")[key] = getattr(args, key)
    if args.suite:
        _table(tree, "suite")["name"] = args.suite
    for arm in _arms(tree):
        if args.temperature is not None:
            _table(arm, "sampling")["temperature"] = args.temperature
        if args.sandbox is not None:
            arm["sandbox"] = args.sandbox
    override(tree, args.settings)
    return convert_config(tree)


def _table(tree: dict[str, Any], key: str) -> dict[str, Any]:
    table = tree.setdefault(key, {})
    if not isinstance(table, dict):
        raise UserError(f"config: {key} is a value, not a table")
    return table


def _arms(tree: dict[str, Any]) -> list[dict[str, Any]]:
    arms = tree.setdefault("arms", [{}])
    if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms):
        raise UserError("config: arms is not a list of tables", hint="write each as [[arms]]")
    return arms


def _arm(word: str) -> dict[str, Any]:
    if word.endswith(".toml"):
        return {"name": Path(word).stem, **read_config([Path(word)])}
    return {"name": Path(word).stem, "model": word}
