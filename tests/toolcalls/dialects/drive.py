"""A small scan for the tests of the dialects: openers, reads, ends. No prose, no acceptance."""

import re

import msgspec
from hypothesis import strategies as st

from seatrial.toolcalls.dialects import (
    deepseek,
    gemma,
    granite,
    harmony,
    hermes,
    kimi,
    llama,
    mistral,
)
from seatrial.toolcalls.reading import Envelope, Mention, Tail, Window
from seatrial.toolcalls.repairs import EXAMPLE_TOOLS

ALL = tuple(
    module.DIALECT for module in (granite, gemma, hermes, llama, mistral, deepseek, kimi, harmony)
)
TOOLS = {tool.name: tool for tool in EXAMPLE_TOOLS}

MARKERS = [
    "<tool_call>", "</tool_call>", "<|tool_call|>", "<|tool_call>", "<tool_call|>", "<function=x>",
    "</function>", "<parameter=y>", "[TOOL_CALLS]", "[ARGS]", "[/TOOL_CALLS]", "<|python_tag|>",
    "<|python_start|>", "<|python_end|>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>", "<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>",
    "<|tool_call_end|>", "<|channel|>", "<|message|>", "<|call|>", "<|end|>", "<|start|>",
    "<start_function_call>", "<escape>", '<|"|>', "call:sh{", "<|im_end|>", "```", '{"name": "sh"',
    '"}}', "}}", "]", "\n", "\\", "\\n", '"', "'", "`", "<", ">", "{", "}", "&lt;", "é", "\u200b",
]  # fmt: skip
PAYLOADS = [
    'def f(x):\n\treturn {"a": f"{x!r}\\n", \'b\': [1, 2]}\n',
    'fn main() {\n    let s: Vec<&str> = "a\\tb".split(\'\\t\').collect();\n    dbg!("{s:?}");\n}',
    'const f = (x) => `${x}</tool_call>` + "<tool_call>{\\"name\\": 1}";\n',
    "awk '{print $1\"}\"}' a.txt | sed -e 's/\\\\/\\//g' && echo \"<|call|>\" > out",
    "".join(marker for marker in MARKERS if "<|tool_call" not in marker),
]
"""Code of four languages, and the markers of all dialects."""

soup = st.lists(st.sampled_from(MARKERS) | st.text(max_size=3), max_size=12).map("".join)
payload = (soup | st.text(max_size=30)).filter(
    lambda text: not any("\ud800" <= character <= "\udfff" for character in text)
)
arguments = st.fixed_dictionaries(
    {"file": payload},
    optional={
        "text": payload,
        "n": st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.booleans() | st.none(),
        "list": st.lists(payload, max_size=3),
        "odd key": st.dictionaries(payload, payload | st.integers(), max_size=2),
    },
)


class Found(msgspec.Struct):
    """What the scan found."""

    calls: list = []
    repairs: list = []
    broken: object = None
    text: str = ""

    @property
    def plain(self):
        return [(call.name, call.arguments) for call in self.calls]


def scan(text, tail=Tail.STOPPED, dialects=ALL):
    """Every envelope of `text`, as the scanner of turns would take them."""
    window = Window(text, tail, TOOLS)
    literals = sorted({o for d in dialects for o in d.openers}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, literals)))
    found, at, shown = Found([], []), 0, 0
    while match := pattern.search(text, at):
        at = match.start()
        read = _read(window, at, match.group(), dialects)
        if isinstance(read, Mention):
            at = max(read.end, at + 1)
        elif isinstance(read, Envelope):
            assert at < read.end <= len(text)
            found.text += text[shown:at]
            shown = read.end
            if not (read.sure or window.stopped):
                found.broken = "not sure"
                break
            found.calls += read.calls
            found.repairs += [repair for call in read.calls for repair in call.repairs]
            found.broken = read.broken
            at = read.end
        elif read is not None:
            found.broken = read
        else:
            at = match.end()
        if found.broken is not None:
            break
    found.text += text[shown:]
    return found


def _read(window, at, opener, dialects):
    for dialect in dialects:
        if opener not in dialect.openers:
            continue
        opens = dialect.opens(window, at, opener)
        assert opens in (True, False, None)
        if opens and (read := dialect.read(window, at, opener)) is not None:
            return read
    return None


def check(text, *calls, repairs=(), dialects=ALL):
    """`text` holds exactly `calls`; cut anywhere it holds no others."""
    found = scan(text, dialects=dialects)
    assert found.broken is None, (text, found.broken)
    assert found.plain == list(calls), text
    assert set(repairs) <= set(found.repairs), (text, found.repairs)
    if not repairs:
        assert found.repairs == [], text
    prefixes(text, found.plain, dialects)
    return found


def prefixes(text, calls, dialects=ALL):
    """Every prefix of `text`, read as cut, gives a prefix of `calls`."""
    # Every place of a short text; of a long one a third of them, and all near the end.
    near = max(0, len(text) - 60)
    for end in [*range(0, near, 1 if len(text) < 300 else 3), *range(near, len(text))]:
        part = scan(text[:end], Tail.CUT, dialects).plain
        assert part == calls[: len(part)], text[:end]


def reask(text, name=None, before=(), dialects=ALL):
    """`text` gives no call but those `before` the defect."""
    found = scan(text, dialects=dialects)
    assert found.broken is not None, (text, found.plain)
    assert found.plain == list(before), text
    if name:
        assert found.broken.name == name
    assert "\n" not in found.broken.reason
    prefixes(text, found.plain, dialects)


def no_call(text, dialects=ALL):
    """`text` is prose."""
    found = scan(text, dialects=dialects)
    assert (found.calls, found.broken) == ([], None), (text, found)
