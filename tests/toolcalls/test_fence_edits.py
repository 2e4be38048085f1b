"""Fences as writes and edits: exact bytes, one path, one tool, or nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.fence_edits import find
from seatrial.toolcalls.options import Options
from tests.toolcalls.loose.tools import PAYLOADS, STRING, TOOLS, tool

BOTH = Options(fence_writes=True, fence_edits=True)
EDIT = "<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n"


def taken(text, tools=TOOLS, options=BOTH):
    found = find(text, tools, options)
    return None if found is None else [(call.name, call.arguments) for call in found.calls]


def write(content, path="src/a.py"):
    return [("write_file", {"path": path, "content": content})]


@pytest.mark.parametrize(
    "text",
    [
        "```python src/a.py\nx = 1\n```",
        "```src/a.py\nx = 1\n```",
        "```python:src/a.py\nx = 1\n```",
        "src/a.py\n```python\nx = 1\n```",
        "`src/a.py`:\n```python\nx = 1\n```",
        "**src/a.py**\n\n```python\nx = 1\n```",
        "File: src/a.py\n```python\nx = 1\n```",
        "### `src/a.py`\n\n```python\nx = 1\n```",
        "I fix the bug.\n\nsrc/a.py\n~~~\nx = 1\n~~~\n\nNow it adds up.",
        "```python src/a.py\nx = 1\n```\nThat is all.",
    ],
)
def test_a_fence_with_a_path_is_written(text):
    found = find(text, TOOLS, BOTH)
    assert [(call.name, call.arguments) for call in found.calls] == write("x = 1\n")
    assert found.form == "fence_write" and found.calls[0].repairs == ("fence_write",)
    assert text[found.start : found.end].strip().startswith(("```", "~~~"))


def test_a_comment_with_the_path_stays_in_the_file():
    for line in ("# src/a.py", "# File: src/a.py", "// file: src/a.py", "/* src/a.py */"):
        assert taken(f"```\n{line}\nx = 1\n```") == write(f"{line}\nx = 1\n")


@pytest.mark.parametrize(
    "payload", [each for each in PAYLOADS if "```" not in each and each.strip()]
)
def test_the_body_is_exact(payload):
    body = payload if payload.endswith("\n") else payload + "\n"
    assert taken(f"```python src/a.py\n{body}```") == write(body)
    assert taken(f"````x src/a.py\n{body}````") == write(body)


@pytest.mark.parametrize("path", ["Makefile", "a.b/c-d_e.f", "/tmp/x.py", "docs/README.md", ".env"])
def test_paths(path):
    assert taken(f"```x {path}\ny\n```") == write("y\n", path)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx = 1\n```",
        "```python src/a.py\nx = 1\n",
        "```python src/a.py\n```",
        "```python src/a.py\n\n```",
        "```python src/a.py\n# src/b.py\nx = 1\n```",
        "src/b.py\n```python src/a.py\nx = 1\n```",
        "```python ../a.py\nx\n```",
        "```python -rf.py\nx\n```",
        "```python my file.py\nx\n```",
        "```python src/a.py\nx\n```\n\n```python src/b.py\ny\n```",
        "```python src/a.py\nx = 1\n...\n```",
        "```python src/a.py\nx = 1\n# ... rest of the file\n```",
        "```python src/a.py\n# existing code\nx = 1\n```",
        "```js src/a.js\n// rest of the code unchanged\nf()\n```",
        "For example:\n\n```python src/a.py\nx = 1\n```",
        "You could write:\n\n```python src/a.py\nx = 1\n```",
        "> ```python src/a.py\n> x\n> ```",
        "  ```python src/a.py\n  x\n  ```",
        "Look at src/a.py for this:\n```python\nx = 1\n```",
        "The file src/a.py\n```python\nx = 1\n```",
        "```python\nimport os.path\n```",
        "x = 1",
        "",
        "```python src/a.py\nx\n````python\ny\n```",
    ],
)
def test_what_leaves_a_doubt_is_text(text):
    assert taken(text) is None


def test_off_by_default_and_each_alone():
    text, edit = "```python src/a.py\nx = 1\n```", f"```python src/a.py\n{EDIT}```"
    assert taken(text, options=Options()) is None and taken(edit, options=Options()) is None
    assert taken(text, options=Options(fence_edits=True)) is None
    assert taken(edit, options=Options(fence_writes=True)) is None
    assert taken(edit, options=Options(fence_edits=True)) is not None


def test_one_tool_that_takes_just_this():
    text = "```python a.py\nx = 1\n```"
    save = tool("save", "file text", file=STRING, text=STRING)
    assert taken(text, {"save": save}) == [("save", {"file": "a.py", "text": "x = 1\n"})]
    assert taken(text, {**TOOLS, "save": save}) is None
    more = tool("write_file", "path content mode", path=STRING, content=STRING, mode=STRING)
    assert taken(text, {"write_file": more}) is None
    two = tool("write_file", "path", path=STRING, content=STRING, text=STRING)
    assert taken(text, {"write_file": two}) is None
    assert taken(text, {"put": save}) is None and taken(text, {}) is None


def edit(old, new, path="src/a.py"):
    return ("edit_file", {"path": path, "old_string": old, "new_string": new})


def test_search_and_replace_are_edits():
    for text in (
        f"```python src/a.py\n{EDIT}```",
        f"src/a.py\n```\n{EDIT}```",
        f"```\nsrc/a.py\n{EDIT}```",
        f"```python\n# src/a.py\n{EDIT}```",
        f"I fix it.\n\n**src/a.py**\n```\n{EDIT}```\n\nDone.",
    ):
        assert taken(text) == [edit("x = 1\n", "x = 2\n")], text
    found = find(f"```python src/a.py\n{EDIT}```", TOOLS, BOTH)
    assert found.form == "fence_edit"


def test_several_edits_in_order():
    second = EDIT.replace("x = ", "y = ")
    assert taken(f"```src/a.py\n{EDIT}\n{second}```") == [
        edit("x = 1\n", "x = 2\n"),
        edit("y = 1\n", "y = 2\n"),
    ]
    gone = "<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE\n"
    assert taken(f"```src/a.py\n{gone}```") == [edit("x\n", "")]


@pytest.mark.parametrize(
    "body",
    [
        "<<<<<<< SEARCH\n=======\nx\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\nx\n=======\nx\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\nx\n=======\ny\n",
        "<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n",
        "<<<<<<< SEARCH\nx\n=======\ny\n=======\nz\n>>>>>>> REPLACE\n",
        EDIT + "and then\n" + EDIT,
        EDIT + "x = 3\n",
        "a = 1\nb = 2\n" + EDIT,
        "<<<<<<< SEARCH\nx = 1\n...\n=======\nx = 2\n...\n>>>>>>> REPLACE\n",
        "src/b.py\n" + EDIT,
    ],
)
def test_edits_in_disorder_are_text(body):
    assert taken(f"```python src/a.py\n{body}```") is None


@given(st.text(max_size=80) | st.text("`~\n #./ab<=>", max_size=80))
def test_no_text_raises(text):
    for start in ("", "```python a.py\n", "a.py\n```\n<<<<<<< SEARCH\n"):
        taken(start + text)


@pytest.mark.parametrize(
    "hostile",
    [
        "`",
        "```\n",
        "~",
        "<",
        "<<<<<<< SEARCH\n",
        "=======\n",
        "a/",
        "a.",
        "# ",
        "... ",
        "\n",
        "*",
        " ",
    ],
)
def test_hostile_text_is_cheap(hostile):
    text = hostile * (2_000_000 // len(hostile))
    for whole in (
        text,
        f"```python a.py\n{text}\n```",
        f"{text}\n```\n{text}\n```",
        f"```{text}\nx\n```",
    ):
        begin = time.process_time()
        taken(whole)
        assert time.process_time() - begin < 2
