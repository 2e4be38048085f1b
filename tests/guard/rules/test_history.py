"""Histories that would poison the next request."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.core.config import GuardSpec
from seatrial.core.message import Call, Message
from seatrial.guard import mend
from seatrial.guard.rules.history import UNPARSED, HistoryRule, object_text
from tests.guard.streams import Run, request, stream

USER = Message("user", "Do it.")


def said(*calls: Call, text: str = "") -> Message:
    return Message("assistant", text, calls=calls)


def call(id: str = "1", arguments: str = "{}") -> Call:
    return Call(id, "write", arguments)


def result(id: str | None = "1", text: str = "ok") -> Message:
    return Message("tool", text, call_id=id)


def labels(messages: tuple[Message, ...]) -> list[str]:
    return [edit.label for edit in mend(messages)[1]]


def test_a_sound_history_is_the_same_object() -> None:
    sound = (
        Message("system", "s"),
        USER,
        said(call("1"), call("2"), text="two"),
        result("2"),
        result("1"),
        said(call("1")),  # ids need to be unique within a turn only
        result("1"),
        said(text="done"),
        Message("user", "more"),
    )
    assert mend(sound) == (sound, []) and mend(sound)[0] is sound


@pytest.mark.parametrize(
    ("arguments", "mended"),
    [
        ('{"path": "a"}', '{"path": "a"}'),
        ("", "{}"),
        ('{"path": "a', json.dumps({UNPARSED: '{"path": "a'}, separators=(",", ":"))),
        ('"{\\"path\\": \\"a\\"}"', '{"path": "a"}'),
        ("[1]", '{"unparsed_arguments":"[1]"}'),
        ("null", '{"unparsed_arguments":"null"}'),
        ("[" * 5000, json.dumps({UNPARSED: "[" * 5000}, separators=(",", ":"))),
    ],
)
def test_arguments_become_an_object_that_keeps_their_text(arguments: str, mended: str) -> None:
    assert object_text(arguments) == mended


def test_only_the_malformed_call_is_touched() -> None:
    bad = said(call("1", '{"path"'), call("2", '{"b":1}'))
    messages = (USER, bad, result("1"), result("2"))
    mended, [edit] = mend(messages)
    assert edit.label == "arguments_json" and edit.message == 1 and edit.before == '{"path"'
    assert mended[1].calls[1] is bad.calls[1]
    assert [new is old for new, old in zip(mended, messages, strict=True)] == [
        True,
        False,
        True,
        True,
    ]


def test_an_unanswered_call_gets_a_result() -> None:
    mended, edits = mend((USER, said(call("1"), call("2")), result("1"), Message("user", "and?")))
    assert [edit.label for edit in edits] == ["unanswered_call"]
    assert mended[3].role == "tool" and mended[3].call_id == "2"
    assert labels((USER, said(call("1")))) == ["unanswered_call"]


def test_a_result_of_nothing_becomes_words() -> None:
    mended, edits = mend((USER, result("9", "x = 1")))
    assert [edit.label for edit in edits] == ["orphan_result"]
    assert mended[1].role == "user" and mended[1].text.endswith("x = 1")


def test_a_result_without_an_id_answers_in_order() -> None:
    mended, edits = mend((USER, said(call("a"), call("b")), result(None, "1"), result(None, "2")))
    assert [edit.label for edit in edits] == ["call_id", "call_id"]
    assert [message.call_id for message in mended[2:]] == ["a", "b"]


def test_ids_that_are_missing_or_given_twice() -> None:
    mended, _ = mend((USER, said(call("x"), call("x")), result("x", "1"), result("x", "2")))
    ids = [made.id for made in mended[1].calls]
    assert len(set(ids)) == 2 and [message.call_id for message in mended[2:]] == ids
    mended, _ = mend((USER, said(call(""), call("")), result("", "1"), result("", "2")))
    ids = [made.id for made in mended[1].calls]
    assert "" not in ids and [message.call_id for message in mended[2:]] == ids


def test_an_empty_answer_is_dropped_and_the_users_words_are_joined() -> None:
    mended, edits = mend((USER, Message("assistant", " ", "hm"), Message("user", "Go on.")))
    assert [edit.label for edit in edits] == ["empty_assistant"]
    assert mended == (Message("user", "Do it.\n\nGo on."),)
    # The last message may be one that the client wants continued.
    assert labels((USER, Message("assistant", ""))) == []


async def test_the_rule_edits_the_request() -> None:
    poisoned = request(USER, said(call("1", "{")), result("1"))
    run = await Run(stream("ok"), rules=lambda: [HistoryRule(GuardSpec())]).ask(poisoned)
    sent = run.upstream.requests[0]
    assert sent.messages[0] is USER and json.loads(sent.messages[1].calls[0].arguments)
    [(_, decision)] = run.heard
    assert decision.action == "edit" and decision.before == "{"


_ids = st.sampled_from(["", "1", "2", "call_m1_0"])
_calls = st.lists(st.builds(Call, _ids, st.just("write"), st.sampled_from(["{}", "{", "[]", ""])))
_messages = st.lists(
    st.one_of(
        st.builds(Message, st.just("user"), st.text(max_size=4)),
        st.builds(
            lambda text, calls: Message("assistant", text, calls=tuple(calls)),
            st.sampled_from(["", "x"]),
            _calls,
        ),
        st.builds(
            lambda text, id: Message("tool", text, call_id=id),
            st.text(max_size=4),
            st.one_of(st.none(), _ids),
        ),
    ),
    max_size=12,
)


@given(_messages)
def test_mended_once_is_mended(messages: list[Message]) -> None:
    """Nothing is left to mend, every call is answered once, and no text of a result is lost."""
    mended, _ = mend(tuple(messages))
    assert mend(mended) == (mended, [])
    waiting: list[str] = []
    for message in mended:
        if message.role == "tool":
            assert message.call_id in waiting
            waiting.remove(message.call_id)
            continue
        assert not waiting
        waiting = [made.id for made in message.calls]
        assert len(set(waiting)) == len(waiting) and "" not in waiting
        assert all(isinstance(json.loads(made.arguments), dict) for made in message.calls)
    assert not waiting
    shown = "".join(message.text for message in mended)
    assert all(message.text in shown for message in messages if message.role == "tool")
