"""Framing: the events and their bytes, whatever the cut."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.sse import SseDecoder, SseEvent
from seatrial.core.errors import FormatError

PIECES = [
    b'data: {"a": 1}',
    b"data:x",
    b"data",
    b"event: ping",
    b"id: 7",
    b": comment",
    b'error: {"code": 500}',
    b"retry: 10",
    b"nonsense",
    "data: é🙂\u2028".encode(),
    b"",
    b"",
]
ENDS = [b"\n", b"\r\n", b"\r"]


def decode(*chunks: bytes) -> tuple[list[SseEvent], bytes]:
    decoder = SseDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    events += decoder.finish()
    return events, decoder.rest


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


streams = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(ENDS)), max_size=12).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(streams | st.binary(max_size=60), st.lists(st.integers(0, 500), max_size=8), st.booleans())
def test_any_split_gives_the_same_events(data, places, with_bom):
    data = b"\xef\xbb\xbf" + data if with_bom else data
    whole = decode(data)
    assert decode(*cut(data, places)) == whole
    assert decode(*(data[i : i + 1] for i in range(len(data)))) == whole
    assert b"".join(event.raw for event in whole[0]) + whole[1] == data


@pytest.mark.parametrize("end", ENDS)
def test_line_ends(end):
    events, _ = decode(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""]))
    assert [event.data for event in events] == [b"a\nb", b"c"]


def test_an_event_comes_with_its_blank_line_not_later():
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"a"]
    assert decoder.feed(b"data: b\r\n\r") == []
    assert [event.data for event in decoder.feed(b"\n")] == [b"b"]


def test_fields():
    events, _ = decode(b": hi\nevent: ping\nid: 3\ndata:  two blanks\nretry: 1\n\ndata\n\n")
    assert [(e.data, e.name, e.id) for e in events] == [
        (b" two blanks", "ping", "3"),
        (b"", "", "3"),
    ]


def test_no_final_blank_line():
    events, rest = decode(b"data: a\n\ndata: [DONE]")
    assert [event.data for event in events] == [b"a", b"[DONE]"]
    assert rest == b""


def test_bom_and_an_event_without_data():
    events, _ = decode(b"\xef\xbb\xbfdata: a\n\nevent: nothing\n\ndata: b\n\n")
    assert [(event.data, event.name) for event in events] == [(b"a", ""), (b"b", "")]


def test_old_error_lines_are_events():
    events, _ = decode(b'error: {"code": 500}\n\n')
    assert [(event.name, event.data) for event in events] == [("error", b'{"code": 500}')]


@pytest.mark.parametrize("line", [b"data: " + b"x" * 3000, b"data: x\n" * 400])
def test_a_huge_event_is_refused(line):
    decoder = SseDecoder(max_event_bytes=2000)
    with pytest.raises(FormatError, match="2,000"):
        for start in range(0, len(line), 100):
            decoder.feed(line[start : start + 100])


def test_a_long_line_in_small_pieces_is_linear():
    decoder = SseDecoder()
    started = time.process_time()
    for _ in range(40_000):
        decoder.feed(b"x" * 100)
    assert time.process_time() - started < 1.0
