"""The harness itself: a client that does the task passes, and one that does not fails."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clients.cell import GatewayError, run_cell
from tests.clients.install import NotInstalledError, install
from tests.clients.programs import CLIENTS, clients
from tests.clients.programs.client import Client, Command, Ending, Ran, Setup, json_lines
from tests.clients.scenario import Healthy, Scenario

SCENARIO = Scenario(name="x", sentence="X.", recovers_when="parsed", fault=Healthy())


def client(code: str, *, fails: bool = False, edits_text: bool = False) -> Client:
    def command(setup: Setup) -> Command:
        return Command((sys.executable, "-c", code, setup.url), {"SAID": "yes"})

    def ending(ran: Ran) -> Ending:
        return Ending(failed=fails or bool(ran.returncode), word=ran.stdout.strip())

    return Client(
        id="x",
        installer="pip",
        packages=(),
        program="x",
        command=command,
        ending=ending,
        edits_text=edits_text,
    )


def runs(pid: int) -> bool:
    """A killed child may still wait for its reaper."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


WRITES = "import pathlib; pathlib.Path('hello.txt').write_bytes({!r})"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (WRITES.format(b"hello\n"), "done"),
        (WRITES.format(b"hello"), "wrong bytes"),
        (WRITES.format(b""), "wrong end"),
        ("pass", "wrong end"),
        ("raise SystemExit(3)", "typed end"),
    ],
)
async def test_outcomes(code: str, outcome: str, tmp_path: Path):
    cell = await run_cell(client(code), SCENARIO, tmp_path)
    assert cell.outcome == outcome


async def test_an_error_record_is_a_typed_end(tmp_path: Path):
    cell = await run_cell(client("print('oh')", fails=True), SCENARIO, tmp_path)
    assert (cell.outcome, cell.word, cell.returncode) == ("typed end", "oh", 0)


async def test_a_client_that_does_not_end_is_ended_with_its_children(tmp_path: Path):
    pid = tmp_path / "pid"
    child = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    scenario = Scenario(
        name="x", sentence="X.", recovers_when="never", fault=Healthy(), wall_seconds=3
    )
    started = time.monotonic()
    cell = await run_cell(client(code), scenario, tmp_path)
    assert (cell.outcome, cell.returncode) == ("hang", None)
    assert time.monotonic() - started < 15
    until = time.monotonic() + 10
    while runs(int(pid.read_text())):
        assert time.monotonic() < until, "the child runs on"
        await asyncio.sleep(0.02)


async def test_the_environment_of_the_caller_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SECRET_KEY", "1")
    code = "import os; print(sorted(os.environ))"
    cell = await run_cell(client(code), SCENARIO, tmp_path)
    assert "SECRET_KEY" not in cell.word
    assert "SAID" in cell.word
    assert os.environ["HOME"] not in cell.word


async def test_calls_are_nothing_for_a_client_without_tools(tmp_path: Path):
    scenario = Scenario(
        name="x", sentence="X.", recovers_when="never", fault=Healthy(), needs_tools=True
    )
    cell = await run_cell(client("pass", edits_text=True), scenario, tmp_path)
    assert cell.outcome == "not applicable"


GATEWAY = f'{sys.executable} -u -c \'import time; print("{{upstream}} http://127.0.0.1:1"); '


async def test_a_gateway_stands_in_between(tmp_path: Path):
    code = "import sys; print(sys.argv[1])"
    cell = await run_cell(client(code), SCENARIO, tmp_path, GATEWAY + "time.sleep(60)'")
    assert (cell.word, cell.gateway) == ("http://127.0.0.1:1", True)


async def test_a_gateway_that_does_not_start(tmp_path: Path):
    with pytest.raises(GatewayError, match="no URL"):
        await run_cell(client("pass"), SCENARIO, tmp_path, f"{sys.executable} -c pass")


@given(st.text())
def test_any_text_has_lines(text: str):
    assert all(isinstance(each, dict) for each in json_lines(text))


@pytest.mark.parametrize("each", CLIENTS, ids=lambda each: each.id)
@given(text=st.text() | st.just('{"type": "error", "message": null}\n{"type": "result"}'))
def test_any_output_has_an_ending(each: Client, text: str):
    ran = Ran(returncode=1, stdout=text, stderr="", home=Path("/nonexistent"))
    assert each.ending(ran).failed


def test_a_client_that_cannot_be_installed_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalledError, match="not on the PATH"):
        install(CLIENTS[0], tmp_path)
    with pytest.raises(SystemExit, match="no client nonsense"):
        clients(("nonsense",))
