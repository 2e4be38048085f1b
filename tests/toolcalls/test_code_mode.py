"""Code mode: a direct call of what exists only inside the code, wrapped or asked for again."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.code_mode import wrap
from seatrial.toolcalls.options import CodeMode
from seatrial.toolcalls.reading import Broken, RawCall
from tests.toolcalls.loose.tools import PAYLOADS, STRING, tool

CODE = {"execute_code": tool("execute_code", "code", code=STRING)}
MODE = CodeMode(functions=("read_file", "write_file", "git_log", "print_all"))


def raw(name, arguments, **rest):
    return RawCall(name, arguments, (3, 9), **rest)


def test_the_direct_call_becomes_the_code_that_was_meant():
    found = wrap(raw("read_file", {"path": "x"}, repairs=("closer_missing",)), MODE, CODE)
    assert found == RawCall(
        "execute_code",
        {"code": "print(read_file(path='x'))"},
        (3, 9),
        repairs=("closer_missing", "code_mode_wrapped"),
    )


def test_namespaces_and_arguments_as_a_string():
    found = wrap(raw("functions.git_log", '{"count": 5, "all": true}'), MODE, CODE)
    assert found.arguments == {"code": "print(git_log(count=5, all=True))"}


def test_other_names_of_the_tool():
    mode = CodeMode(tool="run", argument="source", functions=("f",))
    found = wrap(raw("f", {}), mode, {"run": tool("run", "source", source=STRING)})
    assert (found.name, found.arguments) == ("run", {"source": "print(f())"})


@pytest.mark.parametrize("mode", [None, CodeMode(), CodeMode(functions=("other",))])
def test_without_the_option_it_is_asked_for_again(mode):
    found = wrap(raw("read_file", {"path": "x"}), mode, CODE)
    assert isinstance(found, Broken) and found.name == "read_file"
    assert found.reason == "read_file is not offered; call it inside execute_code"


def test_what_is_offered_is_left_alone():
    assert wrap(raw("execute_code", {"code": "read_file(path='x')"}), MODE, CODE) is None
    both = {**CODE, "read_file": tool("read_file", "path", path=STRING)}
    assert wrap(raw("read_file", {"path": "x"}), MODE, both) is None
    assert wrap(raw("unknown", {}), MODE, both) is None
    assert wrap(raw("read_file", {}), MODE, {"other": both["read_file"]}) is None


@pytest.mark.parametrize("value", ["5", "true", "None", "[1]", '{"a": 1}', '"x"', "null", "-1.5"])
def test_a_value_without_a_type_is_not_guessed(value):
    call = raw("git_log", {"count": value}, untyped=True)
    assert isinstance(wrap(call, MODE, CODE), Broken)
    typed = wrap(raw("git_log", {"count": value}), MODE, CODE)
    assert typed.arguments == {"code": f"print(git_log(count={value!r}))"}
    text = wrap(raw("git_log", {"path": "a.py"}, untyped=True), MODE, CODE)
    assert text.arguments == {"code": "print(git_log(path='a.py'))"}


@pytest.mark.parametrize(
    "arguments",
    [
        None, [], "x", '["a"]', 3, {"path": float("inf")}, {"path": float("nan")}, {"a b": 1},
        {"class": 1}, {"x=1, y": 2}, {"": 1}, {"é": 1}, {"path": {1: 2}}, {"path": object()},
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_asked_for_again(arguments):
    assert isinstance(wrap(raw("read_file", arguments), MODE, CODE), Broken)


def test_deep_values_raise_nothing():
    value: list[object] = []
    for _ in range(5000):
        value = [value]
    assert isinstance(wrap(raw("read_file", {"path": value}), MODE, CODE), Broken)


def executed(code):
    got = []
    exec(code, {"write_file": lambda **given: got.append(given), "print": lambda _: None})
    return got


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_come_through(payload):
    found = wrap(raw("write_file", {"path": "a", "content": payload}), MODE, CODE)
    assert executed(found.arguments["code"]) == [{"path": "a", "content": payload}]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)  # fmt: skip


@given(VALUES)
def test_the_code_is_one_call_with_these_values(value):
    code = wrap(raw("write_file", {"content": value}), MODE, CODE).arguments["code"]
    assert isinstance(ast.parse(code, mode="eval").body, ast.Call)
    assert executed(code) == [{"content": value}]
