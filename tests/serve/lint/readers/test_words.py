"""Words of a command keep their line and their spelling."""

import time
from contextlib import suppress

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.words import commands, plain_words, shell_words, unquoted


def texts(words):
    return [word.text for word in words]


def test_quotes_and_escapes_are_taken_away_and_raw_stays():
    words = plain_words("""-m 'a b.gguf' --x "c \\"d\\"" e\\ f""", 7)
    assert texts(words) == ["-m", "a b.gguf", "--x", 'c "d"', "e f"]
    assert [word.raw for word in words][1] == "'a b.gguf'"
    assert {word.line for word in words} == {7}


def test_every_word_knows_its_line_and_the_gap_before_it():
    words = plain_words("a \\\n  b   c\n\nd", 10)
    assert [(word.text, word.line) for word in words] == [
        ("a", 10),
        ("b", 11),
        ("c", 11),
        ("d", 13),
    ]
    assert words[2].gap == "   "


def test_comment_lines_of_a_cmd_are_skipped_and_count_as_lines():
    words = plain_words("a\n# it's a comment \\\nb #c", 1)
    assert [(word.text, word.line) for word in words] == [("a", 1), ("b", 3), ("#c", 3)]


def test_a_path_of_windows_keeps_its_backslashes():
    assert unquoted(r"C:\models\a.gguf") == r"C:\models\a.gguf"
    assert unquoted(r'"D:\a b\c.gguf"') == r"D:\a b\c.gguf"


def test_a_shell_parts_commands():
    words = shell_words("A=1 x -c 2 && y > log 2>&1 & # it's\nz", 1)
    assert [texts(one) for one in commands(words)] == [
        ["A=1", "x", "-c", "2"],
        ["y"],
        ["log"],
        ["z"],
    ]


def test_what_is_inserted_into_a_word_does_not_part_it():
    words = shell_words("x --threads $(nproc --all) --p ${P:-80} `pwd`/m", 1)
    assert texts(words) == ["x", "--threads", "$(nproc --all)", "--p", "${P:-80}", "`pwd`/m"]


def test_a_here_document_is_no_command():
    words = shell_words("cat <<EOF > x\ndon't llama-server\nEOF\nlast", 1)
    assert words[-1].text == "last" and words[-1].line == 4


@pytest.mark.parametrize("text", ["a 'b", 'a "b', 'x\n"'])
def test_an_open_quote_is_one_line_with_its_place(text):
    with pytest.raises(UserError, match=r"f, line .: a quote is not closed"):
        plain_words(text, 1, "f")


@pytest.mark.parametrize(
    "piece", ["'", '"', "\\", "a\\\n", "$(", "${", "`", "<<A\n", "#\n", "a'b'"]
)
def test_hostile_text_takes_linear_time(piece):
    started = time.process_time()
    for read in (plain_words, shell_words):
        with suppress(UserError):
            read(piece * 50_000, 1)
    assert time.process_time() - started < 2
