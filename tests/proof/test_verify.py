"""Real clients behind `--on verify_before_done`: the model is asked once, and the client goes on.

A quarter of a minute. The scripted model writes a program and says that it is done; asked to
check, it runs the program, writes it once more and says so again. The note of the first turn comes
back with the client's history, so the second answer passes.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from seatrial.fakes import Reply
from seatrial.guard.rules.verify import NOTE, NUDGE
from tests.clients import cell, hand
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install
from tests.clients.model import FINAL, ScriptedModel
from tests.clients.programs import clients
from tests.clients.programs.client import Client
from tests.clients.scenario import load_all

pytestmark = pytest.mark.proof

GATEWAY = (
    f"{sys.executable} -m seatrial gateway --upstream {{upstream}} --port 0 --no-record "
    "--on verify_before_done"
)
Body = dict[str, Any]


def said(body: Body, role: str) -> str:
    texts = []
    for message in body["messages"]:
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else [p.get("text", "") for p in content]
        texts += parts if message["role"] == role else []
    return "\n".join(texts)


class Careless(ScriptedModel):
    """Writes, says that it is done, looks when it is told, writes again, says it again."""

    bodies: list[Body]

    def __call__(self, body: Body) -> Reply:
        self.bodies.append(body)
        if NUDGE in said(body, "user"):
            # Looks like a check to nobody: only the note tells that it was asked.
            return self._command(body, "cat hello.py")
        if NOTE in said(body, "assistant") and self._calls == 2:
            return self._command(body, "echo '# again' >> hello.py")
        return super().__call__(body)


@pytest.mark.parametrize(
    "client", clients(("pi", "codex", "opencode", "qwen-code")), ids=lambda each: each.id
)
async def test_a_careless_model_is_asked_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Body] = []
    monkeypatch.setattr(Careless, "bodies", seen, raising=False)
    monkeypatch.setattr(cell, "ScriptedModel", Careless)
    monkeypatch.setattr(hand, "FILE", "hello.py")
    try:
        folder = install(client, DEFAULT_FOLDER)
    except NotInstalledError as error:
        pytest.skip(f"{client.id} cannot be installed: {error}")
    (scenario,) = load_all(("healthy",))
    ran = await cell.run_cell(client, scenario, folder, GATEWAY)
    assert [NUDGE in said(body, "user") for body in seen].count(True) == 1
    last = max(seen, key=lambda body: len(body["messages"]))
    assert NOTE in said(last, "assistant") and "# again" in str(last["messages"])
    assert ran.answer == FINAL, ran
