"""Proves that `runner` prints what real pytest prints, on random states of random workspaces.

In: a seed and a count. Out: the number of equal runs; exit 1 and a diff at the first other one.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import contract
import expert
import gen
import runner


def real(files: dict[str, str]) -> str:
    """The same workspace through a pytest process, as a harness would run it."""
    with tempfile.TemporaryDirectory() as name:
        for path, text in files.items():
            target = Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        scripts = str(Path(sys.executable).parent)
        environment = {
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "COLUMNS": "80",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        done = subprocess.run(
            [contract.TEST_COMMAND],
            cwd=name,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return contract.ran(done.stdout, done.returncode)


def states(seed: int, index: int) -> list[dict[str, str]]:
    """Workspaces met on one trajectory: every one in which the expert ran the tests."""
    rng = random.Random(f"check/{seed}/{index}")
    instance = gen.instance(rng, index)
    return expert.Expert(rng, instance, mistakes=0.5).run().tested


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    compared = failing = 0
    for index in range(options.count):
        for files in states(options.seed, index):
            mine, theirs = contract.ran(*runner.run_tests(files)), real(files)
            compared += 1
            failing += not theirs.endswith("exit code 0")
            if mine != theirs:
                print(f"--- real\n{theirs}\n--- imitation\n{mine}\n--- files\n{files}")
                return 1
    print(f"{compared} runs of {options.count} trajectories equal, {failing} of them failing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
