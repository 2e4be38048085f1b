"""JSON with comments and lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.json_file import parse_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_comments_commas_and_lines():
    root = parse_json(
        '{\n// hi\n"a": 1, /* x\n*/ "b": {"c": [1, 2,],},\n"u": "http://x//y"\n}', "f"
    )
    assert root.plain() == {"a": 1, "b": {"c": [1, 2]}, "u": "http://x//y"}
    assert root.fields()["a"].line == 3 and root.fields()["a"].written == '"a": 1'
    assert root.fields()["u"].line == 5 and root.fields()["u"].written == '"u": "http://x//y"'


@given(PLAIN, st.sampled_from([None, 1]))
def test_reads_what_the_standard_library_writes(value, indent):
    assert parse_json(json.dumps(value, indent=indent), "f").plain() == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("[" * 10_000, "nested more than"),
        ("", "a value is expected"),
        ("{", "a key in double quotes is expected"),
        ('{"a" 1}', "a colon is expected"),
        ("[1 2]", "a comma or ] is expected"),
        ("{} x", "something stands behind the end"),
        ('"\\u12"', "a broken escape"),
        ("[NaN]", "a value is expected"),
        ("/*", "a value is expected"),
        ('{\n\n"a": tru }', "line 3: a value is expected"),
    ],
)
def test_broken_files_are_one_line(text, said):
    with pytest.raises(UserError) as raised:
        parse_json(text, "f")
    assert said in raised.value.message and "\n" not in raised.value.message and raised.value.hint


@given(st.text(alphabet='{}[]",:/*\\ \n1ae.-tfn'))
def test_random_text_is_read_or_refused(text):
    try:
        parse_json(text, "f").plain()
    except UserError as error:
        assert "\n" not in error.message
