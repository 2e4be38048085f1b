"""Llama: JSON and Python behind the tag, Python lists between markers, functionary's tags."""

import json

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import llama
from seatrial.toolcalls.reading import Tail
from tests.toolcalls.dialects.drive import (
    ALL,
    PAYLOADS,
    arguments,
    check,
    no_call,
    prefixes,
    reask,
    scan,
    soup,
)

VIEW = ("view", {"file": "a.py"})
CALL = '{"name": "view", "parameters": {"file": "a.py"}}'


def saved(text):
    return ("save", {"file": "a", "text": text})


def test_a_call_is_read():
    found = check(f"<|python_tag|>{CALL}<|eom_id|>", VIEW)
    assert found.calls[0].text == '{"file": "a.py"}'
    check(f"<|python_tag|>{CALL}", VIEW)
    check(
        '<|python_tag|>{"type": "function", "name": "view", "parameters": {"file": "a.py"}}', VIEW
    )


@pytest.mark.parametrize("text", PAYLOADS)
@pytest.mark.parametrize("glue", ["; ", ";", "\n", "\n<|python_tag|>"])
def test_several_objects(text, glue):
    body = json.dumps({"name": "save", "parameters": {"file": "a", "text": text}})
    check(f"<|python_tag|>{body}{glue}{CALL}", saved(text), VIEW)
    check(f"<|python_tag|>{CALL}{glue}{body}<|eot_id|>", VIEW, saved(text))


@pytest.mark.parametrize("text", PAYLOADS)
def test_text_behind_a_call(text):
    body = json.dumps({"name": "save", "parameters": {"file": "a", "text": text}})
    assert scan(f'<|python_tag|>{body}\nThis saves the "file".').plain == [saved(text)]
    reask(f"<|python_tag|>{body}\nThis saves {{it}}.", "save")


@pytest.mark.parametrize("text", PAYLOADS)
def test_python_between_markers(text):
    call = f"save(file='a', text={text!r})"
    check(f"<|python_start|>[{call}]<|python_end|>", saved(text))
    check(f'<|python_start|>[{call}, view(file="a.py")]<|python_end|>', saved(text), VIEW)
    check(f"<|tool_call_start|>[{call}]<|tool_call_end|>", saved(text))
    check(f"<|python_tag|>{call}", saved(text))
    check(f"<|python_tag|>save.call(file='a', text={text!r})<|eom_id|>", saved(text))
    check(f"<|python_tag|>{call}; view(file='a.py')", saved(text), VIEW)
    check(f"<|python_start|>[{call}]", saved(text), repairs=["closer_missing"])


@pytest.mark.parametrize("text", PAYLOADS)
def test_functionary_tags(text):
    body = json.dumps({"file": "a", "text": text})
    one, other = f"<function=save>{body}</function>", '<function=view>{"file": "a.py"}</function>'
    check(one, saved(text))
    check(f"{one}\n{other}", saved(text), VIEW)
    check(f"<tool_call>\n{one}\n</tool_call>", saved(text))
    check(f"<tool_call>\n{one}\n{other}\n</tool_call>", saved(text), VIEW)
    check(f"<function=save>\n{body}\n", saved(text), repairs=["closer_missing"])
    check(f"<function=save>{body}{other}", saved(text), VIEW, repairs=["closer_missing"])
    check(f"<tool_call>\n{one}", saved(text), repairs=["closer_missing"])
    check(
        f"<tool_call>\n<function=save>{body}</tool_call>", saved(text), repairs=["closer_missing"]
    )


@pytest.mark.parametrize(
    "text",
    [
        '<|python_tag|>{"name": "save", "parameters": {"file": "a", "text": "x',
        "<|python_tag|>save(file='a', text='x",
        "<|python_tag|>save(file='a', text=open('x').read())",
        "<|python_start|>[save(file='a', text=x)]<|python_end|>",
        "<|python_start|>[save(file='a', text='x')] and so on",
        '<function=save>{"file": "a", "text": "x',
        '<function=save>{"file": "a"} and then',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


@pytest.mark.parametrize(
    "text",
    [
        "The <|python_tag|> token begins a call.",
        "Use <function=NAME> for calls.",
        "<function=view>\n<parameter=file>\na\n</parameter>\n</function>",
        '<|python_tag|>{"name": <function-name>, "parameters": {}}',
        '<|python_tag|>{"name": "view", "description": "d", "parameters": '
        '{"type": "object", "properties": {}}}',
    ],
)
def test_what_is_no_call(text):
    no_call(text)


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = llama.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=150, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        for opener in llama.DIALECT.openers:
            scan(opener + text, tail)
            scan(f"{opener}[view{text}", tail)
