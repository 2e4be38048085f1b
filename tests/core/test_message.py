"""Messages: their digests name them, the tools keep their wire form."""

from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.message import Call, Message, ToolSchema, tools_digest

TOOL = ToolSchema("run", "Run it.", {"type": "object", "properties": {"b": {}, "a": {}}})
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(words, words, words, words)
def test_two_messages_share_a_digest_only_when_they_are_the_same(text, think, other, thought):
    one, two = Message("user", text, think), Message("user", other, thought)
    assert (one.digest == two.digest) == (one == two)


def test_everything_in_a_message_counts():
    call = Call("c", "f", "{}")
    variants = [
        Message("assistant"),
        Message("user"),
        Message("assistant", "x"),
        Message("assistant", "", "x"),
        Message("assistant", calls=(call,)),
        Message("assistant", calls=(Call("c", "f", "{ }"),)),
        Message("assistant", calls=(Call("c", "f", "{}", repairs=("closed",)),)),
        Message("tool", call_id="c"),
    ]
    assert len({message.digest for message in variants}) == len(variants)
    assert all(len(message.digest) == 16 for message in variants)


def test_the_openai_form():
    assert TOOL.openai() == {
        "type": "function",
        "function": {"name": "run", "description": "Run it.", "parameters": TOOL.parameters},
    }


def test_the_tools_digest_sees_order_and_words_but_not_the_order_of_keys():
    other = ToolSchema("stop", "Stop.", {"type": "object"})
    same = ToolSchema("run", "Run it.", {"properties": {"a": {}, "b": {}}, "type": "object"})
    assert tools_digest((TOOL,)) == tools_digest((same,))
    assert tools_digest((TOOL, other)) != tools_digest((other, TOOL))
    assert tools_digest((TOOL,)) != tools_digest((ToolSchema("run", "Run", TOOL.parameters),))
