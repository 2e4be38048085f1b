"""A text that was cut by its length, in the middle of work."""

from __future__ import annotations

import pytest

from seatrial.chat.endpoint import Request
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.guard import Rule
from seatrial.guard.rules.length import NUDGE, LengthNudgeRule
from tests.guard.conversation.asks import HISTORY, QWEN, TASK, TOOLS, user
from tests.guard.streams import Run, look, stream

CUT = "The function adds two numbers, and the next step is to"
WORKED = Request(messages=HISTORY, tools=TOOLS, max_tokens=8192)


def rules() -> list[Rule]:
    return [LengthNudgeRule(GuardSpec())]


async def test_the_model_is_told_once_that_its_text_was_cut() -> None:
    run = await Run(stream(CUT, finish=Finish.LENGTH), stream("All is done."), rules=rules).ask(
        WORKED
    )
    assert run.text == "All is done." and run.told(2) == NUDGE
    finding = run.heard[0][1].finding
    assert finding is not None and finding.mode_id == "harness.length_ignored"
    assert finding.quote == CUT


async def test_a_second_cut_passes_with_its_true_finish() -> None:
    run = await Run(stream(CUT, finish=Finish.LENGTH), rules=rules).ask(WORKED)
    assert run.text == CUT and run.end.finish is Finish.LENGTH
    assert len(run.upstream.requests) == 2


async def test_a_text_that_the_client_has_seen_passes() -> None:
    long = " ".join(f"step {n} of {n * n}" for n in range(400))
    run = await Run(stream(long, finish=Finish.LENGTH), rules=rules).ask(WORKED)
    assert run.text == long and run.end.finish is Finish.LENGTH
    assert len(run.upstream.requests) == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (WORKED, {"finish": Finish.STOP}),
        (WORKED, {"finish": Finish.CONTEXT}),
        (WORKED, {"text": " "}),
        (WORKED, {"verdict": "reask"}),
        (WORKED, {"calls": [Call("c", "bash", "{}")]}),
        (Request(messages=HISTORY, max_tokens=8192), {}),
        (Request(messages=HISTORY, tools=TOOLS, max_tokens=64), {}),
        (Request(messages=(user(TASK),), tools=TOOLS, max_tokens=8192), {}),
        (QWEN, {}),
    ],
)
def test_everything_else_is_left_to_others(request_: Request, fields: dict[str, object]) -> None:
    fields = {"text": CUT, "finish": Finish.LENGTH, **fields}
    events = stream(**fields)  # type: ignore[arg-type]
    assert look(LengthNudgeRule(GuardSpec()), events, request_) == (events, [])


async def test_a_cut_call_is_still_never_handed_over() -> None:
    cut = stream("I write.", calls=[Call("c", "bash", '{"command":"ls"}')], finish=Finish.LENGTH)
    run = await Run(cut, stream("Done so far, all of it.")).ask(WORKED)
    assert run.calls == [] and run.actions[0] == ("truncated_call", "retry")
