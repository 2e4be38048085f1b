"""Loose forms: what is taken, labelled how, and that anything around it makes it text again."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.toolcalls.accept import accept
from seatrial.toolcalls.loose import find
from seatrial.toolcalls.options import CodeMode, Options
from seatrial.toolcalls.repairs import EXAMPLE_TOOLS, REPAIRS
from tests.toolcalls.loose.tools import PAYLOADS, TOOLS


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def python(name, arguments):
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def obj(name, arguments, key="arguments"):
    return dumps({"name": name, key: arguments})


FORMS = {
    "fence": lambda n, a: f"```json\n{obj(n, a)}\n```",
    "fence-tool_call": lambda n, a: f"```tool_call\n{obj(n, a)}\n```",
    "fence-plain": lambda n, a: f"```\n{json.dumps({'name': n, 'arguments': a}, indent=2)}\n```",
    "fence-python": lambda n, a: f"```python\n{python(n, a)}\n```",
    "fence-open": lambda n, a: f"~~~json\n{obj(n, a)}",
    "tool_code": lambda n, a: f"```tool_code\n{python(n, a)}\n```",
    "tool_code-print": lambda n, a: f"```tool_code\nprint(default_api.{python(n, a)})\n```",
    "json": obj,
    "json-pretty": lambda n, a: json.dumps({"name": n, "parameters": a}, indent=2),
    "json-list": lambda n, a: f"[{obj(n, a)}]",
    "json-python": lambda n, a: repr({"name": n, "arguments": a}),
    "json-openai": lambda n, a: dumps(
        {"type": "function", "function": {"name": n, "arguments": dumps(a)}}
    ),
    "json-tool": lambda n, a: dumps({"tool": n, "args": a}),
    "python": python,
    "python-list": lambda n, a: f"[{python(n, a)}]",
    "python-json": lambda n, a: f"{n}({dumps(a)})",
    "named": lambda n, a: f"{n} {dumps(a)}",
    "calling": lambda n, a: f"Calling tool: {n}({dumps(a)})",
    "tool-call": lambda n, a: f"Tool call: {python(n, a)}",
    "tool-call-json": lambda n, a: f"**Tool call:**\n{obj(n, a)}",
    "call-with": lambda n, a: f"Call {n} with {dumps(a)}",
    "calling-with": lambda n, a: f"Calling `{n}` with arguments: {dumps(a)}",
    "tool-arguments": lambda n, a: f"Tool: {n}\nArguments: {dumps(a)}",
    "react": lambda n, a: f"Action: {n}\nAction Input: {dumps(a)}",
    "react-thought": lambda n, a: f"Thought: it could be X.\nAction: {n}\nAction Input: {dumps(a)}",
    "react-fence": lambda n, a: f"Action: {n}\nAction Input:\n```json\n{dumps(a)}\n```",
}
IDS = {
    "fence": "loose_fence", "tool_code": "tool_code", "json": "loose_json",
    "python": "loose_python", "named": "loose_named_json", "calling": "loose_announced",
    "tool": "loose_announced", "call": "loose_announced", "react": "react",
}  # fmt: skip
CALLS = [("write_file", {"path": "a.py", "content": payload}) for payload in PAYLOADS] + [
    ("bash", {"command": "ls", "timeout": 3}),
    ("search", {"query": "a", "globs": ["*.py", "*.rs"]}),
    ("read_file", {"path": "src/a b.py"}),
]
LEADS = (
    "",
    "Let me look at the file:\n\n",
    "I'll run the tests now.\n",
    "First I need to read X\n\n",
    "Sure!\n\n",
    "Here is the call:\n\n",
    "The bug is in `a.py`. It adds one too much. Now I write the fix.\n\n",
    "I don't see the cause yet. Let me check it:\n\n",
    "1. Read it\n2. Change it\n\nI begin with the first step.\n\n",
    "Ich lese die Datei.\n\n",
    "I'll read examples/main.rs and `format` in src/example.py first.\n\n",
    "All right. We need to see the tests before anything else.\n\n",
    "Reading the file now.\n",
    "Assistant: I'll look.\n\n",
)


def form_id(form):
    return IDS[form] if form in IDS else IDS[form.split("-", maxsplit=1)[0]]


def taken(text, tools=TOOLS, options=None):
    found = find(text, tools, options or Options())
    return None if found is None else [(call.name, call.arguments) for call in found.calls]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_every_form_carries_every_payload(form, call):
    text = FORMS[form](*call)
    found = find(f"I do that now.\n\n{text}\n", TOOLS)
    assert found is not None and found.broken is None and found.form == form_id(form)
    (raw,) = found.calls
    accepted = accept(raw, TOOLS, "c", "loose")
    assert accepted.name == call[0] and json.loads(accepted.arguments) == call[1]
    assert raw.repairs[0] == found.form and found.end <= len(text) + 17
    thought = "\n\nThought: it could be X." if form == "react-thought" else ""
    assert found.start == len("I do that now." + thought)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lead", LEADS)
def test_usual_lead_ins_pass(form, lead):
    found = find(lead + FORMS[form]("read_file", {"path": "a.py"}), TOOLS)
    assert found is not None and len(found.calls) == 1


@pytest.mark.parametrize("repair", ["loose_fence", "tool_code", "loose_json", "loose_python",
                                    "loose_named_json", "loose_announced", "react"])  # fmt: skip
def test_the_examples_of_the_registry(repair):
    tools = {tool.name: tool for tool in EXAMPLE_TOOLS}
    found = find(REPAIRS[repair].example, tools)
    assert found is not None and found.form == repair
    assert [(call.name, call.arguments) for call in found.calls] == [("view", {"file": "a.py"})]


def test_several_calls_in_order():
    calls = [("read_file", {"path": "a"}), ("bash", {"command": "ls"}), ("status", {})]
    for text in (
        "\n".join(obj(*call) for call in calls),
        "```json\n" + ",\n".join(obj(*call) for call in calls) + "\n```",
        "[" + ", ".join(obj(*call) for call in calls) + "]",
        dumps({"tool_calls": [{"function": json.loads(obj(*call))} for call in calls]}),
        "\n".join(python(*call) for call in calls),
        "[" + ", ".join(python(*call) for call in calls) + "]",
        "```tool_code\n" + "\n".join(python(*call) for call in calls) + "\n```",
        "\n".join(f"{name} {dumps(arguments)}" for name, arguments in calls),
        "\n".join(f"Calling tool: {name}({dumps(arguments)})" for name, arguments in calls),
        "\n\n".join(f"Action: {n}\nAction Input: {dumps(a)}" for n, a in calls),
    ):
        assert taken(text) == calls, text


def test_a_bare_name_needs_a_word_that_it_is_meant():
    assert taken("status()") == taken("Let me check.\n\nstatus()") == [("status", {})]
    assert taken("Calling tool: status()") == [("status", {})]
    assert taken("The entry point is this.\n\nstatus()") is None
    assert taken('That greets.\n\nprint("hi")') is None


def test_react_input_is_an_object_or_one_string():
    head = "Action: read_file\nAction Input: "
    assert taken(head + '"a.py"') == [("read_file", {"path": "a.py"})]
    assert taken("Action: status\nAction Input: None") == [("status", {})]
    for bad in ("a.py", '{"path": "a.py"', "{path: a.py}", '"a" "b"'):
        found = find(head + bad, TOOLS)
        assert found is not None and found.broken is not None, bad


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "read_file", "arguments": {"path": "a.py"',
        '{"name": "read_file", "arguments": {"path": "a.py"}',
        '{"name": "read_file", "arguments": {"path": "a.py"}}}',
        '{"name": "read_file", "arguments": {"path": "a.py",}}',
        '{name: "read_file", arguments: {path: "a.py"}}',
        '{"name": "write_file", "arguments": {"path": "a", "content": "x\ny"}}',
        '{"name": "write_file", "arguments": {"path": "a", "content": "say "hi""}}',
        '{"name": "write_file", "arguments": {"path": "a"}}',
        '{"name": "write_file", "arguments": {"path": "a", "content": {"x": 1}}}',
        '{"name": "read_file", "arguments": {"file_path": "a"}}',
        '{"name": "read_file", "arguments": {"path": "a", "path": "b"}}',
        '{"name": "bash", "arguments": {"command": "ls", "timeout": "soon"}}',
        '```json\n{"name": "read_file", "arguments": {"path": "a.py"}\n```',
        '```json\n{"name": "read_file", "arguments": {"path": a.py}}\n```',
        'read_file(path="a", path="b")',
        'write_file(path="a", content="""x',
        'write_file(path="a", content="x\ny")',
        'write_file(path="a")',
        '```tool_code\nwrite_file("a", "b")\n```',
        'read_file {"path": "a.py"',
        'Calling tool: read_file({"file": "a.py"})',
        'Calling tool: write_file("a", "b")',
    ],
)
def test_a_broken_attempt_is_asked_for_again(text):
    for lead in ("", "I do that now.\n\n"):
        found = find(lead + text, TOOLS)
        assert found is not None and found.broken is not None and found.calls == ()
        assert found.broken.name in TOOLS and "\n" not in found.broken.reason
    if "not closed" not in found.broken.reason:
        assert find(text + "\n\nThat is how it is done.", TOOLS) is None
    assert find("For example:\n\n" + text, TOOLS) is None


def wrapped(form, text):
    lines = text.split("\n")
    yield f"{text}\n\nThis reads the file."
    yield f"{text} is the call."
    yield "\n".join(f"> {line}" for line in lines)
    yield "\n".join(f"    {line}" for line in lines)
    yield f"Here it is: `{text}`"
    yield f"`{text}`" if form_id(form) not in ("loose_fence", "tool_code") else f"`` {text} ``"
    yield f'"{text}"'
    yield f"<!--\n{text}"
    yield f"For example:\n\n{text}"
    yield f"You could write it like this:\n{text}"
    yield f"The format would be:\n\n{text}"
    yield f"```text\n{text}\n```" if "```" not in text else f"````\n{text}\n````"
    yield f"````markdown\n{text}\n````"
    yield f"First:\n\n```\nls\n```\n\n{text}"
    yield f"{text}\n\nor\n\n{text}"
    yield f'{{"name": "status", "arguments": {{}}}}\n\nOr else:\n\n{text}'
    yield f"user: read it\nassistant: yes\n\n{text}"
    if "**" not in text:
        yield f"- a list item with {text}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", CALLS[:1] + CALLS[-3:], ids=range(4))
def test_anything_around_it_makes_it_text(form, call):
    for text in wrapped(form, FORMS[form](*call)):
        assert find(text, TOOLS) is None, text


@pytest.mark.parametrize("form", FORMS)
def test_only_declared_tools(form):
    text = FORMS[form]("remove_all", {"path": "/"})
    assert find(text, TOOLS) is None
    assert find(FORMS[form]("Read_File", {"path": "a"}), TOOLS) is None


def test_the_option_for_tools_that_only_read():
    read, write = obj("read_file", {"path": "a"}), obj("bash", {"command": "ls"})
    options = Options(loose="read_only")
    assert taken(read, options=options) == [("read_file", {"path": "a"})]
    found = find(f"{read}\n{write}", TOOLS, options)
    assert found.broken.name == "bash" and found.calls == ()
    assert find(read, TOOLS, Options(loose="none")) is None


def test_functions_of_code_mode_are_known():
    text = "ruff_check(path='src')"
    assert find(text, TOOLS) is None
    options = Options(code_mode=CodeMode(functions=("ruff_check",)))
    assert taken(text, options=options) == [("ruff_check", {"path": "src"})]


@given(st.text(max_size=80) | st.text("{}[]()\"'`:,\n ~=<>A", max_size=80))
def test_no_text_raises(text):
    for start in ("", '{"name": "bash", "arguments": ', "bash(", "```json\n", "Action: bash\n"):
        find(start + text, TOOLS)


@given(st.text(max_size=30), st.sampled_from(sorted(FORMS)))
def test_text_behind_a_call_is_no_call(text, form):
    behind = FORMS[form]("read_file", {"path": "a"}) + "\nx" + text
    assert find(behind, TOOLS) is None or text.strip().endswith(("}", ")", "`", "~", "]"))


HOSTILE = (
    "<", "{", "[", "`", "~", '"', "'", "(", "{\n", "```\n", "~~~\n", "bash(\n", "bash(()\n",
    "bash({\n", 'bash({"a":\n', '{"name":\n', '{"name": "bash", "arguments": {\n', "[{", "[\n",
    "\n", " ", "bash {\n", 'bash {"command":\n', 'bash {"command": "a"}\n', "Action: bash\n",
    "Action: bash\nAction Input: {}\n", "Action:\n", "Calling tool: bash({\n",
    "Calling tool: bash()\n", "status()\n", "print(\n", "Call ", 'bash(command="\n',
    'bash(command="""\n', 'bash(command="a\n")\n', "word ", "example ", "a.b(c)\n",
    '{"name": "bash", "arguments": {}}\n', "{'name': 'bash', 'arguments': {}}\n", '{"id": 1}\n',
    "x = ", "\ud800", "\x00", "> ", "# ", "Thought: x\n", "without ", "to x, ",
    "bash(command='x')\n", "\\",
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_cheap(hostile):
    text = hostile * (2_000_000 // len(hostile))
    for whole in (text, "```tool_code\n" + text, text + '\n{"name": "status", "arguments": {}}'):
        begin = time.process_time()
        find(whole, TOOLS)
        assert time.process_time() - begin < 3
