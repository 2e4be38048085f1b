"""Hermes: the user's case, the catalogue of broken wrappers, and the laws."""

import json
import time

import pytest
from hypothesis import given, settings

from seatrial.toolcalls.dialects import hermes
from seatrial.toolcalls.reading import Broken, Envelope, Mention, Tail, Window
from tests.toolcalls.dialects.drive import (
    ALL,
    PAYLOADS,
    TOOLS,
    arguments,
    check,
    no_call,
    prefixes,
    reask,
    scan,
    soup,
)

CALL = '{"name": "view", "arguments": {"file": "a.py"}}'
VIEW = ("view", {"file": "a.py"})
STATUS = ("status", None)


def save(text):
    return json.dumps({"name": "save", "arguments": {"file": "a", "text": text}}), (
        "save",
        {"file": "a", "text": text},
    )


def test_a_call_is_read():
    found = check(f"I look.\n<tool_call>\n{CALL}\n</tool_call>", VIEW)
    assert found.text == "I look.\n"
    assert found.calls[0].text == '{"file": "a.py"}'
    assert found.calls[0].span == (8, 8 + len(f"<tool_call>\n{CALL}\n</tool_call>"))


def test_several_calls_are_read():
    text = f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{CALL}\n</tool_call>"
    check(text, VIEW, VIEW)


WRAPPERS = {
    "<tool_call>\n{}": ["closer_missing"],
    "<tool_call>\n{}<|im_end|>": ["closer_missing"],
    "<tool_call>\n<tool_call>\n{}\n</tool_call>": ["opener_doubled"],
    "<tool_call>\n<tool_call>\n{}\n</tool_call>\n</tool_call>": ["opener_doubled"],
    "<tool_call>\n{}\n</tool_call>\n</tool_call>": ["closer_doubled"],
    "<tool_call>\n{}\n<tool_call>": ["closer_foreign"],
    "<tool_call>\n{}\n<tool_call>\nNow I wait.": ["closer_foreign"],
    "<tool_call>\n{}\n</function_call>": ["closer_foreign"],
    "<tool_call>\n```json\n{}\n```\n</tool_call>": ["fence_in_wrapper"],
    "<tool_call>```\n{}```</tool_call>": ["fence_in_wrapper"],
    "<tool_call>\n[{}]\n</tool_call>": ["several_in_wrapper"],
    "<tool_call>\u200b\n{}\n\ufeff</tool_call>": ["zero_width"],
    "<tool_call>\n{}\nLet me \"look\" at it.\n</tool_call>": ["text_in_envelope"],
    "<tool_call >\n{}\n</tool_call>": ["tag_spelling"],
    "<tool_call\n{}\n</tool_call>": ["tag_spelling"],
    "<tool-call>\n{}\n</tool-call>": ["tag_variant"],
    "<TOOL_CALL>\n{}\n</TOOL_CALL>": ["tag_variant"],
    "<toolcall>{}</toolcall>": ["tag_variant"],
    "<function_call>\n{}\n</function_call>": ["tag_variant"],
    "<tools>\n{}\n</tools>": ["tag_variant"],
    "<tool_calls>\n{}\n</tool_calls>": ["tag_variant"],
    "<tool>{}</tool>": ["tag_variant"],
    "[TOOL_CALL]\n{}\n[/TOOL_CALL]": ["tag_variant"],
    "<|tool_call|>\n{}\n<|/tool_call|>": ["tag_variant"],
    "<|tool_call|>{}": ["tag_variant", "closer_missing"],
    "<tool_calls>\n<tool_call>\n{}\n</tool_call>\n</tool_calls>": ["tag_variant"],
    '<tool_call id="call_1">\n{}\n</tool_call>': None,
}  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=repr)
@pytest.mark.parametrize("payload", range(len(PAYLOADS)))
def test_wrappers(wrapper, payload):
    body, call = save(PAYLOADS[payload])
    check(wrapper.replace("{}", body), call, repairs=WRAPPERS[wrapper] or ())


NAMED = [
    '<tool_call name="save">\n{}\n</tool_call>',
    "<tool_call name='save'>{}</tool_call>",
    "<tool_call name=save id=1>\n{}\n</tool_call>",
    "<tool_call>\nsave\n{}\n</tool_call>",
    "<tool_call>save\n{}\n</tool_call>",
    "<tool_call>save{}</tool_call>",
    "<tool_call>\nsave\n```json\n{}\n```\n</tool_call>",
    '<function_call name="save">\n{}\n</function_call>',
    '<tool_call name="save">\n{}',
]


@pytest.mark.parametrize("wrapper", NAMED)
@pytest.mark.parametrize("text", PAYLOADS)
def test_the_wrapper_carries_the_name(wrapper, text):
    body = json.dumps({"file": "a", "text": text})
    call = ("save", {"file": "a", "text": text})
    check(wrapper.replace("{}", body), call, repairs=["name_in_wrapper"])


def test_a_name_beside_a_whole_call():
    check(f'<tool_call name="view">{CALL}</tool_call>', VIEW, repairs=["name_in_wrapper"])
    check('<tool_call name="status"></tool_call>', STATUS, repairs=["name_in_wrapper"])
    reask(f'<tool_call name="save">{CALL}</tool_call>', "save")


@pytest.mark.parametrize("text", PAYLOADS)
@pytest.mark.parametrize("glue", ["\n", "", ", ", ";\n"])
def test_several_objects_in_one_wrapper(text, glue):
    body, call = save(text)
    for closer in ("\n</tool_call>", ""):
        joined = f"<tool_call>\n{body}{glue}{CALL}{closer}"
        found = check(joined, call, VIEW, repairs=["several_in_wrapper"])
        assert [joined[slice(*call.span)] for call in found.calls] == [body, CALL]
    check(f"<tool_call>[{body}, {CALL}]</tool_call>", call, VIEW, repairs=["several_in_wrapper"])


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_closer_is_missing_before_another_call(text):
    body, call = save(text)
    text = f"<tool_call>\n{body}\n<tool_call>\n{CALL}\n</tool_call>"
    check(text, call, VIEW, repairs=["closer_missing"])
    text = f"<tool_call>\n{body}\n<tool_call>\n<tool_call>\n{CALL}\n<tool_call>"
    check(text, call, VIEW, repairs=["closer_missing", "opener_doubled", "closer_foreign"])


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_section_of_wrapped_calls(text):
    body, call = save(text)
    one = f"<tool_call>\n{body}\n</tool_call>\n"
    other = f"<tool_call>\n{CALL}\n</tool_call>\n"
    check(f"<tool_calls>\n{one}{other}</tool_calls>", call, VIEW, repairs=["tag_variant"])


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "save",\n<parameter=file>\na\n</parameter>\n</tool_call>',
        '<tool_call>\n{"name": "save"}\n<parameter=file>\na\n</parameter>\n</tool_call>',
        '<tool_call>\n{"name": "save", "arguments": {"file": "a", "text": "x',
        '<tool_call>\n{"name": "save", "arguments": {"file": "a"}}\n</tool_c',
        '<tool_call>\n{"name": "save", "arguments": {"file": "a"}}\nSo {that} is it.\n</tool_call>',
        '<tool_call>\n{"name": "save", "arguments": {"file": "a"}}\nand then nothing',
        '<tool_call>\n{"name": "save", "arguments": {"file": "a", "file": "b"}}\n</tool_call>',
    ],
)
def test_what_is_not_certain_is_asked_again(text):
    reask(text, "save")


def test_a_second_object_that_is_broken_takes_the_first_with_it():
    reask(f'<tool_call>\n{CALL}\n{{"name": "save", "arguments": \n</tool_call>')


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
        '<tool_call>{"name": "<function-name>", "arguments": {}}</tool_call> is the format.',
        'Write <tool_call>{"name": ..., "arguments": {...}}</tool_call> to call.',
        'Write <tool_call>{"name": "view", "arguments": {...}}</tool_call> to call.',
        "Write <tool_call>{...}</tool_call> to call.",
        "The <tool_call> tag holds {json}.",
        "<tool_call> opens and </tool_call> closes a call.",
        '<tools>\n{"type": "function", "function": {"name": "view", "description": "d", '
        '"parameters": {"type": "object", "properties": {"file": {}}}}}\n</tools>',
        "<tool>hammer</tool>",
        "<tool_call>sh(cmd='id')</tool_call>",
        "<tool_call>",
    ],
)
def test_mentions_are_text(text):
    no_call(text)


def test_a_template_before_a_call():
    template = '{"name": <function-name>, "arguments": <args-json-object>}'
    check(f"<tool_call>{template}</tool_call>\n<tool_call>{CALL}</tool_call>", VIEW)
    check(f"<tool_call>{template}\n<tool_call>{CALL}</tool_call>", VIEW)


def orphan(text, tail=Tail.STOPPED, at=0):
    return hermes.read_orphan(Window(text, tail, TOOLS), at)


@pytest.mark.parametrize("text", PAYLOADS)
def test_the_opener_is_missing(text):
    body, call = save(text)
    read = orphan(f"{body}\n</tool_call>")
    assert isinstance(read, Envelope)
    assert [(raw.name, raw.arguments, raw.repairs) for raw in read.calls] == [
        (*call, ("opener_missing",))
    ]
    assert [raw.name for raw in orphan(f"{body}\n{CALL}</tool_call>\n").calls] == ["save", "view"]


def test_what_is_no_orphan():
    assert orphan(CALL) is None
    assert orphan(f'{{"version": 1}}\n{CALL}\n</tool_call>') is None
    assert orphan(f"{CALL}\nprose\n</tool_call>") is None
    assert orphan("{ x }\n</tool_call>") is None
    assert isinstance(orphan('{"name": "view", "arguments": {\n</tool_call>'), Broken)
    assert orphan('{"name": <function-name>}\n</tool_call>') is None or isinstance(
        orphan('{"name": <function-name>}\n</tool_call>'), (Broken, Mention)
    )


def test_opens_waits_for_more():
    whole = "<tool_call>\n<tool_call>\n```json\n{"
    for end in range(len("<tool_call>"), len(whole)):
        window = Window(whole[:end], Tail.CUT, TOOLS)
        assert hermes.DIALECT.opens(window, 0, "<tool_call>") is None, whole[:end]
    assert hermes.DIALECT.opens(Window(whole, Tail.CUT, TOOLS), 0, "<tool_call>")


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_what_is_rendered_is_read(value):
    text = hermes.DIALECT.render("save", value)
    found = scan(text)
    assert (found.plain, found.repairs) == ([("save", value)], [])
    prefixes(text, [("save", value)], ALL)


@settings(max_examples=200, deadline=None)
@given(soup)
def test_no_text_raises(text):
    for tail in Tail:
        scan(f"<tool_call>\n{text}", tail)
        scan(text, tail)
        orphan("{" + text, tail)


@pytest.mark.parametrize(
    "piece",
    ["<tool_call>", "<tool_call>{", '<tool_call>{"name": "', "<tool_call>[", "<tool_call> ```",
     '<tool_call>{"name": <x>}', "<tool_call>{}", "<tool_call>view\n{", "<tool_call "],
)  # fmt: skip
def test_hostile_text_is_read_in_linear_time(piece):
    text = piece * (400_000 // len(piece))
    start = time.process_time()
    for tail in Tail:
        scan(text, tail)
    assert time.process_time() - start < 2
