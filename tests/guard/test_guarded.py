"""The guarded endpoint: what passes, what is stopped, what the upstream notices."""

import pytest

from seatrial.chat.endpoint import CallEvent, End, Facts, Request, Text, Think, UsageEvent
from seatrial.core.config import GuardSpec
from seatrial.core.errors import GuardError
from seatrial.core.generation import Finish, Timings, Usage
from seatrial.core.message import Call, Message
from seatrial.guard import PASS, Decision, guarded, rules_from

CALL = Call(id="1", name="view", arguments='{"file":"a"}')
REQUEST = Request(messages=(Message("user", "hello"),))
LOOP = [Text("I will read the file again, then stop. ") for _ in range(80)]
END = End(finish=Finish.STOP, text="raw", verdict="ok", raw=b"end")


class Scripted:
    """Yields the given events and remembers how far it came and whether it was closed."""

    facts = Facts(wire="native", family="scripted", model="m")

    def __init__(self, *events):
        self.events, self.given, self.closed, self.asked = events, 0, False, 0

    async def generate(self, request):
        self.asked += 1
        try:
            for event in self.events:
                self.given += 1
                yield event
        finally:
            self.closed = True

    async def count(self, request):
        return 7

    def sent(self, request):
        return {"n": 1}


class Rule:
    """Says one thing at one hook."""

    id = "test"

    def __init__(self, hook, decision, mode="enforce"):
        self.mode, self.hook, self.decision = mode, hook, decision

    def say(self, hook):
        if isinstance(self.decision, Exception):
            raise self.decision
        return self.decision if hook == self.hook else PASS

    def on_request(self, request):
        return self.say("on_request")

    def on_event(self, event):
        return self.say("on_event") if isinstance(event, Text) else PASS

    def on_turn(self):
        return self.say("on_turn")


async def collect(endpoint, request=REQUEST):
    return [event async for event in endpoint.generate(request)]


def loops(mode="enforce"):
    return lambda: rules_from(GuardSpec(), mode)


async def test_events_pass_as_the_same_objects():
    usage = UsageEvent(Usage(prompt=1), Timings(), b"u")
    events = [Think("hm", b"t"), Text("hi", b"x"), CallEvent(CALL, b"c"), usage, END]
    heard = []
    endpoint = guarded(Scripted(*events), loops(), lambda *seen: heard.append(seen))
    seen = await collect(endpoint)
    assert all(left is right for left, right in zip(seen, events, strict=True)) and not heard
    assert endpoint.facts.model == "m" and endpoint.sent(REQUEST) == {"n": 1}
    assert await endpoint.count(REQUEST) == 7


async def test_a_text_loop_is_stopped_and_cancelled_upstream():
    upstream, heard = Scripted(*LOOP, END), []
    stream = guarded(upstream, loops(), lambda rule, said: heard.append((rule.id, said.action)))
    events = []
    async for event in stream.generate(REQUEST):
        if isinstance(event, End):
            assert upstream.closed
        events.append(event)
    end = events[-1]
    assert end.finish is Finish.GUARD and "repeated" in end.reason
    assert upstream.given < 40 and heard == [("text_loop", "stop")]
    assert end.text == "".join(event.text for event in LOOP[: upstream.given])
    assert events[:-1] == LOOP[: upstream.given - 1]


async def test_observe_only_reports():
    heard = []
    endpoint = guarded(Scripted(*LOOP, END), loops("observe"), lambda *said: heard.append(said))
    assert await collect(endpoint) == [*LOOP, END]
    assert [decision.finding.mode_id for _, decision in heard] == ["gen.text_loop.exact"]


async def test_off_is_not_asked():
    rules = [Rule("on_event", ValueError("no"), "off")]
    assert await collect(guarded(Scripted(Text("a"), END), lambda: rules)) == [Text("a"), END]


async def test_a_call_loop_is_refused_before_the_request():
    history = [Message("user", "go")]
    for _ in range(3):
        history += [Message("assistant", calls=(CALL,)), Message("tool", "same", call_id="1")]
    upstream = Scripted(END)
    [end] = await collect(guarded(upstream, loops()), Request(messages=tuple(history)))
    assert end.finish is Finish.GUARD and upstream.asked == 0
    moved = (*history[:-1], Message("tool", "other", call_id="1"))
    assert await collect(guarded(upstream, loops()), Request(messages=moved)) == [END]


async def test_a_stop_at_the_turn_keeps_what_was_read():
    rules = [Rule("on_turn", Decision("stop"))]
    *_, end = await collect(guarded(Scripted(Text("a"), END), lambda: rules))
    assert (end.finish, end.text, end.verdict) == (Finish.GUARD, "raw", "ok")


async def test_edit_replaces_one_event():
    rules = [Rule("on_event", Decision("edit", event=Text("b")))]
    assert await collect(guarded(Scripted(Text("a"), END), lambda: rules)) == [Text("b"), END]


@pytest.mark.parametrize(
    ("hook", "decision"),
    [
        ("on_request", Decision("edit")),
        ("on_request", Decision("hold")),
        ("on_request", Decision("retry")),
        ("on_event", Decision("edit")),
        ("on_turn", Decision("edit")),
        ("on_turn", Decision("hold")),
        ("on_turn", Decision("edit", events=())),
        ("on_event", RuntimeError("boom")),
    ],
)
async def test_what_is_not_possible_and_what_breaks_is_a_guard_error(hook, decision):
    upstream = Scripted(Text("a"), END)
    with pytest.raises(GuardError, match="rule test"):
        await collect(guarded(upstream, lambda: [Rule(hook, decision)]))
    assert upstream.closed or not upstream.asked


async def test_leaving_early_cancels_upstream():
    upstream = Scripted(Text("a"), Text("b"), END)
    stream = guarded(upstream, loops()).generate(REQUEST)
    assert await anext(stream) == Text("a")
    await stream.aclose()
    assert upstream.closed and upstream.given == 1
