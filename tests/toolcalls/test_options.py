"""Options are checked before they are used; a nonce fits the tags that can carry it."""

import pytest

from seatrial.core.errors import UserError
from seatrial.toolcalls.nonce import nonce_opener, with_nonce
from seatrial.toolcalls.options import DEFAULTS, CodeMode, Options, check_options


def test_the_defaults_are_fine():
    check_options(DEFAULTS)
    check_options(Options(off=("loose_json",), nonce="x7", code_mode=CodeMode(functions=("f",))))


def test_an_unknown_repair_is_named_with_a_hint():
    with pytest.raises(UserError, match="loose_jason") as caught:
        check_options(Options(off=("loose_jason",)))
    assert "loose_json" in (caught.value.hint or "")
    with pytest.raises(UserError) as caught:
        check_options(Options(off=("qqqqqq",)))
    assert "--repairs" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "options",
    [
        Options(nonce="x"),
        Options(nonce='x"7'),
        Options(nonce="x" * 33),
        Options(code_mode=CodeMode(functions=("a b",))),
        Options(code_mode=CodeMode(argument="")),
    ],
)
def test_what_cannot_be_written_is_refused(options):
    with pytest.raises(UserError):
        check_options(options)


def test_a_nonce_in_a_tag():
    assert nonce_opener("<tool_call>", "x7") == '<tool_call nonce="x7">'
    assert nonce_opener("[TOOL_CALLS]", "x7") == '[TOOL_CALLS nonce="x7"]'
    assert nonce_opener("<tool_call>", "") == "<tool_call>"
    for opener in (
        "<|tool_call_begin|>",
        "<function=",
        '<invoke name="',
        "commentary to=",
        "{",
        "",
    ):
        assert nonce_opener(opener, "x7") is None
    bound = with_nonce("<tool_call>\n{}\n</tool_call>", "<tool_call>", "x7")
    assert bound == '<tool_call nonce="x7">\n{}\n</tool_call>'
    assert with_nonce("<function=f>", "<function=", "x7") is None
