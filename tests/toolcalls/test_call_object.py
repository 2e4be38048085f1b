"""JSON that should be a call: the forms that are taken, and what only looks like one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls.accept import accept, arguments_of
from seatrial.toolcalls.call_object import calls_in

STRING = {"type": "string"}


def tool(name, required=(), /, **properties):
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSchema(name=name, description="", parameters=schema)


TOOLS = {
    one.name: one
    for one in (
        tool("fetch", ["url"], url=STRING, method=STRING),
        tool("exec", ["args"], args={"type": "array", "items": STRING}, cwd=STRING),
        tool("feed", ["input"], input=STRING),
        tool("store", ["input"], input={"type": "object"}),
        tool("rename", ["path", "name"], path=STRING, name=STRING),
        tool("issue", ["title"], title=STRING, id=STRING, type=STRING),
        tool("ping"),
    )
}
FETCH = {"name": "fetch", "arguments": {"url": "x"}}


def read(value, text=None, tools=TOOLS):
    calls, broken = calls_in(value, tools, (3, 9), text=text)
    return [accept(call, tools, "i", "envelope") for call in calls], broken


def only(value, text=None):
    """The one call that `value` is."""
    calls, broken = read(value, text)
    assert broken is None and len(calls) == 1 and isinstance(calls[0], Call), (calls, broken)
    return calls[0]


def test_the_canonical_call_keeps_the_spelling_of_its_arguments():
    text = '{"name": "fetch",\n "arguments": {"url" :"\\u00e9/x", "method":"GET" }}'
    call = only(json.loads(text), text)
    assert call.arguments == '{"url" :"\\u00e9/x", "method":"GET" }'
    assert (call.repairs, call.raw_span) == ((), (3, 9))
    assert only(json.loads(text)).arguments == '{"url": "é/x", "method": "GET"}'


CALLS = [
    ({"name": "fetch", "input": {"url": "x"}}, "arguments_key"),
    ({"name": "fetch", "parameters": {"url": "x"}}, "arguments_key"),
    ({"name": "fetch", "args": {"url": "x"}}, "arguments_key"),
    ({"name": "fetch", "kwargs": {"url": "x"}}, "arguments_key"),
    ({"type": "tool_use", "id": "toolu_1", "name": "fetch", "input": {"url": "x"}},
     "arguments_key"),
    ({"name": "fetch", "arguments": {"url": "x"}, "parameters": {"url": "x"}}, "arguments_key"),
    ({"tool": "fetch", "arguments": {"url": "x"}}, "name_key"),
    ({"tool_name": "fetch", "arguments": {"url": "x"}}, "name_key"),
    ({"function": "fetch", "arguments": {"url": "x"}}, "name_key"),
    ({"function_name": "fetch", "arguments": {"url": "x"}}, "name_key"),
    ({"name": "fetch", "tool": "fetch", "arguments": {"url": "x"}}, "name_key"),
    ({"action": "fetch", "action_input": {"url": "x"}}, "name_key arguments_key"),
    ({"recipient_name": "functions.fetch", "parameters": {"url": "x"}},
     "name_key arguments_key name_prefix"),
    ({"function": FETCH}, "call_wrapped"),
    ({"type": "function", "function": FETCH}, "call_wrapped"),
    ({"index": 0, "id": "call_1", "type": "function", "function": FETCH}, "call_wrapped"),
    ({"tool_calls": [FETCH]}, "call_wrapped"),
    ({"tool_calls": [{"type": "function", "function": FETCH}]}, "call_wrapped"),
    ({"role": "assistant", "content": None, "tool_calls": [FETCH]}, "call_wrapped"),
    ({"function_call": FETCH}, "call_wrapped"),
    ({"tool_call": FETCH}, "call_wrapped"),
    ({"type": "function", "function": {"name": "fetch", "arguments": '{"url": "x"}'}},
     "call_wrapped arguments_string"),
    ([FETCH], ""),
    ({"tool_calls": json.dumps([FETCH])}, "call_string"),
    ({"tool_call": json.dumps(FETCH)}, "call_string"),
    (json.dumps(FETCH), "call_string"),
    ([json.dumps(FETCH)], "call_string"),
    ({"name": "fetch", "url": "x"}, "arguments_flat"),
    ({"id": "call_7", "name": "fetch", "url": "x"}, "arguments_flat"),
    ({"type": "function", "name": "fetch", "url": "x"}, "arguments_flat"),
    ({"name": "fetch", "Url": "x"}, "arguments_flat key_spelling"),
    ({"name": "fetch", "url": "x", "reason": "y"}, "arguments_flat annotation_dropped"),
    ({"tool": "fetch", "url": "x"}, "name_key arguments_flat"),
    ({"fetch": {"url": "x"}}, "name_as_key"),
    ({"Fetch": {"url": "x"}}, "name_as_key name_case"),
    ({"id": "call_1", **FETCH}, ""),
    ({"type": "function", "index": 3, **FETCH}, ""),
    ({"thought": "I look", **FETCH}, "annotation_dropped"),
    ({"name": "fetch", "arguments": {"arguments": {"url": "x"}}}, "arguments_wrapped"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "repairs"), CALLS, ids=lambda value: str(value)[:60])
def test_the_forms_of_a_call(value, repairs):
    for text in (None, json.dumps(value)):
        call = only(value, text)
        assert (call.name, arguments_of(call)) == ("fetch", {"url": "x"})
        assert set(call.repairs) == set(repairs.split())


@pytest.mark.parametrize(
    "value",
    [{"name": "ping"}, {"name": "ping", "arguments": None}, {"name": "ping", "arguments": ""},
     {"name": "ping", "id": "1"}, {"tool": "ping"}, {"ping": {}}, {"name": "ping", "input": {}}],
)  # fmt: skip
def test_calls_without_arguments(value):
    assert arguments_of(only(value)) == {}


@pytest.mark.parametrize(
    ("value", "name", "arguments"),
    [
        ({"name": "exec", "args": ["ls"]}, "exec", {"args": ["ls"]}),
        ({"name": "exec", "args": ["ls"], "cwd": "/"}, "exec", {"args": ["ls"], "cwd": "/"}),
        ({"name": "exec", "args": {"args": ["ls"]}}, "exec", {"args": ["ls"]}),
        ({"name": "exec", "arguments": {"args": ["ls"]}}, "exec", {"args": ["ls"]}),
        ({"name": "feed", "input": "x"}, "feed", {"input": "x"}),
        ({"name": "feed", "input": {"input": "x"}}, "feed", {"input": "x"}),
        ({"name": "store", "input": {"a": 1}}, "store", {"input": {"a": 1}}),
        ({"tool": "rename", "path": "a", "name": "b"}, "rename", {"path": "a", "name": "b"}),
        ({"name": "rename", "arguments": {"path": "a", "name": "b"}}, "rename",
         {"path": "a", "name": "b"}),
        ({"name": "issue", "title": "a", "id": "42"}, "issue", {"title": "a", "id": "42"}),
        ({"name": "issue", "id": "call_1", "arguments": {"title": "a"}}, "issue", {"title": "a"}),
    ],
)  # fmt: skip
def test_arguments_that_are_named_like_parts_of_a_call(value, name, arguments):
    call = only(value, json.dumps(value))
    assert (call.name, arguments_of(call)) == (name, arguments)


@pytest.mark.parametrize(
    ("value", "defect"),
    [
        ({"name": "fetch", "tool": "ping", "arguments": {"url": "x"}}, "several keys"),
        ({"name": "fetch", "action": "get", "arguments": {"url": "x"}}, "several keys"),
        ({"name": "fetch", "tool": None, "arguments": {"url": "x"}}, "several keys"),
        ({"name": None, "tool": "fetch", "arguments": {"url": "x"}}, "several keys"),
        ({"name": "fetch", "function": FETCH}, "several keys"),
        ({"tool": "rename", "path": "a", "name": "ping"}, None),
        ({"name": None, "arguments": {"url": "x"}}, "not the name of a tool"),
        ({"name": "", "arguments": {"url": "x"}}, "not the name of a tool"),
        ({"name": 3, "arguments": {"url": "x"}}, "not the name of a tool"),
        ({"name": ["fetch"], "arguments": {"url": "x"}}, "not the name of a tool"),
        ({"arguments": {"url": "x"}}, "no key names the tool"),
        ({}, "no key names the tool"),
        ({"url": "x"}, "no key names the tool"),
        ({"fetch": {"url": "x"}, "ping": {}}, "no key names the tool"),
        ({"fetch": "x"}, "no key names the tool"),
        ({"ping": None}, "no key names the tool"),
        ({"ping": "ok"}, "no key names the tool"),
        ({"ping": {"description": "is it there?"}}, "a tool definition"),
        ({"name": "fetch", "arguments": {"url": "x"}, "input": {"url": "y"}}, "differ"),
        ({"name": "fetch", "arguments": {"url": "x"}, "input": None}, "differ"),
        ({"name": "fetch", "arguments": {"url": "x"}, "url": "y"}, "beside the arguments"),
        ({"name": "fetch", "arguments": {"url": "x"}, "timeout": 3}, "beside the arguments"),
        ({"name": "fetch", "arguments": {"url": "x"}, "id": {}}, "beside the arguments"),
        ({"name": "issue", "arguments": {"title": "x"}, "id": "42"}, "beside the arguments"),
        ({"name": "issue", "title": "x", "type": "function"}, "or the id of the call"),
        ({"name": "issue", "title": "x", "id": "call_1"}, "or the id of the call"),
        ({"name": "store", "input": {"input": {"a": 1}}}, "or be one of them"),
        ({"name": "fetch", "url": "x", "timeout": 3}, "unknown argument 'timeout'"),
        ({"name": "fetch", "url": "x", "type": "json"}, "unknown argument 'type'"),
        ({"name": "fetch", "url": "x", "id": 3}, "unknown argument 'id'"),
        ({"name": "ping", "index": 3}, "unknown argument 'index'"),
        ({"name": "fetch", "uri": "x"}, "unknown argument 'uri'"),
        ({"name": "ping", "reason": "x"}, "a remark alone"),
        ({"name": "ping", "version": "1.0", "license": "MIT"}, "unknown argument 'version'"),
        ({"name": "left-pad", "version": "1.0"}, "unknown tool 'left-pad'"),
        ({"name": "fetch", "parameters": {"type": "object", "properties": {}}}, "definition"),
        ({"name": "fetch", "description": "gets", "parameters": {"type": "object"}}, "definition"),
        ({"name": "ping", "description": "asks", "parameters": {}}, "definition"),
        ({"type": "function", "function": {"name": "ping", "description": "asks",
          "parameters": {"type": "object", "properties": {}}}}, "definition"),
        ({"name": "ping", "parameters": {"properties": {"a": {}}}}, "definition"),
        ([], "empty"),
        ({"tool_calls": []}, "empty"),
        ({"tool_calls": "soon"}, "a string stands"),
        ("fetch", "a string stands"),
        (3, "no object"),
        (None, "no object"),
        ([FETCH, 3], "no object"),
        ({"tool_calls": [FETCH], "text": "x"}, "no key names the tool"),
        ([[[[[[[[[FETCH]]]]]]]]], "too deeply"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_is_no_call(value, defect):
    calls, broken = calls_in(value, TOOLS, (0, 1), text=None)
    if defect is None:
        # Both readings name an offered tool, but only one takes the other key.
        assert [call.name for call in calls] == ["rename"]
        return
    assert broken is not None and defect in broken.reason and "\n" not in broken.reason


def test_an_unknown_tool_is_for_accept_to_name():
    (call,), broken = calls_in({"name": "wget", "arguments": {}}, TOOLS, (0, 1), text=None)
    assert (call.name, broken) == ("wget", None)


def test_a_list_ends_at_the_first_broken_call():
    values = [FETCH, {"name": "ping"}, {"name": None}, FETCH]
    for value in (values, {"tool_calls": values}):
        calls, broken = read(value, json.dumps(value))
        assert [call.name for call in calls] == ["fetch", "ping"]
        assert broken is not None and "not the name" in broken.reason


def test_every_item_of_a_list_keeps_its_spelling():
    text = '[ {"name":"fetch","arguments":{"url" : "1"}} ,\n{"fetch": {"url":  "2"}}]'
    calls, broken = read(json.loads(text), text)
    assert broken is None
    assert [call.arguments for call in calls] == ['{"url" : "1"}', '{"url":  "2"}']


def test_repairs_of_the_reading_come_first():
    (call,), _ = calls_in({"tool": "ping"}, TOOLS, (0, 1), text=None, repairs=("trailing_comma",))
    assert call.repairs == ("trailing_comma", "name_key")


def test_a_tool_that_is_not_offered_is_never_called():
    for value, _ in CALLS:
        tools = {name: one for name, one in TOOLS.items() if name != "fetch"}
        calls, broken = read(value, tools=tools)
        assert not any(isinstance(call, Call) for call in calls)
        assert broken is not None or calls


keys = st.sampled_from([
    "name", "arguments", "parameters", "input", "args", "tool", "function", "type", "id", "url",
    "fetch", "ping", "tool_calls", "description", "properties", "reason",
])  # fmt: skip
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4)
    | st.sampled_from(["fetch", "ping", "issue", "object", '{"url": "x"}', json.dumps(FETCH)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(bodies, st.booleans())
def test_whatever_is_read_reads_again_as_itself(body, spelled):
    text = json.dumps(body) if spelled else None
    calls, broken = read(body, text)
    assert calls or broken is not None
    for call in calls:
        if isinstance(call, Call):
            canonical = {"name": call.name, "arguments": arguments_of(call)}
            again = only(canonical, json.dumps(canonical))
            assert again.repairs == () and arguments_of(again) == arguments_of(call)


@given(bodies, bodies)
def test_nothing_raises(body, schema):
    tools = {"fetch": ToolSchema(name="fetch", description="", parameters=schema)}
    for value in (body, {"name": "fetch", "arguments": body}, {"fetch": body}):
        read(value, json.dumps(value), tools)


def test_a_broken_schema_is_the_reason():
    tools = {"fetch": ToolSchema(name="fetch", description="", parameters={"properties": []})}
    for value in ({"name": "fetch", "url": "x"}, FETCH):
        _, broken = read(value, tools=tools)
        assert broken is not None and "the schema of the tool is broken" in broken.reason
