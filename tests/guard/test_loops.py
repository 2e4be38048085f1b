"""Loop rules: what is found, what is not, and that cutting and restarting change nothing."""

import json
import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import End, Text, Think
from seatrial.core.generation import Finish
from seatrial.core.message import Call, Message
from seatrial.guard import CallLoop, CallStep, TextLoop, call_steps, find_call_loop, find_text_loop
from seatrial.guard.loops import MAX_PERIOD

LETTERS = string.ascii_letters + " .,\n"


def noise(seed, size):
    rng = random.Random(seed)
    return "".join(rng.choice(LETTERS) for _ in range(size))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(10, MAX_PERIOD),
    st.integers(0, 3000),
    st.integers(0, 500),
    st.sampled_from([(240, 4), (100, 2), (24, 3), (600, 10)]),
)
def test_every_planted_loop_is_found(seed, period, before, after, limits):
    chars, repeats = limits
    piece = noise(seed, period)
    loop = (piece * (max(chars, repeats * period) // period + 1))[: max(chars, repeats * period)]
    text = noise(seed + 1, before) + loop + noise(seed + 2, after)
    found = find_text_loop(text, chars, repeats)
    assert found is not None and found.mode_id == "gen.text_loop.exact"
    assert len(found.quote) == 2 * period and found.count >= min(repeats, len(loop) // period)
    assert text[found.start : found.start + len(found.quote)] == found.quote
    assert found.quote[:period] == found.quote[period:]
    assert abs(found.start - before) <= 8
    # One character less is no loop yet, unless chance adds one.
    if before == 0 and after == 0:
        assert find_text_loop(loop[:-1], chars, repeats) is None


@given(st.integers(0, 10**6), st.integers(0, 5000))
def test_random_text_is_no_loop(seed, size):
    assert find_text_loop(noise(seed, size)) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 999), st.integers(1, 300), st.lists(st.integers(1, 700), max_size=30))
def test_chunks_do_not_matter(seed, period, sizes):
    text = noise(seed, 777) + noise(seed, period) * (2600 // period) + "."
    detector, at, found = TextLoop(240, 4), 0, None
    for size in sizes:
        found = found or detector.feed(Think(text[at : at + size]))
        at += size
    found = found or detector.feed(Think(text[at:])) or detector.end()
    assert found == find_text_loop(text, channel="think")
    assert found is not None


@pytest.mark.parametrize(
    "text",
    [
        "=" * 120 + "\nTitle\n" + "=" * 120,
        "| --- | --- |\n" * 9 + "".join(f"| {n} | {n * n} |\n" for n in range(80)),
        "def f():\n" + " " * 400 + "return 1\n",
        "".join(f"    self.field_{n} = field_{n}\n" for n in range(40)),
        "static const int t[] = {" + "0, " * 200 + "};",
        "\n".join(["    }", "  }", "}"] * 6),
        "\n" * 500,
        "ha" * 100,
    ],
)  # fmt: skip
def test_repetitive_but_sound_text_is_no_loop(text):
    assert find_text_loop(text) is None


def test_thin_pieces_need_more():
    found = find_text_loop("=" * 4000)
    assert found is not None and found.quote == "=="
    assert find_text_loop("=" * 1919) is None
    ruled = find_text_loop(("=" * 300 + "\nTitle of it\n") * 5)
    assert ruled is not None and len(ruled.quote) == 2 * 313


def test_both_channels_are_watched_apart_and_found_once():
    detector, piece = TextLoop(240, 4), "I will now read it. "
    assert all(not detector.feed(event(piece)) for event in [Text, Think] * 11)
    assert detector.feed(Text(piece * 3)).channel == "text"
    assert detector.feed(Text(piece * 9)) is None
    assert detector.feed(Think(piece * 3)).channel == "think"
    assert detector.feed(End(finish=Finish.STOP)) is None


def test_memory_is_constant_and_time_linear():
    detector, start = TextLoop(240, 4), time.process_time()
    for number in range(20_000):
        assert detector.feed(Text(f"line {number} of the text\n" + "-" * 30)) is None
    assert len(detector._channels["text"]._text) < 10_000
    assert time.process_time() - start < 4


def step(name, result="r", **arguments):
    return CallStep.of(Call(id="1", name=name, arguments=json.dumps(arguments)), result)


def test_equal_calls_with_equal_results_are_a_loop():
    detector = CallLoop(3, 4)
    same = step("view", file="a")
    assert [bool(detector.feed(same)) for _ in range(4)] == [False, False, True, True]
    found = find_call_loop([step("sh"), same, same, same])
    assert (found.mode_id, found.count, found.start) == ("gen.action_loop", 3, 1)
    assert found.quote == 'view({"file":"a"})'
    assert find_call_loop([step("view", str(n), file="a") for n in range(9)]) is None


def test_an_edit_in_between_is_progress():
    tests, edit = step("sh", "1 failed"), step("edit", "ok")
    assert find_call_loop([tests, edit, step("sh", "2 failed"), edit, tests, edit]) is None


@pytest.mark.parametrize("period", [2, 3])
def test_cycles(period):
    cycle = [step("view", file=str(n)) for n in range(period)]
    found = find_call_loop([step("sh"), *cycle * 4])
    assert (found.mode_id, found.count, found.start) == ("gen.action_cycle", 4, 1)
    assert find_call_loop((cycle * 4)[:-1]) is None


def test_key_order_and_blanks_do_not_matter():
    left = CallStep.of(Call(id="1", name="sh", arguments='{"a": 1, "b": 2}'), "r")
    right = CallStep.of(Call(id="2", name="sh", arguments='{"b":2,"a":1}'), "r")
    assert left == right


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(2, 4), st.integers(2, 4))
def test_a_restart_changes_no_decision(names, repeat_calls, cycle_calls):
    """Online, offline, and rebuilt from the messages of any request: one finding."""
    messages, online, steps = [], CallLoop(repeat_calls, cycle_calls), []
    first = None
    for number, name in enumerate(names):
        call = Call(id="call_0", name=name, arguments="{}")
        messages += [Message("assistant", calls=(call,)), Message("tool", "r", call_id="call_0")]
        steps.append(CallStep.of(call, "r"))
        found = online.feed(steps[-1])
        rebuilt, again = CallLoop(repeat_calls, cycle_calls), None
        assert call_steps(messages) == steps and len(steps) == number + 1
        for one in call_steps(messages):
            again = rebuilt.feed(one)
        assert again == found
        first = first or found
    assert find_call_loop(steps, repeat_calls, cycle_calls) == first


def test_unanswered_calls_are_no_steps():
    call = Call(id="x", name="sh", arguments="{}")
    messages = [Message("assistant", calls=(call,)), Message("user", "no"), Message("tool", "r")]
    assert call_steps(messages) == []
