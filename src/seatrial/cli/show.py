"""`seatrial show RUN [TASK]`: a run's trials and sessions, or the transcript of one of them."""

from __future__ import annotations

import argparse
import sys

import msgspec

from seatrial.cli.options import add_json, add_run_choice, find_run
from seatrial.core.errors import UserError
from seatrial.report import (
    RunReport,
    TrialReport,
    build_report,
    session_reports,
    terminal_transcript,
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_run_choice(parser)
    parser.add_argument(
        "task", nargs="?", help="a task or session of the run, or the start of its name"
    )
    parser.add_argument("--arm", help="only the trial on this arm")
    parser.add_argument("--failed", action="store_true", help="list only what did not pass")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    folder = find_run(args.runs, args.run)
    report = build_report(folder)
    trials = _chosen(report, session_reports(folder), args)
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(trials) + b"\n")
    elif args.task is None:
        _list(trials)
    else:
        for trial in trials:
            sys.stdout.write(terminal_transcript(trial, folder / trial.path))
    return 0


def _chosen(
    report: RunReport, sessions: tuple[TrialReport, ...], args: argparse.Namespace
) -> list[TrialReport]:
    everything = (*report.trials, *sessions)
    trials = [trial for trial in everything if args.arm in (None, trial.arm_name, trial.arm)]
    if args.failed:
        trials = [trial for trial in trials if trial.outcome != "passed"]
    if args.task is not None:
        exact = [trial for trial in trials if trial.task == args.task]
        trials = exact or [trial for trial in trials if trial.task.startswith(args.task)]
        if not trials:
            hint = f"`seatrial show {report.run}` lists what there is"
            raise UserError(f"no trial of {args.task} in {report.run}", hint=hint)
    return trials


def _list(trials: list[TrialReport]) -> None:
    width = max((len(trial.task) for trial in trials), default=0)
    arms = max((len(trial.arm_name) for trial in trials), default=0)
    for trial in trials:
        cause = "" if trial.primary == "none" else trial.primary
        sys.stdout.write(
            f"{trial.task:<{width}}  {trial.arm_name:<{arms}}  {trial.outcome:<16}"
            f"{trial.turns:>3} turns {trial.seconds:>6.1f} s  {cause}\n"
        )
