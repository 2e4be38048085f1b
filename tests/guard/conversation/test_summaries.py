"""Requests for a summary to go on from, and everything else."""

from __future__ import annotations

import time

import msgspec
import pytest

from seatrial.chat.endpoint import Request
from seatrial.guard.conversation import read_compaction
from seatrial.guard.conversation.flattened import entry_calls, first_entry
from tests.guard.conversation.asks import (
    COMPACTIONS,
    HISTORY,
    OPENCODE_TEXT,
    PI_TEXT,
    TASK,
    TOOLS,
    ordinary,
    user,
)


@pytest.mark.parametrize("client", COMPACTIONS)
def test_the_compactions_of_clients_are_recognised(client: str) -> None:
    found = read_compaction(COMPACTIONS[client])
    assert found is not None and found.quote in "\n".join(
        message.text for message in COMPACTIONS[client].messages
    )


def test_ordinary_requests_are_none() -> None:
    asked = ordinary()
    assert len(asked) > 90
    assert [each.messages[-1].text for each in asked if read_compaction(each)] == []


@pytest.mark.parametrize("client", COMPACTIONS)
def test_each_fact_is_needed(client: str) -> None:
    asked = COMPACTIONS[client]
    *past, last = asked.messages
    assert read_compaction(Request(messages=(user("Go on."),), tools=TOOLS)) is None
    answered = msgspec.structs.replace(asked, messages=(*past, last, HISTORY[1]))
    assert read_compaction(answered) is None
    # The order alone, with nothing to summarise.
    order = user(last.text.replace("<conversation>", "").replace("# Conversation", ""))
    alone = msgspec.structs.replace(asked, messages=(order,))
    if "Conversation:" not in last.text:
        assert read_compaction(alone) is None


def test_a_compaction_with_tools_must_rule_them_out() -> None:
    asked = msgspec.structs.replace(COMPACTIONS["codex"], tools=TOOLS)
    assert read_compaction(asked) is None
    assert read_compaction(msgspec.structs.replace(asked, tool_choice="none")) is not None


def test_the_first_words_of_a_text_are_the_users() -> None:
    assert first_entry(PI_TEXT) == TASK
    assert first_entry(OPENCODE_TEXT) == f'"{TASK}"'
    assert first_entry(f"[Assistant]: hello\n\n{PI_TEXT}") == ""
    assert first_entry("") == first_entry("words") == ""


def test_calls_are_read_whole_or_not_at_all() -> None:
    assert [(call.name, call.arguments) for call in entry_calls(OPENCODE_TEXT)] == [
        ("write", '{"filePath": "add.py", "content": "x\\n"}'),
        ("bash", '{"command": "echo a > b.txt"}'),
    ]
    assert [c.name for c in entry_calls(PI_TEXT)] == ["write", "bash"]
    cut = '[Assistant tool call]: write({"filePath":"a.py","content":"never cl'
    assert list(entry_calls(cut)) == []
    inside = "[Tool result]: log\n[Assistant tool call]: write({})"
    assert list(entry_calls(inside)) == []


def test_hostile_text_takes_no_time() -> None:
    for text in ("\n" * 400_000, "You are a " * 40_000, "<conversation>\n" * 20_000, "." * 400_000):
        asked = Request(messages=(*HISTORY, user(text)))
        started = time.process_time()
        assert read_compaction(asked) is None
        list(entry_calls(text))
        first_entry(text)
        assert time.process_time() - started < 0.5
