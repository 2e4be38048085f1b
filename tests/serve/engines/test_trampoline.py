"""Becoming another program: the same process, and none at all for a parent that is gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seatrial.serve.engines.child import own_module
from tests.serve.test_embedded import SOURCES

ENVIRONMENT = {**os.environ, "PYTHONPATH": SOURCES}


def bounce(*words: str) -> subprocess.CompletedProcess[str]:
    command = own_module("seatrial.serve.engines.trampoline", *words)
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_it_becomes_the_program() -> None:
    code = "import os, sys; print(os.getppid(), sys.argv[1:])"
    done = bounce(str(os.getpid()), sys.executable, "-c", code, "a b", "--flag")
    assert done.stdout == f"{os.getpid()} ['a b', '--flag']\n"


@pytest.mark.parametrize(
    ("parent", "program", "says"),
    [("1", sys.executable, "is gone"), ("ours", "/no/such/program", "No such file")],
    ids=["a parent that died", "a program that is not there"],
)
def test_it_does_not(parent: str, program: str, says: str) -> None:
    done = bounce(str(os.getpid()) if parent == "ours" else parent, program)
    assert done.returncode == 127
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_it_is_quick_to_load() -> None:
    code = "import sys, seatrial.serve.engines.trampoline; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, check=True
    )
    assert done.stdout == b"False\n"
