"""What is kept of an answer that is thrown away."""

from seatrial.chat.endpoint import CallEvent, End
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.guard.dropped import MAX_DROPPED_CHARS, dropped_text


def test_reasoning_text_and_calls():
    call = CallEvent(Call("1", "bash", '{"command": "ls"}'))
    assert dropped_text("hm so", "hm ", [call], None) == 'hm so\nbash {"command": "ls"}'


def test_a_call_that_could_not_be_read_stands_in_the_end():
    end = End(Finish.STOP, text="so\nbash {oops", verdict="reask")
    assert dropped_text("hm so", "hm ", [], end) == "hm so\nbash {oops"


def test_of_a_long_one_the_beginning_and_the_end():
    text = "a" * MAX_DROPPED_CHARS + "b" * MAX_DROPPED_CHARS
    kept = dropped_text(text, "", [], None)
    assert len(kept) < MAX_DROPPED_CHARS + 50
    assert kept.startswith("aaa") and kept.endswith("bbb")
    assert f"{MAX_DROPPED_CHARS} characters left out" in kept
