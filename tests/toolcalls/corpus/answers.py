"""Catalogue 97, second half: code, data and transcripts that only resemble calls."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import Case, Tools, plain
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, GITHUB, TYPED

PACKAGE = (
    '{\n  "name": "view",\n  "version": "1.0.0",\n  "description": "Shows files",\n'
    '  "scripts": {"test": "node test.js"}\n}'
)
HERMES_TEST = '''def test_reads_a_call():
    raw = """<tool_call>
{"name": "view", "arguments": {"file": "a.ml"}}
</tool_call>"""
    assert parse(raw).calls == [("view", {"file": "a.ml"})]'''
C_PROGRAM = """int main(void) {
    struct view v = { .file = "a.ml" };
    if (sh("dune build") != 0) { return 1; }
    save(&v, "out");
    return 0;
}"""

CODE: tuple[tuple[Tools, str], ...] = (
    (CATALOGUE, f"```c\n{C_PROGRAM}\n```"),
    (CATALOGUE, C_PROGRAM),
    (CATALOGUE, f"```c\n{payloads.C}\n```\n\nIt prints the load and returns 0."),
    (CATALOGUE, f"Add this test:\n\n```python\n{HERMES_TEST}\n```"),
    (CATALOGUE, f"```python\n{HERMES_TEST}\n```\n\nIt fails before the fix and passes after it."),
    (
        CATALOGUE,
        "```python\ndef view(file):\n    with open(file) as f:\n        return f.read()\n\n\n"
        'if __name__ == "__main__":\n    print(view(file="a.ml"))\n```',
    ),
    (
        FILES,
        '```python\nfrom tools import read_file, write_file\n\ntext = read_file(path="a.py")\n'
        'write_file(path="b.py", content=text.upper())\n```',
    ),
    (
        CAMEL,
        "```ts\nconst text = await readFile({ filePath: 'a.ts' });\nconsole.log(text.length);\n```",
    ),
    (
        CAMEL,
        "export function searchCode(query: string) {\n  return { name: 'searchCode', query };\n}",
    ),
    (
        CATALOGUE,
        "```bash\n#!/bin/sh\nset -e\nsh -c 'dune build'\nview a.ml | save b.ml\n```\n\nRun it.",
    ),
    (CATALOGUE, "Run `sh build.sh` yourself; it takes about 30 seconds."),
    (
        FILES,
        "def run_command(command):\n    return subprocess.run(command, shell=True, check=True)",
    ),
    (
        CATALOGUE,
        "```rust\nfn view(file: &str) -> String { std::fs::read_to_string(file).unwrap() }\n```",
    ),
    (TYPED, '```python\nassign = {"task": 1, "assignee": None}\nprint(refresh)\n```'),
    (
        CATALOGUE,
        'The macro expands to\n\n```c\n#define CALL(n, a) "{\\"name\\": \\"" n "\\"}"\n```\n\n'
        "which is a string.",
    ),
    (
        TYPED,
        "Use grep like this:\n\n```console\n$ grep -rn 'fn main' src/ | head\n```\n\nIt lists.",
    ),
    (
        FILES,
        '```python\ncalls = [\n    {"name": "read_file", "arguments": {"path": "a"}},\n'
        '    {"name": "run_command", "arguments": {"command": "ls"}},\n]\n```',
    ),
    (
        CATALOGUE,
        "```js\nconst call = { name: 'view', arguments: { file: 'a.ml' } };\nsend(call);\n```",
    ),
)

DATA: tuple[tuple[Tools, str], ...] = (
    (CATALOGUE, f"```json\n{PACKAGE}\n```"),
    (CATALOGUE, PACKAGE),
    (CATALOGUE, f"Put this into package.json:\n\n```json\n{PACKAGE}\n```"),
    (CATALOGUE, '{"status": "ok", "items": [1, 2, 3]}'),
    (CATALOGUE, '```json\n{"status": "clean", "view": "compact"}\n```'),
    (CATALOGUE, '{"name": "Ada", "age": 36}'),
    (CATALOGUE, '```json\n{"name": "Ada Lovelace", "arguments": ["for", "against"]}\n```'),
    (
        CATALOGUE,
        "```yaml\nname: view\non: push\njobs:\n  sh:\n    steps:\n      - name: save\n"
        "        run: dune build\n```",
    ),
    (CATALOGUE, f"```yaml\n{payloads.YAML}\n```\n\nThe matrix has two versions."),
    (CATALOGUE, "name: view\narguments:\n  file: lib/a.ml"),
    (
        CATALOGUE,
        "```html\n<view>\n  <text>Hello</text>\n</view>\n```\n\nIn React Native it is `<View>`.",
    ),
    (
        CATALOGUE,
        "The page has a <view> with one <file> child; the save button sits inside a <form>.",
    ),
    (CATALOGUE, f"```html\n{payloads.HTML}\n```"),
    (
        CATALOGUE,
        'The log has three lines:\n\n{"level": "info", "name": "view", "msg": "opened"}\n'
        '{"level": "warn", "name": "sh", "msg": "slow"}\n{"level": "info", "msg": "done"}\n\n'
        "The second one is the problem.",
    ),
    (
        CATALOGUE,
        '```json\n{"ts": 1, "tool": "sh", "ms": 1200, "ok": true}\n'
        '{"ts": 2, "tool": "view", "ms": 3, "ok": true}\n```',
    ),
    (GITHUB, '{"name": "bug", "description": "Something is broken", "color": "d73a4a"}'),
    (GITHUB, '```json\n{"login": "ada", "name": "get_me", "id": 7, "type": "User"}\n```'),
    (
        CATALOGUE,
        '```toml\n[tool.view]\nname = "view"\narguments = { file = "a.ml" }\n```',
    ),
    (CATALOGUE, "```sql\nSELECT name, arguments FROM calls WHERE name = 'view';\n```"),
    (CATALOGUE, '[1, 2, {"a": "b"}]'),
    (CATALOGUE, "{}"),
    (CATALOGUE, "{ x | x > 0 } is the set of positive numbers."),
    (CATALOGUE, "f(x) = {a} ∪ [0, 1)"),
    (
        CATALOGUE,
        "```diff\n-<function=view>\n+<function=show>\n```\n\nThe rename touches one line.",
    ),
    (CATALOGUE, '```json\n{"calls": 3, "name": null, "tools": ["view", "save", "sh"]}\n```'),
)

TRANSCRIPTS: tuple[tuple[Tools, str], ...] = (
    (
        CATALOGUE,
        "The recorded chat:\n\n```\nHuman: show a.ml\nAssistant: <tool_call>\n"
        '{"name": "view", "arguments": {"file": "a.ml"}}\n</tool_call>\nHuman: thanks\n```\n\n'
        "It ends after the second turn.",
    ),
    (
        CATALOGUE,
        "```text\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nhi<|im_end|>\n```\n\n"
        "This is ChatML; each turn ends with the same token.",
    ),
    (CATALOGUE, "In this corpus the prefix Human: marks a question and Assistant: an answer."),
    (CATALOGUE, "The book is called *Being Human: A Short History*, and it is good."),
    (CATALOGUE, 'He wrote "User: unknown" into the form, and the import failed.'),
    (
        CATALOGUE,
        '```\nUser: what is in a.ml?\nThought: open it\nAction: view\nAction Input: {"file": "a"}\n'
        "Observation: let x = 1\n```\n\nThat is a complete ReAct trace.",
    ),
    (
        CATALOGUE,
        "> Human: is it fast?\n> Assistant: yes\n\nThat exchange is in the paper's appendix.",
    ),
    (
        CATALOGUE,
        'The fixture is\n\n```python\nRAW = "Human: hi\\n\\nAssistant: <tool_call>"\n```\n\n'
        "and it is cut at the first line.",
    ),
)

GUIDES: tuple[tuple[Tools, str], ...] = (
    (
        CATALOGUE,
        "# Function calling\n\nThe model answers with an object:\n\n```json\n"
        f"{forms.call_object('view', {'file': 'a'})}\n```\n\n## Errors\n\nNo `file`: 400.",
    ),
    (
        CATALOGUE,
        "## Dialects\n\n### Hermes\n\n```\n" + forms.hermes(("view", {"file": "a"})) + "\n```\n\n"
        "### Qwen3-Coder\n\n```\n"
        + forms.xml(("view", {"file": "a"}))
        + "\n```\n\nBoth are parsed.",
    ),
    (
        CATALOGUE,
        "1. Render the tools into the prompt.\n2. Wait for `<tool_call>`.\n3. Parse the JSON.\n"
        "4. Run `view` or `sh`.\n5. Send `<tool_response>` back.",
    ),
    (
        FILES,
        "`run_command` takes `command` and `timeout`. Use it as\n\n"
        '    run_command(command="ls", timeout=5)\n\nand read the exit code first.',
    ),
    (CATALOGUE, "I cannot run commands here. Please run `dune build` and paste the output."),
    (CATALOGUE, "Let me know which file you want to see, and I will view it."),
    (CATALOGUE, "Done: view is faster now, save checks its arguments, sh has a timeout."),
    (CATALOGUE, "No."),
    (CATALOGUE, ""),
    (CATALOGUE, "if a < b && c > d then view the <b>diff</b> & save it"),
)


def cases() -> list[Case]:
    found = []
    for group, rows in (
        ("code-answer", CODE),
        ("data", DATA),
        ("transcript", TRANSCRIPTS),
        ("guide", GUIDES),
    ):
        for i, (tools, raw) in enumerate(rows):
            found.append(plain(f"{group}-{i}", 97, raw, tools))
    return found
