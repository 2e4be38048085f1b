"""From a raw call to an executable one: the bytes are the model's, or it is asked again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls.accept import accept, arguments_of, same_call
from seatrial.toolcalls.reading import Broken, RawCall

STRING = {"type": "string"}


def tool(name, required=(), /, **properties):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSchema(name=name, description="", parameters=schema)


TOOLS = {
    one.name: one
    for one in (
        tool("write", ["path", "content"], path=STRING, content=STRING),
        tool("run", ["command"], command=STRING, timeout={"type": "integer"}),
        tool("any", anything={}),
        tool("ping"),
    )
}


def call(name, arguments, *, text=None, untyped=False, tools=TOOLS):
    raw = RawCall(name, arguments, (2, 8), text, ("closer_missing",), untyped)
    return accept(raw, tools, "c_0", "envelope")


def test_the_spelling_of_the_model_is_executed():
    text = '{"command" :"\\u0069d", "timeout":3}'
    assert call("run", json.loads(text), text=text) == Call(
        id="c_0",
        name="run",
        arguments=text,
        raw_span=(2, 8),
        source="envelope",
        repairs=("closer_missing",),
    )


def test_a_change_is_written_out_and_named():
    text = '{"cmd" :"\\u00e9", "timeout":"3"}'
    found = call("functions.Run", json.loads(text), text=text)
    assert isinstance(found, Call)
    assert found.arguments == '{"command": "é", "timeout": 3}'
    assert found.repairs == (
        "closer_missing", "name_prefix", "name_case", "key_alias", "type_coerced",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "defect"),
    [
        ("rum", {"command": "id"}, "unknown tool 'rum' (offered: write, run, any, ping)"),
        ("run(command='id')", {}, "unknown tool"),
        ("run", {}, "'command' is missing"),
        ("run", {"command": ["id"]}, "must be string"),
        ("run", {"command": 3}, "must be string"),
        ("write", {"path": "a", "content": {"a": 1}}, "must be string"),
        ("run", {"command": "id", "timeout": "soon"}, "must be integer"),
        ("run", {"command": "id", "cwd": "/"}, "unknown argument 'cwd'"),
        ("run", None, "are missing"),
        ("run", {"command": "\ud800"}, "surrogate"),
        ("any", {"anything": "\udfff"}, "surrogate"),
        ("any", {"anything": ["a", {"\ud800": 1}]}, "surrogate"),
        ("any", {"anything": float("nan")}, "cannot be written as JSON"),
        ("any", {"anything": float("inf")}, "cannot be written as JSON"),
        ("any", {"anything": b"x"}, "cannot be written as JSON"),
        ("any", {"anything": (1, 2)}, "cannot be written as JSON"),
        ("any", {"anything": {1, 2}}, "cannot be written as JSON"),
        ("any", {"anything": {1: 2}}, "cannot be written as JSON"),
        ("any", {"anything": 1j}, "cannot be written as JSON"),
        ("any", {"anything": 10**5000}, "cannot be written as JSON"),
        ("any", {1: 2}, "not an object"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_not_executed(name, arguments, defect):
    found = call(name, arguments)
    assert isinstance(found, Broken) and defect in found.reason
    assert "\n" not in found.reason and len(found.reason) <= 400
    found.reason.encode()
    (found.name or "").encode()


def test_the_tool_that_was_meant_is_named():
    assert call("functions.run", {}).name == "run"
    assert call("x" * 10_000 + "\ud800", {}).name == "x" * 80
    assert call("\ud800", {}).name == "?"


def test_a_text_that_says_something_else_is_never_executed():
    for text in ('{"command": "rm"}', '{"command": "id"', '{"command": "id", "timeout": 1}', "[]"):
        assert isinstance(call("run", {"command": "id"}, text=text), Broken)


def test_deep_nesting_is_a_defect():
    value = 1
    for _ in range(50_000):
        value = [value]
    assert isinstance(call("any", {"anything": value}), Broken)
    deep = '{"anything": ' + "[" * 60 + "]" * 60 + "}"
    assert isinstance(call("any", json.loads(deep), text=deep), Call)


@pytest.mark.parametrize("schema", [None, 3, [], {"properties": []}, {"$ref": "#"}])
def test_a_broken_schema_is_a_defect(schema):
    tools = {"run": ToolSchema(name="run", description="", parameters=schema)}
    for arguments in ({}, {"a": 1}, None, '{"a": 1}'):
        found = call("run", arguments, tools=tools)
        assert isinstance(found, Broken)
        assert found.reason.startswith("the schema of the tool is broken: ")


texts = st.text() | st.sampled_from([
    "null", "None", "true", "3", "[1]", '{"a": 1}', "", " ", "a\\nb", "</parameter>\n",
    "<tool_call>", "\x00", '"', "\\", "\u2028", "&lt;",
])  # fmt: skip


@given(texts, texts, st.booleans())
def test_declared_strings_are_executed_as_they_are(path, content, untyped):
    found = call("write", {"file": path, "content": content}, untyped=untyped)
    assert isinstance(found, Call)
    assert arguments_of(found) == {"path": path, "content": content}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(
    st.sampled_from([*TOOLS, "Run", "functions.any", "`ping`"]),
    json_values | st.dictionaries(st.sampled_from(["command", "cmd", "anything"]), json_values),
    st.booleans(),
)
def test_accepted_arguments_are_accepted_again_unchanged(name, arguments, untyped):
    found = call(name, arguments, untyped=untyped)
    if isinstance(found, Call):
        again = call(found.name, arguments_of(found), text=found.arguments)
        assert isinstance(again, Call)
        assert (again.arguments, again.repairs) == (found.arguments, ("closer_missing",))
        others = {tool: one for tool, one in TOOLS.items() if tool != found.name}
        assert isinstance(call(name, arguments, tools=others), Broken)


def test_arguments_of_wants_one_object():
    for text in ("", "[]", '{"a": 1', '{"a": 1, "a": 2}'):
        with pytest.raises(FormatError, match="arguments of run"):
            arguments_of(Call(id="c", name="run", arguments=text))


def test_same_call():
    def one(name, text):
        return Call(id="c", name=name, arguments=text)

    assert same_call(one("run", '{"a":1,"b":2}'), one("run", '{"b": 2, "a": 1}'))
    assert not same_call(one("run", '{"a":1}'), one("run", '{"a":true}'))
    assert not same_call(one("run", "{}"), one("ping", "{}"))
