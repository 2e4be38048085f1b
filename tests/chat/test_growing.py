"""A growing text is its pieces, joined, and takes about their size."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.growing import GrowingText


@given(st.lists(st.text(max_size=3), max_size=300))
def test_the_whole_is_all_pieces_in_order(pieces):
    text, so_far = GrowingText(), ""
    for piece in pieces:
        text.add(piece)
        so_far += piece
        if len(so_far) % 7 == 0:
            assert text.whole() == so_far
    assert text.whole() == so_far


def test_small_pieces_take_little_more_than_their_characters():
    tracemalloc.start()
    try:
        text = GrowingText()
        for number in range(10_000):
            text.add(f"piece {number:06} ")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.3 * len(text.whole())
