"""Gemma's call whose markers a server dropped: taken at the end of a turn, and only there."""

import pytest

from seatrial.toolcalls import EXAMPLE_TOOLS, Options, arguments_of, parse

CALL = 'call:view{file:<|"|>a.py<|"|>}'


@pytest.mark.parametrize("lead_in", ["", "I look at the file.\n", "Let me see:\n\n"])
def test_it_is_repaired(lead_in):
    parsed = parse(lead_in + CALL, EXAMPLE_TOOLS)
    assert (parsed.verdict, parsed.text) == ("repaired", lead_in.strip())
    assert [(call.name, arguments_of(call)) for call in parsed.calls] == [
        ("view", {"file": "a.py"})
    ]
    assert parsed.calls[0].source == "loose" and "opener_missing" in parsed.repairs


@pytest.mark.parametrize(
    "text",
    [
        f"For example:\n{CALL}",
        f"{CALL}\nThat is the form.",
        f"```\n{CALL}\n```\nA fence.",
        CALL.replace("view", "vieww"),
        f"It says {CALL}",
        CALL[:-1],
    ],
)
def test_everything_else_is_not_executed(text):
    assert parse(text, EXAMPLE_TOOLS).calls == ()


def test_options_hold_for_it():
    assert parse(CALL, EXAMPLE_TOOLS, options=Options(loose="none")).calls == ()
    saved = 'call:save{file:<|"|>a<|"|>,text:<|"|>b<|"|>}'
    assert parse(saved, EXAMPLE_TOOLS, options=Options(loose="read_only")).calls == ()
    assert parse(CALL, EXAMPLE_TOOLS, options=Options(loose="read_only")).calls
