"""Calls written as Python: literals mean what they mean in Python, all else is no call."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.python_calls import attempt
from seatrial.toolcalls.repairs import EXAMPLE_TOOLS
from tests.toolcalls.loose.tools import PAYLOADS, TOOLS

BY_NAME = {tool.name: tool for tool in EXAMPLE_TOOLS}


def read_python_calls(text, at, tools):
    """The calls at `at` and the place behind; None = broken, or no call."""
    found = attempt(text, at, tools)
    return (found.calls, found.end) if found.calls and found.broken is None else None


def seen(text, at=0):
    read = read_python_calls(text, at, BY_NAME)
    return None if read is None else [(call.name, call.arguments) for call in read[0]]


def test_one_call_and_where_it_ends():
    text = 'x view(file="a.py") y'
    calls, end = read_python_calls(text, 2, BY_NAME)
    assert [(call.name, call.arguments, call.span) for call in calls] == [
        ("view", {"file": "a.py"}, (2, 19))
    ]
    assert end == 19 and not calls[0].untyped and calls[0].text is None


def test_a_list_of_calls_each_with_its_place():
    text = '[view(file="a"),\n sh(cmd="ls [a]", secs=3),]'
    calls, end = read_python_calls(text, 0, BY_NAME)
    assert [text[slice(*call.span)] for call in calls] == [
        'view(file="a")',
        'sh(cmd="ls [a]", secs=3)',
    ]
    assert end == len(text)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('"a"', "a"),
        ("'it\\'s \"x\"'", 'it\'s "x"'),
        ('r"C:\\new"', "C:\\new"),
        ('"\\d+\\n"', "\\d+\n"),
        ('"""\na "b" \'c\'\n"""', "\na \"b\" 'c'\n"),
        ("'''x\\\ny'''", "xy"),
        ('"a" "b"', "ab"),
        ('"\\u00e9\\x41\\N{BULLET}"', "éA•"),
        ("-3", -3),
        ("1_000", 1000),
        ("2.5e3", 2500.0),
        ("None", None),
        ("[True, (1, 2), {'a': [false, null]}]", [True, [1, 2], {"a": [False, None]}]),
        ("{}", {}),
        ('")]}"', ")]}"),
        ("''", ""),
    ],
)
def test_literals(source, value):
    assert seen(f"view(file={source})") == [("view", {"file": value})]


@pytest.mark.parametrize(
    "source",
    [
        "view(file=path)", "view(file=f'{x}')", "view(file=b'x')", "view(file='a' + 'b')",
        "view(file=open('a'))", "view(**{'file': 'a'})", "view(*['a'])", "view(file=1j)",
        "view(file=...)", "view(file={1, 2})", "view(file={1: 2})", "view(file=[x for x in y])",
        "view(file=1e999)", "view(file=not True)", "view(file=- -1)", "view(file='\\ud800')",
        "view(file={'a': 1, 'a': 2})", "view(file='a', file='b')", "view(file='a'", "view(file='a]",
        "view (file='a')", "view", "(view)(file='a')", "view(file='a\nb')",
        "view(file='''a\r\nb''')", "view(file='\x00')", "view(ﬁle='a')", "view(file=‘a’)",
        "[view(file='a') sh(cmd='b')]", "[]", "[view(file='a'), 3]", "view(file='a'  # note\n)",
        "view(file=lambda: 1)", "view(file='a' if x else 'b')", "save('a', 'b')", "status(1)",
        "sh('a', cmd='b')", f"view(file={'9' * 5000})", f"view(file={'[' * 200}{']' * 200})",
        "view(file:='a')", "view(file=await x)",
    ],
)  # fmt: skip
def test_what_is_no_literal_is_no_call(source):
    assert seen(source) is None


def test_one_value_without_a_name_needs_one_required_argument():
    assert seen('view("a")') == [("view", {"file": "a"})]
    assert seen('sh("a", secs=2)') == [("sh", {"cmd": "a", "secs": 2})]
    assert seen('view({"file": "a"})') == [("view", {"file": "a"})]
    assert seen('view({"path": "a"})') is None
    assert seen('unknown("a")') is None


def test_names_are_kept_as_they_are():
    assert seen('default_api.view(file="a")') == [("default_api.view", {"file": "a"})]
    assert seen("read-file(path='a')") == [("read-file", {"path": "a"})]


def test_json_words_are_labelled():
    (call,), _ = read_python_calls('find(pattern="a", hidden=true)', 0, BY_NAME)
    assert call.arguments["hidden"] is True and call.repairs == ("json_literal",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("view(file='a', file='b')", "twice"),
        ("save('a', 'b')", "names"),
        ('save(file="a", text="""x', "not closed"),
        ('save(file="a", text="x', "not closed"),
        ('save(file="a", text="x\ny")', "newline"),
    ],
)
def test_a_broken_call_is_told_from_text(source, reason):
    found = attempt(source, 0, BY_NAME)
    assert found.broken is not None and reason in found.broken.reason
    assert found.broken.name in BY_NAME


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_come_through(payload):
    for text in (repr(payload), "'''" + payload.replace("\\", "\\\\").replace("'", "\\'") + "'''"):
        read = read_python_calls(f"write_file(path='a', content={text})", 0, TOOLS)
        assert read is not None and read[0][0].arguments["content"] == payload


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc'\"\\", max_size=4), inner),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}_", fullmatch=True), LITERALS, max_size=4))
def test_what_python_writes_is_read(arguments):
    text = f"view({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
    read = read_python_calls(text + "\nx", 0, BY_NAME)
    assert read is not None
    assert read[0][0].arguments == arguments and read[1] == len(text)


@given(st.text(max_size=60) | st.text("view(file='\"\\[]{},=r\n)", max_size=60))
def test_no_text_raises(text):
    for start in ("", "view(file=", "[view(", "view('''"):
        read_python_calls(start + text, 0, BY_NAME)


@pytest.mark.parametrize(
    "hostile",
    ["(", "view(", "[", "'", '"', '"""', "\\", "view(file='''", "()", "1-", "1+", "{'a':",
     "\"\\a", "a=1,", "''", "\ud800", "\x00"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", ")"])
def test_hostile_text_is_cheap(hostile, end):
    text = "view(file=" + hostile * (2_000_000 // len(hostile)) + end
    begin = time.process_time()
    read_python_calls(text, 0, BY_NAME)
    assert time.process_time() - begin < 2
