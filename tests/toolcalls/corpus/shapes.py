"""Catalogue 59 to 75: the shape of a call object and the types of its arguments."""

from __future__ import annotations

from typing import Any

from tests.toolcalls.corpus import forms
from tests.toolcalls.corpus.case import EITHER, Case, good, reask, repair, trap
from tests.toolcalls.corpus.json_body import call, named
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, GITHUB, TYPED

VIEW = ("view", {"file": "a"})
SH = ("sh", {"cmd": "id"})
STATUS = ("status", {})
WRITE = ("write_file", {"path": "a.py", "content": 'x = "1"\n'})
EDITS: dict[str, Any] = {"path": "a", "edits": [{"old_string": "x", "new_string": 'y"'}]}
GREP: dict[str, Any] = {"pattern": "x"}


def cases() -> list[Case]:
    return [
        *_strings(),
        *_keys(),
        *_wrappers(),
        *_missing(),
        *_scalars(),
        *_words(),
        *_containers(),
        *_enums(),
    ]


def _strings() -> list[Case]:
    """59, 60, 68: JSON inside a string."""
    dumps = forms.dumps
    edits = dumps({"path": "a", "edits": dumps(EDITS["edits"])})
    todos = [{"content": "read", "status": "pending"}]
    labels = {"owner": "o", "repo": "r", "title": "t", "labels": ["bug"]}
    listed = dumps([{"name": "sh", "arguments": {"cmd": "id"}}])
    openai = dumps([{"type": "function", "function": {"name": "view", "arguments": {"file": "a"}}}])
    text = ("save", {"file": "a.json", "text": '{"name": "sh", "arguments": "{}"}'})
    return [
        repair("arguments-string", 59, named("sh", dumps('{"cmd": "id"}')), CATALOGUE, SH),
        repair(
            "arguments-string-write", 59, named("write_file", dumps(dumps(WRITE[1]))), FILES, WRITE
        ),
        repair("arguments-string-empty", 59, named("status", dumps("{}")), CATALOGUE, STATUS),
        repair("edits-string", 60, named("multi_edit", edits), TYPED, ("multi_edit", EDITS)),
        repair(
            "todos-string",
            60,
            named("todo_write", dumps({"todos": dumps(todos)})),
            TYPED,
            ("todo_write", {"todos": todos}),
        ),
        repair(
            "labels-string",
            60,
            named("create_issue", dumps({**labels, "labels": '["bug"]'})),
            GITHUB,
            ("create_issue", labels),
        ),
        repair("calls-string", 68, call(dumps({"tool_calls": listed})), CATALOGUE, SH),
        repair("calls-string-openai", 68, call(dumps({"tool_calls": openai})), CATALOGUE, VIEW),
        repair("call-string", 68, call(dumps(forms.call_object(*WRITE))), FILES, WRITE),
        trap("json-stays-text", 60, forms.hermes(text), CATALOGUE, text),
        trap("json-stays-text-xml", 60, forms.xml(text), CATALOGUE, text),
    ]


def _keys() -> list[Case]:
    """61 to 64."""
    found = []
    for i, (name, args) in enumerate(
        (
            ("name", "parameters"),
            ("name", "input"),
            ("name", "args"),
            ("tool", "arguments"),
            ("tool", "args"),
            ("tool", "parameters"),
        )
    ):
        raw = call(forms.dumps({name: WRITE[0], args: WRITE[1]}))
        found.append(repair(f"keys-{i}", 61, raw, FILES, WRITE))
    for i, (want, tools) in enumerate(
        ((SH, CATALOGUE), (WRITE, FILES), (("grep", {**GREP, "context": 2}), TYPED))
    ):
        name, args = want
        function = {"name": name, "arguments": args}
        as_string = {"name": name, "arguments": forms.dumps(args)}
        found += [
            repair(f"flat-{i}", 62, call(forms.dumps({"name": name, **args})), tools, want),
            repair(
                f"openai-{i}",
                63,
                call(forms.dumps({"type": "function", "function": function})),
                tools,
                want,
            ),
            repair(
                f"openai-list-{i}",
                63,
                call(
                    forms.dumps(
                        {
                            "tool_calls": [
                                {"id": "call_1", "type": "function", "function": as_string}
                            ]
                        }
                    )
                ),
                tools,
                want,
            ),
            repair(f"name-as-key-{i}", 64, call(forms.dumps({name: args})), tools, want),
        ]
    unknown = '{"name": "sh", "cmd": "id", "sudo": true}'
    return [*found, reask("flat-unknown", 62, call(unknown), CATALOGUE)]


def _wrappers() -> list[Case]:
    """65, 67, 69."""
    found = []
    for i, (want, tools) in enumerate(((SH, CATALOGUE), (WRITE, FILES))):
        name, args = want[0], forms.dumps(want[1])
        found += [
            repair(f"double-{i}", 65, named(name, f'{{"arguments": {args}}}'), tools, want),
            repair(f"list-of-one-{i}", 65, named(name, f"[{args}]"), tools, want),
            repair(f"under-input-{i}", 65, named(name, f'{{"input": {args}}}'), tools, want),
            repair(
                f"name-key-{i}",
                67,
                call(f'{{"name":": "{name}", "arguments": {args}}}'),
                tools,
                want,
            ),
        ]
    args = '"arguments": {"file": "a"}'
    refresh = '{"name":": "refresh", "arguments": {}}'
    return [
        *found,
        repair("name-key-none", 67, call(refresh), TYPED, ("refresh", {})),
        reask("names-differ", 69, call(f'{{"name": "view", "name": "sh", {args}}}'), CATALOGUE),
        reask("name-missing", 69, call(f"{{{args}}}"), CATALOGUE),
        reask("name-missing-flat", 69, call('{"file": "a"}'), CATALOGUE),
        reask("name-null", 69, call(f'{{"name": null, {args}}}'), CATALOGUE),
        reask("name-empty", 69, call(f'{{"name": "", {args}}}'), CATALOGUE),
    ]


def _missing() -> list[Case]:
    """66: no arguments at all."""
    return [
        repair("no-arguments", 66, call('{"name": "status"}'), CATALOGUE, STATUS, verdict=EITHER),
        repair(
            "null-arguments",
            66,
            call('{"name": "status", "arguments": null}'),
            CATALOGUE,
            STATUS,
            verdict=EITHER,
        ),
        repair(
            "no-arguments-camel",
            66,
            call('{"name": "getStatus"}'),
            CAMEL,
            ("getStatus", {}),
            verdict=EITHER,
        ),
        good("empty-arguments", named("get_me", "{}"), GITHUB, ("get_me", {})),
        reask("no-arguments-needed", 66, call('{"name": "sh"}'), CATALOGUE),
        reask("null-arguments-needed", 66, call('{"name": "view", "arguments": null}'), CATALOGUE),
        reask("empty-arguments-needed", 66, named("write_file", "{}"), FILES),
    ]


def _scalars() -> list[Case]:
    """70 and 71: numbers and booleans as strings."""
    sh = ("sh", {"cmd": "make", "secs": 30})
    option = ("set_option", {"key": "k", "value": 0.5, "enabled": True})
    comment = ("add_comment", {"issue_number": 42, "body": "7"})
    edit = (
        "edit_file",
        {"path": "a", "old_string": "1", "new_string": "2", "replace_all": False},
    )
    text = ("save", {"file": "1", "text": "2.0"})
    return [
        repair("number-string", 70, named("sh", '{"cmd": "make", "secs": "30"}'), CATALOGUE, sh),
        repair("whole-float", 70, named("sh", '{"cmd": "make", "secs": 30.0}'), CATALOGUE, sh),
        repair(
            "number-and-bool-string",
            70,
            named("set_option", '{"key": "k", "value": "0.5", "enabled": "true"}'),
            TYPED,
            option,
        ),
        repair(
            "issue-number-string",
            70,
            named("add_comment", '{"issue_number": "42", "body": "7"}'),
            GITHUB,
            comment,
        ),
        repair(
            "false-string",
            70,
            named("edit_file", forms.dumps({**edit[1], "replace_all": "false"})),
            FILES,
            edit,
        ),
        trap("digits-stay-text", 70, forms.hermes(text), CATALOGUE, text),
        trap("digits-stay-text-xml", 70, forms.xml(text), CATALOGUE, text),
        reask("number-word", 71, named("sh", '{"cmd": "id", "secs": "soon"}'), CATALOGUE),
        reask("number-unit", 71, named("sh", '{"cmd": "id", "secs": "30s"}'), CATALOGUE),
        reask("number-word-xml", 71, forms.xml(("sh", {"cmd": "id", "secs": "soon"})), CATALOGUE),
        reask("number-fraction", 71, named("sh", '{"cmd": "id", "secs": 2.5}'), CATALOGUE),
        reask(
            "bool-word",
            71,
            named("set_option", '{"key": "k", "value": 1, "enabled": "maybe"}'),
            TYPED,
        ),
    ]


def _words() -> list[Case]:
    """72: words that are only words."""
    found = []
    for i, word in enumerate(("null", "None", "none", "true", "0042", "{}", '["a"]', "undefined")):
        want = ("save", {"file": "a", "text": word})
        found += [
            trap(f"word-json-{i}", 72, forms.hermes(want), CATALOGUE, want),
            trap(f"word-xml-{i}", 72, forms.xml(want), CATALOGUE, want),
        ]
    sh = ("sh", {"cmd": "null"})
    return [
        *found,
        trap("word-glm", 72, forms.glm(sh), CATALOGUE, sh),
        trap("word-dsml", 72, forms.dsml(sh), CATALOGUE, sh),
        trap("word-minimax", 72, forms.minimax(sh), CATALOGUE, sh),
        repair(
            "optional-null",
            72,
            named("sh", '{"cmd": "id", "secs": null}'),
            CATALOGUE,
            SH,
            verdict=EITHER,
        ),
        reask("required-null", 72, named("sh", '{"cmd": null}'), CATALOGUE),
    ]


def _containers() -> list[Case]:
    """73 and 74: one for many, many for one."""
    ignore = ("grep", {**GREP, "ignore": ["*.o"]})
    todo = {"content": "read", "status": "pending"}
    issue = {"owner": "o", "repo": "r", "title": "t", "labels": ["bug"]}
    return [
        repair(
            "scalar-for-list",
            73,
            named("grep", '{"pattern": "x", "ignore": "*.o"}'),
            TYPED,
            ignore,
        ),
        repair(
            "object-for-list",
            73,
            named("multi_edit", forms.dumps({**EDITS, "edits": EDITS["edits"][0]})),
            TYPED,
            ("multi_edit", EDITS),
        ),
        repair(
            "todo-for-list",
            73,
            named("todo_write", forms.dumps({"todos": todo})),
            TYPED,
            ("todo_write", {"todos": [todo]}),
        ),
        repair(
            "label-for-list",
            73,
            named("create_issue", forms.dumps({**issue, "labels": "bug"})),
            GITHUB,
            ("create_issue", issue),
        ),
        reask("list-for-command", 74, named("sh", '{"cmd": ["ls", "-la"]}'), CATALOGUE),
        reask("list-for-command-long", 74, named("run_command", '{"command": ["id"]}'), FILES),
        reask(
            "object-for-text",
            74,
            named("write_file", '{"path": "package.json", "content": {"name": "demo", "n": 1}}'),
            FILES,
        ),
        reask("number-for-text", 74, named("save", '{"file": "n", "text": {"a": []}}'), CATALOGUE),
        reask("list-for-number", 74, named("sh", '{"cmd": "id", "secs": [1, 2]}'), CATALOGUE),
    ]


def _enums() -> list[Case]:
    """75."""
    pulls = {"owner": "o", "repo": "r", "state": "all"}
    todo = {"todos": [{"content": "x", "status": "completed"}]}
    xml = forms.xml(("list_pull_requests", {**pulls, "state": "ALL"}))
    return [
        repair(
            "enum-case",
            75,
            named("grep", '{"pattern": "x", "output_mode": "Files"}'),
            TYPED,
            ("grep", {"pattern": "x", "output_mode": "files"}),
        ),
        repair("enum-upper", 75, xml, GITHUB, ("list_pull_requests", pulls)),
        repair(
            "enum-nested",
            75,
            named("todo_write", '{"todos": [{"content": "x", "status": "Completed"}]}'),
            TYPED,
            ("todo_write", todo),
        ),
        reask(
            "enum-unknown",
            75,
            named("grep", '{"pattern": "x", "output_mode": "matches"}'),
            TYPED,
        ),
        reask(
            "enum-near",
            75,
            named("list_pull_requests", '{"owner": "o", "repo": "r", "state": "close"}'),
            GITHUB,
        ),
        reask(
            "enum-nested-unknown",
            75,
            named("todo_write", '{"todos": [{"content": "x", "status": "done"}]}'),
            TYPED,
        ),
    ]
