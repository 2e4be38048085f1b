"""pi, before and after its package was renamed.

The old one executes what a cut stream holds of a call, and loses its own recovery from a full
window; the new one does neither. The new one needs a newer Node and brings it as a package.
"""

from __future__ import annotations

import json

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

_OLD = "node_modules/@mariozechner/pi-coding-agent/dist/cli.js"
_NEW = "node_modules/@earendil-works/pi-coding-agent/dist/cli.js"
_OWN_NODE = "node_modules/node/bin/node"


def _command(setup: Setup) -> Command:
    compat = {
        "supportsDeveloperRole": False,
        "maxTokensField": "max_tokens",
        "thinkingFormat": "qwen-chat-template",
    }
    model = {
        "id": MODEL,
        "contextWindow": CONTEXT_TOKENS,
        "maxTokens": OUTPUT_TOKENS,
        "reasoning": True,
        "compat": compat,
    }
    provider = {
        "baseUrl": f"{setup.url}/v1",
        "api": "openai-completions",
        "apiKey": "none",
        "models": [model],
    }
    config = setup.home / "pi"
    config.mkdir()
    (config / "models.json").write_text(json.dumps({"providers": {"local": provider}}), "utf-8")
    if setup.timeout_seconds is not None:
        milliseconds = 1000 * setup.timeout_seconds
        settings = {
            "httpIdleTimeoutMs": milliseconds,
            "retry": {"provider": {"timeoutMs": milliseconds}},
        }
        (config / "settings.json").write_text(json.dumps(settings), "utf-8")
    own = setup.installed / _OWN_NODE
    program = _NEW if own.is_file() else _OLD
    return Command(
        (
            str(own) if own.is_file() else "node",
            str(setup.installed / program),
            *("-p", "--mode", "json", "--no-session"),
            *("--provider", "local", "--model", MODEL, TASK),
        ),
        {"PI_CODING_AGENT_DIR": str(config), "PI_OFFLINE": "1"},
    )


def _ending(ran: Ran) -> Ending:
    word, answer = "no answer", ""
    for event in json_lines(ran.stdout):
        message = event.get("message") or {}
        if event.get("type") == "message_end" and message.get("role") == "assistant":
            word = str(message.get("stopReason"))
            texts = [part.get("text", "") for part in message.get("content") or ()]
            answer = message.get("errorMessage") or "".join(texts)
        elif event.get("type") == "compaction_start":
            word = "compacting"
    return Ending(
        failed=word in ("error", "aborted") or bool(ran.returncode), word=word, answer=answer
    )


OLD = Client(
    id="pi-0.73",
    installer="npm",
    packages=("@mariozechner/pi-coding-agent@0.73.1",),
    program=_OLD,
    command=_command,
    ending=_ending,
)
NEW = Client(
    id="pi",
    installer="npm",
    packages=("@earendil-works/pi-coding-agent@0.87.1", "node@22"),
    program=_NEW,
    command=_command,
    ending=_ending,
)
