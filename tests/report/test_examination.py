"""The examination on a terminal: what it says of memory, and of what was not checked."""

import msgspec
import pytest

from seatrial.report.examination import examination_text
from seatrial.serve.doctor import Estimate, Examination
from seatrial.serve.lint.rule import Report, lint, registered
from seatrial.serve.lint.subject import Subject
from seatrial.serve.what_if import Setup, cautions, estimate_of, largest_window, what_if
from tests.serve.lint.clean import server
from tests.serve.test_memory import model

GIB = 1 << 30


def text(words, card=80 * GIB, layers=4):
    setup, served = what_if(words, Setup(parallel=1)), model(layers=layers)
    found = Examination(
        url=None, verdict="sound", line="sound", facts=None, attestation=None, survey=None,
        report=Report(findings=(), checked=(), not_checked={}), seconds=1.0,
        estimate=Estimate(
            setup=setup, memory=estimate_of(served, setup),
            largest_window_tokens=largest_window(served, setup, card),
        ),
    )  # fmt: skip
    return examination_text(found, gpu_bytes=card)


def test_the_largest_window_says_what_bounds_it():
    said = text("c=131072")
    assert "fits: " in said and "the largest -c that surely fits: 32768 (all that" in said
    assert "trained for 32768 tokens: -c above 32768" in said
    said = text("c=131072,np=4")  # four windows of their own
    assert "surely fits: 131072 (all that" in said and "-c above" not in said
    said = text("c=2048", card=GIB * 5 // 2, layers=48)
    assert "surely fits" in said and "all that" not in said


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        ("ctk=q8_0", ["K02"]),
        ("ctv=q8_0", ["K02"]),
        ("ctk=q8_0,ctv=q8_0", []),
        ("ctk=q5_1,ctv=q5_1", ["K03", "K03"]),
        ("ctk=q8_0,ctv=q8_0,fa=off", ["K04"]),
        ("ctk=q8_0,ngl=0", []),
        ("c=4096", []),
    ],
)
def test_types_of_the_cache_that_go_wrong(words, rules):
    assert [one.rule for one in cautions(what_if(words))] == rules
    said = text(words)
    assert all(f"error {rule}: " in said for rule in rules) and said.count("fix:") == len(rules)


def test_a_server_that_was_asked_is_not_asked_for_again():
    report = lint(Subject(servers=(server({"ctx-size": 65_536}),)), registered())
    found = Examination(
        url=None, verdict="sound", line="sound", facts=None, attestation=None, survey=None,
        report=report, seconds=1.0,
    )  # fmt: skip
    assert "--url of the running server" in examination_text(found)
    asked = msgspec.structs.replace(found, url="http://127.0.0.1:1")
    assert "--url" not in examination_text(asked)
    assert "facts that this server does not tell" in examination_text(asked)
