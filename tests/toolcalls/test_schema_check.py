"""The schema check: defects are named, broken schemas are defects, nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls import check, coerce

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["type", "properties", "items", "enum", "required", "$ref", "anyOf", "a"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def obj(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("arguments", "schema", "defect"),
    [
        ({"a": "x"}, obj(a={"type": "string"}), None),
        ({}, obj(["a"], a={"type": "string"}), "'a' is missing"),
        ({"a": True}, obj(a={"type": "integer"}), "must be integer"),
        ({"a": 1.0}, obj(a={"type": "integer"}), "must be integer"),
        ({"b": 1}, obj(a={}), "unknown argument 'b'"),
        ({"b": 1}, {**obj(a={}), "additionalProperties": True}, None),
        ({"b": 1}, {"type": "object"}, None),
        ({"a": "z"}, obj(a={"enum": ["x", "y"]}), "one of"),
        ({"a": True}, obj(a={"enum": [1]}), "one of"),
        (
            {"a": {"b": [1, "x"]}},
            obj(a=obj(b={"type": "array", "items": {"type": "integer"}})),
            "a.b[1]",
        ),
        ({"a": {}}, obj(a=obj(["b"], b={})), "'a.b' is missing"),
        ({"a": None}, obj(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), None),
        ({"a": 1}, obj(a={"anyOf": [{"type": "string"}, {"type": "null"}]}), "fits 0"),
        (
            {"a": 1},
            {**obj(a={"$ref": "#/$defs/T"}), "$defs": {"T": {"type": "string"}}},
            "must be string",
        ),
        ({"a": 1}, obj(a={"$ref": "#/$defs/T"}), "schema of the tool is broken"),
        ({"a": 1}, obj(a={"type": "int"}), "unknown type 'int'"),
        ({}, None, "broken"),
        ({}, {"properties": 3}, "broken"),
        ({"a": 1}, {"properties": {"a": 3}}, "broken"),
    ],
)
def test_check(arguments, schema, defect):
    found = check(arguments, schema)
    assert found is None if defect is None else defect in (found or "")


@given(st.dictionaries(st.sampled_from("ab"), json_values), json_values)
def test_no_schema_raises(arguments, schema):
    check(arguments, schema)
    coerce(arguments, schema)


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        ("3", "integer", 3),
        ("03", "integer", "03"),
        ("3", "string", "3"),
        ("1.50", "number", "1.50"),
        ("true", "boolean", True),
        ("True", "boolean", "True"),
        ("[1]", "array", [1]),
        ('{"a": 1}', "object", {"a": 1}),
        (3.0, "integer", 3),
        ("3", ["integer", "string"], "3"),
    ],
)
def test_coerce_loses_nothing(value, kind, result):
    new, changed = coerce({"a": value}, obj(a={"type": kind}))
    assert new["a"] == result and type(new["a"]) is type(result)
    assert changed == (result is not value)
