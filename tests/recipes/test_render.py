"""The chat template and its Python twin give the same bytes, whatever the conversation holds."""

import importlib.util
import json
from pathlib import Path

import jinja2
import pytest

RECIPE = Path(__file__).parents[2] / "recipes" / "dinghy"
ODD = 'a < b & c > d: "q\'s \\n \\\\ \\"\té 漢 🙂" <b>\r\n'
CALL = {"name": "edit_file", "arguments": {"path": "a/ü.py", "old": ODD, "new": ""}}


def _load(name):
    spec = importlib.util.spec_from_file_location(f"dinghy_{name}", RECIPE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


render = _load("render")


def by_template(messages, tools=(), add_generation_prompt=False, compact=False):
    text = (RECIPE / "chat_template.jinja").read_text()
    if compact:
        text = "".join(line.strip() for line in text.splitlines())
    environment = jinja2.Environment(autoescape=False)
    # jinja2's own filter escapes for HTML; the engine's does not.
    environment.filters["tojson"] = lambda value, ensure_ascii=True: json.dumps(
        value, ensure_ascii=ensure_ascii
    )
    return environment.from_string(text).render(
        messages=messages, tools=list(tools), add_generation_prompt=add_generation_prompt
    )


def as_objects(messages):
    copied = json.loads(json.dumps(messages))
    for message in copied:
        for call in message.get("tool_calls") or []:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return copied


SYSTEM = {"role": "system", "content": "You are a coding agent."}
USER = {"role": "user", "content": ODD}
CONVERSATIONS = {
    "user only": [USER],
    "system": [SYSTEM, USER],
    "odd system": [{"role": "system", "content": ODD}, USER],
    "empty system": [{"role": "system", "content": ""}, USER],
    "call": [SYSTEM, USER, {"role": "assistant", "call": CALL}, {"role": "tool", "content": ODD}],
    "call with words": [USER, {"role": "assistant", "content": "So:", "call": CALL}],
    "words": [SYSTEM, USER, {"role": "assistant", "content": ODD}, USER],
}


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("generation", [False, True])
@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_template_and_renderer_agree(name, offered, generation, compact):
    messages = CONVERSATIONS[name]
    tools = render.openai_tools() if offered else []
    sent = render.openai_messages(messages)
    expected = render.render_text(messages, tools, generation)
    assert by_template(sent, tools, generation, compact) == expected
    assert by_template(as_objects(sent), tools, generation, compact) == expected
    assert render.render_text(sent, tools, generation) == expected


def test_several_calls_stand_under_each_other():
    call = {"id": "1", "type": "function", "function": {**CALL, "arguments": '{"path": "a"}'}}
    messages = [USER, {"role": "assistant", "content": None, "tool_calls": [call, call]}]
    text = render.render_text(messages)
    assert text.count("</tool_call>\n<tool_call>") == 1
    assert by_template(messages) == text


def test_the_format():
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "U"},
        {"role": "assistant", "call": {"name": "read_file", "arguments": {"path": "x.py"}}},
        {"role": "tool", "content": "R"},
    ]
    assert render.render_text(messages, render.openai_tools(), True) == (
        "<|im_start|>system\nS\n\nTools:\nread_file(path)\nwrite_file(path, content)\n"
        "edit_file(path, old, new)\nrun_command(command)\nfinish(summary)<|im_end|>\n"
        "<|im_start|>user\nU<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "read_file", "arguments": '
        '{"path": "x.py"}}\n</tool_call><|im_end|>\n'
        "<|im_start|>tool\nR<|im_end|>\n<|im_start|>assistant\n"
    )


def test_json_is_spelt_as_python_spells_it():
    text = render.call_text(CALL)
    written = text.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
    assert json.loads(written) == CALL
    assert written == json.dumps(CALL, ensure_ascii=False)


def test_only_good_assistant_turns_are_learnt():
    messages = [
        SYSTEM,
        USER,
        {"role": "assistant", "call": CALL, "weight": 0},
        {"role": "tool", "content": "error"},
        {"role": "assistant", "call": CALL, "weight": 1},
    ]
    segments = render.render_record({"tools": True, "messages": messages})
    assert segments[0][1] == 0
    learnt = [text for text, weight in segments if weight == 1]
    assert learnt == [render.call_text(CALL) + "<|im_end|>"]
    said = [weight for text, weight in segments if text == learnt[0]]
    assert said == [0, 1]
    assert "".join(text for text, _ in segments) == render.render_text(
        messages, render.openai_tools()
    )
