"""The gateway in front of the real engine: our agent and real clients, recorded and attested.

About two minutes on two idle cores. At full scale the new pi beside the old one.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from seatrial.chat import Facts
from seatrial.core import trace as events
from seatrial.core.result import Result
from seatrial.core.schema import sha256_hex
from seatrial.core.trace import TraceEvent
from seatrial.models import model_path
from seatrial.sandbox import probe
from seatrial.serve import attest_url
from seatrial.stats import wilson
from seatrial.suites import Task, load_suite, make
from tests.clients import hand
from tests.clients.cell import run_client
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install
from tests.clients.programs import clients
from tests.clients.programs.client import Client, Command, Setup
from tests.gateway import load
from tests.proof import behind_gateway as behind
from tests.proof.conftest import FULL, Record, seatrial_json

pytestmark = [pytest.mark.proof, pytest.mark.engine, pytest.mark.bwrap]

SEED = int(os.environ.get("SEATRIAL_PROOF_SEED", "9100"))
COUNT = 35
CLIENTS = clients(("pi-0.73", "pi", "mini-swe-agent") if FULL else ("pi-0.73", "mini-swe-agent"))
BOUNDED = ("--pin", "temperature=0", "--pin", "max_tokens=400")
"""The clients set no sampler. Greedy, so that two runs are one; short, because the model is lost
in their prompts and writes until it is stopped."""
WALL_SECONDS = 120
_SESSION = re.compile(r"\d{6}-(.+)-[0-9a-f]{8}")


@pytest.fixture(autouse=True)
def needs() -> None:
    if not probe("bwrap").works:
        pytest.skip("bubblewrap does not work here")
    if not model_path("dinghy").is_file():
        pytest.skip("the shipped models are not there: make dinghy")


@pytest.fixture(scope="module")
def weights() -> str:
    return sha256_hex(model_path("dinghy").read_bytes())


class Pass:
    """The suite once, on an engine of its own: another state of its cache may round otherwise."""

    def __init__(self, tasks: list[Task], folder: Path, options: tuple[str, ...] | None) -> None:
        """`options` of the gateway; None = none is there."""
        self.tasks = tasks
        self.trials = folder / "trials"
        self.runs = folder / "runs"
        self.exchanges = self.lost = 0
        with behind.engine() as url:
            facts = asyncio.run(attest_url(url)).facts("native")
            before = behind.counted(url)
            if options is None:
                self.results = self._run(url, facts)
            else:
                with load.gateway(url, "--runs", str(self.runs), *options) as (gateway, _):
                    self.results = self._run(gateway, facts)
                    self.exchanges = behind.metric(gateway, "recorded_total")
                    self.lost = behind.metric(gateway, "record_lost_total")
            self.spent = behind.spent(before, behind.counted(url))
        self.sessions = behind.sessions(self.runs)

    def _run(self, url: str, facts: Facts) -> list[Result]:
        return asyncio.run(behind.trials(url, facts, self.tasks, self.trials))

    def transcript(self, task: Task) -> list[dict[str, Any]]:
        return behind.plain(self.trials / task.id)

    def trace(self, task: Task) -> list[TraceEvent]:
        return list(behind.read_events(self.trials / task.id))


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pass]:
    folder = tmp_path_factory.mktemp("passes")
    make("shakedown", seed=SEED, count=COUNT, band="standard", out=folder / "suite")
    tasks = load_suite(folder / "suite")
    assert len({task.digest for task in tasks}) == COUNT
    ways: dict[str, tuple[str, ...] | None] = {
        "direct": None, "observed": ("--observe",), "guarded": ()
    }  # fmt: skip
    return {name: Pass(tasks, folder / name, options) for name, options in ways.items()}


def test_the_agent_does_the_same_through_the_gateway(
    passes: dict[str, Pass], record: Record
) -> None:
    """Observing: every trial. With the rules on: every trial up to where a rule acts."""
    direct, observed, guarded = passes["direct"], passes["observed"], passes["guarded"]
    tasks = direct.tasks
    same = [task for task in tasks if direct.transcript(task) == observed.transcript(task)]
    under_rules = [task for task in tasks if direct.transcript(task) == guarded.transcript(task)]
    interval = wilson(len(same), COUNT)
    by_session = _by_task(guarded)
    rules = {
        task.id: [[e.turn, e.rule, e.action, e.finding] for e in _enforced(by_session[task.id])]
        for task in tasks
        if behind.acted(by_session[task.id]) is not None
    }
    record(
        "gateway_engine",
        {
            "seeds": {"suite": SEED},
            "n": COUNT,
            "identical": len(same),
            "interval": [interval.low, interval.high],
            "method": "Wilson, 95 %",
            "wire": "native",
            "with_rules": {"identical": len(under_rules), "a_rule_acted_in": rules},
            "outcomes": {name: _outcomes(one) for name, one in passes.items()},
            "turns": {name: sum(r.turns for r in one.results) for name, one in passes.items()},
            "tokens": {name: one.spent for name, one in passes.items()},
            "left_out": behind.LEFT_OUT,
        },
    )
    assert len(same) == COUNT
    assert {r.outcome for r in direct.results} & {"passed"}, "the model solved nothing at all"
    assert {task.id for task in tasks} - {task.id for task in under_rules} <= set(rules)
    for task in tasks:
        turn = behind.acted(by_session[task.id])
        if turn is not None:
            before = [_until(one.transcript(task), turn) for one in (direct, guarded)]
            assert before[0] == before[1], f"{task.id} differs before the rule acted"


@pytest.mark.parametrize("name", ["observed", "guarded"])
def test_every_exchange_is_recorded_once_with_the_engines_tokens(
    name: str, passes: dict[str, Pass], weights: str
) -> None:
    one = passes[name]
    assert one.exchanges == sum(result.turns for result in one.results)
    assert one.lost == 0
    by_task = _by_task(one)
    assert len(one.sessions) == len(by_task) == COUNT
    for task in one.tasks:
        trial, session = one.trace(task), by_task[task.id]
        assert _answers(trial) == _answers(session)
        assert not [e for e in behind.of(events.Request, session) if e.side_call]
        (begin,) = behind.of(events.Begin, session)
        assert (begin.identity["grade"], begin.identity["weights"]) == ("process", weights)
    assert behind.recorded([trace for _, trace in one.sessions]) == one.spent
    assert behind.recorded([one.trace(task) for task in one.tasks]) == one.spent


def test_no_wire_makes_a_false_verdict(passes: dict[str, Pass], tmp_path: Path) -> None:
    """A gateway reads the calls that raw_chat leaves in the text; raw prompts it does not read."""
    tasks = passes["direct"].tasks[:1]
    with behind.engine("client") as url, load.gateway(url, "--no-record") as (gateway, _):
        seen = asyncio.run(attest_url(gateway))
        assert seen.grade == "canary"
        assert any("seatrial gateway, which only forwards it" in why for why in seen.reasons)
        for wire, ended, outcome in (
            ("raw_chat", "engine_error", "unscored"),
            ("raw_completion", "finished", "passed"),
        ):
            facts = asyncio.run(attest_url(url)).facts(wire)  # type: ignore[arg-type]
            (result,) = asyncio.run(behind.trials(gateway, facts, tasks, tmp_path / wire))
            assert (result.ended.value, result.outcome) == (ended, outcome), result.detail
        assert behind.metric(gateway, "unguarded_total") > 0


@pytest.fixture(params=CLIENTS, ids=lambda each: each.id)
def installed(request: pytest.FixtureRequest) -> tuple[Client, Path]:
    client: Client = request.param
    try:
        return client, install(client, DEFAULT_FOLDER)
    except NotInstalledError as error:
        pytest.skip(f"{client.id} cannot be installed: {error}")


def test_a_real_client_converses_recorded_and_attested(
    installed: tuple[Client, Path], weights: str, record: Record, tmp_path: Path
) -> None:
    client, folder = installed
    runs = tmp_path / "runs"
    setup = Setup(installed=folder, home=tmp_path / "home", workspace=tmp_path / "work", url="")
    setup.home.mkdir()
    setup.workspace.mkdir()
    with behind.engine() as url:
        before = behind.counted(url)
        with load.gateway(url, "--runs", str(runs), *BOUNDED) as (gateway, _):
            setup = replace(setup, url=gateway)
            ran = asyncio.run(run_client(_command(client, setup), setup, tmp_path, WALL_SECONDS))
            exchanges = behind.metric(gateway, "recorded_total")
        spent = behind.spent(before, behind.counted(url))
    ending, solved = client.ending(ran), hand.written(setup.workspace)
    ((place, trace),) = behind.sessions(runs)
    asked = behind.of(events.Request, trace)
    streams = [request.sent.get("stream") for request in asked]
    report = seatrial_json("diagnose", cwd=tmp_path)
    (session,) = report["trials"]
    record(
        f"gateway_engine_{client.id.replace('.', '_')}",
        {
            "client": list(client.packages),
            "seeds": {"sampler": "greedy"},
            "n": len(asked),
            "interval": None,
            "streamed": streams == [True] * len(asked),
            "finishes": [e.finish.value for e in behind.of(events.Response, trace)],
            "client_ended": {"failed": ending.failed, "word": ending.word, "exit": ran.returncode},
            "solved": solved,
            "diagnosis": {key: session[key] for key in ("outcome", "primary")},
            "modes": [mode["id"] for mode in session["modes"]],
            "tokens": spent,
        },
    )
    assert ran.returncode is not None, "it hangs"
    assert len(asked) >= 2
    assert exchanges == len(asked) == len(behind.of(events.Response, trace))
    assert all(request.tools_digest for request in asked if not request.side_call)
    if client.id.startswith("pi"):
        assert all(streams)
    (begin,) = behind.of(events.Begin, trace)
    assert (begin.identity["grade"], begin.identity["weights"]) == ("process", weights)
    assert begin.identity["asked"] == "scripted"
    assert behind.recorded([trace]) == spent
    assert not solved, "dinghy can do what its card says it cannot"
    assert session["outcome"] != "passed"
    assert session["modes"], "the report says what went wrong"
    shown: Any = seatrial_json("show", cwd=tmp_path)
    assert [row["task"] for row in shown] == [f"{place.parent.name}/{place.name}"]
    assert shown[0]["oracle"] == "not_run"


def _by_task(one: Pass) -> dict[str, list[TraceEvent]]:
    """Sessions by the task whose name the agent gave them."""
    found = {}
    for folder, trace in one.sessions:
        match = _SESSION.fullmatch(folder.name)
        assert match is not None
        found[match.group(1)] = trace
    return found


def _enforced(trace: list[TraceEvent]) -> list[events.Guard]:
    return [event for event in behind.of(events.Guard, trace) if event.mode == "enforce"]


def _answers(trace: list[TraceEvent]) -> list[tuple[object, ...]]:
    """What each request led to: words, calls with their ids, finish, tokens."""
    messages = {event.digest: event for event in behind.of(events.MessageEvent, trace)}
    answers: list[tuple[object, ...]] = []
    for response in behind.of(events.Response, trace):
        said = messages[response.message]
        calls = [(call.id, call.name, call.arguments) for call in said.calls]
        answers.append((said.text, said.think, calls, response.finish, response.usage))
    return answers


def _outcomes(one: Pass) -> dict[str, int]:
    return dict(Counter(result.outcome for result in one.results))


def _until(transcript: list[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
    """What happened before the answer of `turn`."""
    return [row for row in transcript if row["turn"] < turn]


def _command(client: Client, setup: Setup) -> Command:
    command = client.command(setup)
    if client.id.startswith("pi"):
        # A second message of the person: pi takes prose for an answer and would end.
        return Command((*command.words, "Is the file there? Look."), command.environment)
    return command
