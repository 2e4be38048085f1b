"""Catalogue 76 to 86: names of tools and arguments."""

from __future__ import annotations

from tests.toolcalls.corpus import forms
from tests.toolcalls.corpus.case import EITHER, Case, good, reask, repair, trap
from tests.toolcalls.corpus.json_body import call, named
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, GITHUB, TWINS, TYPED

VIEW = ("view", {"file": "a"})
SH = ("sh", {"cmd": "id"})
READ = ("read_file", {"path": "a.py"})
RUN = ("run_command", {"command": "ls"})
WRITE = ("write_file", {"path": "a.py", "content": "x = 1\n"})
EDIT = ("edit_file", {"path": "a.py", "old_string": "x", "new_string": ""})
SEARCH = ("searchCode", {"query": "x"})


def cases() -> list[Case]:
    return [
        *_spelling(),
        *_affixes(),
        *_trimmed(),
        *_invented(),
        *_aliases(),
        *_conflicts(),
        *_annotations(),
        *_missing(),
    ]


def _spelling() -> list[Case]:
    """76."""
    found = []
    for i, (name, want, tools) in enumerate(
        (
            ("View", VIEW, CATALOGUE),
            ("SH", SH, CATALOGUE),
            ("readFile", READ, FILES),
            ("ReadFile", READ, FILES),
            ("read-file", READ, FILES),
            ("Read_File", READ, FILES),
            ("search_code", SEARCH, CAMEL),
            ("SearchCode", SEARCH, CAMEL),
            ("search-code", SEARCH, CAMEL),
        )
    ):
        args = want[1]
        found += [
            repair(f"spelling-json-{i}", 76, forms.hermes((name, args)), tools, want),
            repair(f"spelling-xml-{i}", 76, forms.xml((name, args)), tools, want),
        ]
    path = {"path": "a"}
    return [
        *found,
        reask("spelling-two-candidates", 76, forms.hermes(("ReadFile", path)), TWINS),
        reask("spelling-two-candidates-hyphen", 76, forms.hermes(("read-file", path)), TWINS),
        good("spelling-exact-of-two", forms.hermes(("readFile", path)), TWINS, ("readFile", path)),
    ]


def _affixes() -> list[Case]:
    """77, 79 and 80."""
    found = []
    for i, prefix in enumerate(
        ("functions.", "function.", "tools.", "tool.", "default_api.", "api.")
    ):
        raw = forms.hermes((prefix + "read_file", READ[1]))
        found.append(repair(f"prefix-{i}", 77, raw, FILES, READ))
    for i, suffix in enumerate(("_direct", "_tool", "_function", "_func", "_call")):
        raw = forms.hermes(("read_file" + suffix, READ[1]))
        found.append(repair(f"suffix-{i}", 80, raw, FILES, READ))
    for i, tail in enumerate(
        ("<|channel|>commentary", "<|channel|>json", "<|constrain|>json", "<|message|>")
    ):
        found.append(repair(f"marker-{i}", 79, forms.hermes(("sh" + tail, SH[1])), CATALOGUE, SH))
    xml_prefix = forms.xml(("functions.run_command", RUN[1]))
    python = f"<|python_start|>[{forms.python('default_api.view', VIEW[1])}]<|python_end|>"
    to = "<|channel|>commentary to=functions.sh<|channel|>commentary <|constrain|>json<|message|>"
    return [
        *found,
        repair("prefix-xml", 77, xml_prefix, FILES, RUN),
        repair("prefix-python", 77, python, CATALOGUE, VIEW),
        repair("suffix-xml", 80, forms.xml(("run_command_direct", RUN[1])), FILES, RUN),
        repair(
            "marker-in-recipient", 79, f'{to}{{"cmd": "id"}}<|call|>', CATALOGUE, SH, verdict=EITHER
        ),
        reask("prefix-not-listed", 77, forms.hermes(("mylib.read_file", READ[1])), FILES),
        reask("suffix-not-listed", 80, forms.hermes(("read_file_v2", READ[1])), FILES),
    ]


def _trimmed() -> list[Case]:
    """78."""
    found = []
    for i, name in enumerate((" view", "view ", "\tview\n", "view()", "`view`", " `view` ")):
        found.append(repair(f"trim-{i}", 78, forms.hermes((name, VIEW[1])), CATALOGUE, VIEW))
    raw = forms.xml(VIEW).replace("=view>", "=view()>")
    return [*found, repair("trim-xml", 78, raw, CATALOGUE, VIEW)]


def _invented() -> list[Case]:
    """81 and 82."""
    found = []
    for i, (name, args, tools) in enumerate(
        (
            ("views", {"file": "a"}, CATALOGUE),
            ("vie", {"file": "a"}, CATALOGUE),
            ("read_files", {"path": "a"}, FILES),
            ("open_file", {"path": "a"}, FILES),
            ("bash", {"command": "ls"}, FILES),
            ("execute_command", {"command": "ls"}, FILES),
            ("readFil", {"filePath": "a"}, CAMEL),
            ("create_pull_request", {"owner": "o", "repo": "r", "title": "t"}, GITHUB),
        )
    ):
        found.append(reask(f"invented-{i}", 81, forms.hermes((name, args)), tools))
        found.append(reask(f"invented-xml-{i}", 81, forms.xml((name, args)), tools))
    both = forms.hermes(READ, ("open_file", {"path": "b"}), RUN)
    return [
        *found,
        reask("invented-between", 81, both, FILES, READ),
        reask("invented-first", 81, forms.hermes(("open_file", {"path": "b"}), RUN), FILES),
        reask("name-with-arguments", 82, call('{"name": "sh(cmd=\'id\')"}'), CATALOGUE),
        reask(
            "name-with-arguments-empty",
            82,
            call('{"name": "sh(cmd=\\"id\\")", "arguments": {}}'),
            CATALOGUE,
        ),
        reask(
            "name-with-glm-key",
            82,
            call('{"name": "read_file<arg_key>path", "arguments": {}}'),
            FILES,
        ),
        reask(
            "name-with-words",
            82,
            call('{"name": "view the file a.ml", "arguments": {}}'),
            CATALOGUE,
        ),
    ]


def _aliases() -> list[Case]:
    """83."""
    found = []
    for i, (alias, want, key) in enumerate(
        (
            ("file", READ, "path"),
            ("file_path", READ, "path"),
            ("filePath", READ, "path"),
            ("filename", READ, "path"),
            ("absolute_path", READ, "path"),
            ("cmd", RUN, "command"),
            ("shell_command", RUN, "command"),
            ("text", WRITE, "content"),
            ("file_text", WRITE, "content"),
            ("contents", WRITE, "content"),
            ("old_str", EDIT, "old_string"),
            ("oldString", EDIT, "old_string"),
            ("new_text", EDIT, "new_string"),
            ("newString", EDIT, "new_string"),
        )
    ):
        args = {alias if k == key else k: v for k, v in want[1].items()}
        found.append(repair(f"alias-{i}", 83, forms.hermes((want[0], args)), FILES, want))
        if i % 3 == 0:
            found.append(repair(f"alias-xml-{i}", 83, forms.xml((want[0], args)), FILES, want))
    every = {"file": "a.py", "old": "x", "new": ""}
    grep = ("grep", {"pattern": "a.b"})
    camel = ("readFile", {"filePath": "a.ts", "startLine": 3})
    return [
        *found,
        repair("alias-three", 83, forms.hermes(("edit_file", every)), FILES, EDIT),
        repair("alias-pattern", 83, named("grep", '{"regex": "a.b"}'), TYPED, grep),
        repair(
            "snake-for-camel",
            83,
            named("readFile", '{"file_path": "a.ts", "start_line": 3}'),
            CAMEL,
            camel,
        ),
    ]


def _conflicts() -> list[Case]:
    """84."""
    return [
        reask("alias-and-name", 84, named("read_file", '{"path": "a", "file_path": "b"}'), FILES),
        reask("alias-twice", 84, named("read_file", '{"file_path": "a", "filename": "b"}'), FILES),
        reask(
            "alias-twice-command",
            84,
            named("run_command", '{"cmd": "a", "bash_command": "b"}'),
            FILES,
        ),
        reask(
            "extra-append",
            84,
            named("write_file", forms.dumps({**WRITE[1], "append": True})),
            FILES,
        ),
        reask("extra-dry-run", 84, named("sh", '{"cmd": "rm -r x", "dry_run": true}'), CATALOGUE),
        reask("extra-xml", 84, forms.xml(("view", {"file": "a", "revision": "HEAD~1"})), CATALOGUE),
        reask("extra-cwd", 84, named("run_command", '{"command": "ls", "cwd": "/tmp"}'), FILES),
    ]


def _annotations() -> list[Case]:
    """85."""
    found = []
    for i, key in enumerate(
        ("description", "explanation", "reason", "thought", "rationale", "justification", "summary")
    ):
        raw = named("run_command", forms.dumps({"command": "ls", key: "List the files"}))
        found.append(repair(f"annotation-{i}", 85, raw, FILES, RUN))
    label = ("create_label", {"name": "bug", "description": "Something is broken"})
    xml = forms.xml(("view", {"file": "a", "reason": "to see it"}))
    return [
        *found,
        repair("annotation-xml", 85, xml, CATALOGUE, VIEW),
        trap("annotation-declared", 85, forms.hermes(label), GITHUB, label),
        trap("annotation-declared-xml", 85, forms.xml(label), GITHUB, label),
    ]


def _missing() -> list[Case]:
    """86."""
    return [
        reask("missing-content", 86, named("write_file", '{"path": "a.py"}'), FILES),
        reask("missing-content-xml", 86, forms.xml(("write_file", {"path": "a.py"})), FILES),
        reask("missing-two", 86, named("edit_file", '{"path": "a.py"}'), FILES),
        reask("missing-required-only", 86, named("sh", '{"secs": 5}'), CATALOGUE),
        reask(
            "missing-nested",
            86,
            named("multi_edit", '{"path": "a", "edits": [{"old_string": "x"}]}'),
            TYPED,
        ),
        reask(
            "missing-after-call", 86, forms.hermes(READ, ("write_file", {"path": "b"})), FILES, READ
        ),
        reask("missing-glm", 86, forms.glm(("save", {"file": "a"})), CATALOGUE),
    ]
