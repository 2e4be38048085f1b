"""Plain answers that look like calls: none of them gives one, and none is asked for again."""

import pytest

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.loose import find
from tests.toolcalls.loose.tools import TOOLS, tool

CALL = '{"name": "read_file", "arguments": {"path": "a.py"}}'
BASH = '{"name": "bash", "arguments": {"command": "ls"}}'
PY = 'read_file(path="a.py")'

ANSWERS = {
    # Examples in many wordings.
    "for-example": f"A call names the tool and its arguments, for example:\n\n{CALL}",
    "example-heading": f"### Example\n\n```json\n{CALL}\n```",
    "example-bold": f"**Example**\n\n{CALL}",
    "here-is-an-example": f"Sure! Here is an example call:\n\n```json\n{CALL}\n```",
    "e.g.": f"It takes one argument, e.g.\n\n{CALL}",
    "for-instance": f"To read a file, for instance, write\n\n{PY}",
    "sample": f"Sample request:\n{CALL}",
    "looks-like": f"The request looks like\n\n{CALL}",
    "would-look": f"A valid call would look as follows:\n\n```\n{CALL}\n```",
    "it-would-be": f"In your case it would be\n\n{CALL}",
    "i-would": f"I would call the tool with the path:\n\n{PY}",
    "id": f"I'd go for\n\n{PY}",
    "this-shape": f"Calls have this shape:\n\n{CALL}",
    "format": f"The expected format:\n{CALL}",
    "such-as": f"You send an object such as\n{CALL}",
    "literal": f"The literal text is:\n\n{CALL}",
    "literally": f"It prints literally\n{CALL}",
    "without-running": f"Without running anything, the call is\n\n{CALL}",
    "without-executing": f"Here is the command without executing it:\n\n```json\n{BASH}\n```",
    "either": f"You don't need a tool for that either:\n{CALL}",
    "you-can": f"You can read it like any file:\n\n{PY}",
    "you-could": f"You could call the tool:\n\n{PY}",
    "users-can": f"Users can ask for this:\n{PY}",
    "show-you": f"Let me show you the call:\n\n```json\n{CALL}\n```",
    "suppose": f"Suppose the model writes\n\n{CALL}",
    "imagine": f"Imagine this answer:\n\n{CALL}",
    "hypothetical": f"A hypothetical call:\n\n{BASH}",
    "template": f"Fill in this template:\n\n{CALL}",
    "schema": f"By the schema, this is valid:\n\n{CALL}",
    "syntax": f"The syntax is\n\n{PY}",
    "instead": f"Write this instead:\n\n{PY}",
    "do-not": f"Do not send this:\n\n{BASH}",
    "never": f"Never write\n\n{BASH}",
    "should-i": f"Should I run this?\n\n{BASH}",
    "shall-i": f"Shall I go on? I have this in mind:\n\n{BASH}",
    "would-you-like": f"Would you like me to run it:\n\n{BASH}",
    "question": f"Is this what you want?\n\n{BASH}",
    "if-you": f"If you want the list of files, here it is:\n\n{BASH}",
    "refusal": f"I won't run that for you. The request was\n\n{BASH}",
    "cannot": f"I cannot execute this:\n{BASH}",
    "chinese": f"例如：\n\n{CALL}",
    "german": f"Zum Beispiel:\n\n{CALL}",
    "french": f"Par exemple :\n\n{CALL}",
    "spanish": f"Por ejemplo:\n\n{CALL}",
    # Instructions to a person.
    "to-list": f"To list the files, run:\n\n{BASH}",
    "then-call": f"Then call:\n\n{PY}",
    "use-this": f"Use this:\n\n```json\n{CALL}\n```",
    "just-run": "Just run\n\n```python\nbash(command='ls')\n```",
    # What somebody else wrote.
    "log-contains": f"The log contains this line:\n\n{BASH}",
    "file-says": f"The file says:\n\n{BASH}",
    "server-returned": f"The server returned\n\n{BASH}",
    "model-wrote": f"The model wrote:\n\n```json\n{BASH}\n```",
    "output": f"Output:\n\n{BASH}",
    "injection": f"The page holds an injection. It is:\n\n{BASH}",
    "quoted": f"I quote:\n\n{BASH}",
    "block-quote": f"> {BASH}",
    "block-quote-before": f"> please run ls\n\n{BASH}",
    "transcript": f"User: list the files\nAssistant: of course\n\n{BASH}",
    "transcript-bold": f"**User:** list the files\n\n{BASH}",
    "comment": f"<!-- the call\n{BASH}",
    "code-span-open": f"The text is `\n{BASH}",
    # Two candidates, or something behind.
    "two-alternatives": f"{CALL}\n\nor\n\n{BASH}",
    "one-or-other": f"Option A:\n{CALL}\n\nOption B:\n{BASH}",
    "two-fences": f"```json\n{CALL}\n```\n\n```json\n{BASH}\n```",
    "explained": f"{CALL}\n\nThis reads the file.",
    "fence-explained": f"```json\n{CALL}\n```\nIt reads the file.",
    "python-explained": f"{PY}\nreturns the text.",
    "mixed-list": f'{CALL}\n{{"name": "unknown", "arguments": {{}}}}',
    "list-with-text": f"[{CALL}, 3]",
    # JSON that is no call.
    "package-json": '{"name": "read_file", "version": "1.0.0"}',
    "package-json-fence": '```json\n{\n  "name": "build",\n  "version": "0.1.0"\n}\n```',
    "package-scripts": '{"name": "build", "scripts": {"test": "jest"}, "input": {"x": 1}}',
    "npm-args": '{"name": "bash", "args": ["-c", "ls"]}',
    "rollup": '{"name": "build", "input": "src/main.js"}',
    "definition": '{"name": "read_file", "description": "Read.", "parameters": {"path": "string"}}',
    "definition-schema": '{"name": "read_file", "parameters": {"type": "object", "properties": '
    '{"path": {"type": "string"}}}}',
    "definition-openai": '```json\n{"type": "function", "function": {"name": "bash", '
    '"description": "x", "parameters": {"type": "object", "properties": {}}}}\n```',
    "definition-broken": '{"name": "bash", "parameters": {"type": "object", "properties": {,}}}',
    "openapi": '```json\n{"paths": {"/read_file": {"get": {"parameters": []}}}}\n```',
    "flat": '{"name": "read_file", "path": "a.py"}',
    "name-as-key": '{"bash": {"command": "ls"}}',
    "placeholder": '{"name": "read_file", "arguments": {"path": "<path>"}}',
    "placeholder-dots": '{"name": "bash", "arguments": {"command": "..."}}',
    "placeholder-braces": '{"name": "read_file", "arguments": {"path": "{path}"}}',
    "template-name": '{"name": "<function-name>", "arguments": {}}',
    "record": '{"name": "status", "type": "service", "id": 4}',
    "people": '[{"name": "Ada", "input": {"age": 36}}, {"name": "Alan", "input": {"age": 41}}]',
    "no-arguments": '{"name": "status"}',
    "undeclared": '{"name": "delete_all", "arguments": {"path": "/"}}',
    "vscode": '```json\n{"name": "build", "type": "shell", "args": {"x": 1}, "group": "test"}\n```',
    "string-value": '{"message": "{\\"name\\": \\"bash\\"}"}',
    "nested": f'{{"tools": [{CALL}]}}',
    # Code that uses the name of a tool.
    "code-answer": "```python\ntext = read_file(path='a.py')\nprint(text)\n```",
    "code-print": 'This greets.\n\n```python\nprint("hi")\n```',
    "code-def": "def read_file(path):\n    return open(path).read()\n\nread_file(path='a.py')",
    "code-import": "import tools\n\nstatus()",
    "code-comment": "```python\n# read it\nread_file(path='a.py')\n```",
    "code-variable": "Reading it now.\n\nread_file(path=name)",
    "code-nested": "Reading it now.\n\nread_file(path=os.path.join('a', 'b'))",
    "code-loop": "for f in files:\n    read_file(path=f)",
    "code-assert": "assert status() == 'ok'",
    "code-other-keywords": "The call is\n\nsearch(root='/', depth=3)",
    "code-test": 'def test_parse():\n    raw = """\n' + CALL + '\n"""\n    assert parse(raw)',
    "code-string": f"RAW = '''\n{CALL}\n'''",
    "code-javascript": "```js\nbash({command: 'ls'})\n```",
    "code-bash": "```bash\nread_file a.py\n```",
    "code-rust": '```rust\nbuild("x");\n```',
    "code-css": "print {\n  color: red;\n}",
    "code-gradle": "build {\n  dependsOn 'x'\n}",
    "code-repl": ">>> x = 1\n>>> status()",
    "shell-session": "$ ls\nstatus()",
    "sentence": "Use read_file(path) to read and write_file(path, content) to write.",
    "sentence-end": "The tool for that is read_file(path='a.py')",
    "sentence-wrapped": "You get the same with the function\nread_file(path='a.py')",
    "bullets": "- read_file(path='a.py')\n- bash(command='ls')",
    "numbered": f"1. {PY}\n2. bash(command='ls')",
    "inline-code": f"It is `{PY}`",
    "indented": f"Here:\n\n    {PY}",
    "table": f"| call |\n|---|\n| {PY} |",
    "call-verb": "Call me with any question",
    "calling-prose": "Calling tool authors: please name your arguments",
    "tool-prose": "Tool: bash is the one that runs commands.",
    "function-prose": "Function call: what a model writes to run a tool.",
    # ReAct as a topic.
    "react-docs": "ReAct works in this format:\n\nThought: x\nAction: bash\n"
    'Action Input: {"command": "ls"}',
    "react-answered": 'Action: bash\nAction Input: {"command": "ls"}\nFinal Answer: done',
    "react-next": 'Action: bash\nAction Input: {"command": "ls"}\nThought: now I know',
    "react-undeclared": 'Action: rm\nAction Input: {"path": "/"}',
    "react-prose": "Action: we close the ticket.\nAction Input: none needed from you.",
    # Markup shown in a fence.
    "envelope-in-fence": f"```\n<tool_call>\n{CALL}\n</tool_call>\n```",
    "xml-in-fence": "```xml\n<function=bash>\n<parameter=command>ls</parameter></function>\n```",
    "transcript-in-fence": f"```\nUser: read it\nAssistant: {CALL}\n```",
    "markdown-in-fence": f"````markdown\n```json\n{CALL}\n```\n````",
    "empty-fence": "```json\n```",
    "long-document": "The report follows.\n\n" + "Text of the report. " * 2000 + f"\n\n{CALL}",
}


def test_there_are_enough():
    assert len(ANSWERS) >= 120


@pytest.mark.parametrize("name", ANSWERS)
def test_a_plain_answer_stays_text(name):
    assert find(ANSWERS[name], TOOLS) is None


@pytest.mark.parametrize("name", ANSWERS)
def test_the_name_of_the_tool_does_not_decide(name):
    swapped = ANSWERS[name].replace("read_file", "lookup_symbol").replace("bash", "exec_shell")
    tools: dict[str, ToolSchema] = {
        **{key: value for key, value in TOOLS.items() if key not in ("read_file", "bash")},
        "lookup_symbol": tool("lookup_symbol", "path", path={"type": "string"}),
        "exec_shell": tool("exec_shell", "command", command={"type": "string"}),
    }
    assert find(swapped, tools) is None
