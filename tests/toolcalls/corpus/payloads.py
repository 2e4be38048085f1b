"""File contents and commands that the cases carry: what has to arrive with every byte.

`INLINE` has no newline at either end and no marker of a call; any dialect can carry it.
`EDGES` begins or ends in white space: only dialects that quote or that put values on lines of
their own. `MARKERS` and `EXAMPLES` hold the dialects' own markers.
"""

from __future__ import annotations

PYTHON = '''import re

PAIR = re.compile(r"^(?P<key>\\w+)\\s*=\\s*'([^']*)'$")


def parse(line: str) -> dict[str, str]:
    """Split "key='value'"; {} when it is not one."""
    found = PAIR.match(line)
    return {found["key"]: found[2]} if found else {}'''

RUST = r"""fn main() -> Result<(), Box<dyn Error>> {
    let re = Regex::new(r"\b\d{3}-\d{4}\b")?;
    let path = "C:\\temp\\new\\readme.txt";
    println!("{path:?} {}", '\'' as u32);
    let v: Vec<Option<&'static str>> = vec![Some("a"), None];
    Ok(())
}"""

JAVASCRIPT = r"""const tpl = (n) => `<li data-id="${n}">${n < 10 ? '0' + n : n}</li>`;
export default { render: (xs) => xs.map(tpl).join("\n"), re: /^\/\/\s*(.*)$/gm };"""

BASH = r"""#!/usr/bin/env bash
set -euo pipefail
for f in "$@"; do
  n=$(wc -l < "$f") && printf '%s\t%d\n' "${f##*/}" "$n"
done | awk -F'\t' '$2 > 100 { print $1 " (" $2 ")" }'"""

C = r"""#include <stdio.h>

int main(void) {
	char buf[64] = {0};
	if (snprintf(buf, sizeof buf, "%-8s|%5.2f%%\n", "load", 99.5) < 0) { return 1; }
	fputs(buf, stdout); /* "done" */
	return '\0';
}"""

YAML = """jobs:
  test:
    strategy: {matrix: {python: ["3.11", "3.12"]}}
    steps:
      - run: |
          pytest -q --maxfail=1 -k "not slow"
      - name: 'it''s done'
        if: ${{ always() && !cancelled() }}"""

MARKDOWN = """# Usage

```python
client.get("/v1", params={"a": 1})  # don't
```

| flag | what |
|---|---|
| `-x` | stops at "first" error |

> A quote with *stars* and <https://example.org/?a=1&b=2>."""

JSON_TEXT = (
    '{"name": "demo", "version": "1.0.0", "scripts": {"test": "node \\"a b\\".js"}, "n": [1, null]}'
)

REGEX = r"^\s*(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#]+)\s*(?:#.*)?$"

HTML = """<!doctype html>
<view class="a"><file name='x'>&lt;b&gt; &amp;nbsp; &#39;</file></view>
<text>5 < 6 && 7 > 2</text>"""

UNICODE = (
    "naïve — “quotes” ‘x’ 日本語 \U0001f680\U0001f468\u200d\U0001f469 e\u0301 "
    "\u05d0\u05d1 \u2028|\u00a0|"
)

CRLF = "@echo off\r\nset A=%1\r\nif %A%==1 echo 100%%\r\nexit /b 0"

LITERAL_ESCAPES = r"def f():\n\treturn 'a\\nb' + \"\u0041\"  # two characters each: \n \t"

PERCENT = 'logging.info("%s: %(x)d %% %-5s", name, {"x": 3}) or 100 %'

INLINE = {
    "python": PYTHON,
    "rust": RUST,
    "javascript": JAVASCRIPT,
    "bash": BASH,
    "c": C,
    "yaml": YAML,
    "markdown": MARKDOWN,
    "json": JSON_TEXT,
    "regex": REGEX,
    "html": HTML,
    "unicode": UNICODE,
    "crlf": CRLF,
    "escapes": LITERAL_ESCAPES,
    "percent": PERCENT,
}

EDGES = {
    "final-newline": PYTHON + "\n",
    "three-newlines": "a\n\n\n",
    "leading-newline": "\n#include <x.h>\n",
    "spaces": "  indented, then two spaces  ",
    "tab-line": "all:\n\tcc -o a a.c\n\t",
    "crlf-end": CRLF + "\r\n",
    "empty": "",
}

WORDS = {
    "null": "null",
    "none": "None",
    "true": "true",
    "number": "0042",
    "float": "1e3",
    "braces": "{}",
    "list": '["a", "b"]',
    "quotes": '"quoted"',
    "object": '{"a": 1}',
}
"""Strings that look like something else."""

MARKERS = {
    "hermes": 'OPEN, CLOSE = "<tool_call>", "</tool_call>"  # both tags',
    "xml": 'head = f"<function={name}>"; tail = "</parameter></function>"',
    "think": 'text = text.split("</think>")[-1].removeprefix("<think>")',
    "chatml": 'print("<|im_start|>assistant<|im_end|>")',
    "mistral": 's.partition("[TOOL_CALLS]")[2].partition("[ARGS]")',
    "deepseek": 'END = "<｜tool▁call▁end｜>"; DSML = "<｜DSML｜invoke name="',
    "kimi": 'KIMI = ["<|tool_call_begin|>", "<|tool_call_end|>"]',
    "glm": 'glm = "<arg_key>cmd</arg_key><arg_value>id</arg_value>"',
    "harmony": '"<|channel|>commentary to=functions.sh<|message|>{}<|call|>"',
    "invoke": 'x = "<invoke name=" + q + "</invoke></function_calls>"',
    "response": "if '<tool_response>' in raw or raw.startswith('Human:'): cut()",
    "python-tag": 'TAG = "<|python_tag|>"; S, E = "<|python_start|>", "<|python_end|>"',
    "roles": "Q: who speaks?\nHuman: hello\nAssistant: hi\nUser: bye\nObservation: none",
}
"""Markers in the middle of text; for dialects that quote their values."""

XML_EXAMPLE = """A call looks like this:
<tool_call>
<function=sh>
<parameter=cmd>
make -j2 "all"
</parameter>
</function>
</tool_call>
and nothing follows it."""

HERMES_EXAMPLE = """Write
<tool_call>
{"name": "sh", "arguments": {"cmd": "id"}}
</tool_call>
on lines of its own."""

INVOKE_EXAMPLE = """<function_calls>
<invoke name="view">
<parameter name="file">a.ml</parameter>
</invoke>
</function_calls>"""

EXAMPLES = {
    "xml": XML_EXAMPLE,
    "hermes": HERMES_EXAMPLE,
    "invoke": INVOKE_EXAMPLE,
    "json": '[{"name": "view", "arguments": {"file": "a"}}]\n',
    "python": 'view(file="a.ml")\nsh(cmd="id")\n',
    "react": "Thought: look\nAction: view\nAction Input: {}\nObservation: x\n",
}
"""Whole balanced examples."""

CODE_MODE = {
    "loop": r"""for name in ["a.py", "b.py"]:
    text = read_file(path=name)
    if "\"\"\"" in text or "\t" in text:
        print(f"{name}: {len(text.splitlines())} lines {{x}}")""",
    "check": """result = ruff_check(path="src/")
if not result.success:
    for item in result.items:
        print("%s:%d %s" % (item.file, item.line, item.message))""",
    "write": """write_file(path="notes.md", content='''# Notes

<view> & "quotes" and \\\\n
''')
print(run_command(command="git diff --stat | cat"))""",
    "markers": """raw = "<tool_call>" + body + "</tool_call>"
print(raw.count("</parameter>"), "</function>" in raw)""",
}
"""Python for `execute_code`."""
