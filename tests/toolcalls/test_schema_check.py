"""The schema check: defects are named, broken schemas are defects, nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.schema_check import BrokenSchemaError, Declared, check

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
        ({"a": [1, True]}, obj(a={"type": "array", "items": {"type": "number"}}), "a[1]"),
        ({"a": [1, 2.5]}, obj(a={"type": "array", "items": {"type": "number"}}), None),
        ({"a": []}, obj(a={"type": "array", "items": {"type": "number"}}), None),
    ],
)
def test_check(arguments, schema, defect):
    found = check(arguments, schema)
    assert found is None if defect is None else defect in (found or "")


BROKEN = [
    None,
    [],
    {"properties": 3},
    {"properties": ["a"]},
    {"properties": None},
    {"properties": {1: {}}},
    {"required": "a"},
    {"required": [["a"]]},
    {"additionalProperties": "no"},
    {"$ref": "#"},
    {"$ref": "#/b", "b": {"$ref": "#/b"}},
    {"$ref": "http://x"},
    obj(a=3),
    obj(a=None),
    obj(a={"type": "int"}),
    obj(a={"type": 3}),
    obj(a={"type": []}),
    obj(a={"type": [["string"]]}),
    obj(a={"enum": "x"}),
    obj(a={"anyOf": []}),
    obj(a={"anyOf": {}}),
    obj(a={"$ref": "#/$defs/T"}),
    obj(a={"$ref": 3}),
    obj(a={"$ref": "#/properties/a"}),
    obj(a={"anyOf": [{"$ref": "#/properties/a"}, {"$ref": "#/properties/a"}]}),
    obj(a={"items": 3, "type": "array"}),
]


@pytest.mark.parametrize("schema", BROKEN, ids=str)
def test_a_broken_schema_is_a_defect(schema):
    found = check({"a": [1]}, schema)
    assert found is not None and found.startswith("the schema of the tool is broken: ")


@given(st.dictionaries(st.sampled_from("ab"), json_values), json_values)
def test_no_schema_raises(arguments, schema):
    check(arguments, schema)


@given(json_values, json_values)
def test_what_a_schema_says_is_known_or_it_is_broken(schema, value):
    try:
        declared = Declared.of(schema)
        for part in declared.properties.values():
            declared.forms(part)
            declared.fits(value, part)
    except BrokenSchemaError as error:
        assert str(error).startswith("the schema of the tool is broken: ")


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/T"}]}, {"integer", "array"}),
        ({"allOf": [{"$ref": "#/$defs/T"}]}, {"array"}),
        ({"enum": ["a", "b"]}, {"string"}),
        ({"enum": ["a", 1, None]}, {"string", "integer", "null"}),
        ({"const": True}, {"boolean"}),
    ],
)
def test_the_types_of_an_argument(schema, types):
    root = {"$defs": {"T": {"type": "array"}}, "properties": {"a": schema}}
    declared = Declared.of(root)
    assert declared.forms(declared.schema_of("a")).types == types
