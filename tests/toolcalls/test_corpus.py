"""The corpus of labelled turns: verdict, calls and visible text of every case."""

from collections import Counter

import pytest

from seatrial.core.generation import Finish
from seatrial.toolcalls import REPAIRS, arguments_of, parse
from tests.toolcalls.corpus import cases

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_case(case):
    parsed = parse(case.raw, case.tools, finish=Finish(case.finish), prefill=case.prefill)
    got = [(call.name, arguments_of(call)) for call in parsed.calls]
    assert (parsed.verdict in case.verdict, got) == (True, list(case.calls)), parsed
    if case.text is not None:
        assert parsed.text == case.text
    for call in parsed.calls:
        assert call.raw_span is not None
        start, end = call.raw_span
        assert -len(case.prefill) <= start < end <= len(case.raw)
    assert set(parsed.repairs) <= set(REPAIRS)


def test_the_corpus_is_as_large_and_as_negative_as_it_claims():
    labels = Counter(case.label for case in CASES)
    assert len(CASES) >= 400
    assert labels["N"] + labels["Q"] >= len(CASES) / 4
    kinds = {case.kind for case in CASES}
    # 42 is a server that runs the wrong parser: nothing that a text can show.
    assert kinds >= set(range(1, 98)) - {42} | {"ok"}
