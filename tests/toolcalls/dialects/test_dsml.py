"""DSML: the user's case, its variants, the residue, and what is not read."""

import pytest

from seatrial.toolcalls.dialects import dsml
from seatrial.toolcalls.envelope_repairs import (
    CLOSER_FOREIGN,
    CLOSER_MISSING,
    OPENER_MISSING,
    TAG_SPELLING,
    TAG_VARIANT,
)
from tests.toolcalls.markup_turns import BASH, EDGES, JS, PYTHON, RUST, executed, first_read

DSML = dsml.DIALECT
DOCS = "Write\n" + DSML.render("save", {"file": "x", "text": "y\n"}) + "\nto save."
PAYLOADS = [PYTHON, RUST, JS, BASH, DOCS, "null", "&lt;b&gt;", *EDGES]
payloads = pytest.mark.parametrize("text", PAYLOADS)


def save(text):
    return "save", {"file": "a b.py", "text": text}


def check(raw, *calls, repairs=()):
    got, found, broken = executed(DSML, raw)
    assert (got, broken) == (list(calls), False)
    assert set(found) == set(repairs)


def reask(raw, *calls):
    assert executed(DSML, raw)[::2] == (list(calls), True)


@payloads
def test_every_byte_between_the_tags_counts(text):
    check("I save it.\n" + DSML.render(*save(text)), save(text))


def test_values_have_the_types_that_their_tags_say():
    raw = DSML.render("sh", {"cmd": "3", "secs": 3})
    read = first_read(DSML, raw).calls[0]
    assert (read.arguments, read.untyped) == ({"cmd": "3", "secs": 3}, False)
    read = first_read(DSML, raw.replace(' string="true"', "")).calls[0]
    assert (read.arguments, read.untyped) == ({"cmd": "3", "secs": "3"}, True)
    read = first_read(
        DSML, raw.replace(">3</｜DSML｜parameter>\n</", ">True</｜DSML｜parameter>\n</")
    )
    assert read.calls[0].arguments["secs"] == "True"


@pytest.mark.parametrize("text", [PYTHON, RUST, JS, "a"])
def test_no_section(text):
    inner = "\n".join(DSML.render(*save(text)).split("\n")[1:-1])
    check(inner, save(text), repairs=[OPENER_MISSING, CLOSER_MISSING])
    check("First this.\n\n" + inner, save(text), repairs=[OPENER_MISSING, CLOSER_MISSING])


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_block_names(text):
    raw = DSML.render(*save(text))
    check(raw.replace("tool_calls>", "function_calls>"), save(text))
    check(raw.replace("tool_calls>", "tool_call>"), save(text), repairs=[TAG_VARIANT])
    check(raw.replace("</｜DSML｜tool_calls>", "</｜DSML｜function_calls>"), save(text))


@pytest.mark.parametrize("pipe", ["‖", "｜｜", "|", "||", " ｜ "])
@pytest.mark.parametrize("text", [PYTHON, RUST.replace("|", "/"), JS])
def test_pipes(pipe, text):
    raw = DSML.render("save", {"file": "a b.py", "text": "\0"}).replace("｜", pipe)
    check(raw.replace("\0", text), save(text), repairs=[TAG_VARIANT])


def test_several_in_a_section():
    view, sh = DSML.render("view", {"file": "a"}), DSML.render("sh", {"cmd": "id"})
    raw = "\n".join([*view.split("\n")[:-1], *sh.split("\n")[1:]])
    check(raw, ("view", {"file": "a"}), ("sh", {"cmd": "id"}))
    reask(raw.replace('<｜DSML｜invoke name="sh">\n', ""))


@pytest.mark.parametrize("text", [PYTHON, RUST, JS])
def test_closers(text):
    raw = DSML.render(*save(text))
    closer = "</｜DSML｜parameter>"
    reask(raw.replace(f"{closer}\n</", f"{closer}{closer}\n</"))
    check(raw.replace(closer, "</file>", 1), save(text), repairs=[CLOSER_FOREIGN])
    check(raw.removesuffix("\n</｜DSML｜tool_calls>"), save(text), repairs=[CLOSER_MISSING])
    check(raw.replace('name="save"', "name='save'"), save(text), repairs=[TAG_VARIANT])
    reask(raw.replace(closer, "", 1))
    reask(raw.removesuffix("\n</｜DSML｜tool_calls>") + "\nDone.")


@pytest.mark.parametrize(
    "text",
    [
        "<｜DSML｜function_calls",
        "<｜DSML｜tool_calls>",
        "<｜DSML｜function_cal",
        "<‖DSML‖tool_calls>",
        "<|DSML|",
    ],
)
def test_the_residue_of_a_section(text):
    match = dsml.RESIDUE.match(text)
    assert match is not None and match.end() == len(text)


def test_what_is_no_residue():
    assert dsml.RESIDUE.match("<function_calls>") is None
    assert first_read(DSML, "<｜DSML｜tool_calls>") is None
    assert first_read(DSML, "<｜DSML｜tool_calls>", stopped=False) is None
    assert TAG_SPELLING not in dsml.RESIDUE.pattern
