"""The ladder: which rung comes when, and what it changes in the request."""

from __future__ import annotations

from seatrial.core.config import LadderSpec
from seatrial.core.generation import Sampling
from seatrial.core.message import Message
from seatrial.guard import Climb, Decision, Failure, Finding, knobs_of
from tests.guard.streams import KNOBS, request

SOUND = "A sound beginning. " * 20


def failure(
    mode: str, channel: str = "text", text: str = "", think: str = "", start: int = 0, **said: str
) -> Failure:
    finding = Finding("test", mode, channel, "detail", "quote", start)  # type: ignore[arg-type]
    return Failure(Decision("retry", finding, **said), text, think)  # type: ignore[arg-type]


LOOP = failure("gen.text_loop.exact", text=SOUND + "la la " * 200, start=len(SOUND))
BAD_CALL = failure("format.malformed_call", nudge="Write it so.", shown="<tool_call>{")


def test_every_rung_in_its_order() -> None:
    climb = Climb(LadderSpec(attempts=9), KNOBS, request(sampling=Sampling(temperature=0.0)))
    steps = []
    while (step := climb.again(BAD_CALL)) is not None:
        steps.append(step)
    rungs = [step.rungs for step in steps]
    assert rungs == [("nudge",), ("nudge", "sampler"), ("nudge", "tool_choice")]
    assert steps[0].request.sampling.temperature == 0.0
    assert steps[1].request.sampling.temperature == 0.7
    assert steps[1].request.tool_choice is None
    # Settings stay, what the model is told does not pile up.
    last = steps[2].request
    assert (last.sampling.temperature, last.tool_choice) == (0.7, "required")
    assert [message.role for message in last.messages] == ["user", "assistant", "user"]
    assert last.messages[1].text == "<tool_call>{" and last.messages[2].text == "Write it so."


def test_a_loop_is_cut_and_continued_then_met_with_dry() -> None:
    climb = Climb(LadderSpec(), KNOBS, request())
    first = climb.again(LOOP)
    assert first is not None and first.rungs == ("cut_tail",)
    assert first.request.messages[-2] == Message("assistant", SOUND.rstrip())
    assert first.kept == SOUND
    second = climb.again(LOOP)
    assert second is not None and second.rungs == ("cut_tail", "sampler")
    assert second.request.sampling.dry_multiplier == 0.8
    assert climb.again(LOOP) is None


def test_a_loop_without_a_sound_beginning_is_nudged() -> None:
    climb = Climb(LadderSpec(), KNOBS, request())
    step = climb.again(failure("gen.text_loop.exact", text="la " * 900, nudge="Once."))
    assert step is not None and step.rungs == ("nudge",) and step.kept == ""
    assert step.request.messages[-1].text == "Do it.\n\nOnce."


def test_reasoning_is_switched_off_where_there_was_some() -> None:
    climb = Climb(LadderSpec(rungs=("nudge", "no_think")), KNOBS, request())
    runaway = failure("gen.think_runaway", "think", think="hm " * 99)
    assert climb.again(runaway) is not None
    step = climb.again(runaway)
    assert step is not None and step.request.thinking is False
    off = Climb(LadderSpec(rungs=("no_think",)), KNOBS, request(thinking=False))
    assert off.again(runaway) is None


def test_what_the_server_ignores_is_left_out() -> None:
    climb = Climb(LadderSpec(attempts=9), frozenset({"top_p"}), request())
    assert climb.again(BAD_CALL) is not None
    assert climb.again(BAD_CALL) is None


def test_dry_is_for_loops_only_and_a_seed_moves_on() -> None:
    climb = Climb(LadderSpec(rungs=("sampler",)), KNOBS, request(sampling=Sampling(seed=4)))
    step = climb.again(BAD_CALL)
    assert step is not None
    assert step.request.sampling == Sampling(temperature=0.7, seed=5)


def test_what_is_pinned_stays_as_it_is() -> None:
    asked = request(sampling=Sampling(temperature=0.0, seed=7))
    spec = LadderSpec(attempts=9)
    fixed = frozenset({"temperature", "seed", "tool_choice", "chat_template_kwargs"})
    climb = Climb(spec, KNOBS, asked, fixed)
    # What could only send the same again is left out.
    assert climb.again(failure("gen.think_runaway", "think", think="hm " * 99)) is not None
    assert climb.again(BAD_CALL) is None
    step = climb.again(LOOP)
    assert step is not None and "sampler" in step.rungs
    assert step.request.sampling == Sampling(temperature=0.0, seed=7, dry_multiplier=0.8)
    climb = Climb(spec, KNOBS, asked, frozenset({"seed"}))
    assert climb.again(BAD_CALL) is not None
    step = climb.again(BAD_CALL)
    assert step is not None and step.request.sampling == Sampling(temperature=0.7, seed=7)


def test_a_warmer_request_is_not_cooled() -> None:
    asked = request(sampling=Sampling(temperature=1.0))
    step = Climb(LadderSpec(rungs=("sampler",)), KNOBS, asked).again(BAD_CALL)
    assert step is not None and step.request.sampling.temperature == 1.0


def test_a_nudge_behind_a_result_is_a_message_of_its_own() -> None:
    asked = request(Message("user", "go"), Message("tool", "done", call_id="1"))
    step = Climb(LadderSpec(), KNOBS, asked).again(failure("format.no_tool_call", nudge="N."))
    assert step is not None
    assert step.request.messages == (*asked.messages, Message("user", "N."))


def test_a_long_failure_is_not_shown_again() -> None:
    long = failure("format.malformed_call", nudge="N.", shown="x" * 5000)
    step = Climb(LadderSpec(), KNOBS, request()).again(long)
    assert step is not None and [m.role for m in step.request.messages] == ["user"]


def test_attempts_are_bounded() -> None:
    climb = Climb(LadderSpec(attempts=1), KNOBS, request())
    assert climb.again(BAD_CALL) is not None and climb.again(BAD_CALL) is None


def test_a_forced_call_is_not_forced_over_the_client_s_choice() -> None:
    spec = LadderSpec(rungs=("tool_choice",))
    assert Climb(spec, KNOBS, request(tool_choice="none")).again(BAD_CALL) is None
    assert Climb(spec, KNOBS, request(tools=())).again(BAD_CALL) is None
    assert Climb(spec, KNOBS, request()).again(LOOP) is None


def test_knobs_of_a_family() -> None:
    assert knobs_of("llama.cpp", frozenset({"temperature"})) == {
        "temperature",
        "enable_thinking",
        "tool_choice",
    }
    assert knobs_of("ollama", frozenset()) == frozenset()


def test_a_forced_tool_stays_forced() -> None:
    climb = Climb(LadderSpec(attempts=9), KNOBS, request(forced_tool="write"))
    while (step := climb.again(BAD_CALL)) is not None:
        assert "tool_choice" not in step.rungs
        assert (step.request.tool_choice, step.request.forced_tool) == (None, "write")
