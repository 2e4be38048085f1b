"""The Dockerfile subset: what it understands, and that no text can break it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.errors import TaskError
from seatrial.suites.dockerfile import Copy, parse


def test_an_ordinary_file():
    found = parse(
        "# syntax=docker/dockerfile:1\n"
        "ARG TAG=3.11\n"
        "FROM --platform=linux/amd64 python:${TAG}-slim AS base\n"
        "RUN apt-get update && \\\n"
        "    # a comment in between\n"
        "    apt-get install -y git\n"
        "workdir /app\n"
        "WORKDIR src\n"
        "COPY --chown=me workspace/ /app/\n"
        'COPY ["a b.txt", "./"]\n'
        "COPY one.txt renamed.txt\n"
        "COPY one.txt /app\n"
        'ENV A=1 B="two words"\n'
        "ENV C three words\n"
        "ENV D=${A}-${MISSING:-x}\n"
        'CMD ["python"]\n'
    )
    assert found.base == "python:3.11-slim"
    assert found.workdir == "/app/src"
    assert found.runs == ("apt-get update && apt-get install -y git",)
    assert found.copies == (
        Copy(("workspace/",), "/app", into=True),
        Copy(("a b.txt",), "/app/src", into=True),
        Copy(("one.txt",), "/app/src/renamed.txt", into=False),
        Copy(("one.txt",), "/app", into=True),
    )
    assert found.env == (("A", "1"), ("B", "two words"), ("C", "three words"), ("D", "1-x"))
    assert found.ignored == ('CMD ["python"]',)


def test_only_the_last_stage_counts():
    found = parse(
        "FROM a AS build\nWORKDIR /old\nCOPY x /x\nFROM b\nCOPY --from=build /x /x\nCOPY y /y\n"
    )
    assert (found.base, found.workdir) == ("b", "/")
    assert found.copies == (Copy(("y",), "/y", into=False),)
    assert found.ignored == ("COPY --from=build /x /x",)


def test_a_heredoc_is_part_of_its_instruction():
    found = parse("FROM a\nRUN <<EOF\nFROM nothing\nEOF\nADD https://x/y /z\nWORKDIR /w\n")
    assert (found.base, found.workdir) == ("a", "/w")
    assert "FROM nothing" in found.runs[0]
    assert found.ignored == ("COPY https://x/y /z",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no FROM"),
        ("RUN x", "RUN comes before FROM"),
        ("FROM", "FROM names no image"),
        ("FROM a\nWORKDIR", "WORKDIR names no folder"),
        ("FROM a\nCOPY x", "COPY needs a source and a target"),
        ('FROM a\nCOPY ["x", /y]', "broken list in COPY"),
        ("FROM a\nENV", "ENV names no variable"),
    ],
)
def test_what_makes_no_sense_is_a_task_error(text, says):
    with pytest.raises(TaskError, match=says):
        parse(text)


LINES = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.builds(
            "{} {}".format,
            st.sampled_from(["FROM", "RUN", "COPY", "ADD", "ENV", "ARG", "WORKDIR", "CMD", "from"]),
            st.text("ab /.$={}[]\"'\\<E-:*", max_size=20),
        ),
    ),
    max_size=12,
)


@given(LINES)
def test_any_text_is_read_or_refused(lines):
    try:
        found = parse("\n".join(lines))
    except TaskError:
        return
    assert found.workdir.startswith("/")
    assert ".." not in found.workdir.split("/")
    for copy in found.copies:
        assert copy.sources
        assert copy.target.startswith("/")
        assert ".." not in copy.target.split("/")


WORD = st.text("abcxyz_", min_size=1, max_size=8)


@given(
    st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=3), WORD), max_size=5),
    st.dictionaries(WORD, WORD, max_size=4),
    st.booleans(),
)
def test_what_is_written_is_read_back(copies, variables, split):
    gap = " \\\n    " if split else " "
    lines = ["FROM base", "WORKDIR /app"]
    lines += [f"ENV {name}={value}" for name, value in variables.items()]
    lines += [gap.join(["COPY", *sources, f"{target}/"]) for sources, target in copies]
    found = parse("\n".join(lines))
    assert dict(found.env) == variables
    assert found.copies == tuple(
        Copy(tuple(sources), f"/app/{target}", into=True) for sources, target in copies
    )
