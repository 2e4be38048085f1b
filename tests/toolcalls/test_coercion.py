"""Values of the wrong type: changed only where nothing is lost and one thing can be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.coercion import coerced
from seatrial.toolcalls.schema_check import Declared

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
PAIR = {"type": "object", "properties": {"old": STRING, "new": STRING, "n": INTEGER}}


def coerce(value, schema):
    declared = Declared.of({"properties": {"a": schema}, "$defs": {"T": INTEGER}})
    return coerced(value, declared.schema_of("a"), declared)


def many(items):
    return {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("value", "schema", "result", "repair"),
    [
        ("30", INTEGER, 30, "type_coerced"),
        ("-7", INTEGER, -7, "type_coerced"),
        ("30.0", INTEGER, 30, "type_coerced"),
        (3.0, INTEGER, 3, "type_coerced"),
        ("30", {"$ref": "#/$defs/T"}, 30, "type_coerced"),
        ("1.5", {"type": "number"}, 1.5, "type_coerced"),
        ("0.10", {"type": "number"}, 0.1, "type_coerced"),
        ("2", {"type": "number"}, 2, "type_coerced"),
        ("true", {"type": "boolean"}, True, "type_coerced"),
        ("True", {"type": "boolean"}, True, "type_coerced"),
        ("False", {"type": "boolean"}, False, "type_coerced"),
        ("5", {"type": ["integer", "null"]}, 5, "type_coerced"),
        ("5", {"anyOf": [INTEGER, {"type": "null"}]}, 5, "type_coerced"),
        ("2", {"enum": [1, 2]}, 2, "type_coerced"),
        ("[1, 2]", many(INTEGER), [1, 2], "value_decoded"),
        ('["a"]', many(STRING), ["a"], "value_decoded"),
        ('{"old": "x"}', PAIR, {"old": "x"}, "value_decoded"),
        (' {"old": "x"}\n', PAIR, {"old": "x"}, "value_decoded"),
        ('[{"old": "x", "new": "[1]"}]', many(PAIR), [{"old": "x", "new": "[1]"}], "value_decoded"),
        ("*.o", many(STRING), ["*.o"], "value_listed"),
        ("src/main.rs", many(STRING), ["src/main.rs"], "value_listed"),
        ("3", many(STRING), ["3"], "value_listed"),
        (3, many(INTEGER), [3], "value_listed"),
        (True, many({"type": "boolean"}), [True], "value_listed"),
        ("x", {"anyOf": [many(STRING), {"type": "null"}]}, ["x"], "value_listed"),
        ({"old": "a", "new": "b"}, many(PAIR), [{"old": "a", "new": "b"}], "value_listed"),
        ({"k": 1}, many({"type": "object"}), [{"k": 1}], "value_listed"),
        ("Files", {"enum": ["files", "lines"]}, "files", "enum_case"),
        (["Files"], many({"enum": ["files"]}), ["files"], "enum_case"),
        ("LINES", {"type": "string", "enum": ["files", "lines"]}, "lines", "enum_case"),
        ("get", {"const": "GET"}, "GET", "enum_case"),
        (["1", 2], many(INTEGER), [1, 2], "type_coerced"),
        ([{"n": "1"}], many(PAIR), [{"n": 1}], "type_coerced"),
        ({"n": 1.0}, PAIR, {"n": 1}, "type_coerced"),
        (['{"old": "x"}'], many(PAIR), [{"old": "x"}], "value_decoded"),
    ],
)
def test_one_thing_can_be_meant(value, schema, result, repair):
    found, repairs = coerce(value, schema)
    assert repr(found) == repr(result)
    assert repairs == (repair,)


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("03", INTEGER),
        (" 3", INTEGER),
        ("+3", INTEGER),
        ("3.5", INTEGER),
        ("soon", INTEGER),
        ("", INTEGER),
        ("null", INTEGER),
        (3.5, INTEGER),
        (2.0**60, INTEGER),
        (True, INTEGER),
        ("0.1000000000000000055511151231257827", {"type": "number"}),
        ("NaN", {"type": "number"}),
        ("1e999", {"type": "number"}),
        ("yes", {"type": "boolean"}),
        ("TRUE", {"type": "boolean"}),
        (1, {"type": "boolean"}),
        ("1", {"type": "boolean"}),
        (3, STRING),
        (True, STRING),
        ("3", STRING),
        ("true", STRING),
        ("null", STRING),
        ('{"a": 1}', STRING),
        ("3", {"type": ["string", "integer"]}),
        ("null", {"type": ["string", "null"]}),
        (["ls", "-l"], STRING),
        ({"a": 1}, STRING),
        ("a.c, b.c", many(STRING)),
        ("a.c b.c", many(STRING)),
        ("a.c\nb.c", many(STRING)),
        ("['a.c']", many(STRING)),
        ('["a.c"', many(STRING)),
        ('"a.c"', many(STRING)),
        ("", many(STRING)),
        ("x", {"type": "array"}),
        (3, many(STRING)),
        ("1,2", many(INTEGER)),
        (None, many(STRING)),
        ({"old": "a", "else": 1}, many(PAIR)),
        ({}, many(PAIR)),
        ({"0": "a", "1": "b"}, many({"type": "object"})),
        ({"item": [1]}, many({"type": "object"})),
        ({"a": 1}, many(STRING)),
        ("[1]", {"type": "object"}),
        ([{"old": "a"}], PAIR),
        ("matches", {"enum": ["files", "lines"]}),
        ("file", {"enum": ["files", "lines"]}),
        ("FILES", {"enum": ["files", "Files"]}),
        ("Files", {"anyOf": [{"enum": ["files"]}, STRING]}),
        (["a", ["b"]], many(many(STRING))),
        (["null"], many({})),
    ],
)
def test_everything_else_stays(value, schema):
    found, repairs = coerce(value, schema)
    assert found is value and repairs == ()


@given(st.text())
def test_what_may_be_a_string_is_never_read(text):
    for schema in (STRING, {"type": ["string", "array"]}, {}, True, {"anyOf": [STRING, INTEGER]}):
        assert coerce(text, schema) == (text, ())


@given(st.text(), st.sampled_from([STRING, INTEGER]))
def test_a_list_of_one_holds_the_text_itself_or_its_number(text, items):
    found, _ = coerce(text, many(items))
    if isinstance(found, list) and not text.lstrip().startswith("["):
        assert [str(item) for item in found] == [text] or float(text) == found[0]
