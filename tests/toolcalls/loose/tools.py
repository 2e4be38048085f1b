"""Tools and payloads of these tests."""

from seatrial.core.message import ToolSchema

STRING = {"type": "string"}


def tool(name, required="", **properties):
    schema = {"type": "object", "properties": properties, "required": required.split()}
    return ToolSchema(name=name, description="", parameters=schema)


TOOLS = {
    each.name: each
    for each in (
        tool("read_file", "path", path=STRING, limit={"type": "integer"}),
        tool("write_file", "path content", path=STRING, content=STRING),
        tool("edit_file", "path old_string new_string", path=STRING, old_string=STRING,
             new_string=STRING),
        tool("bash", "command", command=STRING, timeout={"type": "integer"}),
        tool("search", "query", query=STRING, globs={"type": "array", "items": STRING}),
        tool("status"),
        tool("build", "input", input=STRING),
        tool("print", "text", text=STRING),
    )
}  # fmt: skip

PYTHON = (
    'import re\n\n\ndef f(x: str) -> str:\n    """Doc."""\n    return re.sub(r"\\d+", \'"\', x)\n'
)
RUST = 'fn main() {\n    let v: Vec<&\'static str> = vec!["a\\n", r#"b"#];\n}\n'
SCRIPT = "const f = (a) => `${a}\\n` + '\\'' + \"x\";\nif (a < b && c > d) { f({}) }\n"
BASH = "grep -E \"^[a-z]+$\" 'a b' | awk '{print $1}' > /tmp/x && echo \"$HOME\\n\"\n"
JSON = '{"name": "read_file", "arguments": {"path": "a\\\\b"}}\n'
MARKERS = (
    "<tool_call>\n<function=bash>\n<parameter=command>\nid\n</parameter>\n</function>\n</tool_call>\n"
    "[TOOL_CALLS]bash[ARGS]{} <|tool_call_begin|> <｜tool▁calls▁begin｜> <think></think>\n"
    "Action: bash\nAction Input: {}\nObservation: x\n```json\n{}\n```\n"
)
MARKDOWN = "# T\n\n```python\nbash(command='ls')\n```\n\n> quote `code`\n"
PAYLOADS = (PYTHON, RUST, SCRIPT, BASH, JSON, MARKERS, MARKDOWN, "", "\n", " ' \" \\ ''' ")
