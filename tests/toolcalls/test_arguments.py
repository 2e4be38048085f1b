"""Arguments: what is repaired and how it is named, and the near misses that are defects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.arguments import ANNOTATIONS, Fitted, fit, names_argument
from seatrial.toolcalls.reading import Broken

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
STRINGS = {"type": "array", "items": STRING}


def obj(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


WRITE = obj(["path", "content"], path=STRING, content=STRING)
RUN = obj(["command"], command=STRING, timeout=INTEGER, background={"type": "boolean"})
EDIT = obj(["file", "old_str", "new_str"], file=STRING, old_str=STRING, new_str=STRING)
GREP = obj(["pattern"], pattern=STRING, maxCount=INTEGER, include=STRINGS)
NOTHING = obj()
OPEN = {"type": "object", "required": ["command"], "properties": {"command": STRING},
        "additionalProperties": True}  # fmt: skip

UNWRAPPED = [
    ('{"command": "id"}', RUN, "arguments_string"),
    (' {"command":"id"}\n', RUN, "arguments_string"),
    ({"arguments": {"command": "id"}}, RUN, "arguments_wrapped"),
    ({"input": {"command": "id"}}, RUN, "arguments_wrapped"),
    ({"parameters": {"command": "id"}}, RUN, "arguments_wrapped"),
    ({"kwargs": {"command": "id"}}, RUN, "arguments_wrapped"),
    ({"args": {"arguments": {"command": "id"}}}, RUN, "arguments_wrapped"),
    ([{"command": "id"}], RUN, "arguments_wrapped"),
]


@pytest.mark.parametrize(("written", "schema", "repair"), UNWRAPPED)
def test_arguments_are_unwrapped(written, schema, repair):
    assert fit(written, schema) == Fitted({"command": "id"}, (repair,))


def test_two_wrappers_of_two_kinds():
    found = fit({"arguments": '{"command": "id"}'}, RUN)
    assert found == Fitted({"command": "id"}, ("arguments_wrapped", "arguments_string"))


@pytest.mark.parametrize(
    ("written", "schema", "defect"),
    [
        ("id", RUN, "a string that cannot be read"),
        ('{"command": "id"', RUN, "a string that cannot be read"),
        ('{"command": "a", "command": "b"}', RUN, "twice"),
        ("[1, 2]", RUN, "not an object"),
        ([{"command": "a"}, {"command": "b"}], RUN, "not an object"),
        (3, RUN, "not an object"),
        (True, RUN, "not an object"),
        ({"arguments": {"command": "a"}, "timeout": 3}, RUN, "unknown argument 'arguments'"),
        ({"input": "id"}, RUN, "unknown argument 'input'"),
        ({"input": 3}, RUN, "unknown argument 'input'"),
        ({"stuff": {"command": "id"}}, RUN, "unknown argument 'stuff'"),
    ],
)
def test_what_is_no_object_of_arguments(written, schema, defect):
    found = fit(written, schema)
    assert isinstance(found, Broken) and defect in found.reason


def test_a_declared_wrapper_key_is_an_argument():
    schema = obj(["input"], input={"type": "object"})
    assert fit({"input": {"a": 1}}, schema) == Fitted({"input": {"a": 1}}, ())


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {"arguments": None}, {"input": {}}])
def test_missing_arguments_are_none_only_where_none_are_required(nothing):
    found = fit(nothing, NOTHING)
    assert isinstance(found, Fitted) and found.arguments == {} and found.repairs
    missing = fit(nothing, RUN)
    assert isinstance(missing, Broken) and "'command'" in missing.reason
    assert "missing" in missing.reason


def test_required_arguments_are_named_and_never_invented():
    for given_ in ({}, {"path": "a"}, {"content": "a"}, {"path": None, "content": "x"}):
        assert isinstance(fit(given_, WRITE), Broken)
    found = fit({"path": "a"}, WRITE)
    assert isinstance(found, Broken) and "'content' is missing" in found.reason


@pytest.mark.parametrize(
    ("written", "schema", "arguments", "repair"),
    [
        ({"Command": "id"}, RUN, {"command": "id"}, "key_spelling"),
        ({" command ": "id"}, RUN, {"command": "id"}, "key_spelling"),
        ({"oldStr": "a", "newStr": "b", "file": "c"}, EDIT,
         {"old_str": "a", "new_str": "b", "file": "c"}, "key_spelling"),
        ({"pattern": "a", "max_count": 3}, GREP, {"pattern": "a", "maxCount": 3}, "key_spelling"),
        ({"pattern": "a", "MaxCount": 3}, GREP, {"pattern": "a", "maxCount": 3}, "key_spelling"),
        ({"cmd": "id"}, RUN, {"command": "id"}, "key_alias"),
        ({"bash_command": "id"}, RUN, {"command": "id"}, "key_alias"),
        ({"filePath": "a", "content": "b"}, WRITE, {"path": "a", "content": "b"}, "key_alias"),
        ({"file": "a", "text": "b"}, WRITE, {"path": "a", "content": "b"}, "key_alias"),
        ({"filename": "a", "contents": "b"}, WRITE, {"path": "a", "content": "b"}, "key_alias"),
        ({"path": "c", "old_string": "a", "newText": "b"}, EDIT,
         {"file": "c", "old_str": "a", "new_str": "b"}, "key_alias"),
        ({"query": "a"}, GREP, {"pattern": "a"}, "key_alias"),
        ({"regex": "a"}, GREP, {"pattern": "a"}, "key_alias"),
        ({"pattern": "a"}, obj(["search"], search=STRING), {"search": "a"}, "key_alias"),
        ({"code": "1"}, obj(["script"], script=STRING), {"script": "1"}, "key_alias"),
    ],
)  # fmt: skip
def test_keys(written, schema, arguments, repair):
    assert fit(written, schema) == Fitted(arguments, (repair,))


@pytest.mark.parametrize(
    ("written", "schema", "defect"),
    [
        ({"command": "a", "cmd": "b"}, RUN, "given twice"),
        ({"command": "a", "cmd": "a"}, RUN, "given twice"),
        ({"cmd": "a", "shell_command": "b"}, RUN, "given twice"),
        ({"Command": "a", "command": "b"}, RUN, "given twice"),
        ({"file": "a"}, obj(path=STRING, filename=STRING), "could be 'path' or 'filename'"),
        ({"filename": "a", "file": "b"}, obj(path=STRING, filename=STRING), "could be"),
        ({"maxcount": 1}, obj(maxCount=INTEGER, MaxCount=INTEGER), "could be"),
        ({"command": "a", "cwd": "/"}, RUN, "unknown argument 'cwd'"),
        ({"command": "a", "dry_run": True}, RUN, "unknown argument 'dry_run'"),
        ({"comand": "a"}, RUN, "unknown argument 'comand'"),
        ({"commands": "a"}, RUN, "unknown argument 'commands'"),
        ({"directory": "a", "content": "b"}, WRITE, "unknown argument 'directory'"),
        ({"command": "a", "reason": {"why": "x"}}, RUN, "unknown argument 'reason'"),
        ({"command": "a", "note": "x"}, RUN, "unknown argument 'note'"),
        ({"file<arg_key": "a"}, EDIT, "unknown argument"),
    ],
)
def test_keys_that_nobody_can_place(written, schema, defect):
    found = fit(written, schema)
    assert isinstance(found, Broken) and defect in found.reason


@pytest.mark.parametrize("key", [*sorted(ANNOTATIONS), "Description"])
def test_remarks_are_dropped_unless_they_are_declared(key):
    found = fit({"command": "id", key: "to see who I am"}, RUN)
    assert found == Fitted({"command": "id"}, ("annotation_dropped",))
    declared = obj(["command"], command=STRING, **{key: STRING})
    written = {"command": "id", key: "to see who I am"}
    assert fit(written, declared) == Fitted(written, ())


def test_other_arguments_stay_where_the_schema_allows_them():
    written = {"command": "id", "cmd": "x", "Command": "y", "reason": "z"}
    assert fit(written, OPEN) == Fitted(written, ())
    # Without the required one the other reading does not fit.
    assert fit({"cmd": "id"}, OPEN) == Fitted({"command": "id"}, ("key_alias",))


def test_null_for_an_optional_argument_is_left_out():
    assert fit({"command": "id", "timeout": None}, RUN) == Fitted(
        {"command": "id"}, ("null_dropped",)
    )
    nullable = obj(timeout={"type": ["integer", "null"]})
    assert fit({"timeout": None}, nullable) == Fitted({"timeout": None}, ())
    assert isinstance(fit({"command": None}, RUN), Broken)


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("30", INTEGER, 30),
        (" 30 ", INTEGER, 30),
        ("1.50", {"type": "number"}, 1.5),
        ("true", {"type": "boolean"}, True),
        ("True", {"type": "boolean"}, True),
        ("False", {"type": "boolean"}, False),
        ('["a", "b"]', STRINGS, ["a", "b"]),
        ('{"a": [1]}', {"type": "object"}, {"a": [1]}),
        ("null", {"type": ["integer", "null"]}, None),
        ("None", {"type": ["integer", "null"]}, None),
        ("null", STRING, "null"),
        ("None", STRING, "None"),
        ("3", STRING, "3"),
        ("true", STRING, "true"),
        ('{"a": 1}', STRING, '{"a": 1}'),
        (" x\n\n", STRING, " x\n\n"),
        ("soon", {"type": ["string", "null"]}, "soon"),
        ("nullable", {"anyOf": [STRING, {"type": "null"}]}, "nullable"),
        ("a3", {"type": ["string", "integer"]}, "a3"),
        ("3.5", {"type": ["string", "integer"]}, "3.5"),
        ("1", {"anyOf": [{"enum": ["auto"]}, INTEGER]}, 1),
        ("auto", {"anyOf": [{"enum": ["auto"]}, INTEGER]}, "auto"),
        ("plain", {}, "plain"),
    ],
)
def test_text_without_types_is_typed_by_the_schema(text, schema, value):
    found = fit({"a": text}, obj(a=schema), untyped=True)
    assert found == Fitted({"a": value}, ())
    assert type(found.arguments["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "schema", "defect"),
    [
        ("soon", INTEGER, "must be integer"),
        ("03", INTEGER, "must be integer"),
        ("3.5", INTEGER, "must be integer"),
        ("", INTEGER, "must be integer"),
        ("True", INTEGER, "must be integer"),
        ("yes", {"type": "boolean"}, "must be boolean"),
        ("1", {"type": "boolean"}, "must be boolean"),
        ("[1,]", STRINGS, "must be array"),
        ("['a']", STRINGS, "must be array"),
        ('"a"', STRINGS, "must be array"),
        ("3", STRINGS, "must be array"),
        ("{a: 1}", {"type": "object"}, "must be object"),
        ("null", {"type": ["string", "null"]}, "as a string or as JSON"),
        ("None", {"type": ["string", "null"]}, "as a string or as JSON"),
        ("3", {"type": ["string", "integer"]}, "as a string or as JSON"),
        ("true", {"anyOf": [STRING, {"type": "boolean"}]}, "as a string or as JSON"),
        ('{"a": 1}', {"anyOf": [STRING, {"type": "object"}]}, "as a string or as JSON"),
        ("3", {}, "as a string or as JSON"),
    ],
)
def test_text_without_types_that_is_not_clear(text, schema, defect):
    found = fit({"a": text}, obj(["a"], a=schema), untyped=True)
    assert isinstance(found, Broken) and defect in found.reason


def test_text_without_types_is_repaired_as_other_values_are():
    schema = obj(a=STRINGS, n=INTEGER, show={"enum": ["files", "lines"]})
    found = fit({"A": "*.o", "n": "3.0", "show": "Files"}, schema, untyped=True)
    assert isinstance(found, Fitted)
    assert found.arguments == {"a": ["*.o"], "n": 3, "show": "files"}
    assert set(found.repairs) == {"key_spelling", "value_listed", "type_coerced", "enum_case"}
    wrapped = fit({"arguments": '{"command": "3"}'}, RUN, untyped=True)
    assert wrapped == Fitted({"command": "3"}, ("arguments_wrapped",))
    assert fit({"command": "id", "timeout": "null"}, RUN, untyped=True) == Fitted(
        {"command": "id"}, ("null_dropped",)
    )


@given(st.text(), st.booleans(), st.sampled_from(["content", "Content", "text"]))
def test_a_declared_string_comes_out_as_it_went_in(text, untyped, key):
    found = fit({"path": text, key: text}, WRITE, untyped=untyped)
    assert isinstance(found, Fitted)
    assert found.arguments == {"path": text, "content": text}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["3", "true", "null", "[1]", '{"a": "1"}', "*.o", "a b", "Files", "1.5"])
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "A", "input", "reason", "file"]), inner)
    ),
    max_leaves=8,
)
schemas = st.recursive(
    st.sampled_from([
        STRING, INTEGER, {"type": "number"}, {"type": "boolean"}, {"type": ["integer", "null"]},
        {"enum": ["files", "lines"]}, {"type": "object"}, {"type": "array"}, {}, True, {"type": 3},
    ]),
    lambda inner: st.builds(lambda items: {"type": "array", "items": items}, inner)
    | st.builds(lambda a, b: obj(a=a, b=b), inner, inner)
    | st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
    max_leaves=5,
)  # fmt: skip


@given(values, schemas, schemas, st.booleans(), st.sets(st.sampled_from(["a", "path"])))
def test_fitted_arguments_fit_and_stay_as_they_are(written, first, second, untyped, required):
    schema = obj(required, a=first, path=second)
    found = fit(written, schema, untyped=untyped)
    if isinstance(found, Fitted):
        assert fit(found.arguments, schema) == Fitted(found.arguments, ())
        assert required <= found.arguments.keys()
        assert repr(fit(json.loads(json.dumps(found.arguments)), schema).arguments) == repr(
            found.arguments
        )


@given(values, st.none() | values)
def test_nothing_raises(written, schema):
    assert isinstance(fit(written, schema), Fitted | Broken)
    names_argument("file", schema)


@pytest.mark.parametrize(
    "schema",
    [None, [], {"properties": ["a"]}, {"required": "a"}, {"$ref": "#"}, obj(a={"type": "int"}),
     obj(a={"$ref": "#/properties/a"}), obj(a={"anyOf": 3})],
)  # fmt: skip
def test_a_broken_schema_is_the_reason(schema):
    for written in ({"a": 1}, {"a": "1"}):
        for untyped in (False, True):
            found = fit(written, schema, untyped=untyped)
            assert isinstance(found, Broken)
            assert found.reason.startswith("the schema of the tool is broken: ")
