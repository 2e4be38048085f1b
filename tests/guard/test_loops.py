"""Exact text loops and the agent's call loop: what is found, what is not, whatever the cuts."""

import json
import random
import string
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import End, Text, Think
from seatrial.core.generation import Finish
from seatrial.core.message import Call, Message
from seatrial.guard import CallLoop, CallStep, TextLoop, call_steps, find_call_loop, find_text_loop
from seatrial.guard.loops import MAX_PERIOD, PeriodicTail
from seatrial.guard.loops.tail import ROW_CHARS, THIN_CHARS

CONTRACT_PERIOD = 1375

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
    st.sampled_from([(1040, 4), (240, 4), (100, 2), (24, 3), (600, 10)]),
)
def test_every_planted_loop_is_found(seed, period, before, after, limits):
    chars, repeats = limits
    piece = noise(seed, period)
    assume(",\n" not in piece * 2)  # rows of data must go on for longer
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
@given(st.integers(0, 999), st.integers(9, 300), st.lists(st.integers(1, 700), max_size=30))
def test_chunks_do_not_matter(seed, period, sizes):
    piece = noise(seed, period)
    assume(",\n" not in piece * 2)  # rows of data must go on for longer
    text = noise(seed, 777) + piece * (2600 // period) + "."
    detector, at, found = TextLoop(1040, 4), 0, None
    for size in sizes:
        found = found or detector.feed(Think(text[at : at + size]))
        at += size
    found = found or detector.feed(Think(text[at:])) or detector.end()
    assert found == find_text_loop(text, channel="think")
    assert found is not None


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(4, CONTRACT_PERIOD),
    st.integers(0, 4000),
    st.integers(1, 90),
    st.sampled_from([Text, Think]),
)
def test_how_soon_a_loop_is_found(seed, period, before, size, event):
    """Of period p by max(600, 4p) + 512 characters into the loop, in either channel."""
    piece = "Qx7" + noise(seed, period).replace("\n", " ")[3:] if period > 3 else "abcd"
    text = noise(seed + 1, before) + piece * (9000 // period + 4)
    detector = TextLoop(1040, 4)
    for at in range(0, len(text), size):
        if detector.feed(event(text[at : at + size])) is not None:
            break
    into = at + size - before
    assert into <= max(600, 4 * period) + 512 + size


@pytest.mark.parametrize("period", [1, 2, 3])
def test_thin_loops_are_found_as_soon(period):
    detector = TextLoop(1040, 4)
    piece = "!! "[:period]
    at = next(n for n in range(9999) if detector.feed(Text(piece * 2)))
    assert at * 2 * period <= 600 + 512


@pytest.mark.parametrize(
    "text",
    [
        "=" * 120 + "\nTitle\n" + "=" * 120,
        "| --- | --- |\n" * 9 + "".join(f"| {n} | {n * n} |\n" for n in range(80)),
        "def f():\n" + " " * 400 + "return 1\n",
        "".join(f"    self.field_{n} = field_{n}\n" for n in range(40)),
        "static const int t[] = {" + "0, " * 300 + "};",
        "\n".join(["    }", "  }", "}"] * 6),
        "\n" * 1000,
        "ha" * 400,
        ("." * 79 + "\n") * 400,
        "+---+---+---+\n|   |   |   |\n" * 400,
        "    0xffffffff, 0xffffffff,\n" * 600,
        "        None,\n" * 1000,
        "           1    1000000000000.3\n           1    1000000000000.5\n" * 900,
        "00000010: ffff ffff ffff ffff\n" * 20,
    ],
)  # fmt: skip
def test_repetitive_but_sound_text_is_no_loop(text):
    assert find_text_loop(text) is None


FENCED = {
    "log": "Waiting for the database to be ready...\n" * 45,
    "traceback": '  File "/app/main.py", line 12, in f\n    return f(n - 1)\n' * 60,
    "rule": "-" * 1500 + "\n",
}


@pytest.mark.parametrize("name", FENCED)
@pytest.mark.parametrize("fence", ["```", "~~~~", "- ```"])
@pytest.mark.parametrize("size", [1, 7, 9999])
def test_what_is_quoted_in_a_fence_may_repeat_for_longer(name, fence, size):
    text = f"Here it is:\n\n{fence}text\n{FENCED[name]}{fence.strip('- ')}\nThat is all.\n"
    detector = TextLoop(1040, 4)
    for at in range(0, len(text), size):
        assert detector.feed(Text(text[at : at + size])) is None
    assert detector.end() is None
    # Outside of fences the bound is what was promised, before one and behind one too.
    assert find_text_loop(FENCED[name]) is not None
    assert find_text_loop(f"```\nx\n```\n{FENCED[name]}") is not None
    assert find_text_loop(f"{FENCED[name]}```\nx\n```\n") is not None


@pytest.mark.parametrize("period", [1, 4, 53, 600, CONTRACT_PERIOD])
def test_a_loop_in_a_fence_is_found_at_four_times_the_length(period):
    piece = "Qx7" + noise(3, period).replace("\n", " ")[3:] if period > 3 else "!"
    detector, into = TextLoop(1040, 4), 0
    assert detector.feed(Text("```\n")) is None
    while detector.feed(Text((piece * 40)[:40] if period < 40 else piece)) is None:
        into += max(period, 40)
        assert into < 50_000
    bound = 4 * max(600, 4 * period) + 4 * 512
    assert max(1040, 4 * period) * 3 < into <= bound + 2 * max(period, 40)


def test_blocks_that_come_again_are_no_quote():
    block = "Try this:\n```python\nprint('hello, world')\n```\n"
    found = find_text_loop(block * 40)
    assert found is not None and find_text_loop(f"```\n{block * 40}") is not None


def test_thin_pieces_and_rows_need_more():
    found = find_text_loop("=" * 4000)
    assert found is not None and found.quote == "=="
    assert find_text_loop("=" * (THIN_CHARS - 1), 240) is None
    row = "." * 79 + "\n"
    assert find_text_loop(row * (ROW_CHARS // 80 - 1)) is None
    grid = "A map:\n" + row * (ROW_CHARS // 80 + 1)
    found = find_text_loop(grid)
    assert found is not None and found.count >= ROW_CHARS // 80
    assert grid[found.start : found.start + 160] == found.quote
    assert find_text_loop((row * 400 + "X") * 3) is None
    ruled = find_text_loop(("=" * 300 + "\nTitle of it\n") * 5)
    assert ruled is not None and len(ruled.quote) == 2 * 313


def test_both_channels_are_watched_apart_and_found_once():
    detector, piece = TextLoop(240, 4), "I will now read it. "
    assert all(not detector.feed(event(piece)) for event in [Text, Think] * 11)
    assert detector.feed(Text(piece * 3)).channel == "text"
    assert detector.feed(Text(piece * 9)) is None
    think = detector.feed(Think(piece * 3))
    assert (think.channel, think.mode_id) == ("think", "gen.think_runaway")
    assert detector.feed(End(finish=Finish.STOP)) is None
    assert detector.end() is None


def test_memory_is_constant_and_time_linear():
    tail, start = PeriodicTail(1040, 4), time.process_time()
    for number in range(20_000):
        assert tail.feed(f"line {number} of the text\n" + "-" * 30) is None
    assert len(tail._text) < 20_000 and not tail._pending[32:]
    assert time.process_time() - start < 4


@pytest.mark.parametrize(
    "text",
    [
        "".join("ab " * (20 + n % 40) + str(n) for n in range(2500)),
        "".join("abc def ghi " * 70 + f"{n}\n" for n in range(300)),
        " " * 250_000 + "x",
        "".join(f"{n:040b}" for n in range(6000)),
        "".join("a" * (n % 997) + "b" for n in range(500)),
    ],
)
def test_hostile_text_costs_no_more_than_time(text):
    detector, start = TextLoop(1040, 4), time.process_time()
    for at in range(0, len(text), 20):
        detector.feed(Text(text[at : at + 20]))
    assert (time.process_time() - start) / (len(text) / 20) < 60e-6


def test_a_bar_must_make_sense():
    with pytest.raises(ValueError, match="at least"):
        PeriodicTail(4, 4)
    with pytest.raises(ValueError, match="at least"):
        CallLoop(1, 4)


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
