"""An answer that the server cut inside a code block is asked for once more."""

from __future__ import annotations

import pytest

from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import Message
from seatrial.guard.rules.cut_block import NUDGE, CutBlockRule, in_block
from tests.guard.streams import CALL, Run, look, request, stream

CUT = "Here is the file.\n\nnotes.txt\n```\nfirst li"
WHOLE = "notes.txt\n```\nfirst line\n```\n"


def cut(text=CUT, **fields):
    return stream(text, **{"finish": Finish.LENGTH, "completion": 10, **fields})


async def test_it_is_asked_for_again_and_shorter() -> None:
    run = await Run(cut(), stream(WHOLE)).ask(request(tools=()))
    assert run.text == WHOLE and run.told(2).endswith(NUDGE)
    assert run.heard[0][0] == "cut_block"


async def test_once_and_then_it_passes_as_it_is() -> None:
    run = await Run(cut()).ask(request(tools=()))
    assert len(run.upstream.requests) == 2
    assert run.text == CUT and run.end.finish is Finish.LENGTH


async def test_what_was_shown_passes() -> None:
    run = await Run(cut(), holding=None).ask(request(tools=()))
    assert len(run.upstream.requests) == 1 and run.text == CUT


@pytest.mark.parametrize(
    "events",
    [
        cut(completion=1024),
        cut(completion=0),
        cut(finish=Finish.CONTEXT),
        cut(finish=Finish.STOP),
        cut(WHOLE + "and then"),
        cut("no block at all"),
        cut("x" * 9_000 + CUT),
        cut(calls=[CALL]),
    ],
)
def test_bounds_that_were_wanted_and_other_answers_are_let_be(events: list) -> None:
    assert look(CutBlockRule(GuardSpec()), events, request(max_tokens=1024)) == (events, [])


def test_it_is_told_once() -> None:
    asked = request(Message("user", f"Do it.\n\n{NUDGE}"), max_tokens=1024)
    assert look(CutBlockRule(GuardSpec()), cut(), asked)[1] == []


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("```python\nx = 1", True),
        ("````\n```\ncode\n```\n", True),
        ("~~~\n```\n~~~\n", False),
        ("```\ncode\n```", False),
        ("a ``` b", False),
        ("```\n```x\n", True),
        ("", False),
    ],
)
def test_where_a_text_ends(text: str, inside: bool) -> None:
    assert in_block(text) is inside
