"""Head and tail of any stream, in constant memory."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.sandbox.output import HeadTail


@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(0, 200))
def test_bytes_are_kept_or_counted(chunks, room):
    kept = HeadTail(room)
    for chunk in chunks:
        kept.add(chunk)
    text, cut = kept.text()
    data = b"".join(chunks)
    if len(data) <= room:
        assert (text, cut) == (data.decode("utf-8", "replace"), 0)
    else:
        assert cut >= len(data) - room
        assert f"[... {cut} bytes cut ...]" in text


@given(st.text(alphabet="aé€😀", max_size=300), st.integers(0, 100))
def test_a_cut_never_splits_a_character(content, room):
    kept = HeadTail(room)
    kept.add(content.encode())
    text, cut = kept.text()
    assert "\ufffd" not in text
    if cut:
        head, _, rest = text.partition("\n[... ")
        tail = rest.partition(" ...]\n")[2]
        assert content.startswith(head)
        assert content.endswith(tail)
        assert cut == len(content.encode()) - len((head + tail).encode())


def test_memory_stays_small():
    kept = HeadTail(1000)
    for _ in range(1000):
        kept.add(b"x" * 65536)
    assert len(kept._head) + len(kept._tail) <= 2000
    assert kept.total_bytes == 65_536_000
