"""The real pi, old and new, with Seatrial's extension and without it. About four minutes.

Each factor, on and off, is read from what pi asked the server, not from what the extension says.
Pi comes from npm; one that cannot be installed is skipped with the reason.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from seatrial.cli import main
from seatrial.fakes import CallTools, Reply, Say, ScriptedCall, ScriptedServer
from tests.clients.install import DEFAULT_FOLDER, NotInstalledError, install
from tests.clients.pi_runs import OUTPUT_TOKENS, Pi, Printed
from tests.clients.programs import clients
from tests.clients.programs.client import Client
from tests.clients.requests import text_of

pytestmark = pytest.mark.proof

Body = dict[str, Any]
CHAT = "/v1/chat/completions"
ALL = ("pin", "verify", "length")
SUMMARY = "A summary that has forgotten everything."
TASK = (
    "Write the parser of tide tables.\n\n"
    "- It must reject negative heights.\n"
    "- Run tests/test_tides.py.\n"
    "The word is `Niobe-4711`."
)
CUT = "cut off at the limit of output tokens"
ASKS = "nothing was run that checks them"


@pytest.fixture(params=clients(("pi-0.73", "pi")), ids=lambda each: each.id)
def pi(request: pytest.FixtureRequest, tmp_path: Path) -> Pi:
    client: Client = request.param
    try:
        return Pi(installed=install(client, DEFAULT_FOLDER), folder=tmp_path)
    except NotInstalledError as error:
        pytest.skip(f"{client.id} cannot be installed: {error}")


def call(name: str, finish: str = "tool_calls", cut: int | None = None, **arguments: str) -> Reply:
    text = json.dumps(arguments)[:cut]
    return CallTools(calls=(ScriptedCall(name=name, fragments=(text,)),), finish=finish)


WRITE = call("write", path="tides.py", content="print(1)\n")
DONE = Say(pieces=("It is ", "done."))
# At pi's own cap; new pi takes a shorter one for a full window and compacts by itself.
CUT_ANSWER = Say(pieces=("I will ",), finish="length", completion_tokens=OUTPUT_TOKENS)


def told(body: Body) -> list[str]:
    return [text_of(message) for message in body["messages"]]


def is_summary_call(body: Body) -> bool:
    return not body.get("tools")


def scripted(*replies: Reply, summary: Reply | None = None) -> Callable[[Body], Reply]:
    """The n-th reply to the n-th request of the agent; the last one repeats."""
    left = list(replies)

    def reply(body: Body) -> Reply:
        if is_summary_call(body):
            return summary or Say(pieces=(SUMMARY,))
        return left.pop(0) if len(left) > 1 else left[0]

    return reply


def asked(server: ScriptedServer) -> list[Body]:
    return [body for body in server.bodies(CHAT) if not is_summary_call(body)]


def holding(body: Body, text: str) -> list[str]:
    return [each for each in told(body) if text in each]


# Pinning


async def compacted_twice(pi: Pi, factors: tuple[str, ...] | None) -> tuple[list[Body], Printed]:
    """The requests behind each of two compactions."""
    script = scripted(WRITE, call("read", path="tides.py"), DONE)
    async with ScriptedServer(script) as server:
        pi.prepare(server.url, factors)
        steps = [{"type": "prompt", "message": TASK}]
        for word in ("one", "two"):
            steps += [{"type": "prompt", "message": f"And {word}."}, {"type": "compact"}]
            steps += [{"type": "prompt", "message": f"Go on after {word}."}]
        ran = await pi.rpc(steps)
        bodies = [body for body in asked(server) if "Go on after" in told(body)[-1]]
    assert len(bodies) == 2, ran
    assert all(holding(body, SUMMARY) for body in bodies), ran
    return bodies, ran


async def test_pin_on(pi: Pi) -> None:
    bodies, ran = await compacted_twice(pi, ("pin",))
    for body in bodies:
        (text,) = holding(body, "<pinned>")
        assert text.count("<pinned>") == 1
        assert SUMMARY in text, "pi's own summary stays"
        assert TASK in text, "word for word"
        criteria = text.partition("## Acceptance criteria")[2].partition("##")[0]
        assert "- It must reject negative heights." in criteria
        assert "- Run tests/test_tides.py." in criteria
        assert "- tides.py" in text.partition("## Files written so far")[2]
    latest = [holding(body, "<pinned>")[0].partition("## The user's latest")[2] for body in bodies]
    assert ["And one." in latest[0], "And two." in latest[1]] == [True, True]
    records = [each for each in pi.entries() if each.get("customType") == "seatrial-pin"]
    blocks = [each["data"]["block"] for each in records]
    pairs = zip(blocks, bodies, strict=True)
    assert all(holding(body, block) for block, body in pairs), "what was sent is recorded"
    assert "pinned to the summary: the task, 2 criteria, 1 files" in ran.stdout


@pytest.mark.parametrize("factors", [None, ("verify", "length")], ids=["without", "off"])
async def test_pin_off(pi: Pi, factors: tuple[str, ...] | None) -> None:
    bodies, _ = await compacted_twice(pi, factors)
    assert not any(holding(body, "Niobe-4711") for body in bodies)


async def test_a_compaction_in_print_mode_is_pinned(pi: Pi) -> None:
    """By the threshold: old pi looks before the next prompt, new pi within a run."""
    full = CallTools(
        calls=(ScriptedCall(name="bash", fragments=('{"command": "true"}',)),), prompt_tokens=20_000
    )
    ends = Say(pieces=("ok",), prompt_tokens=20_000)
    async with ScriptedServer(scripted(full, ends, DONE)) as server:
        pi.prepare(server.url, ALL, window_tokens=32_768)
        ran = await pi.print(TASK, "Go on.")
        bodies = asked(server)
    assert ran.returncode == 0, ran
    assert any(is_summary_call(body) for body in server.bodies(CHAT)), ran
    (text,) = holding(bodies[-1], "<pinned>")
    assert TASK in text


async def test_a_resumed_session_is_pinned_until_the_extension_is_removed(pi: Pi) -> None:
    async with ScriptedServer(scripted(DONE)) as server:
        pi.prepare(server.url, ALL)
        step = {"type": "prompt", "message": TASK}
        await pi.rpc([step, {**step, "message": "And then?"}, {"type": "compact"}])
        await pi.print("--continue", "Go on.")
        assert TASK in holding(asked(server)[-1], "<pinned>")[0]
        assert main(["client", "remove", "pi", "--home", str(pi.home)]) == 0
        await pi.print("--continue", "Go on.")
        assert not holding(asked(server)[-1], "<pinned>")
    assert not (pi.home / "extensions").exists()


async def test_a_long_task_keeps_its_head_its_end_and_its_criteria(pi: Pi) -> None:
    task = f"{TASK}\n{'🌊 waves. ' * 1000}\nIt must hold at the very end."
    async with ScriptedServer(scripted(DONE)) as server:
        pi.prepare(server.url, ("pin",))
        step = {"type": "prompt", "message": task}
        await pi.rpc([step, {"type": "compact"}, {**step, "message": "Go on."}])
        (text,) = holding(asked(server)[-1], "<pinned>")
    assert TASK in text
    assert "characters left out here" in text
    assert text.count("It must hold at the very end.") == 2
    assert len(text) < 5_000
    assert text.encode("utf-8")


# Verifying


async def ended(pi: Pi, factors: tuple[str, ...] | None, *replies: Reply) -> list[Body]:
    async with ScriptedServer(scripted(*replies)) as server:
        pi.prepare(server.url, factors)
        ran = await pi.print(TASK)
        assert ran.returncode == 0, ran
        return asked(server)


async def test_verify_asks_once_and_names_what_changed(pi: Pi) -> None:
    bodies = await ended(pi, ("verify",), WRITE, DONE)
    assert len(bodies) == 3
    (text,) = holding(bodies[-1], ASKS)
    assert "- tides.py" in text
    (entry,) = [each for each in pi.entries() if each["type"] == "custom_message"]
    assert (entry["customType"], entry["display"]) == ("seatrial-verify", True)


async def test_verify_asks_again_for_another_task(pi: Pi) -> None:
    script = scripted(WRITE, DONE, DONE, WRITE, DONE, DONE, DONE)
    async with ScriptedServer(script) as server:
        pi.prepare(server.url, ("verify",))
        await pi.print(TASK, "Another task.", "What is a tide?")
        bodies = asked(server)
    assert len(bodies) == 7, "the third one changed nothing"
    assert len(holding(bodies[-1], ASKS)) == 2


@pytest.mark.parametrize(
    "replies",
    [
        (DONE,),
        (call("read", path="agent/models.json"), DONE),
        (WRITE, call("bash", command="python3 tides.py"), DONE),
        (call("bash", command="echo x > y.txt && python3 -m unittest"), DONE),
    ],
    ids=["nothing", "read", "checked", "checked in one line"],
)
async def test_verify_has_nothing_to_ask(pi: Pi, replies: tuple[Reply, ...]) -> None:
    bodies = await ended(pi, ("verify",), *replies)
    assert len(bodies) == len(replies)


async def test_verify_takes_no_call_for_a_check_that_did_not_run(pi: Pi) -> None:
    missing = call("bash", command="python3.0 tides.py")
    cut = call("bash", "length", command="python3 tides.py")
    bodies = await ended(pi, ("verify", "length"), WRITE, missing, cut, DONE)
    assert len(bodies) == 5
    assert holding(bodies[-1], ASKS)


async def test_verify_takes_a_failed_test_for_a_check(pi: Pi) -> None:
    failing = call("bash", command="python3 -c 'raise SystemExit(1)'")
    assert len(await ended(pi, ("verify",), WRITE, failing, DONE)) == 3


async def test_verify_asks_when_a_file_changed_after_the_check(pi: Pi) -> None:
    check = call("bash", command="python3 tides.py")
    shell = call("bash", command="cat > tides.py <<'EOF'\nimport pytest\nEOF")
    bodies = await ended(pi, ("verify",), WRITE, check, shell, DONE)
    assert len(bodies) == 5
    assert "- tides.py" in holding(bodies[-1], ASKS)[0]


LINES = {
    "pytest -q": ["checks"],
    "cat > a.py <<'EOF'\nimport pytest; pytest > x\nEOF\npython a.py": ["a.py", "checks"],
    "cat <<EOF > 'my file.txt'\nx\nEOF": ["my file.txt"],
    "sed -i 's/a/b/' src/x.py && grep b src/x.py": ["src/x.py"],
    "cd sub && make test | tee out.log": ["checks"],
    "pytest &> out.log": ["checks"],
    "make 2>&1 | tail -5": ["checks"],
    "echo hi | tee f.txt": ["f.txt"],
    "npm install && npm test": ["checks"],
    "npm install": [],
    "python -m pip install x; node --version": [],
    "grep x y > /tmp/out 2>&1; ls 2>/dev/null >&2": [],
    "bash -lc 'go test ./...'": ["checks"],
    "bash -c 'cat x'": [],
    "./run.sh": ["checks"],
    "/usr/bin/ls": [],
    "timeout 30 env A=1 uv run pytest": ["checks"],
    "go mod tidy": [],
    'cat <<<"abc" > q': ["q"],
    "cp a b && mv b c": ["b", "c"],
    "echo 'pytest > x' && echo \"a; make\"": [],
}
"""What each line of a shell does: the files it writes, or `checks`, in their order."""

_READER = """
import { createJiti } from "%s";
const { shell } = await createJiti(import.meta.url).import("%s");
const told = JSON.parse(process.argv[2]).map((line) =>
  shell(line, "/w").flatMap((effect) => (effect.checks ? ["checks"] : effect.written)));
console.log(JSON.stringify(told));
"""


async def test_what_a_line_of_the_shell_does(pi: Pi, tmp_path: Path) -> None:
    """Read by pi's own loader; only the parser of lines is asked."""
    extension, reader = tmp_path / "extension.ts", tmp_path / "reader.mjs"
    plain = files("seatrial.gateway.pi").joinpath("extension.ts").read_text("utf-8")
    extension.write_text(f"{plain}\nexport {{ shell }};\n", "utf-8")
    jiti = pi.installed / "node_modules/jiti/lib/jiti.mjs"
    reader.write_text(_READER % (jiti, extension), "utf-8")
    done = subprocess.run(
        [pi.node, reader, json.dumps(list(LINES))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert dict(zip(LINES, json.loads(done.stdout), strict=True)) == LINES


@pytest.mark.parametrize("factors", [None, ("pin", "length")], ids=["without", "off"])
async def test_verify_off(pi: Pi, factors: tuple[str, ...] | None) -> None:
    assert len(await ended(pi, factors, WRITE, DONE)) == 2


# Cut answers


async def test_length_asks_to_go_on_in_smaller_steps(pi: Pi) -> None:
    bodies = await ended(pi, ("length",), CUT_ANSWER, WRITE, DONE)
    assert len(bodies) == 3
    assert CUT in told(bodies[1])[-1]
    assert (pi.workspace / "tides.py").read_text() == "print(1)\n"


async def test_length_is_bounded(pi: Pi) -> None:
    bodies = await ended(pi, ("length",), CUT_ANSWER)
    assert len(bodies) == 3
    assert len(holding(bodies[-1], CUT)) == 2


async def test_length_carries_out_no_cut_call(pi: Pi) -> None:
    half = call("write", "length", -5, path="tides.py", content="print(1)\nprint(2)\n")
    other = call("write", path="other.py", content="")
    bodies = await ended(pi, ("length",), half, other, DONE)
    assert not (pi.workspace / "tides.py").exists()
    (text,) = holding(bodies[1], CUT)
    assert "not carried out" in text
    assert len(bodies) == 3


@pytest.mark.parametrize("factors", [None, ("pin", "verify")], ids=["without", "off"])
async def test_length_off(pi: Pi, factors: tuple[str, ...] | None) -> None:
    assert len(await ended(pi, factors, CUT_ANSWER)) == 1


# The whole


async def test_text_mode_ends_with_the_last_answer(pi: Pi) -> None:
    script = scripted(WRITE, DONE, Say(pieces=("Nothing here can check it.",)))
    async with ScriptedServer(script) as server:
        pi.prepare(server.url, ALL)
        ran = await pi.print(TASK, mode="text")
    assert (ran.returncode, ran.stdout) == (0, "Nothing here can check it.\n"), ran
    assert ran.stderr == ""


async def test_json_mode_shows_what_was_sent(pi: Pi) -> None:
    async with ScriptedServer(scripted(WRITE, DONE)) as server:
        pi.prepare(server.url, ALL)
        ran = await pi.print(TASK)
    assert ran.returncode == 0, ran
    ends = [each["message"] for each in ran.events if each["type"] == "message_end"]
    assert [each["customType"] for each in ends if each["role"] == "custom"] == ["seatrial-verify"]
    assert ends[-1]["role"] == "assistant"
    (loaded,) = [each for each in pi.entries() if each.get("customType") == "seatrial"]
    assert loaded["data"] == {"pin": True, "verify": True, "length": True}


async def test_many_frames_at_once_do_not_outrun_the_question(pi: Pi) -> None:
    """Old pi handles events behind its loop; the question must be there before the loop ends."""
    long = Say(pieces=tuple("word " for _ in range(400)))
    bodies = await ended(pi, ("verify",), WRITE, long)
    assert len(bodies) == 3


async def test_the_key_for_a_gateway_reaches_it(pi: Pi) -> None:
    from seatrial.gateway.client_config import Setup, pi_provider

    setup = Setup(url="http://127.0.0.1", model="m", token_env="GATEWAY_TOKEN")
    async with ScriptedServer(scripted(DONE)) as server:
        pi.prepare(server.url, None, key=pi_provider(setup)["apiKey"])
        ran = await pi.print(TASK)
        (request,) = [each for each in server.received if each.path == CHAT]
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"] == "Bearer t0ken", ran
