"""The laws of the parser: any split, any prefix, any payload, any defect, any text."""

import json
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.toolcalls import (
    DIALECTS,
    REPAIRS,
    Options,
    TurnParser,
    arguments_of,
    parse,
    render,
)
from tests.toolcalls.corpus import cases
from tests.toolcalls.defects import TOOLS, WORDS, turn
from tests.toolcalls.fuzz import check, is_beginning

CASES = [pytest.param(case, id=case.id) for case in cases()]
payloads = st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=12).map("".join)
seeds = st.integers(0, 10**9)
dialects = st.sampled_from(sorted(DIALECTS))


def executed(parsed):
    return [(call.name, arguments_of(call)) for call in parsed.calls]


def saved(content):
    body = json.dumps({"path": "a", "content": content}, ensure_ascii=False)
    return Call(id="c", name="save", arguments=body)


@settings(max_examples=150)
@given(seeds, dialects)
def test_p1_what_was_read_can_be_written_and_read_again(seed, dialect):
    made = turn(random.Random(seed), 1)
    assume(made is not None)
    first = parse(made[0], TOOLS)
    assume(first.calls)
    try:
        again = parse(render(first.calls, TOOLS, dialect), TOOLS)
    except FormatError:
        return
    assert (again.verdict, executed(again)) == ("ok", executed(first))


@pytest.mark.parametrize("case", CASES)
def test_p2_a_cut_case_gives_only_a_beginning_of_its_calls(case):
    wanted = [(name, arguments) for name, arguments in case.calls]
    for end in range(len(case.raw)):
        cut = parse(case.raw[:end], case.tools, finish=Finish.LENGTH, prefill=case.prefill)
        got = executed(cut)
        assert got == wanted[: len(got)], case.raw[:end]


@settings(max_examples=60)
@given(seeds)
def test_p2_a_cut_turn_gives_only_a_beginning_of_its_calls(seed):
    made = turn(random.Random(seed), 0)
    assume(made is not None)
    raw, meant, _ = made
    for end in range(len(raw)):
        assert is_beginning(parse(raw[:end], TOOLS, finish=Finish.LENGTH), meant), raw[:end]


def streamed(raw, tools, sizes, finish, prefill):
    parser, at, shown, thought = TurnParser(tools, prefill=prefill), 0, "", ""
    for size in sizes:
        shown += parser.feed(raw[at : at + size])
        thought += parser.take_think()
        at += size
    shown += parser.feed(raw[at:])
    thought += parser.take_think()
    parsed = parser.finish(finish)
    assert parsed.text.startswith(shown), (shown, parsed.text)
    assert parsed.think.startswith(thought)
    assert thought + parser.take_think() == parsed.think
    return parsed


@pytest.mark.parametrize("case", CASES)
def test_p3_a_split_does_not_matter(case):
    finish = Finish(case.finish)
    whole = parse(case.raw, case.tools, finish=finish, prefill=case.prefill)
    size = len(case.raw)
    for sizes in ([1] * size, [2] * size, [7] * size):
        assert streamed(case.raw, case.tools, sizes, finish, case.prefill) == whole
    # The end reads the whole turn; what can differ with the place of a cut is what is shown.
    for cut in range(size):
        parser = TurnParser(case.tools, prefill=case.prefill)
        shown = parser.feed(case.raw[:cut]) + parser.feed(case.raw[cut:])
        assert whole.text.startswith(shown) and whole.think.startswith(parser.take_think())


@settings(max_examples=150)
@given(seeds, st.lists(st.integers(1, 9), max_size=60), payloads, st.booleans())
def test_p3_a_split_of_any_text_does_not_matter(seed, sizes, around, thinking):
    made = turn(random.Random(seed), 1)
    raw = around + (made[0] if made else "") + around
    prefill = "<think>\n" if thinking else ""
    whole = parse(raw, TOOLS, prefill=prefill)
    for cuts in (sizes, [1] * len(raw)):
        assert streamed(raw, TOOLS, cuts, Finish.STOP, prefill) == whole


@settings(max_examples=400)
@given(payloads, dialects)
def test_p4_payloads_are_opaque(content, dialect):
    try:
        raw = render([saved(content)], TOOLS, dialect)
    except FormatError:
        return
    parsed = parse(raw, TOOLS)
    assert (parsed.verdict, executed(parsed)) == (
        "ok",
        [("save", {"path": "a", "content": content})],
    )


@settings(max_examples=400)
@given(payloads, dialects)
def test_p4_what_a_dialect_cannot_write_is_never_read_as_something_else(content, dialect):
    raw = DIALECTS[dialect].render("save", {"path": "a", "content": content})
    for finish in (Finish.STOP, Finish.LENGTH):
        got = executed(parse(raw, TOOLS, finish=finish))
        assert got in ([], [("save", {"path": "a", "content": content})])


# The same turns every time: `python -m tests.toolcalls.fuzz` looks for new ones by the minute.
@settings(max_examples=600, derandomize=True)
@given(seeds)
def test_p5_p6_defects_give_the_bytes_that_were_meant_or_none(seed):
    assert check(seed)[1] is None


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.values[0].label in ("ok", "O", "R")]
)
def test_p7_a_quoted_call_is_none(case):
    raw = case.raw
    quoted = ["> " + raw.replace("\n", "\n> "), f"<think>\n{raw}\n</think>\n\nNo, it is fine."]
    if "```" not in raw and "~~~" not in raw:
        quoted.append(f"For example:\n\n```\n{raw}\n```\n\nThat is the form.")
        if "\n" not in raw and "`" not in raw:
            quoted.append(f"Write `{raw}` to call it.")
    for text in quoted:
        if "</think>" in raw and text.startswith("<think>"):
            continue
        assert not parse(text, case.tools).calls, text


@pytest.mark.parametrize("case", CASES)
def test_p8_without_a_repair_there_is_less_never_something_else(case):
    finish = Finish(case.finish)
    whole = parse(case.raw, case.tools, finish=finish, prefill=case.prefill)
    for repair in set(whole.repairs):
        options = Options(off=(repair,))
        less = parse(case.raw, case.tools, finish=finish, prefill=case.prefill, options=options)
        assert less.calls == whole.calls[: len(less.calls)]
        if whole.calls:
            assert less.verdict in ("reask", "no_call"), repair


@pytest.mark.parametrize("case", CASES)
def test_p9_a_tool_that_is_not_declared_is_never_executed(case):
    for name in {name for name, _ in case.calls}:
        others = tuple(tool for tool in case.tools if tool.name != name)
        got = parse(case.raw, others, finish=Finish(case.finish), prefill=case.prefill)
        assert name not in [call.name for call in got.calls]


@settings(max_examples=200)
@given(st.binary(max_size=60), dialects)
def test_p12_bytes_that_are_no_text_survive(data, dialect):
    text = data.decode("utf-8", "surrogateescape")
    plain = parse(f"x {text}", TOOLS)
    if plain.verdict == "no_call" and not plain.repairs:
        assert plain.text == f"x {text}"
    raw = DIALECTS[dialect].render("save", {"path": "a", "content": text})
    for call in parse(raw, TOOLS).calls:
        assert json.loads(call.arguments)["content"] == text and call.arguments.encode()


@settings(max_examples=300)
@given(payloads, st.sampled_from(list(Finish)), payloads)
def test_no_text_raises(raw, finish, prefill):
    parsed = parse(raw, TOOLS, finish=finish, prefill=prefill)
    assert (parsed.verdict == "reask") == (parsed.reason is not None)
    assert parsed.calls or parsed.verdict in ("reask", "no_call")
    assert set(parsed.repairs) <= set(REPAIRS)


@given(st.text(alphabet=st.characters(exclude_characters="<{[`~&:\ufeff\u200b\u200c\u200d\u2060")))
def test_prose_is_unchanged(raw):
    assume(not raw.startswith("assistant\n"))
    parsed = parse(raw, ())
    assert (parsed.verdict, parsed.text) == ("no_call", raw)


def test_prose_is_held_back_no_further_than_a_tag():
    parser = TurnParser(TOOLS)
    text = "A < b, see <tool and 'x' or [1] of it.\n" * 50
    behind = 0
    shown = ""
    for at, char in enumerate(text):
        shown += parser.feed(char)
        behind = max(behind, at + 1 - len(shown))
    assert behind <= 32


def test_the_fuzzer_sees_every_dialect_and_verdict():
    seen = {made[2] for seed in range(400) if (made := turn(random.Random(seed), 0))}
    assert seen == set(DIALECTS)
    assert {check(seed)[0] for seed in range(400)} >= {"ok", "repaired", "reask"}
