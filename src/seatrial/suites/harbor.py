"""Writes generated instances as Harbor task folders, so that other benches can run them too.

Not the reader (`seatrial.suites.task`). In: instances. Out: folders with `task.toml`,
`instruction.md`, `environment/`, `tests/` and `solution/`. Writing the same suite twice is fine;
writing another one over it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from seatrial.core.errors import UserError
from seatrial.suites import shakedown
from seatrial.suites.shakedown.model import Instance, apply

Generator = Callable[[int, int, str], list[Instance]]

SUITES: dict[str, Generator] = {
    "shakedown": lambda seed, count, band: shakedown.generate(seed, count, band),
}
"""The built-in suites by name."""

AGENT_TIMEOUT_S = 300.0
VERIFIER_TIMEOUT_S = 60.0

_TASK_TOML = """\
schema_version = "1.4"

[task]
name = {name}

[metadata]
family = {family}
band = {band}
seed = {seed}
generator = {generator}
verifier = "pytest"

[agent]
timeout_sec = {agent}

[verifier]
timeout_sec = {verifier}

[environment]
network_mode = "no-network"
"""

_DOCKERFILE = """\
FROM python:3.11-slim
RUN pip install --no-cache-dir pytest
ENV PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
WORKDIR /app
COPY workspace/ /app/
"""

# Nothing that an agent can leave in the workspace may decide the verdict: no configuration, no
# conftest, no plugin, no module that shadows pytest (-P, and the workspace joins the path only
# after pytest has been imported), no reward of its own. The report is asked for besides the exit
# code, and for every hidden test by count, because code under test can end the process or the
# session with 0, or skip, before the tests have run. An endless loop meets the bound on CPU time
# and is a failure; a bound on wall time could be the machine's. Code under test shares the
# process of the tests: one that forges the report itself is beyond this script.
_TEST_SH = """\
#!/bin/bash
tests="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
logs="${SEATRIAL_LOGS_DIR:-/logs}/verifier"
count="$(cat "$tests"/test_*.py | grep -c '^def test_')"
report="$(mktemp)"
(
    ulimit -t 20
    env -u PYTEST_ADDOPTS -u PYTEST_PLUGINS -u PYTHONPATH \\
        PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1 \\
        python -P -m pytest -q -c /dev/null --rootdir="$tests" --noconftest -p no:cacheprovider \\
        -o pythonpath="'$PWD'" --junitxml="$report" "$tests"/test_*.py
)
ended=$?
rm -rf "$logs"
mkdir -p "$logs"
if [ $ended -eq 0 ] &&
    grep -q "errors=\\"0\\" failures=\\"0\\" skipped=\\"0\\" tests=\\"$count\\"" "$report"; then
    echo 1 > "$logs/reward.txt"
else
    echo 0 > "$logs/reward.txt"
fi
rm -f "$report"
"""

_SOLVE_SH = """\
#!/bin/bash
set -e
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cp -R "$here"/files/. .
"""


def task_files(instance: Instance) -> dict[str, str]:
    """Every file of the task's folder by its relative path."""
    solved = apply(instance.files, instance.steps)
    changed = {path: text for path, text in solved.items() if instance.files.get(path) != text}
    return {
        "task.toml": _toml(instance),
        "instruction.md": f"{instance.instruction}\n",
        "environment/Dockerfile": _DOCKERFILE,
        **{f"environment/workspace/{path}": text for path, text in instance.files.items()},
        "tests/test.sh": _TEST_SH,
        **{f"tests/{path}": text for path, text in instance.hidden.items()},
        "solution/solve.sh": _SOLVE_SH,
        **{f"solution/files/{path}": text for path, text in changed.items()},
    }


def _toml(instance: Instance) -> str:
    # A JSON string of such plain text is a TOML string.
    return _TASK_TOML.format(
        name=json.dumps(f"seatrial/{instance.id}"),
        family=json.dumps(instance.family),
        band=json.dumps(instance.band),
        seed=instance.seed,
        generator=json.dumps(f"shakedown {shakedown.VERSION}"),
        agent=AGENT_TIMEOUT_S,
        verifier=VERIFIER_TIMEOUT_S,
    )


def write_task(instance: Instance, folder: Path) -> Path:
    """Write one task into `folder`, which becomes the task's folder.

    Raises:
        UserError: the folder already holds something else.
    """
    for name, text in task_files(instance).items():
        path = folder / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if path.exists():
            raise UserError(f"{path} exists and differs", hint="choose an empty folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if name.endswith(".sh"):
            path.chmod(0o755)
    return folder


def make(name: str, *, seed: int, count: int, out: Path, band: str = "standard") -> list[Path]:
    """Write `count` tasks of a built-in suite; returns their folders in the suite's order.

    Raises:
        UserError: no such suite or band, or the folder holds other tasks.
    """
    if name not in SUITES:
        raise UserError(f"no such suite: {name}", hint=f"built in: {', '.join(SUITES)}")
    instances = SUITES[name](seed, count, band)
    names = {instance.id for instance in instances}
    if out.is_dir():
        others = sorted(path.name for path in out.iterdir() if path.name not in names)
        if others:
            raise UserError(
                f"{out} holds something else: {others[0]}", hint="choose an empty folder"
            )
    return [write_task(instance, out / instance.id) for instance in instances]
