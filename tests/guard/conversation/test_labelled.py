"""Real conversations hold no request for a compaction, and few ends without a check.

The folder is named by `SEATRIAL_LABELLED_RUNS`; absent, these tests skip and say so.
"""

import json
import os
from pathlib import Path

import pytest

from seatrial.chat.endpoint import Request
from seatrial.core.message import Call, Message
from seatrial.guard.conversation import last_words_at, read_compaction, unchecked_changes
from tests.guard.conversation.asks import TOOLS

FOLDER = os.environ.get("SEATRIAL_LABELLED_RUNS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="SEATRIAL_LABELLED_RUNS is not set")
ROLES = {"toolResult": "tool"}


def text_of(content):
    if isinstance(content, list):
        return "\n".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content or ""


def message_of(raw):
    parts = raw["content"] if isinstance(raw.get("content"), list) else []
    calls = [(p["id"], p["name"], p["arguments"]) for p in parts if p.get("type") == "toolCall"]
    functions = [(call["id"], call["function"]) for call in raw.get("tool_calls") or ()]
    calls += [(id, made["name"], made["arguments"]) for id, made in functions]
    made = tuple(Call(i, n, a if isinstance(a, str) else json.dumps(a)) for i, n, a in calls)
    role = ROLES.get(raw["role"], raw["role"])
    answered = raw.get("toolCallId") or raw.get("tool_call_id")
    return Message(role, text_of(raw.get("content")), "", made, answered)


def conversations():
    for path in sorted(Path(FOLDER).glob("mini-swe-agent/**/*.json")):
        raw = json.loads(path.read_text("utf-8"))["messages"]
        yield path.name, [message_of(m) for m in raw if m["role"] in ("user", "assistant", "tool")]
    for path in sorted(Path(FOLDER).glob("pi-session/**/*.jsonl")):
        events = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        said = [event["message"] for event in events if event.get("type") == "message"]
        known = ("user", "assistant", "toolResult")
        yield path.name, [message_of(m) for m in said if m["role"] in known]


def test_no_request_of_theirs_is_a_compaction():
    looked, found = 0, []
    for name, messages in conversations():
        for end in range(1, len(messages) + 1):
            for tools in ((), TOOLS):
                looked += 1
                if read_compaction(Request(messages=tuple(messages[:end]), tools=tools)):
                    found.append((name, end))
    assert looked > 2000 and found == []


def test_most_ends_are_checked_questions_or_without_changes():
    ends = unchecked = 0
    for _, messages in conversations():
        for end, message in enumerate(messages):
            if message.role == "assistant" and not message.calls:
                ends += 1
                work = messages[last_words_at(messages[:end]) + 1 : end]
                unchecked += unchecked_changes(work) is not None
    assert ends > 80 and unchecked <= 10
