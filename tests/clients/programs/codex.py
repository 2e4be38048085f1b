"""codex: speaks `/v1/responses` and nothing else."""

from __future__ import annotations

from tests.clients.programs.client import (
    CONTEXT_TOKENS,
    MODEL,
    TASK,
    Client,
    Command,
    Ending,
    Ran,
    Setup,
    json_lines,
)

_PROGRAM = "node_modules/.bin/codex"


def _command(setup: Setup) -> Command:
    provider = "model_providers.local"
    settings = [
        "model_provider=local",
        f'{provider}.name="local"',
        f'{provider}.base_url="{setup.url}/v1"',
        f'{provider}.env_key="LOCAL_KEY"',
        f'{provider}.wire_api="responses"',
        f"model_context_window={CONTEXT_TOKENS}",
    ]
    if setup.timeout_seconds is not None:
        settings.append(f"{provider}.stream_idle_timeout_ms={1000 * setup.timeout_seconds}")
    folder = setup.home / "codex"
    folder.mkdir()
    return Command(
        (
            *(str(setup.installed / _PROGRAM), "exec", "--skip-git-repo-check"),
            # The workspace is a folder of this cell alone; a sandbox inside a container fails.
            "--dangerously-bypass-approvals-and-sandbox",
            *(word for setting in settings for word in ("-c", setting)),
            *("-m", MODEL, "--json", TASK),
        ),
        {"CODEX_HOME": str(folder), "LOCAL_KEY": "none"},
    )


def _ending(ran: Ran) -> Ending:
    word, answer, failed = "no answer", "", bool(ran.returncode)
    for event in json_lines(ran.stdout):
        item = event.get("item") or {}
        match event.get("type"):
            case "item.completed" if item.get("type") == "agent_message":
                answer = str(item.get("text"))
            case "turn.completed":
                word = "completed"
            case "turn.failed" | "error":
                word, failed = "failed", True
                answer = str(event.get("error") or event.get("message"))
    return Ending(failed=failed, word=word, answer=answer)


CODEX = Client(
    id="codex",
    installer="npm",
    packages=("@openai/codex@0.169.0",),
    program=_PROGRAM,
    command=_command,
    ending=_ending,
    speaks_responses=True,
)
