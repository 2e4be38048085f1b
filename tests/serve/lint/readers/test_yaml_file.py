"""YAML with lines, and everything that YAML can do to whoever reads it."""

import time

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import MAX_DEPTH
from seatrial.serve.lint.readers.yaml_file import parse_yaml

TEXT = """\
a: 1
b: &x {c: on, d: "q"}   # comment
e:
  <<: *x
  d: 2.5
cmd: |
  foo \\
    -c 3

f: one
  two
g: [1, null, true]
"""


def parse(text):
    return parse_yaml(text, "f.yml")


def test_values_lines_and_spelling():
    root = parse(TEXT)
    leaves = dict(root.leaves())
    assert leaves["a"].value == 1 and leaves["a"].line == 1 and leaves["a"].written == "a: 1"
    assert leaves["b.c"].value == "on" and leaves["b.d"].written == 'd: "q"'
    assert leaves["e.c"].line == 2 and leaves["e.d"].value == 2.5 and leaves["e.d"].line == 5
    assert leaves["cmd"].lines[:2] == ((7, "  foo \\"), (8, "    -c 3"))
    assert leaves["f"].lines == ((10, "one"), (11, "  two")) and leaves["f"].text == "one two"
    assert root.plain()["g"] == [1, None, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "line 2: 'a' stands twice, first in line 1"),
        ("[" * 100_000, f"nested more than {MAX_DEPTH} levels"),
        ("{a: " * 3_000, f"nested more than {MAX_DEPTH} levels"),
        ("- " * 5_000 + "x", f"nested more than {MAX_DEPTH} levels"),
        ("a: &a [*a]", "line 1: the alias *a holds itself"),
        ("a: *b", "line 1: the alias *b stands nowhere before"),
        ("a\n---\nb", "line 2: a second document begins"),
        ("? [1]\n: 2", "line 1: a key is expected"),
        ("\x00", "is not YAML"),
        ("a: [1, 2", "did not find expected"),
        ("a:\n\t- b", "f.yml, line 2"),
        ("\ud800", "is not YAML"),
    ],
)
def test_broken_files_are_one_line(text, said):
    with pytest.raises(UserError) as raised:
        parse(text)
    assert said in raised.value.message and "\n" not in raised.value.message
    assert raised.value.hint and "\n" not in raised.value.hint


def test_a_billion_laughs_are_counted_and_not_laughed():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    started = time.process_time()
    with pytest.raises(UserError, match="unfolds into more than 100,000 values"):
        parse("\n".join(levels))
    assert time.process_time() - started < 1


def test_no_type_of_python_is_made():
    assert parse("a: !!python/object/apply:os.system [id]").plain() == {"a": ["id"]}


def test_odd_ends_of_lines():
    root = parse("a: 1\r\nb: 2\r\n")
    assert root.fields()["b"].written == "b: 2" and root.fields()["b"].line == 2
    assert parse("").value == {}
