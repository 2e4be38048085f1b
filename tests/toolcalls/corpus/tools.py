"""The tool sets that the cases offer to the model."""

from __future__ import annotations

from typing import Any

from seatrial.core.message import ToolSchema

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
BOOLEAN: dict[str, Any] = {"type": "boolean"}
STRINGS: dict[str, Any] = {"type": "array", "items": STRING}


def tool(name: str, description: str, required: str = "", /, **properties: Any) -> ToolSchema:
    """A tool; `required` lists the arguments that it cannot do without."""
    schema = {"type": "object", "properties": properties, "required": required.split()}
    return ToolSchema(name=name, description=description, parameters=schema)


def one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def record(required: str, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required.split()}


CATALOGUE = (
    tool("view", "Show a file.", "file", file=STRING),
    tool("save", "Write a file.", "file text", file=STRING, text=STRING),
    tool("sh", "Run a shell command.", "cmd", cmd=STRING, secs=INTEGER),
    tool("status", "Show the state of the work tree."),
)
"""The tools of the catalogue's own examples."""

FILES = (
    tool("read_file", "Read a file.", "path", path=STRING, offset=INTEGER, limit=INTEGER),
    tool("write_file", "Create or replace a file.", "path content", path=STRING, content=STRING),
    tool(
        "edit_file",
        "Replace a piece of a file.",
        "path old_string new_string",
        path=STRING,
        old_string=STRING,
        new_string=STRING,
        replace_all=BOOLEAN,
    ),
    tool("run_command", "Run a command.", "command", command=STRING, timeout=INTEGER),
)

CAMEL = (
    tool("readFile", "Read a file.", "filePath", filePath=STRING, startLine=INTEGER),
    tool("replaceText", "Replace text.", "filePath newText", filePath=STRING, newText=STRING),
    tool(
        "searchCode",
        "Search the sources.",
        "query",
        query=STRING,
        maxResults=INTEGER,
        caseSensitive=BOOLEAN,
    ),
    tool("getStatus", "Show the state."),
)

GITHUB = (
    tool(
        "create_issue",
        "Open an issue.",
        "owner repo title",
        owner=STRING,
        repo=STRING,
        title=STRING,
        body=STRING,
        labels=STRINGS,
    ),
    tool(
        "list_pull_requests",
        "List pull requests.",
        "owner repo",
        owner=STRING,
        repo=STRING,
        state=one_of("open", "closed", "all"),
        per_page=INTEGER,
    ),
    tool("add_comment", "Comment.", "issue_number body", issue_number=INTEGER, body=STRING),
    tool("create_label", "Add a label.", "name description", name=STRING, description=STRING),
    tool("get_me", "Who is logged in."),
)

TYPED = (
    tool(
        "grep",
        "Search files.",
        "pattern",
        pattern=STRING,
        output_mode=one_of("content", "files", "count"),
        ignore=STRINGS,
        case_sensitive=BOOLEAN,
        context=INTEGER,
    ),
    tool(
        "multi_edit",
        "Several replacements in one file.",
        "path edits",
        path=STRING,
        edits={
            "type": "array",
            "items": record("old_string new_string", old_string=STRING, new_string=STRING),
        },
    ),
    tool(
        "set_option",
        "Set an option.",
        "key value",
        key=STRING,
        value=NUMBER,
        enabled=BOOLEAN,
        note=STRING,
    ),
    tool(
        "assign",
        "Give a task to somebody, or to nobody.",
        "task assignee",
        task=INTEGER,
        assignee={"type": ["string", "null"]},
    ),
    tool(
        "todo_write",
        "Replace the list of tasks.",
        "todos",
        todos={
            "type": "array",
            "items": record(
                "content status",
                content=STRING,
                status=one_of("pending", "in_progress", "completed"),
            ),
        },
    ),
    tool("refresh", "Read the index again."),
)

CODE = (tool("execute_code", "Run Python; the helpers are in scope.", "code", code=STRING),)
"""Code mode: one tool, the others are functions inside it."""

MIXED = (*CODE, *FILES)
"""Code mode next to direct tools."""

TWINS = (
    tool("readFile", "Read a file.", "path", path=STRING),
    tool("read_file", "Read a file, the old way.", "path", path=STRING),
)
"""Two names that normalise to one."""

GLUED = (
    tool("read", "Read.", "filepath", filepath=STRING),
    tool("readfile", "Read a file.", "path", path=STRING),
)
"""`readfilepath` splits in two ways."""
