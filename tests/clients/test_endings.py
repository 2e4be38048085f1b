"""How each client says that it ended, in lines that it wrote."""

import json
from pathlib import Path

import pytest

from tests.clients.programs import CLIENTS
from tests.clients.programs.client import Ran

BY_ID = {client.id: client for client in CLIENTS}


def pi(reason: str, **more: str) -> str:
    message = {"role": "assistant", "stopReason": reason, "content": [], **more}
    return json.dumps({"type": "message_end", "message": message})


@pytest.mark.parametrize(
    ("client", "returncode", "stdout", "failed", "word"),
    [
        ("pi", 0, pi("stop"), False, "stop"),
        ("pi", 0, pi("length"), False, "length"),
        ("pi", 0, pi("error", errorMessage="500"), True, "error"),
        ("pi-0.73", 0, pi("error") + '\n{"type":"compaction_start"}', False, "compacting"),
        ("opencode", 0, '{"type":"step_finish","part":{"reason":"stop"}}', False, "stop"),
        ("opencode", 0, '{"type":"error","error":{"name":"x"}}', True, "error"),
        ("qwen-code", 0, '{"type":"result","subtype":"success"}', False, "success"),
        ("qwen-code", 0, '{"type":"result","subtype":"e","is_error":true}', True, "e"),
        ("codex", 0, '{"type":"turn.completed"}', False, "completed"),
        ("codex", 1, '{"type":"turn.failed","error":{}}', True, "failed"),
        ("aider", 0, "Tokens: 1 sent", False, "ended"),
        ("aider", 0, "litellm.BadRequestError: no", True, "litellm.BadRequestError"),
        ("mini-swe-agent", 1, "", True, "no answer"),
    ],
)
def test_endings(client: str, returncode: int, stdout: str, failed: bool, word: str):
    ran = Ran(returncode=returncode, stdout=stdout, stderr="", home=Path("/nonexistent"))
    ending = BY_ID[client].ending(ran)
    assert (ending.failed, ending.word) == (failed, word)


@pytest.mark.parametrize(("status", "failed"), [("Submitted", False), ("TimeExceeded", True)])
def test_a_trajectory_says_how_it_ended(status: str, failed: bool, tmp_path: Path):
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps({"info": {"exit_status": status}}))
    ran = Ran(returncode=0, stdout="", stderr="", home=tmp_path)
    ending = BY_ID["mini-swe-agent"].ending(ran)
    assert (ending.failed, ending.word) == (failed, status)
