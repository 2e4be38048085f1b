"""Broken JSON: what is read from it, what is refused, and that nothing is read wrongly."""

import contextlib
import json
import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.toolcalls import json_repairs
from seatrial.toolcalls.repairs import REPAIRS
from seatrial.toolcalls.tolerant_json import CutJSONError, StrictJSONError, read_json

FOLLOW = re.compile(r"[ \t\r\n]*+(?:</tool_call>|<\|im_end\|>|\Z)")
CLOSER = "\n</tool_call>"
CALL = '<tool_call>\n{"name": "sh", "arguments": {"cmd": "id"}}\n</tool_call>'

PAYLOADS = (
    'print("a, }")  # True, None',
    'fn main() {\n    println!("{}", v["k"]);\n}\n',
    "const s = `a`; // it's 'x'\nif (a < b) { f([1]); }",
    "grep -E 'a|b' x.py && echo \"done\" > /tmp/o",
    '{"a": 1, "b": ["x", {"y": null}]}',
    CALL,
    "<function=sh>\n<parameter=cmd>\nid\n</parameter>\n</function>",
    "[TOOL_CALLS]sh[ARGS]{\"cmd\": 'id'}<|im_end|>",
    'def f(x):\n\treturn """Doc""" + x\n',
)


def read(text: str, stopped: bool = True):
    return read_json(text, 0, follow=FOLLOW, stopped=stopped)


def value_of(text: str, *repairs: str):
    found = read(text + CLOSER)
    assert found.repairs == repairs
    assert FOLLOW.match(text + CLOSER, found.end)
    return found.value


BROKEN = [
    ("trailing_comma", '{"file": "a",}', {"file": "a"}),
    ("trailing_comma", '{"a": [1, 2, ], "b": {"c": 1, }}', {"a": [1, 2], "b": {"c": 1}}),
    ("single_quotes", "{'file': 'a', 'n': [1, 'b']}", {"file": "a", "n": [1, "b"]}),
    ("single_quotes", r"{'t': 'it\'s \"x\"\n'}", {"t": 'it\'s "x"\n'}),
    ("python_literal", '{"a": True, "b": [False, None]}', {"a": True, "b": [False, None]}),
    ("control_escaped", '{"text": "a\n\tb\r\n"}', {"text": "a\n\tb\r\n"}),
    ("control_escaped", '{"text": "say \\"a\n\\"\\\\n"}', {"text": 'say "a\n"\\n'}),
    ("escape_doubled", r'{"p": "\w+\.rs"}', {"p": r"\w+\.rs"}),
    ("escape_doubled", r'{"p": "find . -name \*.py -exec rm {} \;"}',
     {"p": r"find . -name \*.py -exec rm {} \;"}),
    ("escape_doubled", r'{"p": "import re\nre.findall(\"\d+\", s)\n"}',
     {"p": 'import re\nre.findall("\\d+", s)\n'}),
    ("escape_doubled", r'{"p": "\x41 \u12"}', {"p": r"\x41 \u12"}),
    ("inner_quotes", '{"file": "a", "text": "say("hi")"}', {"file": "a", "text": 'say("hi")'}),
    ("inner_quotes", '{"cmd": "cut -d"," -f1 "a b" > "c""}', {"cmd": 'cut -d"," -f1 "a b" > "c"'}),
    ("inner_quotes", '{"new_string": "x["a"] = {"b": "c", "d": 1}\\n"}',
     {"new_string": 'x["a"] = {"b": "c", "d": 1}\n'}),
    ("inner_quotes", '{"cmd": "echo "</tool_call>""}', {"cmd": 'echo "</tool_call>"'}),
    ("triple_quotes", '{"text": """a\n"b" \'c\'"""}', {"text": "a\n\"b\" 'c'"}),
    ("triple_quotes", '{"text": """say "hi""""}', {"text": 'say "hi"'}),
    ("triple_quotes", "{\"text\": '''a\nb'''}", {"text": "a\nb"}),
    ("bracket_missing", '{"name": "sh", "arguments": {"cmd": "id", "secs": 3}',
     {"name": "sh", "arguments": {"cmd": "id", "secs": 3}}),
    ("bracket_missing", '[{"name": "sh", "arguments": {"cmd": "id"}',
     [{"name": "sh", "arguments": {"cmd": "id"}}]),
    ("bracket_extra", '{"arguments": {"cmd": "id"}, "name": "sh"}} ]',
     {"name": "sh", "arguments": {"cmd": "id"}}),
    ("comma_missing", '{"a": 1 "b": "x"\n"c": {} "d": []}', {"a": 1, "b": "x", "c": {}, "d": []}),
    ("comma_missing", '{"a": [{"b": 1} {"c": 2}]}', {"a": [{"b": 1}, {"c": 2}]}),
    ("unquoted", '{file: "a", n: 1}', {"file": "a", "n": 1}),
    ("unquoted", '{"file": src/a.rs, "url": https://x.org/a?b=c}',
     {"file": "src/a.rs", "url": "https://x.org/a?b=c"}),
    ("key_quote_missing", '{file": "a", "n: 1}', {"file": "a", "n": 1}),
    ("comment_dropped", '{"a": 1, // one, it\'s\n # two\n "b": /* 3 */ 2}', {"a": 1, "b": 2}),
    ("punctuation_dropped", '{"a": "x" >, "b": 1 />}', {"a": "x", "b": 1}),
    ("newline_literal", r'{\n  "a": "\n",\n\t"b": [\n1]\n}\n', {"a": "\n", "b": [1]}),
    ("concatenation", '{"a": "x" + "y"\n + "z"}', {"a": "xyz"}),
    ("backtick_string", '{"a": `x "y"\n z`}', {"a": 'x "y"\n z'}),
    ("smart_quotes", "{“a”: “x \"y\" it's”, ‘b’: ‘c’}", {"a": "x \"y\" it's", "b": "c"}),
    ("name_key_broken", '{"name":": "sh", "x": 1}', {"name": "sh", "x": 1}),
    ("name_key_broken", '{"name"="sh", "x": 1}', {"name": "sh", "x": 1}),
    ("name_key_broken", '{"name": "sh": {"cmd": "id"}}',
     {"name": "sh", "arguments": {"cmd": "id"}}),
    ("name_key_broken", '{"name": "sh": "arguments": {}}', {"name": "sh", "arguments": {}}),
    ("zero_width", '{\u200b"a": 1}', {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("repair", "text", "value"), BROKEN)
def test_each_kind_is_repaired_with_its_own_label(repair, text, value):
    assert value_of(text, repair) == value


def written(payload: str) -> str:
    return json.dumps(payload, ensure_ascii=False)


def in_single_quotes(payload: str) -> str:
    return "'" + written(payload)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def with_raw_lines(payload: str) -> str:
    raw = {"n": "\n", "t": "\t"}
    return re.sub(r"\\(.)", lambda m: raw.get(m[1], m[0]), written(payload))


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    ("repair", "form"),
    [
        ("trailing_comma", '{{"n": 1, "text": {json},}}'),
        ("single_quotes", "{{'text': {single}}}"),
        ("python_literal", '{{"n": None, "text": {json}}}'),
        ("control_escaped", '{{"text": {lines}}}'),
        ("escape_doubled", '{{"n": "\\d", "text": {json}}}'),
        ("bracket_missing", '{{"name": "save", "arguments": {{"text": {json}}}'),
        ("bracket_extra", '{{"text": {json}}}}}'),
        ("comma_missing", '{{"text": {json} "n": 1}}'),
        ("unquoted", "{{text: {json}}}"),
        ("key_quote_missing", '{{text": {json}}}'),
        ("comment_dropped", '{{"text": /* c */ {json}}}'),
        ("punctuation_dropped", '{{"text": {json} >}}'),
        ("newline_literal", '{{\\n"text": {json}\\n}}'),
        ("concatenation", '{{"text": "" + {json}}}'),
        ("backtick_string", '{{"n": `x`, "text": {json}}}'),
        ("smart_quotes", '{{“text”: {json}, "n": 1}}'),
        ("name_key_broken", '{{"name":": "save", "text": {json}}}'),
    ],
)
def test_no_repair_touches_a_payload(repair, form, payload):
    parts = {"json": written(payload), "single": in_single_quotes(payload)}
    text = form.format(**parts, lines=with_raw_lines(payload))
    found = read(text + CLOSER)
    if repair != "control_escaped" or "\n" in payload or "\t" in payload:
        assert found.repairs == (repair,)
    assert found.value.get("arguments", found.value)["text"] == payload


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("quotes", ['"""', "`", '"'])
def test_raw_payloads_are_verbatim_or_refused(quotes, payload):
    try:
        found = read(f'{{"file": "a", "text": {quotes}{payload}{quotes}}}{CLOSER}')
    except StrictJSONError:
        return
    assert found.value == {"file": "a", "text": payload}


@pytest.mark.parametrize(
    "text",
    [
        r'{"t": "def f():\\n\\tx &lt; \/ \" \b", "u": "\ud83d\ude00"}',
        '{"t": "a, } // \' True \\"\\"\\" `x` “y” + /* */ # </tool_call>"}',
        "[]",
        "{}",
        ' {"a": [1, -2.5e3, true, null]}'.strip(),
    ],
)
def test_strict_json_is_never_touched(text):
    assert value_of(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        # Two readings of the quotes.
        "{'text': 'it's', 'file': 'a'}",
        "{'text': 'x = ['a', 'b']'}",
        '{"a": ["x" "y"]}',
        '{"file": "say("hi")"}',
        '{"text": "say("hi")", "file": "a"}',
        '{"text": "a "b"", "code": "c "d""}',
        '{"cmd": "ls, "text": "b"}',
        '{"cmd": "ls", "text", "b"}',
        '{"cmd": "a" b, "c": 1}',
        '{"text": "a\\" "b""}',
        '{"cmd": "x"}}"}',
        '{"cmd": "x "a"}</tool_call> b"}',
        "{“a\": 1, “b”: 2}",
        # Two readings of a backslash.
        r'{"p": "C:\Users\name\new"}',
        r'{"p": "src\data\new"}',
        r'{"p": "\d+\n\w"}',
        r'{"p": "\bx\d"}',
        r'{"p": "printf(\"a\n\") \d"}',
        r'''{"p": "it\'s"}''',
        r'{"p": "read\_me"}',
        r'{"cmd": "printf "a\n""}',
        r'{"cmd": "grep "\\d" x"}',
        r"{'p': '\x41'}",
        r"{'p': 'a\/b'}",
        r"""{'p': "\x41"}""",
        r'{"p": """C:\\x"""}',
        "{\"p\": `a ${b}`}",
        r'{"p": `\d`}',
        # Two readings of a word or a number.
        "{file: a b}",
        '{"a": 007}',
        '{"a": .5, "b": +1}',
        '{"a": 0x1F}',
        '{"a": undefined}',
        '{"a": TRUE}',
        '{"a": NaN}',
        '{"a": [1 000]}',
        '{"cmd": rm -rf /, "x": 1}',
        '{"a": 1e999,}',
        # Two places for a bracket or a comma.
        '{"a": {"b": 1, "c": 2}',
        '[[1, [2]]',
        '{"name": "sh", "arguments": {"cmd": "id", "id": "1"}',
        '{"name": "sh", "arguments": {"env": {"A": {}}, "secs": 1}}}',
        '{"arguments": {"a": 1}}, "name": "sh"}',
        '{"a": [1, 2}',
        '{"a": 1, // b "c": 2}',
        '{"a": 1,, "b": 2}',
        '{"a" 1}',
        '{"a": , "b": 1}',
        '{"text": "x", \\nname: "y"}',
        # Quotes that may be the text's own, where its delimiters are lost.
        """{"text": 'a.py'}""",
        """{"text": "x", "file": '\\n'}""",
        # The text of the empty string may stand behind it.
        '{"arguments": {"text": ""}}}',
        # Two values.
        '{"a": 1, "a": 2}',
        '{"a": 1, "a": 1,}',
        "{'a': 1, \"a\": 2}",
        '{"a": "\\ud800",}',
        '{"a": "\udc00",}',
        "[" * 65 + "1," + "]" * 65,
        "a",
        "",
        '"a"',
    ],
)  # fmt: skip
@pytest.mark.parametrize("tail", ["", CLOSER, CLOSER + "\n" + CALL])
def test_what_can_be_read_in_two_ways_is_refused(text, tail):
    with pytest.raises(StrictJSONError) as error:
        read(text + tail)
    assert "\n" not in str(error.value) and str(error.value)


@pytest.mark.parametrize("text", [text for _, text, _ in BROKEN] + ['{"a": {"b": "c"}}'])
def test_a_text_that_is_cut_gives_nothing(text):
    whole = read(text + CLOSER).value
    for end in range(len(text)):
        try:
            found = read(text[:end], stopped=False)
        except StrictJSONError:
            continue
        # Whole, and only strays come behind it.
        assert found.value == whole


@pytest.mark.parametrize("text", ["{", '{"a"', '{"a":', '{"a": "b', "{'a': 'b", '{"a": 1, '])
@pytest.mark.parametrize("stopped", [True, False])
def test_the_end_of_the_text_inside_a_value_has_its_own_error(text, stopped):
    with pytest.raises(CutJSONError):
        read(text, stopped)


def test_missing_brackets_need_an_end_that_is_meant():
    text = '{"name": "sh", "arguments": {"cmd": "id"}'
    assert read(text).repairs == ("bracket_missing",)
    assert read(f"{text}\n</tool_call>\n{CALL}", stopped=False).repairs == ("bracket_missing",)
    for tail in ("", "\n", "\n</tool_call>", "\n</tool_call>\n<tool_call>"):
        with pytest.raises(CutJSONError):
            read(text + tail, stopped=False)
    for tail in ('\n</tool_call> "}', "\n</tool_call>}", '\n</tool_call>, "secs": 1}}'):
        with pytest.raises(StrictJSONError):
            read(text + tail)


def test_the_examples_need_exactly_their_repair():
    declared = {id for name, id in vars(json_repairs).items() if name.isupper()}
    for id in declared:
        turn = REPAIRS[id].example
        assert turn.startswith("<tool_call>\n") and turn.endswith("\n</tool_call>")
        found = read_json(turn, len("<tool_call>\n"), follow=FOLLOW, stopped=True)
        assert found.repairs == (id,) and set(found.value) == {"name", "arguments"}


# Properties: random values with hostile strings, damaged by operators that each know the truth.

BITS = (
    *PAYLOADS, "a", "x y", '"', "'", "`", "\\", "\n", "\t", "{", "}", "[", "]", "}}", ":", ",",
    ", ", "//", "# c", "/* c */", "</tool_call>", "<|im_end|>", "True", "null", '"""', "${x}",
    "“", "”", "it's", "*.py", "\\d+", "\\;", "\\n", "C:\\Users\\new", "\\x41", "\\\\", "é", "😀",
    'say("hi")', 'printf("a\\n")', '"}', '"}}', '"},', '": ', "\x00", "a \\\n b", "'", "-", "1",
)  # fmt: skip
KEYS = ("cmd", "text", "content", "code", "file", "secs", "env", "items", "new_string", "x.y")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
TAILS = ("", CLOSER, f"{CLOSER}\n{CALL}", '\n</tool_call>\nDone, "ok".')


def a_string(r):
    if r.random() < 0.3:
        return r.choice(("a", "ls -la", "src/a.py", "", "10", "*.o"))
    return "".join(r.choice(BITS) for _ in range(r.randint(1, 5)))


def a_value(r, depth=0):
    kind = r.random()
    if depth > 2 or kind < 0.7:
        return a_string(r) if r.random() < 0.7 else r.choice((0, -3, 2.5, True, False, None, 42))
    if kind < 0.85:
        return [a_value(r, depth + 1) for _ in range(r.randint(0, 3))]
    return {r.choice(KEYS): a_value(r, depth + 1) for _ in range(r.randint(0, 3))}


def a_call(r):
    keys = r.sample(KEYS, r.randint(1, 4))
    return {"name": r.choice(("sh", "save", "x-y")), "arguments": {k: a_value(r) for k in keys}}


class NotHere(Exception):
    """The operator does not apply."""


def pick(r, tokens, test):
    places = [i for i, token in enumerate(tokens) if test(i, token)]
    if not places:
        raise NotHere
    return r.choice(places)


def a_text(r, tokens, key=None):
    def fits(i, token):
        is_key = tokens[i + 1 : i + 2] == [":"]
        return token[0] == token[-1] == '"' and len(token) > 1 and key in (None, is_key)

    return pick(r, tokens, fits)


def replace(tokens, at, new):
    try:
        json.loads(new)
    except ValueError:
        tokens[at] = new
    else:
        raise NotHere


def insert(*marks):
    def operator(r, tokens):
        tokens.insert(r.randint(1, len(tokens) - 1), r.choice(marks))

    return operator


def drop(*marks):
    def operator(r, tokens):
        tokens.pop(pick(r, tokens, lambda i, token: token in marks))

    return operator


def change(old, new):
    def operator(r, tokens):
        tokens[pick(r, tokens, lambda i, token: token == old)] = new

    return operator


def rewrite(escape, to):
    """Write an escape of one string in another way, and leave the rest as it is."""

    def operator(r, tokens):
        at = a_text(r, tokens, False)
        replace(tokens, at, f'"{swap(escape, to, tokens[at][1:-1])}"')

    return operator


def swap(escape, to, body):
    return re.sub(r"\\.", lambda m: to if re.fullmatch(escape, m[0]) else m[0], body)


def not_doubled(r, tokens):
    at = a_text(r, tokens, False)
    invalid = r'(\\\\)(?!["\\/bfnrtu])|\\.'
    pairs = re.sub(invalid, lambda m: "\\" if m[1] else m[0], tokens[at])
    replace(tokens, at, pairs)


def wrap(opening, closing, stop):
    """Other quotes: around the JSON text, or around the raw payload if nothing needs escapes."""

    def operator(r, tokens):
        at = a_text(r, tokens, False)
        payload, body = json.loads(tokens[at]), tokens[at][1:-1]
        if stop in payload or closing[-1] in payload[-1:] or opening[0] in payload:
            raise NotHere
        tokens[at] = opening + (body if "\\" in payload else payload) + closing

    return operator


def single_quoted(r, tokens):
    at = a_text(r, tokens)
    tokens[at] = in_single_quotes(json.loads(tokens[at]))


def as_python(r, tokens):
    names = {"true": "True", "false": "False", "null": "None"}
    for at, token in enumerate(tokens):
        if token[0] == '"':
            token = repr(json.loads(token))
        tokens[at] = names.get(token, token)


def key_quote(r, tokens):
    at = a_text(r, tokens, True)
    tokens[at] = r.choice((tokens[at][1:], tokens[at][:-1]))


def value_quote(r, tokens):
    at = a_text(r, tokens, False)
    replace(tokens, at, r.choice((tokens[at][1:], tokens[at][:-1])))


def bare_key(r, tokens):
    at = a_text(r, tokens, True)
    tokens[at] = tokens[at][1:-1]


def joined(r, tokens):
    at = a_text(r, tokens, False)
    payload = json.loads(tokens[at])
    cut = r.randint(0, len(payload))
    tokens[at] = f"{written(payload[:cut])} + {written(payload[cut:])}"


def trailing(r, tokens):
    test = lambda i, token: token in "}]" and tokens[i - 1] not in "{[,"  # noqa: E731
    tokens.insert(pick(r, tokens, test), ",")


def cut_brackets(r, tokens):
    for _ in range(r.randint(1, 2)):
        tokens.pop()


def more_brackets(r, tokens):
    tokens.extend(r.choice("}]") for _ in range(r.randint(1, 2)))


def bracket_twice(r, tokens):
    at = pick(r, tokens, lambda i, token: token in "}]")
    tokens.insert(at, tokens[at])


IN_STRINGS = (
    single_quoted, as_python, key_quote, value_quote, bare_key, joined, not_doubled,
    rewrite(r"\\n", "\n"), rewrite(r"\\t", "\t"), rewrite(r'\\"', '"'),
    wrap('"""', '"""', '"""'), wrap("`", "`", "$"), wrap("“", "”", "”"),
)  # fmt: skip
BETWEEN = (
    trailing, drop(","), drop("}", "]"), cut_brackets, more_brackets, bracket_twice, drop(":"),
    change("}", "]"), change("]", "}"), change(",", ":"), change(":", ","), change(",", ",,"),
    change("true", "True"), change("null", "None"), insert("\\n ", "\\t "), insert(" > ", " < "),
    insert("/* c */", "// it's\n", "# c\n"),
)  # fmt: skip


def damaged(r, count):
    """A call and its text with `count` defects, or None if the defects made other JSON.

    Two defects are one inside of strings and one between them: two of a kind can undo each other.
    """
    call = a_call(r)
    tokens = TOKEN.findall(json.dumps(call, ensure_ascii=r.random() < 0.3))
    operators = (IN_STRINGS, BETWEEN) if count == 2 else (IN_STRINGS + BETWEEN,)
    for choice in operators:
        try:
            r.choice(choice)(r, tokens)
        except (NotHere, ValueError):
            return None
    text = "".join(token + r.choice(("", " ", "\n") if token in "{[" else " ") for token in tokens)
    try:
        json.loads(text)
    except ValueError:
        return call, text.rstrip() + r.choice(TAILS)
    return None


def the_same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def check_damaged(r, count):
    """True value or refusal; and what a prefix gives, the whole text gives."""
    case = damaged(r, count)
    if case is None:
        return
    call, text = case
    try:
        whole = read(text)
    except StrictJSONError:
        whole = None
    else:
        # If nothing had to be changed, the defects made a shorter text that is JSON; and a value
        # that is not at the end of its call is no call.
        at_end = whole.repairs and FOLLOW.match(text, whole.end)
        assert the_same(whole.value, call) or not at_end
    prefix = text[: r.randint(1, len(text))]
    try:
        found = read(prefix, stopped=False)
    except StrictJSONError:
        return
    ending = FOLLOW.match(prefix, found.end)
    if ending is not None and ending.group().strip():
        assert whole is not None and the_same(found.value, whole.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.sampled_from(BITS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip


@given(st.lists(json_values) | st.dictionaries(st.text(), json_values), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_json_is_read_as_it_is(value, ascii):
    found = read(json.dumps(value, ensure_ascii=ascii) + CLOSER)
    assert found.repairs == () and the_same(found.value, value)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_defects_give_the_value_or_a_refusal_and_no_other_value(count, seed):
    r = random.Random(seed)
    for _ in range(200):
        check_damaged(r, count)


def test_most_single_defects_of_a_plain_call_are_repaired():
    r = random.Random(7)
    cases = [case for _ in range(2000) if (case := damaged(r, 1)) is not None]
    right = 0
    for call, text in cases:
        try:
            right += the_same(read(text).value, call)
        except StrictJSONError:
            continue
    assert right > len(cases) * 0.5


MARKS = "{}[]\"'`“”,:+\\/<>#* \nnau1.$\ud800\u200b"


@given(st.text(alphabet=st.sampled_from(MARKS)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_and_nothing_else_is_raised(text, stopped):
    for start in ("{", "[", '{"text": "', "{'a': '", '{"a": """'):
        try:
            read(start + text, stopped)
        except StrictJSONError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        ("", "{"), ("", "["), ("", '{"a":'), ("{", '"'), ('{"cmd":"', 'a"'), ('{"cmd":"x" y', '"}'),
        ('{"cmd":"x" y', '"}</tool_call>'), ('{"cmd":"\\d ', "\\n"), ('{"cmd":"\\d', '\\"'),
        ('{"cmd":"\\d ', "'\\n"), ('{"a":[', "1,"), ("{", '"a":1,'), ("{", "> "), ("{", "\\n "),
        ("{", "/**/"), ('{"a":1', " \n"), ('{"a":1', "} "), ('{"a":"""', '"" '), ('{"a":“', '"'),
        ('{"a":', '"b"+'), ('{"cmd":"a "b" ', '{"a":'), ('{"cmd":"a', '", "'), 
        ('{"cmd":"a"b', '":"'), ('{"name":', 'a"'), ("{", "a"), ("[", "[],"),
    ],
)  # fmt: skip
def test_reading_is_linear(head, part):
    def seconds(size):
        text = head + part * (size // len(part)) + '"}'
        begin = time.process_time()
        for stopped in (True, False):
            with contextlib.suppress(StrictJSONError):
                read(text, stopped)
        return time.process_time() - begin

    # The best of three: a collection of garbage that others left may fall into one of them.
    assert min(seconds(100_000) for _ in range(3)) < 0.5
