"""Near loops: prose in circles is found, code, data, sound prose and short talk are not."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.chat.endpoint import Text, Think
from seatrial.core.loop_limits import LoopLimits, NearLimits
from seatrial.guard.loops import NearLoop, find_near_loop, find_text_loop
from seatrial.guard.loops.prose import ProseLines

LIMITS = LoopLimits()
TEXT, THINK = LIMITS.text_near, LIMITS.think_near

OPENERS = ["Wait,", "Hmm,", "Actually,", "OK,", "So,", "But wait,", "No,", "Let me think."]
PLANS = [
    "let me try", "I should check", "maybe I need to look at", "I will try to use",
    "let me look again at", "perhaps I could change",
]  # fmt: skip
THINGS = ["the parser", "the test file", "the second option", "the other approach", "main.py"]
ENDS = ["once more.", "again.", "to see what happens.", "and run the tests.", "because it failed."]


def circles(seed, size, between=" "):
    rng, parts = random.Random(seed), []
    while sum(map(len, parts)) < size:
        words = [rng.choice(choice) for choice in (OPENERS, PLANS, THINGS, ENDS)]
        parts.append(" ".join(words) + between)
    return "".join(parts)


def attempts(count, rng=None):
    rng = rng or random.Random(4)
    return "".join(
        f"Attempt {rng.randrange(9)}: I will run the tests again and look at step {n % 9}.\n"
        for n in range(count)
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("between", [" ", "\n", "\n- "])
def test_paraphrased_circles_are_found(seed, between):
    text = circles(seed, 30_000, between)
    assert find_text_loop(text) is None
    found = find_near_loop(text, TEXT)
    assert found is not None and found.mode_id == "gen.text_loop.near"
    assert found.start < 12_000 and found.count > 20
    assert text[found.start : found.start + len(found.quote)] == found.quote
    thought = find_near_loop(text, THINK, "think")
    assert thought is not None and thought.mode_id == "gen.think_runaway"
    assert thought.start > found.start


def test_sentences_that_differ_in_a_few_numbers_are_a_loop():
    text = attempts(200)
    assert find_text_loop(text) is None
    found = find_near_loop(text, TEXT)
    assert found is not None and found.start < 6_000
    assert found.detail.startswith("100% of the last 300 words") and found.count == 47


def test_a_model_that_only_counts_up_is_stopped_late():
    text = "".join(
        f"Attempt {n}: I will try to make the file now and see whether it works this time.\n"
        for n in range(600)
    )
    found = find_near_loop(text, TEXT)
    assert found is not None and 18_000 < found.start < 26_000
    thought = find_near_loop(text, THINK, "think")
    assert thought is not None and 18_000 < thought.start < 28_000


RESOURCES = (
    "user group role team project task comment file label board sprint release build deploy "
    "secret token webhook event metric alert"
).split()

LISTS = {
    "api reference": "".join(
        f"### GET /api/v1/{name}s/{{id}}\n\nReturns the {name} with the given id. Responds with "
        f"404 if the {name} does not exist and with 403 if the caller may not read it.\n\n"
        f"### DELETE /api/v1/{name}s/{{id}}\n\nDeletes the {name} with the given id. Responds "
        f"with 404 if the {name} does not exist and with 403 if the caller may not write it.\n\n"
        for name in RESOURCES
    ),
    "review": "".join(
        f"**src/mod_{n}.py:{n * 7}**: the return value of `open()` is not checked; wrap it in a "
        "`with` statement so that the file is closed.\n\n"
        for n in range(60)
    ),
    "notes": "".join(
        f"Now mod_{n}.py: imports look fine, the class has {n % 5} methods, no issue with the "
        f"{('parser', 'lexer', 'cache', 'table')[n * 7 % 4]} here.\n"
        for n in range(120)
    ),
    "song": "".join(
        f"{n} bottles of beer on the wall, {n} bottles of beer.\nTake one down and pass it around, "
        f"{n - 1} bottles of beer on the wall.\n\n"
        for n in range(99, 0, -1)
    ),
    "chapters": "".join(f"第{n}章 介绍如何配置服务器并检查日志文件的内容。\n" for n in range(300)),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_says_the_same_of_new_things_is_sound(name):
    assert find_near_loop(LISTS[name], TEXT) is None
    assert find_near_loop(LISTS[name], THINK, "think") is None
    # What comes behind it is judged as ever.
    assert find_near_loop(LISTS[name] + attempts(120), TEXT) is not None


def test_circles_in_chinese_are_found():
    rng = random.Random(3)
    heads, plans = ["等等,", "不对,", "让我再想想,"], ["我需要检查这个文件", "我应该再看一遍测试"]
    ends = ["然后再运行一次。", "看看会发生什么。", "因为刚才失败了。"]
    text = "".join("".join(rng.choice(c) for c in (heads, plans, ends)) for _ in range(900))
    assert find_near_loop(text, TEXT) is not None


def test_never_inside_of_code_fences():
    text = attempts(400)
    assert find_near_loop(f"```\n{text}```\n", TEXT) is None
    assert find_near_loop(f"- So:\n  ~~~~ text\n~~~\n{text}", TEXT) is None
    assert find_near_loop(f"```\ncode\n```\n{text}", TEXT) is not None
    assert find_near_loop(f"Use ```code``` here.\n{text}", TEXT) is not None


@pytest.mark.parametrize("lead", ["    ", "\t", "2026-03-01 12:00:00 ", "| ", "+", '"', "{", "12,"])
def test_rows_logs_and_code_are_no_prose(lead):
    text = "".join(f"{lead}{line} | x |\n" for line in attempts(300).splitlines())
    assert find_near_loop(text, TEXT) is None


def test_a_text_that_comes_three_times_is_no_loop():
    rng = random.Random(5)
    vocabulary = ["".join(rng.choices("abcdefghij", k=6)) for _ in range(900)]
    sentences = [" ".join(rng.choices(vocabulary, k=12)) + ".\n" for _ in range(80)]
    assert find_near_loop("".join(sentences) * 3, TEXT) is None
    assert find_near_loop("".join(sentences) * 5, TEXT) is not None


def test_both_channels_are_watched_apart():
    detector = NearLoop(TEXT, THINK)
    half = attempts(60)
    assert detector.feed(Think(half)) is None
    found = detector.feed(Text(half))
    assert found is not None and found.channel == "text"
    assert detector.feed(Text(half * 9)) is None
    found = detector.feed(Think(half * 4))
    assert found is not None and found.channel == "think"
    assert detector.end() is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 900), max_size=40))
def test_chunks_do_not_matter(seed, sizes):
    text = "Some words first, `a` and b.\n```\nx\n```\n" + circles(seed, 9_000, "\n") + "One more."
    detector, at, found = NearLoop(TEXT, THINK), 0, None
    for size in [*sizes, len(text)]:
        found = found or detector.feed(Text(text[at : at + size]))
        at += size
    assert (found or detector.end()) == find_near_loop(text, TEXT)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("ab .\n`~|-#0,\t。中"), max_size=1500),
    st.lists(st.integers(1, 400), max_size=20),
)
def test_lines_do_not_depend_on_the_cuts_and_stand_where_they_say(text, sizes):
    whole = ProseLines()
    expected = [*whole.feed(text), *whole.end()]
    parts, at, found = ProseLines(), 0, []
    for size in [*sizes, len(text) + 1]:
        found += parts.feed(text[at : at + size])
        at += size
    found += parts.end()
    assert found == expected
    assert all(text[place : place + len(line)] == line for place, line in found)


def test_memory_is_bounded_and_time_linear():
    rng, limits = random.Random(1), NearLimits(memory_words=500)
    detector, start = NearLoop(limits, limits), time.process_time()
    for _ in range(8_000):
        words = " ".join("".join(rng.choices("abcdefgh", k=5)) for _ in range(10))
        assert detector.feed(Text(f"{words}.\n")) is None
    known = detector._text._known
    assert len(known) <= 500 and sum(known.values()) <= 500
    assert time.process_time() - start < 4
    assert not list(ProseLines().feed("x" * 2_000_000))
