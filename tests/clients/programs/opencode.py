"""opencode: one program, no Node needed. It exits 0 whatever happened."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.programs.client import (
    CONTEXT_TOKENS,
    MODEL,
    OUTPUT_TOKENS,
    TASK,
    Client,
    Command,
    Ending,
    Ran,
    Setup,
    json_lines,
)

_PROGRAM = "node_modules/opencode-linux-x64/bin/opencode"


def _command(setup: Setup) -> Command:
    options: dict[str, Any] = {"baseURL": f"{setup.url}/v1", "apiKey": "none"}
    if setup.timeout_seconds is not None:
        options["timeout"] = 1000 * setup.timeout_seconds
    limit = {"context": CONTEXT_TOKENS, "output": OUTPUT_TOKENS}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "local",
        "options": options,
        "models": {MODEL: {"name": MODEL, "limit": limit}},
    }
    config = {
        "provider": {"local": provider},
        "model": f"local/{MODEL}",
        "small_model": f"local/{MODEL}",
        "share": "disabled",
        "autoupdate": False,
    }
    path = setup.home / "opencode.json"
    path.write_text(json.dumps(config), "utf-8")
    program = str(setup.installed / _PROGRAM)
    return Command(
        (program, "run", "--model", f"local/{MODEL}", "--format", "json", TASK),
        {"OPENCODE_CONFIG": str(path), "OPENCODE_DISABLE_MODELS_FETCH": "1"},
    )


def _ending(ran: Ran) -> Ending:
    word, answer, failed = "no answer", "", bool(ran.returncode)
    for event in json_lines(ran.stdout):
        part = event.get("part") or {}
        match event.get("type"):
            case "text":
                answer = part.get("text", "")
            case "step_finish":
                word, failed = str(part.get("reason")), bool(ran.returncode)
            case "error":
                word, failed = "error", True
                answer = json.dumps(event.get("error"))
    return Ending(failed=failed, word=word, answer=answer)


OPENCODE = Client(
    id="opencode",
    installer="npm",
    packages=("opencode-linux-x64@1.18.33",),
    program=_PROGRAM,
    command=_command,
    ending=_ending,
)
