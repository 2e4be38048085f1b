"""No false stop: sound output of every kind, in every channel, made up and real."""

import json
import pydoc_data.topics
import random
import sysconfig
from pathlib import Path

import pytest

from seatrial.chat.endpoint import CallEvent, Text, Think
from seatrial.core.config import GuardSpec
from seatrial.core.loop_limits import LoopLimits
from seatrial.core.message import Call
from seatrial.guard.loops import ArgumentLoop, NearLoop, TextLoop
from tests.guard.sound_text import KINDS, sound_texts

FIVE_MEGABYTES = 5_000_000
STDLIB = Path(sysconfig.get_paths()["stdlib"])


def stops(text, event):
    """The findings of every detector that watches the channel of `event`."""
    spec, limits = GuardSpec(), LoopLimits()
    for detector in (
        TextLoop(spec.loop_chars, spec.loop_repeats),
        NearLoop(limits.text_near, limits.think_near),
    ):
        for at in range(0, len(text), 997):
            if (found := detector.feed(event(text[at : at + 997]))) is not None:
                yield found
        if (found := detector.end()) is not None:
            yield found


def argument_stops(text):
    arguments = json.dumps({"path": "a.txt", "content": text})
    found = ArgumentLoop(LoopLimits().arguments).feed(CallEvent(Call("1", "write", arguments)))
    return [] if found is None else [found]


@pytest.mark.parametrize("event", [Text, Think])
def test_made_up_sound_output_is_never_stopped(event):
    size, kinds = 0, set()
    for kind, text in sound_texts(seed=7, chars=FIVE_MEGABYTES):
        assert list(stops(text, event)) == [], kind
        size, kinds = size + len(text), kinds | {kind}
    assert size >= FIVE_MEGABYTES and len(kinds) == len(KINDS)


def test_made_up_sound_arguments_are_never_reported():
    size = 0
    for kind, text in sound_texts(seed=8, chars=FIVE_MEGABYTES):
        assert argument_stops(text) == [], kind
        size += len(text)
    assert size >= FIVE_MEGABYTES


def test_fenced_and_mixed_answers_are_never_stopped():
    for kind, text in sound_texts(seed=9, chars=1_000_000, each=6_000):
        answer = f"Here is the {kind}:\n\n```\n{text}```\n\nIt holds what you asked for. Done.\n"
        assert list(stops(answer, Text)) == [], kind


def test_the_standard_library_is_never_stopped():
    size = 0
    for path in sorted(STDLIB.glob("*.py")) + sorted((STDLIB / "encodings").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert list(stops(text, Text)) + argument_stops(text) == [], path.name
        size += len(text)
    assert size > FIVE_MEGABYTES


def test_real_documentation_is_never_stopped():
    for topic, text in pydoc_data.topics.topics.items():
        assert list(stops(text, Text)) + list(stops(text, Think)) == [], topic
    whole = "\n".join(pydoc_data.topics.topics.values())
    assert list(stops(whole, Text)) + list(stops(whole, Think)) == []


def test_a_loop_behind_sound_output_is_found():
    """The same detectors, the same texts: what is silent above is not deaf."""
    exact = "Now I will look at the file again, and then I will run the tests.\n"
    for kind, text in sound_texts(seed=10, chars=500_000, each=20_000):
        found = list(stops(text + "\n\n" + exact * 40, Text))
        assert found[0].detector == "text_loop", kind
        tries = random.Random(6).choices(range(9), k=100)
        circles = "".join(f"{exact[:-2]}, try number {n}.\n" for n in tries)
        found = list(stops(text + "\n\n" + circles, Text))
        assert [one.detector for one in found] == ["near_loop"], kind
        assert argument_stops(text + exact * 400), kind
