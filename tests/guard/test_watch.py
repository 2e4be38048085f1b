"""Carrying decisions out: hold, edit, stop and retry, and what never happens."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seatrial.chat.endpoint import CallEvent, End, Event, Request, Text, Think, UsageEvent
from seatrial.chat.overflow import ContextOverflowError
from seatrial.core.config import GuardSpec, LadderSpec
from seatrial.core.errors import EngineError, GuardError
from seatrial.core.generation import Finish
from seatrial.core.message import Message
from seatrial.guard import PASS, Decision, Finding, Holding, Watch, gateway_rules
from seatrial.guard.protocol import PROSE, PassingRule
from seatrial.guard.rules.registry import RULES
from tests.guard.streams import CALL, XML, Run, request, stream

FINDING = Finding("test", "format.no_tool_call", "text", "it was wrong", "quote")
RETRY = Decision("retry", FINDING, nudge="Do better.")


class On:
    """Decides by a table from the text of an event (or `end`, `turn`) to a decision."""

    id = "on"

    def __init__(self, mode: str = "enforce", **table: Decision) -> None:
        self.mode, self.table = mode, table
        self.seen: list[Event] = []

    def on_request(self, asked: Request) -> Decision:
        return self.table.get("request", PASS)

    def on_event(self, event: Event) -> Decision:
        self.seen.append(event)
        key = "end" if isinstance(event, End) else getattr(event, "text", "")
        return self.table.get(key, PASS)

    def on_turn(self) -> Decision:
        return self.table.get("turn", PASS)


HOLD = Decision("hold")
LETTERS = [Text("a", b"1"), Text("b", b"2"), Text("c", b"3"), End(Finish.STOP, raw=b"e")]


async def test_what_is_held_is_released_in_order_as_the_same_objects() -> None:
    rule = On(a=HOLD, b=HOLD)
    run = await Run(LETTERS, rules=lambda: [rule], holding=None).ask()
    assert all(left is right for left, right in zip(run.events, LETTERS, strict=True))
    assert run.heard == []


async def test_what_is_held_at_the_end_is_released_with_it() -> None:
    run = await Run(LETTERS, rules=lambda: [On(c=HOLD)], holding=None).ask()
    assert run.events == LETTERS


async def test_a_stream_without_an_end_gives_what_was_held() -> None:
    rules = [On(a=HOLD, b=HOLD, c=HOLD), On(b=HOLD)]
    run = await Run(LETTERS[:3], rules=lambda: rules, holding=Holding()).ask()
    assert run.events == LETTERS[:3]


async def test_an_edit_replaces_what_was_held() -> None:
    rule = On(a=HOLD, b=Decision("edit", events=(Text("x"),)))
    run = await Run(LETTERS, rules=lambda: [rule], holding=None).ask()
    assert run.text == "xc"
    assert run.end.raw == b""  # its bytes belong to another turn


async def test_later_rules_see_what_earlier_ones_let_go() -> None:
    later = On()
    rules = [On(a=HOLD, b=Decision("edit", events=(Text("x"), Text("y")))), later]
    await Run(LETTERS, rules=lambda: rules, holding=None).ask()
    assert [getattr(event, "text", "") for event in later.seen] == ["x", "y", "c", ""]


async def test_an_early_end_ends_the_turn_and_cancels_upstream() -> None:
    early = Decision("edit", FINDING, events=(Text("x"), End(Finish.STOP)))
    run = await Run(LETTERS, rules=lambda: [On(b=early)], holding=None).ask()
    assert run.text == "ax" and run.end.finish is Finish.STOP
    assert run.upstream.closed == 1 and run.actions == [("on", "edit")]


async def test_an_early_end_drops_what_an_earlier_rule_lets_go_behind_it() -> None:
    early = Decision("edit", FINDING, events=(Text("x"), End(Finish.STOP)))
    rules = lambda: [On(a=HOLD, b=HOLD, c=HOLD), On(b=early)]  # noqa: E731
    run = await Run(LETTERS, rules=rules, holding=None).ask()
    assert run.text == "ax" and run.actions == [("on", "edit")]


async def test_calls_wait_for_the_end_and_a_stopped_turn_gives_none() -> None:
    run = await Run(
        stream("hi", calls=[CALL]), rules=lambda: [On(end=Decision("stop", FINDING))], holding=None
    ).ask()
    assert run.text == "hi" and run.calls == []
    assert run.end.finish is Finish.GUARD and run.end.ending == "retryable_error"
    assert [type(event) for event in run.events[1:]] == [UsageEvent, End]


async def test_a_retry_before_anything_was_seen_is_a_new_request() -> None:
    rules = iter([[On(end=RETRY)], [On()]])
    run = await Run(stream("bad"), stream("good"), rules=lambda: next(rules)).ask()
    assert run.text == "good"
    assert run.told(2) == "Do it.\n\nDo better."
    [(_, decision)] = run.heard
    assert decision.action == "retry" and decision.rungs == ("nudge",)
    assert decision.note == "3 characters dropped"


async def test_a_retry_after_something_was_seen_is_a_stop() -> None:
    run = await Run(stream("bad"), rules=lambda: [On(end=RETRY)], holding=None).ask()
    assert run.text == "bad" and run.end.finish is Finish.GUARD
    assert len(run.upstream.requests) == 1
    assert run.heard[0][1].action == "stop" and "has seen" in run.heard[0][1].note


async def test_a_retry_may_pass_instead() -> None:
    lenient = Decision("retry", FINDING, otherwise="pass")
    events = stream("bad")
    run = await Run(events, rules=lambda: [On(end=lenient)], holding=None).ask()
    assert run.events == events


async def test_without_a_ladder_a_retry_is_a_stop() -> None:
    run = await Run(stream("bad"), rules=lambda: [On(end=RETRY)], ladder=None).ask()
    assert run.end.finish is Finish.GUARD and "no ladder" in run.heard[0][1].note


async def test_retries_are_bounded_and_the_last_end_is_final() -> None:
    run = await Run(
        stream("bad"), rules=lambda: [On(end=RETRY)], ladder=LadderSpec(attempts=2)
    ).ask()
    assert len(run.upstream.requests) == 3 and run.upstream.closed == 3
    assert run.end.ending == "final_error" and run.text == ""
    assert [decision.action for _, decision in run.heard] == ["retry", "retry", "stop"]
    assert run.heard[-1][1].note == "given up after 2 retries"


async def test_holding_lets_go_once_there_is_more_than_it_keeps() -> None:
    run = Run(stream("x" * 50, piece=10), holding=Holding(text_chars=20), rules=lambda: [])
    seen = [run.upstream.closed async for _ in run.endpoint.generate(request())]
    assert len(seen) == 7 and seen[0] == 0  # before the stream was over


async def test_reasoning_can_be_held_back_too() -> None:
    think = stream("", think="hm " * 50)
    run = await Run(think, stream("ok"), holding=Holding(think_chars=1000)).ask()
    assert run.text == "ok" and not any(isinstance(event, Think) for event in run.events)
    run = await Run(think, stream("ok"), holding=Holding(think_chars=20)).ask()
    assert run.end.finish is Finish.GUARD and len(run.upstream.requests) == 1


async def test_observe_changes_nothing() -> None:
    events = stream("bad", calls=[CALL])
    edit = Decision("edit", FINDING, events=())
    table = {"bad": edit, "end": RETRY, "turn": Decision("stop", FINDING)}
    run = await Run(events, rules=lambda: [On("observe", **table)]).ask()
    assert all(left is right for left, right in zip(run.events, events, strict=True))
    assert run.actions == [("on", "edit"), ("on", "retry"), ("on", "stop")]


async def test_a_request_can_be_edited_and_the_next_rule_sees_it() -> None:
    other = request(max_tokens=5)

    class Later(On):
        def on_request(self, asked: Request) -> Decision:
            assert asked is other
            return PASS

    first = On(request=Decision("edit", FINDING, request=other))
    run = await Run(stream("a"), rules=lambda: [first, Later()]).ask()
    assert run.upstream.requests == [other]


async def test_a_failure_of_the_server_can_be_tried_again() -> None:
    class Again(On):
        def on_error(self, error: Exception) -> Decision:
            return Decision("retry", FINDING, nudge="Again.", otherwise="pass")

    broken = EngineError("x answered 500: no")
    run = await Run(broken, stream("ok"), rules=lambda: [Again()]).ask()
    assert run.text == "ok" and run.told(2).endswith("Again.")
    run = Run(broken, rules=lambda: [Again()], ladder=LadderSpec(attempts=1))
    with pytest.raises(EngineError, match="500"):
        await run.ask()
    assert len(run.upstream.requests) == 2


async def test_a_retry_that_does_not_fit_ends_as_what_it_was_a_retry_of() -> None:
    overflow = ContextOverflowError("too long", prompt_tokens=9, window_tokens=8)
    loop = stream("I will read the file again, then stop. " * 400, finish=Finish.LENGTH)
    run = await Run(loop, overflow).ask()
    assert run.end.finish is Finish.GUARD and run.end.ending == "final_error"
    assert [action for _, action in run.actions] == ["retry", "stop"]
    assert "does not fit the window" in run.heard[-1][1].note
    with pytest.raises(ContextOverflowError):
        await Run(overflow).ask()


async def test_a_note_that_does_not_fit_is_left_out() -> None:
    class Adds(PassingRule):
        id = "adds"

        def on_request(self, request: Request) -> Decision:
            if "note" in request.messages[-1].text:
                return PASS
            longer = Message("user", request.messages[-1].text + " note")
            return Decision("edit", request=Request(messages=(longer,)))

    overflow = ContextOverflowError("too long", prompt_tokens=9, window_tokens=8)
    run = await Run(overflow, stream("ok"), rules=lambda: [Adds(GuardSpec())]).ask()
    assert run.text == "ok"
    assert [r.messages[-1].text for r in run.upstream.requests] == ["Do it. note", "Do it."]
    with pytest.raises(ContextOverflowError):
        await Run(overflow, overflow, rules=lambda: [Adds(GuardSpec())]).ask()


async def test_a_retry_without_room_whose_answer_would_have_passed_is_an_overflow() -> None:
    overflow = ContextOverflowError("too long", prompt_tokens=9, window_tokens=8)
    announced = stream("I'll create the file now:")
    with pytest.raises(ContextOverflowError):
        await Run(announced, overflow).ask()


async def test_the_end_of_a_turn_cannot_be_edited_away() -> None:
    run = Run(LETTERS, rules=lambda: [On(end=Decision("edit", events=(Text("x"),)))])
    with pytest.raises(GuardError, match="rule on"):
        await run.ask()


@given(
    st.lists(st.text(max_size=12), max_size=20),
    st.lists(st.text(max_size=12), max_size=8),
    st.booleans(),
    st.sampled_from([Finish.STOP, Finish.OTHER]),
)
def test_ordinary_turns_pass_as_the_same_objects(
    texts: list[str], thoughts: list[str], calls: bool, finish: Finish
) -> None:
    """Whatever no rule finds fault with is let through untouched, in its order."""
    events: list[Event] = [Think(t, b"t") for t in thoughts]
    events += [Text(t, b"x") for t in texts]
    events += stream("fine.", calls=[CALL] if calls else [], finish=finish)
    heard: list[Decision] = []
    watch = Watch(gateway_rules(GuardSpec()), lambda _, d: heard.append(d), holding=Holding())
    _, answer = watch.before(request())
    out = [*answer, *(passed for event in events for passed in watch.during(event))]
    if not any(decision.action in ("edit", "retry", "stop") for decision in heard):
        assert len(out) == len(events)
        assert all(left is right for left, right in zip(out, events, strict=True))


def test_a_call_never_overtakes_the_text_before_it() -> None:
    events = [Text("a"), CallEvent(CALL), Text("b"), *stream()]
    watch = Watch([])
    out = [passed for event in events for passed in watch.during(event)]
    assert out == events


PARTS = ["I'll create it:", "Human: a\n", "<|im_end|>", "\n\n", "```", "word ", XML, "<tool_call>"]


@given(
    st.lists(st.sampled_from(PARTS), max_size=12),
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.sampled_from([Finish.STOP, Finish.LENGTH]),
    st.integers(1, 40),
)
def test_observing_rules_change_nothing_whatever_comes(
    text: list[str], think: list[str], finish: Finish, piece: int
) -> None:
    events = stream("".join(text), think="".join(think), finish=finish, piece=piece)
    watch = Watch(gateway_rules(GuardSpec(), "observe"), holding=Holding())
    watch.before(request())
    out = [passed for event in events for passed in watch.during(event)]
    assert len(out) == len(events)
    assert all(left is right for left, right in zip(out, events, strict=True))


@example([XML, XML], [], Finish.LENGTH, 1)
@given(
    st.lists(st.sampled_from(PARTS), max_size=12),
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.sampled_from([Finish.STOP, Finish.LENGTH]),
    st.integers(1, 40),
)
def test_whatever_comes_ends_once_and_never_loops_as_a_stop(
    text: list[str], think: list[str], finish: Finish, piece: int
) -> None:
    events = stream("".join(text), think="".join(think), finish=finish, piece=piece)
    watch = Watch(gateway_rules(GuardSpec()))
    watch.before(request())
    out: list[Event] = []
    for event in events:
        out += watch.during(event)
        if watch.done:
            break
    assert [type(event) for event in out].count(End) == 1 and type(out[-1]) is End
    end = out[-1]
    assert isinstance(end, End)
    calls = [event for event in out if isinstance(event, CallEvent)]
    # No call leaves a turn that was cut or stopped.
    assert not calls or end.finish is Finish.TOOL_CALLS
    assert finish is not Finish.LENGTH or not calls


def test_a_rule_that_ignores_prose_is_asked_about_the_rest_alone():
    asked = []

    class Deaf(PassingRule):
        id = "deaf"
        ignores = PROSE

        def on_event(self, event):
            asked.append(type(event))
            return PASS

    stream = [Text("a"), Think("b"), Text("c"), End(Finish.STOP)]
    watch = Watch([Deaf(GuardSpec())])
    assert [event for one in stream for event in watch.during(one)] == stream
    assert asked == [End]


@pytest.mark.parametrize("id", RULES)
def test_what_a_rule_ignores_leaves_no_trace_in_it(id):
    """Asked nevertheless it passes every piece and stays as it was, so nothing is lost."""
    rule = RULES[id].make(GuardSpec(), "enforce")
    rule.on_request(Request(messages=(Message("user", "hi"),)))
    for kind in getattr(rule, "ignores", ()):
        for text in ("", "a", "<tool_call>", "Human: x\n\nAssistant: y", "same\n" * 9_000):
            before = dict(vars(rule))
            assert rule.on_event(kind(text)) is PASS
            assert vars(rule) == before
