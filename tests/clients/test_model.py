"""The scripted model keeps its scenario: bad until the condition is met, then good for ever."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from seatrial.fakes import After, CallTools, Refuse, Say
from tests.clients.model import ScriptedModel, notes
from tests.clients.scenario import FOLDER, RecoversWhen, Scenario, load, load_all

SCENARIOS = load_all()
FAULTY = [each for each in SCENARIOS if each.name != "healthy"]
UNFILLED = [each for each in FAULTY if each.recovers_when != "compacted"]
"""Those of a full window have a test of their own."""
TASK = {"role": "user", "content": "Create hello.txt."}


def tool(name: str, *keys: str) -> dict[str, Any]:
    properties = {key: {"type": "string"} for key in keys}
    schema = {"type": "object", "properties": properties, "required": list(keys)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [tool("bash", "command"), tool("write", "path", "content")]


def body(*more: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"messages": [TASK, *more], "tools": TOOLS, "max_tokens": 512, **fields}


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "call-1", "content": text}


NUDGE = {"role": "user", "content": "Nothing was executed. Call the tool."}
MET: dict[str, dict[str, Any]] = {
    "parsed": body(),
    "nudged": body(NUDGE),
    "sampler_changed": body(temperature=0.9),
    "thinking_off": body(chat_template_kwargs={"enable_thinking": False}),
    "never": body(NUDGE, temperature=0.9, chat_template_kwargs={"enable_thinking": False}),
}


def arguments(reply: object) -> str:
    assert isinstance(reply, CallTools), reply
    return "".join(reply.calls[0].fragments)


def does_the_task(reply: object, workspace: Path) -> bool:
    if isinstance(reply, After):
        reply = reply.reply
    if not isinstance(reply, CallTools) or reply.finish != "tool_calls":
        return False
    try:
        meant = json.loads(arguments(reply))
    except json.JSONDecodeError:
        return False
    return bool(meant == {"path": str(workspace / "hello.txt"), "content": "hello\n"})


def test_there_is_a_scenario_for_every_condition():
    assert {each.recovers_when for each in FAULTY} == set(get_args(RecoversWhen))
    assert len(FAULTY) >= 14
    assert all(each.sentence.endswith(".") for each in SCENARIOS)


def test_an_unknown_key_is_refused(tmp_path: Path):
    text = (FOLDER / "empty_answer.toml").read_text("utf-8")
    path = tmp_path / "x.toml"
    path.write_text(text + "tims = 1\n", "utf-8")
    with pytest.raises(msgspec.ValidationError, match="tims"):
        load(path)
    with pytest.raises(SystemExit, match="no scenario nonsense"):
        load_all(("nonsense",))


def test_a_healthy_model_calls_and_then_says_so(tmp_path: Path):
    model = ScriptedModel(SCENARIOS[0], tmp_path)
    assert does_the_task(model(body()), tmp_path)
    (tmp_path / "hello.txt").write_text("hello\n")
    assert isinstance(model(body()), Say)
    assert model.faults == 0


@pytest.mark.parametrize("scenario", UNFILLED, ids=lambda each: each.name)
def test_it_misbehaves_until_its_condition_is_met(scenario: Scenario, tmp_path: Path):
    model = ScriptedModel(scenario, tmp_path)
    times = getattr(scenario.fault, "times", None) or 5
    first = [model(body()) for _ in range(times)]
    if not isinstance(first[0], After):
        assert not any(does_the_task(reply, tmp_path) for reply in first)
    assert model.faults == times
    last = model(MET[scenario.recovers_when])
    transient = getattr(scenario.fault, "times", None) is not None
    recovers = scenario.recovers_when not in ("never", "parsed") or transient
    assert does_the_task(last, tmp_path) == (recovers or isinstance(last, After))
    assert model.recovered == recovers
    if recovers:
        assert does_the_task(model(body()), tmp_path), "once good, always good"


@pytest.mark.parametrize("name", ["overflow_numbers", "overflow_words"])
def test_a_full_window(name: str, tmp_path: Path):
    (scenario,) = load_all((name,))
    model = ScriptedModel(scenario, tmp_path)
    notes(tmp_path)
    seen: list[dict[str, Any]] = []
    while not isinstance(reply := model(body(*seen)), Refuse):
        command = json.loads(arguments(reply))["command"]
        seen.append(result((tmp_path / command.removeprefix("cat ")).read_text()))
    assert 3 <= len(seen) <= 8
    assert reply.status == 400
    assert "exceeds the available context size" in reply.body["error"]["message"]
    assert isinstance(model(body(*seen)), Refuse), "the same again does not fit either"
    side = {"messages": [*body(*seen)["messages"], NUDGE]}
    assert isinstance(model(side), Refuse), "nor does a summary of the whole"
    assert isinstance(model({"messages": [TASK]}), Say)
    assert does_the_task(model(body()), tmp_path)


def test_a_client_that_cuts_results_meets_the_window_all_the_same(tmp_path: Path):
    (scenario,) = load_all(("overflow_numbers",))
    model = ScriptedModel(scenario, tmp_path)
    seen: list[dict[str, Any]] = []
    while not isinstance(model(body(*seen)), Refuse):
        seen.append(result("cut"))
    assert len(seen) == 24
    assert does_the_task(model(body()), tmp_path)


def test_loops_end_at_the_cap_and_differ_between_scenarios(tmp_path: Path):
    for name, exact in (("think_loop", True), ("think_loop_reworded", False)):
        reply = ScriptedModel(*load_all((name,)), tmp_path)(body())
        assert isinstance(reply, Say)
        think = "".join(reply.think)
        assert (len(think), reply.finish, reply.pieces) == (4 * 512, "length", ())
        tail = think[-1000:]
        periodic = any(tail[p:] == tail[:-p] for p in range(1, 500))
        assert periodic == exact


def test_identical_calls_end_and_numbers_in_results_are_no_correction(tmp_path: Path):
    model = ScriptedModel(*load_all(("identical_calls",)), tmp_path)
    seen = []
    for number in range(60):
        assert json.loads(arguments(model(body(*seen)))) == {"command": "ls"}
        seen.append(result(f"Chunk ab{number:02}ef took 0.{number} seconds"))
    assert isinstance(model(body(*seen)), Say)
    told = ScriptedModel(*load_all(("identical_calls",)), tmp_path)
    told(body())
    told(body(result("a")))
    assert does_the_task(told(body(result("a"), result("a\nThis was asked before."))), tmp_path)


def test_truncated_calls_end_inside_the_content(tmp_path: Path):
    for name, end in (("truncated_write", ': "hel'), ("truncated_write_healed", ': "hel"}')):
        reply = ScriptedModel(*load_all((name,)), tmp_path)(body())
        assert arguments(reply).endswith(end)
        assert isinstance(reply, CallTools)
        assert reply.finish == "length"
    only_commands = {**body(), "tools": TOOLS[:1]}
    reply = ScriptedModel(*load_all(("truncated_write",)), tmp_path)(only_commands)
    assert arguments(reply) == '{"command": "printf \'hel'
    text = ScriptedModel(*load_all(("truncated_write",)), tmp_path, edits_text=True)(body())
    assert isinstance(text, Say)
    assert "".join(text.pieces).endswith("```\nhel")


def test_the_word_to_submit_with_is_used(tmp_path: Path):
    model = ScriptedModel(SCENARIOS[0], tmp_path)
    (tmp_path / "hello.txt").write_text("hello\n")
    told = {"role": "user", "content": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}
    asked = {"messages": [told], "tools": TOOLS[:1]}
    assert "COMPLETE_TASK" in arguments(model(asked))


def test_side_requests_get_text(tmp_path: Path):
    model = ScriptedModel(SCENARIOS[0], tmp_path)
    assert isinstance(model({"messages": [TASK]}), Say)
    assert (model.side_requests, model.faults) == (1, 0)
