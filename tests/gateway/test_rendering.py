"""How what a rule changed is written."""

import pytest

from seatrial.chat.endpoint import End
from seatrial.core.generation import Finish
from seatrial.gateway.rendering import finish_word


@pytest.mark.parametrize(
    ("finish", "raw", "calls", "word"),
    [
        (Finish.STOP, "eos", False, "stop"),
        (Finish.STOP, "stop", True, "tool_calls"),
        (Finish.TOOL_CALLS, "tool_calls", False, "stop"),
        (Finish.CONTEXT, "length", True, "length"),
        (Finish.GUARD, None, False, "length"),
        (Finish.OTHER, "content_filter", False, "content_filter"),
        (Finish.OTHER, "some_new_word", True, "tool_calls"),
        (Finish.OTHER, "some_new_word", False, "length"),
        (Finish.MISSING, None, False, "length"),
    ],
)
def test_only_an_end_of_its_own_is_told_as_one(finish, raw, calls, word):
    assert finish_word(End(finish, raw), calls) == word
