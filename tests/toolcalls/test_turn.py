"""Whole turns: the order of the stages, options, prefill, reasoning, and what is never executed."""

import json

import pytest

from seatrial.core.errors import UserError
from seatrial.core.generation import Finish
from seatrial.core.message import Call
from seatrial.core.parse_options import CodeMode
from seatrial.toolcalls import (
    DIALECTS,
    EXAMPLE_TOOLS,
    Options,
    TurnParser,
    arguments_of,
    check_options,
    parse,
    reask_message,
    render,
)

VIEW = '<tool_call>\n{"name": "view", "arguments": {"file": "a"}}\n</tool_call>'
XML = "<tool_call>\n<function=view>\n<parameter=file>\na\n</parameter>\n</function>\n</tool_call>"
SAVE = XML.replace("view", "save").replace(
    "</function>", "<parameter=text>\nx\n</parameter>\n</function>"
)


def seen(parsed):
    return [(call.name, arguments_of(call)) for call in parsed.calls]


def read(raw, **options):
    return parse(raw, EXAMPLE_TOOLS, **options)


def test_text_around_calls_and_spans():
    raw = f"I look.\n\n{VIEW}\n"
    parsed = read(raw)
    assert (parsed.verdict, parsed.text, parsed.dialect) == ("ok", "I look.", "hermes")
    start, end = parsed.calls[0].raw_span
    assert raw[start:end] == VIEW


def test_the_executed_text_is_the_models_own():
    raw = VIEW.replace('{"file": "a"}', '{ "file" :  "\\u0061" }')
    assert read(raw).calls[0].arguments == '{ "file" :  "\\u0061" }'


def test_calls_before_a_broken_one_are_kept():
    parsed = read(f'{VIEW}\n<tool_call>\n{{"name": "view", "arguments": {{"file"}}}}\n</tool_call>')
    assert (parsed.verdict, seen(parsed)) == ("reask", [("view", {"file": "a"})])
    assert parsed.tool == "view" and parsed.reason


@pytest.mark.parametrize(
    "tail", ["more", "```\n", "<think>\n", "<tool_call>\n{oops", "</tool_response>"]
)
def test_a_value_that_holds_a_whole_ending_is_not_executed(tail):
    ending = "\n</parameter>\n</function>\n</tool_call>\n"
    parsed = read(SAVE.replace("\nx\n", f"\nx{ending}{tail}\n"))
    assert (parsed.verdict, parsed.calls) == ("reask", ())


def test_a_cut_after_a_call_keeps_what_cannot_go_on():
    cut = Finish.LENGTH
    assert seen(read(VIEW, finish=cut)) == [("view", {"file": "a"})]
    # A path has no second line, a text may have; straight into another call it has not.
    assert seen(read(XML, finish=cut)) == [("view", {"file": "a"})]
    assert read(SAVE, finish=cut).calls == ()
    assert [name for name, _ in seen(read(f"{SAVE}\n{XML}", finish=cut))] == ["save", "view"]


def test_reasoning_is_split_off_and_its_calls_are_drafts():
    raw = f"I could\n{VIEW}\nor not.</think>\n\nNo."
    parsed = read(raw, prefill="<think>\n")
    assert (parsed.verdict, parsed.text, parsed.calls) == ("no_call", "No.", ())
    assert read("<think>\n" + raw).think == "\n" + parsed.think
    # The prefill was not told: what came before may be drafts.
    assert (read(raw).verdict, read(raw).calls) == ("reask", ())


def test_a_call_that_ends_reasoning_is_taken_only_if_the_model_stopped():
    raw = f"I look.\n{VIEW}"
    parsed = read(raw, prefill="<think>\n")
    assert (parsed.verdict, parsed.calls[0].source) == ("repaired", "reasoning")
    assert read(raw, prefill="<think>\n", finish=Finish.LENGTH).calls == ()
    assert read(f"{raw}\nOr not?", prefill="<think>\n").verdict == "reask"
    assert read("Hm.", prefill="<think>\n").verdict == "no_call"


def test_a_prefill_can_begin_the_call():
    parsed = read('"view", "arguments": {"file": "a"}}\n</tool_call>',
                  prefill='<tool_call>\n{"name": ')  # fmt: skip
    assert seen(parsed) == [("view", {"file": "a"})]
    start, end = parsed.calls[0].raw_span
    assert start < 0 < end


def test_channels_are_reasoning_text_and_calls():
    raw = (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary"
        "<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.view"
        ' <|constrain|>json<|message|>{"file": "a"}<|call|>'
    )
    parsed = read(raw)
    assert (parsed.verdict, parsed.think, parsed.text) == ("ok", "Hm.", "I look.")
    assert seen(parsed) == [("view", {"file": "a"})]


@pytest.mark.parametrize(
    "raw",
    [
        f"For example:\n{VIEW}\nThis would show the file.",
        f"> {VIEW}".replace("\n", "\n> "),
        f"Write `{VIEW}`.".replace("\n", ""),
        f"The form {VIEW} is used here.".replace("\n", ""),
        f"- {VIEW}\n- the same in XML\n\nBoth are accepted.".replace("\n<", "<"),
        'First {"name": "save", "arguments": {}}\n' + VIEW,
        "The tag <tool_call> opens a call, the tag </tool_call> ends it.",
    ],
)
def test_what_is_shown_or_doubtful_is_not_executed(raw):
    assert read(raw).calls == ()


def test_a_repair_that_is_off():
    raw = VIEW.replace("arguments", "input")
    assert read(raw).repairs == ("arguments_key",)
    parsed = read(raw, options=Options(off=("arguments_key",)))
    assert (parsed.verdict, parsed.calls) == ("reask", ()) and "arguments_key" in parsed.reason


def test_with_a_nonce_only_envelopes_that_carry_it_are_calls():
    nonce = Options(nonce="x7")
    bound = VIEW.replace("<tool_call>", '<tool_call nonce="x7">')
    raw = f"It says\n{VIEW}\n{bound}\nand {VIEW}"
    parsed = read(raw, options=nonce)
    assert seen(parsed) == [("view", {"file": "a"})]
    start, end = parsed.calls[0].raw_span
    assert raw[start:end] == bound
    assert parsed.text.count("<tool_call>") == 2
    for text in (VIEW, '{"name": "view", "arguments": {"file": "a"}}', bound.replace("x7", "x8")):
        assert (read(text, options=nonce).verdict, read(text, options=nonce).text) == (
            "no_call", text)  # fmt: skip
    call = Call(id="c", name="view", arguments='{"file": "b"}')
    for dialect in ("hermes", "qwen_xml", "glm", "invoke"):
        written = render([call], EXAMPLE_TOOLS, dialect, nonce="x7")
        assert seen(read(written, options=nonce)) == [("view", {"file": "b"})], written
        parser = TurnParser(EXAMPLE_TOOLS, options=nonce)
        assert "".join(map(parser.feed, written)) == ""
        assert seen(parser.finish(Finish.STOP)) == [("view", {"file": "b"})]


def test_a_direct_call_in_code_mode():
    code = Options(code_mode=CodeMode(tool="sh", argument="cmd", functions=("read_file",)))
    raw = VIEW.replace("view", "read_file")
    parsed = read(raw, options=code)
    assert seen(parsed) == [("sh", {"cmd": "print(read_file(file='a'))"})]
    assert parsed.repairs == ("code_mode_wrapped",)
    assert read(raw).verdict == "reask"


def test_a_fence_with_a_path_is_a_file_only_if_asked_for():
    raw = "Here is the module.\n\n```python a.py\nx = 1\n```\n\nIt sets x."
    assert read(raw).verdict == "no_call"
    parsed = read(raw, options=Options(fence_writes=True))
    assert seen(parsed) == [("save", {"file": "a.py", "text": "x = 1\n"})]
    assert "It sets x." in parsed.text and "```" not in parsed.text


def test_loose_forms_can_be_limited():
    view, save = 'view {"file": "a"}', 'save {"file": "a", "text": "b"}'
    assert read(view).verdict == read(save).verdict == "repaired"
    reading = Options(loose="read_only")
    assert read(view, options=reading).verdict == "repaired"
    assert read(save, options=reading).verdict == "reask"
    assert read(view, options=Options(loose="none")).verdict == "no_call"


@pytest.mark.parametrize("options", [Options(off=("x",)), Options(nonce="a b")])
def test_options_that_cannot_be_meant_are_refused(options):
    with pytest.raises(UserError):
        check_options(options)


def test_the_reask_names_defect_schema_and_form_once():
    parsed = read('<tool_call>{"name":"save","arguments":{"file":"a"}}</tool_call>')
    message = reask_message(parsed, EXAMPLE_TOOLS)
    schema = next(tool.parameters for tool in EXAMPLE_TOOLS if tool.name == "save")
    assert "'text'" in message.splitlines()[0] and json.dumps(schema) in message
    assert message.count("<tool_call>") == 1
    assert "<function=save>" in reask_message(read(SAVE.replace("=text", "=odd")), EXAMPLE_TOOLS)
    assert "view, save" in reask_message(read("</tool_call>"), EXAMPLE_TOOLS)
    bound = reask_message(parsed, EXAMPLE_TOOLS, Options(nonce="x7"))
    assert '<tool_call nonce="x7">' in bound


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_reask_shows_a_form_that_is_read(dialect):
    broken = DIALECTS[dialect].render("save", {"file": "a", "text": "b"}).replace("text", "odd")
    parsed = read(broken)
    assert parsed.verdict == "reask"
    form = reask_message(parsed, EXAMPLE_TOOLS).partition("form:\n")[2]
    assert read(form).verdict == "ok", form


@pytest.mark.parametrize(
    "schema",
    [[], "x", None, {"type": "objekt"}, {"properties": []}, {"properties": {"file": 3}},
     {"type": "object", "properties": {"file": {"$ref": "#/a"}}, "a": {"$ref": "#/a"}},
     {"type": "object", "required": "file"}],
)  # fmt: skip
def test_a_broken_schema_is_a_verdict(schema):
    from seatrial.core.message import ToolSchema

    tools = (ToolSchema(name="view", description="", parameters=schema),)
    for dialect in DIALECTS.values():
        parsed = parse(dialect.render("view", {"file": "a"}), tools)
        assert parsed.verdict in ("ok", "repaired", "reask", "no_call")


def test_ten_megabytes_on_one_line():
    parsed = read("x" * 10_000_000)
    assert (parsed.verdict, len(parsed.text)) == ("no_call", 10_000_000)
    long = VIEW.replace('"a"', json.dumps("a" * 10_000_000))
    assert len(seen(read(long))[0][1]["file"]) == 10_000_000
