"""Real clients compact behind the gateway: the pinned block reaches the model and comes back.

Half a minute. The scripted model copies the block into its summary, as a good model does; the
requests that follow must hold the task word for word. The clients come from npm; one that cannot
be installed is skipped with the reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from seatrial.fakes import Reply, Say
from seatrial.guard.rules.compaction import ORDER
from seatrial.guard.rules.pinned import CLOSER, OPENER, parse
from tests.clients import cell
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install
from tests.clients.model import SUMMARY, ScriptedModel
from tests.clients.programs import clients
from tests.clients.programs.client import TASK, Client, Command, Setup
from tests.clients.scenario import load_all

pytestmark = pytest.mark.proof

GATEWAY = f"{sys.executable} -m seatrial gateway --upstream {{upstream}} --port 0 --no-record"
Body = dict[str, Any]


def early(client: Client) -> Client:
    """codex compacts at a limit of its own, and not when a server refuses."""
    if client.id != "codex":
        return client

    def command(setup: Setup) -> Command:
        made = client.command(setup)
        limit = ("-c", "model_auto_compact_token_limit=30000")
        at = made.words.index("-m")
        return msgspec.structs.replace(made, words=(*made.words[:at], *limit, *made.words[at:]))

    return msgspec.structs.replace(client, command=command)


CLIENTS = tuple(map(early, clients(("opencode", "qwen-code", "codex", "pi"))))


def text_of(message: Body) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


class Copying(ScriptedModel):
    """Ends a summary with the block that it was asked to copy."""

    bodies: list[Body]

    def __call__(self, body: Body) -> Reply:
        self.bodies.append(body)
        reply = super().__call__(body)
        last = text_of(body["messages"][-1])
        if ORDER in last and isinstance(reply, Say):
            block = last[last.rindex(OPENER) : last.rindex(CLOSER) + len(CLOSER)]
            return msgspec.structs.replace(reply, pieces=(f"{SUMMARY}\n\n{block}",))
        return reply


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[Body]:
    """Every request that reaches the model."""
    seen: list[Body] = []
    monkeypatch.setattr(Copying, "bodies", seen, raising=False)
    monkeypatch.setattr(cell, "ScriptedModel", Copying)
    return seen


async def run(client: Client, gateway: str) -> None:
    try:
        folder = install(client, DEFAULT_FOLDER)
    except NotInstalledError as error:
        pytest.skip(f"{client.id} cannot be installed: {error}")
    (scenario,) = load_all(("overflow_numbers",))
    await cell.run_cell(client, scenario, folder, gateway)


def holds(asked: Callable[[str], bool], body: Body) -> bool:
    return any(asked(text_of(message)) for message in body["messages"])


@pytest.mark.parametrize("client", CLIENTS, ids=lambda each: each.id)
async def test_the_task_comes_through_a_compaction(client: Client, bodies: list[Body]) -> None:
    await run(client, GATEWAY)
    asked = [n for n, body in enumerate(bodies) if ORDER in text_of(body["messages"][-1])]
    assert asked, [len(body["messages"]) for body in bodies]
    for n in asked:
        pinned = parse(text_of(bodies[n]["messages"][-1]))
        assert pinned is not None and pinned.task.strip('"') == TASK
    # What follows the last compaction is the client's own request with the summary in it.
    after = bodies[asked[-1] + 1 :]
    assert after and all(holds(lambda text: CLOSER in text and TASK in text, b) for b in after)


async def test_switched_off_no_request_holds_a_block(bodies: list[Body]) -> None:
    await run(CLIENTS[0], f"{GATEWAY} --off compaction_pin")
    assert bodies and not any(holds(lambda text: OPENER in text, body) for body in bodies)
