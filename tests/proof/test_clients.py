"""Real clients behind the gateway, against a scripted model with one fault. About five minutes.

A sample; `scripts/client_table.py` runs every client and scenario. The clients come from npm and
PyPI; one that cannot be installed is skipped with the reason.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.clients.cell import run_cell
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install
from tests.clients.programs import clients
from tests.clients.programs.client import Client
from tests.clients.scenario import Scenario, load_all

pytestmark = pytest.mark.proof

GATEWAY = f"{sys.executable} -m seatrial gateway --upstream {{upstream}} --port 0 --no-record"

# One streams and one does not; one breaks on most faults and one asks the model again.
SAMPLE = clients(("pi-0.73", "mini-swe-agent"))
SCENARIOS = load_all(("missing_opener", "text_loop", "truncated_write", "identical_calls_stubborn"))


@pytest.fixture(scope="module", params=SAMPLE, ids=lambda each: each.id)
def installed(request: pytest.FixtureRequest) -> tuple[Client, Path]:
    client: Client = request.param
    try:
        return client, install(client, DEFAULT_FOLDER)
    except NotInstalledError as error:
        pytest.skip(f"{client.id} cannot be installed: {error}")


async def test_the_meter(installed: tuple[Client, Path]) -> None:
    """Without a gateway: a sound model's task is done, a faulty model's task is not."""
    client, folder = installed
    for name, done in (("healthy", True), ("missing_opener", False)):
        (scenario,) = load_all((name,))
        cell = await run_cell(client, scenario, folder)
        assert (cell.outcome == "done") == done, cell
        assert cell.outcome in ("done", "wrong end", "typed end"), cell


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
async def test_a_fault_is_healed_or_ends_typed_and_bounded(
    installed: tuple[Client, Path], scenario: Scenario
) -> None:
    client, folder = installed
    cell = await run_cell(client, scenario, folder, GATEWAY)
    if scenario.recovers_when == "never":
        assert cell.outcome == "typed end", cell
        assert cell.output_tokens < 20_000, cell
        assert cell.requests < 60, cell
    else:
        assert cell.outcome == "done", cell
