"""Shortening: whole pairs, nothing protected, the same places from request to request."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.message import Call, Message
from seatrial.gateway.elision import Room, elide, estimated_tokens

TASK = (Message("system", "s" * 900), Message("user", "u" * 900))


def turn(number, output, text="", think=""):
    call = Call(f"call-{number}", "bash", '{"command": "cat notes"}')
    return (
        Message("assistant", text, think, (call,)),
        Message("tool", output, call_id=call.id),
    )


def conversation(*sizes):
    turns = (turn(n, f"line {n}. " * (size // 8)) for n, size in enumerate(sizes))
    return (*TASK, *(message for pair in turns for message in pair))


def room(limit, low=None):
    return Room(limit, 0.7 * limit if low is None else low)


turns = st.lists(
    st.tuples(st.integers(0, 12_000), st.integers(0, 3_000), st.integers(0, 3_000)), max_size=14
)


@st.composite
def conversations(draw):
    messages = list(TASK)
    for number, (output, text, think) in enumerate(draw(turns)):
        messages += turn(number, "o " * (output // 2), "t" * text, "h" * think)
        if draw(st.booleans()):
            messages.append(Message("user", "go on " * draw(st.integers(0, 400))))
    return tuple(messages)


rooms = st.integers(500, 30_000).map(room)


@given(conversations(), rooms)
def test_every_message_keeps_its_place_its_calls_and_its_id(messages, room):
    done = elide(messages, room)
    assert [(m.role, m.calls, m.call_id) for m in done.messages] == [
        (m.role, m.calls, m.call_id) for m in messages
    ]
    changed = [(a, b) for a, b in zip(messages, done.messages, strict=True) if a != b]
    assert len(changed) == done.shortened
    assert all(a.role in ("tool", "assistant") for a, _ in changed)
    assert all(estimated_tokens([b]) < estimated_tokens([a]) for a, b in changed)
    assert done.tokens == int(estimated_tokens(done.messages))


@given(conversations(), rooms)
def test_the_newest_turn_is_never_touched(messages, room):
    done = elide(messages, room)
    last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=0)
    assert done.messages[last:] == messages[last:]


@given(conversations(), rooms)
def test_three_turns_stay_unless_that_is_not_enough(messages, room):
    done = elide(messages, room)
    starts = [i for i, m in enumerate(messages) if m.role == "assistant"]
    old = starts[-3] if len(starts) >= 3 else 0
    if done.messages[old:] == messages[old:]:
        return
    # Somewhere on the way everything older was short, and it still did not fit.
    assert all(len(m.text) <= 1_300 for m in done.messages[:old] if m.role in ("tool", "assistant"))


@given(conversations(), rooms)
def test_what_fits_is_left_alone(messages, room):
    done = elide(messages, Room(estimated_tokens(messages), room.low_tokens))
    assert done.fits and done.messages == messages and done.shortened == done.characters == 0


@given(conversations(), rooms)
def test_a_second_time_changes_nothing(messages, room):
    once = elide(messages, room)
    assert elide(once.messages, room).messages == once.messages


@given(conversations(), rooms)
def test_what_was_shortened_at_one_request_is_shortened_in_the_same_way_at_all_later_ones(
    messages, room
):
    starts = [i for i, m in enumerate(messages) if m.role == "assistant"]
    requests = [elide(messages[:end], room).messages for end in (*starts, len(messages))]
    for earlier, later in itertools.pairwise(requests):
        for before, after, whole in zip(earlier, later, messages, strict=False):
            assert after == before or before == whole


@given(conversations(), rooms)
def test_says_whether_it_fits(messages, room):
    done = elide(messages, room)
    assert done.fits == (estimated_tokens(done.messages) <= room.limit_tokens)


def test_the_oldest_results_go_first_and_a_marker_says_how_much():
    messages = conversation(8_000, 8_000, 8_000, 8_000, 8_000, 8_000)
    done = elide(messages, room(11_000))
    assert done.fits
    short = [i for i, m in enumerate(done.messages) if m != messages[i]]
    assert short == [3, 5, 7]
    assert done.characters == sum(len(messages[i].text) for i in short)
    assert f"{len(messages[3].text):,} characters" in done.messages[3].text


def test_most_turns_change_nothing_before_their_end():
    """The server keeps its prompt cache up to the first message that differs."""
    sizes = [4_000] * 40
    changed, before = 0, ()
    for count in range(1, len(sizes) + 1):
        now = elide(conversation(*sizes[:count]), room(12_000)).messages
        changed += now[: len(before)] != before
        before = now
    assert 0 < changed <= 12


def test_texts_of_the_model_go_when_results_are_not_enough():
    pairs = [turn(n, "ok", text="I think. " * 400, think="Hm. " * 500) for n in range(8)]
    messages = (*TASK, *(message for pair in pairs for message in pair))
    done = elide(messages, room(8_000))
    assert done.fits
    first = done.messages[2]
    assert first.text.startswith("I think. ") and "characters of this message" in first.text
    assert first.think == "" and first.calls == messages[2].calls


def test_one_turn_that_is_too_large_alone_does_not_fit():
    done = elide(conversation(100, 80_000), room(4_000))
    assert not done.fits
