"""Laws of the turn parser: any split, any prefix, any payload, any text."""

import json
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.core.errors import FormatError
from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls import DIALECTS, TurnParser, parse, render

SAVE = ToolSchema(
    name="save",
    description="",
    parameters={
        "type": "object",
        "properties": {
            "file": {"type": "string"},
            "text": {"type": "string"},
            "n": {"type": "integer"},
        },
        "required": ["file"],
    },
)
TOOLS = (SAVE,)

PIECES = [
    "<tool_call>", "</tool_call>", "<function=save>", "</function>", "<parameter=file>",
    "<parameter=text>", "<parameter=x>", "</parameter>", "<think>", "</think>", "\n", "\n", " ",
    "`", "```", '"', "'", "{", "}", '{"name": "save", "arguments": {"file": "a"}}', "\\", "[", ">",
    "    ", "word", "é", "<", "</", '{"name": "save", "arguments": {"file": "', "1", "\u200b",
]  # fmt: skip
soup = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
payload = soup | st.text(max_size=40)
texts = payload | st.text(alphabet="<>/tool_callfunction=parm{}\"'`\n think", max_size=60)
arguments = st.fixed_dictionaries(
    {"file": payload}, optional={"text": payload, "n": st.integers(-9, 9)}
)


def call(value):
    return Call(id="c", name="save", arguments=json.dumps(value, ensure_ascii=False))


@st.composite
def turns(draw):
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            parts.append(draw(soup | st.sampled_from(["Prose.\n", "<think>\nhm\n</think>\n"])))
        dialect = draw(st.sampled_from(sorted(DIALECTS)))
        parts.append(DIALECTS[dialect].render("save", draw(arguments)))
    return "\n".join(parts) + draw(texts)


@settings(max_examples=120, deadline=None)
@given(turns(), st.data(), st.sampled_from([Finish.STOP, Finish.LENGTH]), st.booleans())
def test_chunks_do_not_matter(raw, data, finish, thinking):
    prefill = "<think>\n" if thinking else ""
    whole = parse(raw, TOOLS, finish=finish, prefill=prefill)
    sizes = data.draw(st.lists(st.integers(1, 9), max_size=40))
    for cuts in (sizes, [1] * len(raw)):
        parser, at, shown = TurnParser(TOOLS, prefill=prefill), 0, ""
        for size in cuts:
            shown += parser.feed(raw[at : at + size])
            at += size
        shown += parser.feed(raw[at:])
        split = parser.finish(finish)
        assert split == whole
        assert split.text.startswith(shown)
        assert parser.take_think() == split.think


@settings(max_examples=80, deadline=None)
@given(turns())
def test_a_prefix_gives_a_prefix_of_the_calls(raw):
    whole = parse(raw, TOOLS, finish=Finish.LENGTH)
    # The end of reasoning that nobody announced makes drafts of the calls before it.
    assume("</think>" not in raw)
    for end in range(len(raw)):
        part = parse(raw[:end], TOOLS, finish=Finish.LENGTH)
        assert part.calls == whole.calls[: len(part.calls)], raw[:end]


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_json_payloads_are_opaque(value):
    parsed = parse(render([call(value)], TOOLS), TOOLS)
    assert (parsed.verdict, parsed.text) == ("ok", "")
    assert json.loads(parsed.calls[0].arguments) == value


@settings(max_examples=150, deadline=None)
@given(arguments)
def test_xml_payloads_are_exact_or_refused(value):
    raw = DIALECTS["qwen_xml"].render("save", value)
    parsed = parse(raw, TOOLS)
    try:
        render([call(value)], TOOLS, "qwen_xml")
    except FormatError:
        # Either the parser sees it too, or the bytes are those of another, plainer call.
        assert not parsed.calls or render(parsed.calls, TOOLS, "qwen_xml") in (raw, "")
    else:
        assert parsed.verdict == "ok"
        assert json.loads(parsed.calls[0].arguments) == value


@settings(max_examples=150, deadline=None)
@given(texts, st.sampled_from(list(Finish)), texts)
def test_no_text_raises(raw, finish, prefill):
    parsed = parse(raw, TOOLS, finish=finish, prefill=prefill)
    assert (parsed.verdict == "reask") == (parsed.reason is not None)
    assert parsed.calls or parsed.verdict in ("reask", "no_call")


@given(st.text(alphabet=st.characters(exclude_characters="<{")))
def test_prose_is_unchanged(raw):
    parsed = parse(raw, TOOLS)
    assert (parsed.verdict, parsed.text) == ("no_call", raw)


def test_prose_is_held_back_no_further_than_an_opener():
    parser = TurnParser(TOOLS)
    shown = "".join(parser.feed(char) for char in "A < b, see <tool" * 50)
    assert len(shown) > 16 * 50 - 12


HOSTILE = [
    "<", "{", "`", '{"', '{\n"', "<tool_call>", "</tool_call>", "<function=", "` <tool_call>x ",
    "\n> <tool_call>",
    '\n{"a":1}', "</parameter>x ", "\n<parameter=a>\n", "\n", " ", "<think>", "\\", '"', "[",
    "<think></think>",
    '{"a":\n', "<function=save><parameter=file>", "``` <tool_call>", '<tool_call>{"',
]  # fmt: skip
HEADS = [
    "",
    "<tool_call>",
    '<tool_call>{"a":"',
    "<tool_call><function=save>\n<parameter=file>\n",
    "<tool_call>{",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_on_hostile_text(piece):
    for head in HEADS:
        start = time.process_time()
        parse(head + piece * (100_000 // len(piece)), TOOLS)
        assert time.process_time() - start < 0.25, (head, piece)


@pytest.mark.parametrize("piece", HOSTILE)
def test_streamed_hostile_text_is_bounded(piece):
    raw = piece * (20_000 // len(piece))
    for head in HEADS:
        parser, start = TurnParser(TOOLS), time.process_time()
        parser.feed(head)
        for at in range(0, len(raw), 8):
            parser.feed(raw[at : at + 8])
        parser.finish(Finish.STOP)
        assert time.process_time() - start < 0.5, (head, piece)
