"""JSON objects as fields that stay the bytes they came as."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.gateway.wires.fields import is_object, plain, read_body, read_fields, read_list, text


def test_values_stay_the_bytes_they_were():
    body = b'{"a": {"x" : 1.50, "x":1e2}, "b": "\\u00e4", "c": null}'
    fields = read_body(body)
    assert bytes(fields["a"]) == b'{"x" : 1.50, "x":1e2}'
    assert "c" not in fields
    assert msgspec.json.encode(fields) == b'{"a":{"x" : 1.50, "x":1e2},"b":"\\u00e4"}'


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'{"a":}', b"\xff", b"[" * 100_000])
def test_what_is_no_object(body):
    with pytest.raises(FormatError):
        read_body(body)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"\ud83d"', "\ufffd"),
        (r'"a\udc00b"', "a\ufffdb"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\\ud83d"', "\\ud83d"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\ud83d \\\ud83d"', "\ufffd \\\ufffd"),
    ],
)
def test_half_an_emoji(written, read):
    assert text(read_body(b'{"a": %b, "b": "\\ud800"}' % written.encode())["a"]) == read


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ('{"a": 1}', True),
        ("{}", True),
        (' {"a": "\\ud83d"}\n', True),
        ('{"a": 1', False),
        ('{"a": 1} x', False),
        ('{"a": NaN}', False),
        ('{"a": "\n"}', False),
        ("[1]", False),
        ("", False),
        ('{"a":' * 100_000, False),
    ],
)
def test_arguments_are_one_whole_object(arguments, whole):
    assert is_object(arguments) is whole


def test_kinds():
    fields = read_body(b'{"s": "x", "n": 1, "l": [1, "a"], "o": {"k": true}}')
    assert text(fields["s"]) == "x" and text(fields["n"]) is None and text(None) is None
    assert [plain(item) for item in read_list(fields["l"])] == [1, "a"]
    assert plain(read_fields(fields["o"])["k"]) is True
    assert read_list(None) == [] and read_fields(None) == {}
    for wrong in (read_list, read_fields):
        with pytest.raises(FormatError):
            wrong(fields["n"])


@given(st.binary(max_size=200))
def test_any_bytes(body):
    with contextlib.suppress(FormatError):
        read_body(body)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=4))
def test_strings_survive(value):
    fields = read_body(json.dumps(value).encode("utf-8", "surrogatepass"))
    assert {name: text(raw) for name, raw in fields.items()} == value
