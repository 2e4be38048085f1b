"""A person's words, and what clients put beside and in place of them."""

from __future__ import annotations

import pytest

from seatrial.core.message import Message
from seatrial.guard.conversation import first_words, last_words_at, own_words
from tests.guard.conversation.asks import TASK, user

SUMMARY = "Another language model started to solve this problem and produced a summary: x"


@pytest.mark.parametrize(
    "text",
    [
        TASK,
        f"<system-reminder>\nThe date.\n</system-reminder>\n{TASK}",
        f"<system-reminder>a</system-reminder>\n<system-reminder>b</system-reminder>\n{TASK}",
        f"{TASK}\n<system-reminder>\nNever mind.\n</system-reminder>",
        f"<environment_context>\n<cwd>/w</cwd>\n</environment_context>\n{TASK}",
        f"<task>\n{TASK}\n</task>\n<environment_details>\nx\n</environment_details>",
        f"{TASK}\n{SUMMARY}",
    ],
)
def test_blocks_of_clients_are_taken_away(text: str) -> None:
    assert own_words(user(text)) == TASK


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<system-reminder>a</system-reminder>",
        "<environment_context>a</environment_context>",
        "What did we do so far?",
        "Continue if you have next steps, or stop.",
        SUMMARY,
        "The conversation history before this point was compacted into a summary: x",
        "This session is being continued from a previous conversation that ran out.",
        "Goal: x.\n\nResume the prior task using the summary above. Do not greet.",
    ],
)
def test_the_words_of_clients_are_nobodys(text: str) -> None:
    assert own_words(user(text)) == ""


def test_only_users_are_people() -> None:
    assert own_words(Message("tool", TASK, call_id="1")) == ""
    assert own_words(Message("system", TASK)) == ""
    messages = (Message("system", "x"), user("What did we do so far?"), user(TASK), user("more"))
    assert first_words(messages) == TASK
    assert last_words_at(messages) == 3
    assert last_words_at(messages[:2]) == -1 and first_words(()) == ""


def test_what_is_not_closed_stays() -> None:
    for text in ("<system-reminder>open", "close</system-reminder>", "<task>open", "a <task> b"):
        assert own_words(user(text)) == text
