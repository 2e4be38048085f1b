"""A person's own words among the messages with the role of a user.

Clients send much in that role that nobody said: reminders, the environment, the summary of an
earlier compaction, "go on". In: messages. Out: what a person wrote, as it stands; empty where
that is not certain.
"""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.core.message import Message

_WRAPPERS = (
    "system-reminder",
    "system_reminder",
    "environment_context",
    "environment_details",
    "user_instructions",
    "project_instructions",
)
"""Tags around what a client puts beside a person's words."""
_AROUND_TASK = ("task", "user_message", "feedback")
"""Tags around the words themselves."""
_SUMMARY_FOLLOWS = (
    "Another language model started to solve this problem",
    "The conversation history before this point was compacted",
    "This session is being continued from a previous conversation",
    "The following is a summary of a branch",
)
"""How clients introduce an earlier summary, alone or behind the words of a person."""
_CLIENTS_OWN = (
    "What did we do so far?",
    "Continue if you have next steps",
    "Continue the conversation from where",
    "The previous request exceeded the provider's size limit",
    "Result of an earlier tool call:",
    "[ERROR] You did not use a tool",
)
_SUMMARY_BEFORE = ("Resume the prior task using the summary above",)


def own_words(message: Message) -> str:
    """What a person wrote in `message`; empty if all of it is the client's."""
    if message.role != "user":
        return ""
    text = _unwrapped(message.text.strip())
    for opener in _SUMMARY_FOLLOWS:
        at = text.find(opener)
        if at == 0 or (at > 0 and text[at - 1] == "\n"):
            text = text[:at].rstrip()
    if text.startswith(_CLIENTS_OWN) or any(mark in text for mark in _SUMMARY_BEFORE):
        return ""
    return text


def first_words(messages: Sequence[Message]) -> str:
    """The first words of a person: what the conversation is about."""
    return next((words for message in messages if (words := own_words(message))), "")


def last_words_at(messages: Sequence[Message]) -> int:
    """Index of the last message with words of a person; -1 = there is none."""
    places = range(len(messages) - 1, -1, -1)
    return next((place for place in places if own_words(messages[place])), -1)


def _unwrapped(text: str) -> str:
    """`text` without the client's blocks at its beginning and end."""
    while cut := _without_a_block(text):
        text = cut.strip()
        if text == "<>":
            return ""
    for tag in _AROUND_TASK:
        opener, closer = f"<{tag}>", f"</{tag}>"
        if text.startswith(opener) and text.endswith(closer):
            return text[len(opener) : -len(closer)].strip()
    return text


def _without_a_block(text: str) -> str:
    """One block less; empty if there is none, `<>` if nothing else is left."""
    for tag in _WRAPPERS:
        opener, closer = f"<{tag}>", f"</{tag}>"
        if text.startswith(opener):
            end = text.find(closer)
            if end >= 0:
                return text[end + len(closer) :].strip() or "<>"
        if text.endswith(closer):
            start = text.rfind(opener)
            if start >= 0:
                return text[:start].strip() or "<>"
    return ""
