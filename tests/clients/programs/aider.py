"""aider: no tools; the model's text holds whole files. One message, then it ends."""

from __future__ import annotations

import re

from tests.clients.programs.client import MODEL, TASK, Client, Command, Ending, Ran, Setup

_PROGRAM = "bin/aider"
_FAILED = re.compile(
    r"litellm\.\w+(?:Error|Exception)|Empty response received|hit a token limit|"
    r"did not conform to the edit format|Only \d+ reflections allowed|Retrying in"
)


def _command(setup: Setup) -> Command:
    words = [
        *(str(setup.installed / _PROGRAM), "--model", f"openai/{MODEL}", "--edit-format", "whole"),
        *("--message", TASK, "--yes-always", "--no-git", "--no-check-update", "--no-pretty"),
        *("--no-show-model-warnings", "--analytics-disable", "--no-show-release-notes"),
    ]
    if setup.timeout_seconds is not None:
        words += ["--timeout", str(setup.timeout_seconds)]
    return Command(
        (*words, "hello.txt"),
        {
            "OPENAI_API_BASE": f"{setup.url}/v1",
            "OPENAI_API_KEY": "none",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
    )


def _ending(ran: Ran) -> Ending:
    said = [found.group() for found in _FAILED.finditer(ran.stdout + ran.stderr)]
    lines = [line for line in ran.stdout.strip().split("\n") if line]
    return Ending(
        failed=bool(said) or bool(ran.returncode),
        word=said[-1] if said else "ended",
        answer="\n".join(lines[-4:]),
    )


AIDER = Client(
    id="aider",
    installer="pip",
    packages=("aider-chat==0.86.2",),
    program=_PROGRAM,
    command=_command,
    ending=_ending,
    edits_text=True,
)
