"""A whole run: which attempts count, groups, recommendations, and the JSON of the contract."""

import msgspec
import pytest

from seatrial.core.config import ArmSpec
from seatrial.core.errors import UserError
from seatrial.core.generation import Caps, Finish
from seatrial.core.lock import make_lock
from seatrial.diagnose import diagnose_run, to_json
from seatrial.diagnose.advice import recommend

FENCE = "```python\nprint(1)\n```"


def lock_of(run, served=None, **spec):
    asked = msgspec.to_builtins(ArmSpec(caps=Caps(max_tokens=100, max_turns=12), **spec))
    lock = make_lock("arm", asked, served or {}, {}, {})
    (run / "lock").mkdir(parents=True, exist_ok=True)
    (run / "lock" / f"{lock.arm}.json").write_bytes(msgspec.json.encode(lock))
    return lock


@pytest.fixture
def tell(tmp_path, new_story):
    """Makes the story of one trial of the run."""

    def make(task, attempt=1):
        return new_story(tmp_path / "trials" / task / "arm" / "1" / f"attempt-{attempt}")

    return make


def test_the_last_complete_attempt_counts(tell, tmp_path):
    tell("a", 2).reply("I'll look.").end("gave_up").oracle().write()
    tell("a", 10).edits().finishes("Fixed.").end("finished").oracle("ok", 1.0).write("passed")
    tell("a", 11).reply("I'll look.").write(None)
    found = diagnose_run(tmp_path)
    assert [trial.path for trial in found.trials] == ["trials/a/arm/1/attempt-10"]
    assert found.trials[0].primary == "none"


def test_sessions_are_read_too(tmp_path, new_story):
    new_story(tmp_path / "sessions" / "pi" / "s1").runs("ls").end("max_turns").write(None)
    (only,) = diagnose_run(tmp_path).trials
    assert (only.path, only.outcome) == ("sessions/pi/s1", "max_turns")


def test_a_folder_without_trials_is_a_users_error(tmp_path):
    with pytest.raises(UserError, match="no finished trial"):
        diagnose_run(tmp_path)


def test_a_broken_trial_never_stops_the_others(tell, tmp_path):
    tell("a").reply("I'll look.").end("gave_up").oracle().write()
    broken = tell("b").reply("I'll look.").end("gave_up")
    broken.write()
    (broken.folder / "events.jsonl").write_bytes(b"\xff\xff\n\xff\n")
    unread = tell("c").reply("I'll look.").end("gave_up")
    unread.write()
    (unread.folder / "result.json").write_bytes(b"[]")
    found = {trial.path[7]: trial for trial in diagnose_run(tmp_path).trials}
    assert found["a"].primary == "format.no_tool_call"
    assert found["b"].primary == found["c"].primary == "inconclusive"
    assert found["b"].note
    assert found["c"].note


def test_groups(tell, tmp_path):
    tell("a").reply("I'll look.").end("gave_up").oracle().write()
    tell("b").edits().finishes("Fixed.").end("finished").oracle("ok", 1.0).write("passed")
    tell("c").reply("I'll look.").end("gave_up").oracle().write(taint=("clock",))
    tell("d").reply("I'll look.").end("engine_error").write("not_run")
    (group,) = diagnose_run(tmp_path).groups
    assert (group.id, group.trials, group.share) == ("format.no_tool_call", 3, 0.75)
    assert (group.pass_with, group.pass_without) == (0.0, 1.0)


def test_a_rate_of_no_trials_is_no_rate(tell, tmp_path):
    tell("a").reply("I'll look.").end("gave_up").oracle().write()
    (group,) = diagnose_run(tmp_path).groups
    assert group.pass_without is None


def test_recommends_a_tool_call_adapter_for_markdown(tell, tmp_path):
    lock = lock_of(tmp_path)
    for task in "abc":
        tell(task).reply(FENCE).reply(FENCE).end("gave_up").oracle().write(arm=lock.arm)
    (only,) = diagnose_run(tmp_path).recommendations
    assert (only.mode, only.where, only.knob) == (
        "format.markdown_instead_of_call",
        "model",
        "adapter",
    )
    assert only.from_ is None
    assert only.refuted_by


def test_the_machine_suspends_advice_on_the_model(tell, tmp_path):
    lock = lock_of(tmp_path)
    for task in "abc":
        tell(task).reply(FENCE).reply(FENCE).end("gave_up").oracle().write(arm=lock.arm)
    story = tell("d").fault("InfraError", "bwrap: not found", "harness", "infra")
    story.write("not_run", arm=lock.arm)
    assert diagnose_run(tmp_path).recommendations == ()


def test_recommends_nothing_without_a_lock(tell, tmp_path):
    tell("a").reply(FENCE).reply(FENCE).end("gave_up").oracle().write()
    assert diagnose_run(tmp_path).recommendations == ()


def test_the_diff_keeps_the_other_caps(tell, tmp_path):
    lock = lock_of(tmp_path)
    story = tell("a").reply("A long text", finish=Finish.LENGTH, tokens=100)
    story.end("runaway_length").oracle().write(arm=lock.arm)
    (only,) = diagnose_run(tmp_path).recommendations
    assert (only.knob, only.from_, only.to) == ("caps.max_tokens", 100, 200)
    assert "-max_tokens = 100\n+max_tokens = 200\n max_turns = 12\n" in only.diff


@pytest.mark.parametrize(
    ("mode", "knob", "change"),
    [
        ("config.context_400", "engine.window", (4096, 8192)),
        ("stack.length_by_context", "engine.window", (4096, 8192)),
        ("gen.text_loop.exact", "sampling.dry_multiplier", (None, 0.8)),
    ],
)
def test_advice(tmp_path, mode, knob, change):
    only = recommend(mode, lock_of(tmp_path))
    assert (only.knob, (only.from_, only.to)) == (knob, change)


@pytest.mark.parametrize(
    ("mode", "served"),
    [
        ("format.markdown_instead_of_call", {"adapters": [{"digest": "a"}]}),
        ("capability.wrong_solution", {}),
        ("none", {}),
    ],
)
def test_no_advice(tmp_path, mode, served):
    assert recommend(mode, lock_of(tmp_path, served)) is None


def test_a_lock_of_another_shape_gives_no_advice():
    for spec in ({}, {"caps": 1, "engine": None}, {"engine": {}}):
        lock = make_lock("arm", spec, {}, {}, {})
        assert recommend("config.context_400", lock) is None
        assert recommend("config.max_tokens.text", lock) is None


def test_the_json_is_the_contract(tell, tmp_path):
    lock = lock_of(tmp_path)
    tell("a").reply(FENCE).reply(FENCE).end("gave_up").oracle().write(arm=lock.arm)
    found = msgspec.json.decode(to_json(diagnose_run(tmp_path)))
    assert list(found) == ["schema_version", "trials", "groups", "recommendations"]
    (trial,) = found["trials"]
    assert list(trial) == ["path", "task", "model", "outcome", "turns", "primary", "modes"]
    mode = trial["modes"][0]
    assert list(mode) == ["id", "scope", "confidence", "sufficient", "count", "evidence"]
    assert list(mode["evidence"][0]) == ["file", "where", "quote"]
    assert list(found["groups"][0]) == ["id", "trials", "share", "pass_with", "pass_without"]
    (advice,) = found["recommendations"]
    assert list(advice) == [
        "mode",
        "where",
        "knob",
        "from",
        "to",
        "diff",
        "prerequisites",
        "refuted_by",
    ]
