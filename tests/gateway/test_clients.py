"""Who is asking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.endpoint import Request
from seatrial.core.message import Message, ToolSchema
from seatrial.gateway.clients import Clients, session_key

TOOLS = (ToolSchema("bash", "", {}),)


def name(agent):
    return Clients().name({b"user-agent": agent.encode("latin-1")})


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("pi (linux 6.1; x64)", "pi"),
        ("QwenCode/0.24.4 (linux; x64)", "qwencode"),
        ("opencode/1.18.33 ai-sdk/provider", "opencode"),
        ("OpenAI/JS 6.26.0", "openai-js"),
        ("OpenAI/Python 2.54.0", "openai-python"),
        ("codex_exec/0.169.0", "codex_exec"),
        ("claude-cli/2.1.0 (external, cli)", "claude-cli"),
        ("", "other"),
        ("42", "other"),
        ("../../etc/passwd", "other"),
    ],
)
def test_names(agent, client):
    assert name(agent) == client


@given(st.binary(max_size=300))
def test_any_agent_has_a_short_plain_name(agent):
    client = Clients().name({b"user-agent": agent})
    assert 0 < len(client) <= 32
    assert set(client) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_strangers_do_not_make_endless_names():
    clients = Clients()
    names = {clients.name({b"user-agent": b"agent-%d" % n}) for n in range(500)}
    assert len(names) <= 65
    assert clients.name({b"user-agent": b"agent-0"}) == "agent-0"


def asked(*texts, tools=()):
    return Request(messages=tuple(Message("user", text) for text in texts), tools=tools)


def test_side_calls():
    clients = Clients()
    assert not clients.is_side_call("aider", asked("the task"))
    assert clients.is_side_call("opencode", asked("a title, please"))
    assert not clients.is_side_call("new", asked("the task"))
    assert not clients.is_side_call("new", asked("the task", tools=TOOLS))
    assert clients.is_side_call("new", asked("a title, please"))
    assert not clients.is_side_call("new", asked("summarise: " + "x" * 20_000))
    assert not clients.is_side_call("new", asked(*"abcdef"))
    assert not clients.is_side_call("new", None)


def test_what_a_client_calls_its_session():
    assert session_key({b"x-session-id": b"s1"}) == "s1"
    assert session_key({b"x-session-affinity": b"s2"}) == "s2"
    assert session_key({}) == ""
    assert len(session_key({b"x-session-id": b"s" * 1000})) == 200
