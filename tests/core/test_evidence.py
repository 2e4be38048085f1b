"""Evidence: a quote is what stands there, or there is no quote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.evidence import Place, resolve

numbers = st.integers(0, 10**9)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=8)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
pointers = st.lists(st.text(max_size=5), max_size=4).map(
    lambda keys: "".join(f"/{k}" for k in keys)
)


@given(numbers, numbers, numbers, st.none() | pointers)
def test_a_place_reads_back_as_itself(line, start, end, pointer):
    place = Place(line, start, end, pointer)
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "text",
    ["", "12", "12[3]", "[0:1]", "1[0:1]\n", "-1[0:1]", "1#x[0:1]", "1[-1:2]", "١[0:1]", "1[0:1] "],
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match="not a place"):
        Place.parse(text)


@given(st.text(max_size=200))
def test_any_text_is_a_place_or_a_value_error(text):
    try:
        place = Place.parse(text)
    except ValueError:
        return
    assert Place.parse(str(place)) == place


@given(st.data(), json_values, st.integers(-3, 12), st.integers(-3, 12))
def test_never_a_text_that_is_not_there(data, value, start, end):
    pointer = data.draw(pointers | st.sampled_from(list(leads(value))))
    try:
        quote = resolve(json.dumps(value), Place(1, start, end, pointer))
    except (ValueError, KeyError, IndexError):
        return
    assert len(quote) == end - start
    assert any(quote == text[start:end] for text in strings(value))


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (-1, 2), (-2, -1), (2, 1), (0, 4)])
def test_a_slice_that_python_would_bend_is_refused(start, end):
    with pytest.raises(IndexError):
        resolve('{"t": "abc"}', Place(1, start, end, "/t"))


def leads(value, at=""):
    """A pointer to everything in `value`."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leads(inner, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leads(inner, f"{at}/{index}")


def strings(value):
    if isinstance(value, str):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from strings(inner)


@given(st.text(max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_a_plain_line_gives_exactly_its_slice(text, start, end):
    if start <= end <= len(text):
        assert resolve(text, Place(1, start, end)) == text[start:end]
    else:
        with pytest.raises(IndexError):
            resolve(text, Place(1, start, end))


LINE = json.dumps({"calls": [{"a/b": "one"}, {"a~b": "two"}], "n": 3, "": "empty"})


@pytest.mark.parametrize(
    ("pointer", "text"), [("/calls/0/a~1b", "one"), ("/calls/1/a~0b", "two"), ("/", "empty")]
)
def test_pointers_are_read_as_the_rfc_says(pointer, text):
    assert resolve(LINE, Place(1, 0, len(text), pointer)) == text


@pytest.mark.parametrize(
    "pointer",
    ["/calls/-1/a~0b", "/calls/+1/a~0b", "/calls/01/a~0b", "/calls/2", "/n", "", "/no", "/n/x"],
)
def test_a_pointer_that_leads_nowhere_is_refused(pointer):
    with pytest.raises((ValueError, KeyError, IndexError)):
        resolve(LINE, Place(1, 0, 1, pointer))


@pytest.mark.parametrize("line", ["{", "[" * 100_000, "nothing"], ids=["cut", "deep", "word"])
def test_a_line_that_is_not_json_is_refused(line):
    with pytest.raises(ValueError):
        resolve(line, Place(1, 0, 1, "/x"))


def test_places_count_code_points_not_bytes():
    assert resolve('{"t": "aé😀b"}', Place(1, 2, 4, "/t")) == "😀b"
