"""mini-swe-agent: one tool, no streams, and a word to submit with."""

from __future__ import annotations

import json

from tests.clients.programs.client import MODEL, TASK, Client, Command, Ending, Ran, Setup

_PROGRAM = "bin/mini"
_TRAJECTORY = "trajectory.json"


def _command(setup: Setup) -> Command:
    settings = [f"model.model_kwargs.api_base={setup.url}/v1"]
    if setup.timeout_seconds is not None:
        settings.append(f"model.model_kwargs.timeout={setup.timeout_seconds}")
    return Command(
        (
            *(str(setup.installed / _PROGRAM), "-m", f"openai/{MODEL}", "-c", "mini.yaml"),
            *(word for setting in settings for word in ("-c", setting)),
            *("-y", "--exit-immediately", "-t", TASK, "-o", str(setup.home / _TRAJECTORY)),
        ),
        {
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_GLOBAL_CONFIG_DIR": str(setup.home),
            "OPENAI_API_KEY": "none",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        },
    )


def _ending(ran: Ran) -> Ending:
    path = ran.home / _TRAJECTORY
    try:
        info = json.loads(path.read_text("utf-8")).get("info") or {}
    except (OSError, json.JSONDecodeError):
        info = {}
    word = str(info.get("exit_status") or "no answer")
    failed = word not in ("Submitted", "no answer") or bool(ran.returncode)
    return Ending(failed=failed, word=word, answer=str(info.get("submission") or ""))


MINI = Client(
    id="mini-swe-agent",
    installer="pip",
    packages=("mini-swe-agent==2.4.6", "mcp"),
    program=_PROGRAM,
    command=_command,
    ending=_ending,
)
