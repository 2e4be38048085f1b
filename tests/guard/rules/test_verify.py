"""The check before the end: asked for once, and only where it is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, Request, Text
from seatrial.core.config import GuardSpec
from seatrial.core.generation import Finish
from seatrial.core.message import Call, Message
from seatrial.guard import Rule, gateway_rules
from seatrial.guard.rules.verify import NOTE, NUDGE, VerifyRule
from tests.guard.conversation.asks import (
    CODEX,
    HISTORY,
    QWEN,
    TASK,
    TOOLS,
    WORK,
    WRITE,
    bash,
    user,
    write,
)
from tests.guard.streams import Run, look, stream

DONE = "Done: add.py is written and all tests pass."
CHECK = Call("c9", "bash", '{"command": "python add.py"}')


def asked(*messages: Message, **fields: object) -> Request:
    return Request(messages=messages, **{"tools": TOOLS, **fields})  # type: ignore[arg-type]


WORKED = asked(*HISTORY)


def rules() -> list[Rule]:
    return [VerifyRule(GuardSpec())]


def fires(request: Request, text: str = DONE, **end: object) -> bool:
    events = stream(text, **end)  # type: ignore[arg-type]
    return bool(look(VerifyRule(GuardSpec(), "observe"), events, request)[1])


async def test_a_final_answer_after_unchecked_changes_is_asked_to_check() -> None:
    run = await Run(stream(DONE), stream(calls=[CHECK]), rules=rules).ask(WORKED)
    assert run.told(2) == NUDGE and DONE not in run.text
    assert run.upstream.requests[1].messages[-2] == Message("assistant", DONE)
    assert run.calls == [CHECK] and run.text == f"{NOTE}\n"
    assert run.end.finish is Finish.TOOL_CALLS
    (_, decision), (_, note) = run.heard
    assert decision.finding is not None
    assert decision.finding.mode_id == "claim.false_success.unverified"
    assert "add.py" in decision.finding.detail and decision.finding.quote == DONE
    assert note.action == "edit" and note.finding is None


async def test_what_it_answers_then_goes_on() -> None:
    run = await Run(stream(DONE), stream("Nothing can be run."), rules=rules).ask(WORKED)
    assert run.text == "Nothing can be run." and run.actions == [("verify_before_done", "retry")]
    run = await Run(stream(DONE), rules=rules).ask(WORKED)
    assert run.text == DONE and len(run.upstream.requests) == 2


async def test_one_task_is_asked_once() -> None:
    run = await Run(stream(DONE), stream("Now.", calls=[CHECK]), rules=rules).ask(WORKED)
    said = Message("assistant", run.text, calls=tuple(run.calls))
    told = Message("tool", "Error: no such module", call_id="c9")
    later = asked(*HISTORY, said, told, *write(20, "add.py"))
    run = await Run(stream(DONE), rules=rules).ask(later)
    assert run.text == DONE and run.heard == []
    # The next task is another one.
    assert fires(asked(*later.messages, user("And now mul.py."), *write(21, "mul.py")))


async def test_an_answer_that_the_client_has_seen_passes() -> None:
    run = await Run(stream(DONE), rules=rules, holding=None).ask(WORKED)
    assert run.text == DONE and len(run.upstream.requests) == 1
    assert [decision.action for _, decision in run.heard] == ["pass"]


@pytest.mark.parametrize(
    "request_",
    [
        asked(user(TASK)),
        asked(user(TASK), *bash(1, "ls")),
        asked(*HISTORY, *bash(9, "pytest -q")),
        asked(*HISTORY, tools=()),
        asked(*HISTORY, tools=(WRITE,)),
        asked(*HISTORY, tool_choice="none"),
        asked(user("What is in add.py? Can you fix it?"), *WORK),
        asked(user(f"{TASK} Don't run the tests."), *WORK),
        asked(user(f"{TASK} Do not execute anything, no need to verify."), *WORK),
        asked(*HISTORY, user("Thanks!")),
        asked(user("Write the notes."), *write(1, "notes.md")),
        asked(*WORK),
        QWEN,
        CODEX,
    ],
)
def test_it_is_silent_where_no_check_is_due(request_: Request) -> None:
    assert not fires(request_)


def test_questions_cut_answers_and_calls_are_no_end() -> None:
    assert fires(WORKED)
    assert not fires(WORKED, "Shall I go on?")
    assert not fires(WORKED, " ")
    assert not fires(WORKED, DONE, finish=Finish.LENGTH)
    assert not fires(WORKED, DONE, calls=[CHECK])
    assert not fires(WORKED, DONE, verdict="reask")


def test_it_observes_in_a_gateway_unless_told_otherwise() -> None:
    modes = {rule.id: rule.mode for rule in gateway_rules(GuardSpec())}
    assert modes["verify_before_done"] == "observe"
    assert modes["compaction_pin"] == modes["length_nudge"] == "enforce"


async def test_with_all_rules_the_calls_keep_their_bytes() -> None:
    spec = GuardSpec(modes={"verify_before_done": "enforce"})
    odd = Call("id-7", "bash", '{ "command" : "python  add.py" }')
    run = await Run(stream(DONE), stream(calls=[odd]), rules=lambda: gateway_rules(spec)).ask(
        WORKED
    )
    assert run.calls == [odd] and run.text == f"{NOTE}\n"


COMMANDS = st.sampled_from(["ls", "cat add.py", "pytest", "python add.py", "git diff"])
HEALTHY = st.lists(st.tuples(st.sampled_from(["bash", "write"]), COMMANDS), max_size=8)


@given(HEALTHY, st.text(alphabet="abc .\n", min_size=1, max_size=80))
def test_healthy_conversations_pass_as_the_same_objects(
    steps: list[tuple[str, str]], text: str
) -> None:
    made = [
        message
        for n, (tool, command) in enumerate(steps)
        for message in (bash(n, command) if tool == "bash" else write(n, f"f{n}.py"))
    ]
    request = asked(user(TASK), *made, *bash(99, "make test", "3 passed"))
    spec = GuardSpec(modes={"verify_before_done": "enforce"})
    new = ("compaction_pin", "verify_before_done", "length_nudge")
    for rule in (rule for rule in gateway_rules(spec) if rule.id in new):
        assert rule.on_request(request).action == "pass"
        for events in (stream(f"x{text}"), stream(text, calls=[CHECK])):
            out, heard = look(rule, events, request)
            assert heard == [] and all(a is b for a, b in zip(out, events, strict=True))
            assert not any(isinstance(e, Text) and NOTE in e.text for e in out)
            assert [e for e in out if isinstance(e, CallEvent)] == [
                e for e in events if isinstance(e, CallEvent)
            ]
