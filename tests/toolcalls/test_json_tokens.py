"""Bare words in JSON: when they are certainly the whole value."""

import re

import pytest

from seatrial.toolcalls.json_tokens import is_free_text
from seatrial.toolcalls.strict_json import StrictJSONError
from seatrial.toolcalls.tolerant_json import read_json

FOLLOW = re.compile(r"\Z")


def value_of(text):
    return read_json(text, 0, follow=FOLLOW, stopped=True).value


@pytest.mark.parametrize(
    "text",
    [
        '{"path": a.txt, "content": hello\n}',
        '{"content": hello , "path": a.txt}',
        '{"path": a.txt, "content":\n  hello}',
        '{"new_string": hello\n}',
    ],
)
def test_a_text_without_quotes_beside_blanks_is_not_guessed(text):
    with pytest.raises(StrictJSONError, match="without quotes"):
        value_of(text)


def test_a_path_without_quotes_is_read_however_it_is_laid_out():
    assert value_of('{\n  "path": a.txt\n}') == {"path": "a.txt"}
    assert value_of('{"path": a.txt, "content": hello}') == {"path": "a.txt", "content": "hello"}


def test_case_and_marks_of_a_key_do_not_matter():
    assert is_free_text("New_String") and is_free_text("file-text") and not is_free_text("path")
