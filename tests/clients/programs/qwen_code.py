"""qwen-code: 19,000 tokens of prompt, and long continuations of cut answers."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.programs.client import (
    MODEL,
    TASK,
    Client,
    Command,
    Ending,
    Ran,
    Setup,
    json_lines,
)

_PROGRAM = "node_modules/.bin/qwen"


def _command(setup: Setup) -> Command:
    settings: dict[str, Any] = {"telemetry": {"enabled": False}}
    environment = {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"{setup.url}/v1",
        "OPENAI_MODEL": MODEL,
        "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
    }
    if setup.timeout_seconds is not None:
        milliseconds = 1000 * setup.timeout_seconds
        settings["model"] = {"generationConfig": {"timeout": milliseconds}}
        environment["QWEN_CODE_API_TIMEOUT_MS"] = str(milliseconds)
    folder = setup.home / ".qwen"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings), "utf-8")
    return Command(
        (
            str(setup.installed / _PROGRAM),
            *("--auth-type", "openai", "--model", MODEL, "--approval-mode", "yolo"),
            *("--output-format", "stream-json", "-p", TASK),
        ),
        environment,
    )


def _ending(ran: Ran) -> Ending:
    word, answer, failed = "no answer", "", bool(ran.returncode)
    for event in json_lines(ran.stdout):
        if event.get("type") == "result":
            word = str(event.get("subtype"))
            failed = failed or bool(event.get("is_error"))
            answer = str(event.get("result") or event.get("error") or "")
    return Ending(failed=failed, word=word, answer=answer)


QWEN_CODE = Client(
    id="qwen-code",
    installer="npm",
    packages=("@qwen-code/qwen-code@0.24.4",),
    program=_PROGRAM,
    command=_command,
    ending=_ending,
)
