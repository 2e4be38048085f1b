"""What the scripted model sees in a request, and which tool it takes."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients import hand
from tests.clients import requests as asked

USER = {"role": "user", "content": "hi"}


def tools(**schemas: dict[str, Any]) -> dict[str, Any]:
    functions = [{"name": name, "parameters": schema} for name, schema in schemas.items()]
    return {"tools": [{"type": "function", "function": each} for each in functions]}


def schema(required: tuple[str, ...] = (), **kinds: Any) -> dict[str, Any]:
    properties = {k: v if isinstance(v, dict) else {"type": v} for k, v in kinds.items()}
    return {"type": "object", "properties": properties, "required": list(required)}


def test_a_tool_that_writes_is_taken_before_one_that_runs():
    body = tools(
        bash=schema(("command", "description"), command="string", description="string"),
        read=schema(("filePath",), filePath="string"),
        edit=schema(filePath="string", oldString="string", newString="string"),
        write=schema(("content", "filePath"), content="string", filePath="string"),
    )
    call = hand.writes(body, Path("/w"))
    assert call == hand.Call("write", {"filePath": "/w/hello.txt", "content": "hello\n"})
    assert call.parameters.endswith("<parameter=content>\nhello\n\n</parameter>\n")
    runs = hand.runs(body, "ls")
    assert runs == hand.Call("bash", {"command": "ls", "description": "Create the file"})


def test_commands_in_other_shapes():
    kinds = {"cmd": "string", "tty": "boolean", "mode": {"enum": ["a", "b"]}, "n": "number"}
    body = tools(exec=schema(("cmd", "tty", "mode", "n"), **kinds))
    call = hand.runs(body, "ls")
    assert call == hand.Call("exec", {"cmd": "ls", "tty": False, "mode": "a", "n": 30})
    array = tools(shell=schema(("command",), command="array"))
    call = hand.writes(array, Path("/w"))
    assert call is not None
    assert call.arguments == {"command": ["bash", "-lc", "printf 'hello\\n' > /w/hello.txt"]}
    assert hand.writes(tools(read=schema(path="string")), Path("/w")) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"enable_thinking": False},
        {"think": False},
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "none"}},
        {"thinking_budget_tokens": 0},
        {"messages": [{"role": "user", "content": "hi /no_think"}]},
    ],
)
def test_thinking_is_off(fields: dict[str, Any]):
    assert asked.thinking_off({"messages": [USER], **fields})


@pytest.mark.parametrize(
    "fields", [{}, {"reasoning_effort": "low"}, {"chat_template_kwargs": {"enable_thinking": True}}]
)
def test_thinking_is_on(fields: dict[str, Any]):
    assert not asked.thinking_off({"messages": [USER], **fields})


def test_sampler_fields_and_no_others():
    body = {"temperature": 0, "dry_multiplier": 0.8, "repeat_penalty": 1.1, "seed": 1}
    assert set(asked.sampler({**body, "max_tokens": 4, "stream": True})) == set(body) - {"seed"}


def test_the_cap_is_what_was_asked_and_what_fits():
    assert asked.cap_tokens({"messages": [USER], "max_tokens": 5}, 100) == 5
    assert 80 < asked.cap_tokens({"messages": [USER]}, 100) < 100
    assert asked.cap_tokens({"messages": [{"role": "user", "content": "x" * 999}]}, 100) == 1


def test_reminders_of_the_client_are_no_instructions():
    text = [{"type": "text", "text": "<system-reminder>today</system-reminder>"}]
    messages = [USER, {"role": "user", "content": text}, {"role": "assistant", "content": "x"}]
    assert list(asked.instructions({"messages": messages})) == ["hi"]
