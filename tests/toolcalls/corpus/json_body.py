"""Catalogue 43 to 58: JSON that is not quite JSON."""

from __future__ import annotations

from typing import Any

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, Want, reask, repair, trap
from tests.toolcalls.corpus.tools import CATALOGUE, CODE, FILES, TYPED

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "id"})
A = ("view", {"file": "a"})


def cases() -> list[Case]:
    return [
        *_commas(),
        *_python_style(),
        *_strings(),
        *_inner_quotes(),
        *_brackets(),
        *_loose_syntax(),
        *_escaped_twice(),
        *_duplicates(),
    ]


def call(body: str) -> str:
    """A Hermes call around a body that is written out."""
    return f"<tool_call>\n{body}\n</tool_call>"


def named(name: str, args: str) -> str:
    return call(f'{{"name": "{name}", "arguments": {args}}}')


def save(text: str, file: str = "a.py") -> Want:
    return ("save", {"file": file, "text": text})


def write(content: str, path: str = "a.py") -> Want:
    return ("write_file", {"path": path, "content": content})


def _commas() -> list[Case]:
    """43 and 53."""
    python = forms.hermes(save(payloads.PYTHON))
    grep: dict[str, Any] = {"pattern": "x", "ignore": ["a", "b"]}
    return [
        repair("comma-after-argument", 43, named("view", '{"file": "lib/a.ml",}'), CATALOGUE, VIEW),
        repair(
            "comma-after-arguments",
            43,
            call('{"name": "sh", "arguments": {"cmd": "id"},}'),
            CATALOGUE,
            SH,
        ),
        repair(
            "comma-in-list",
            43,
            named("grep", '{"pattern": "x", "ignore": ["a", "b",],}'),
            TYPED,
            ("grep", grep),
        ),
        repair(
            "comma-after-python",
            43,
            python.replace('"}}\n</tool_call>', '",\n}}\n</tool_call>'),
            CATALOGUE,
            save(payloads.PYTHON),
        ),
        repair(
            "comma-missing",
            53,
            named("save", '{"file": "a.py" "text": "b, c"}'),
            CATALOGUE,
            save("b, c"),
        ),
        repair(
            "comma-missing-line",
            53,
            call('{"name": "sh"\n "arguments": {"cmd": "id"\n "secs": 5}}'),
            CATALOGUE,
            ("sh", {"cmd": "id", "secs": 5}),
        ),
        # Two items, one item with quotes inside, or a concatenation: nobody can say.
        reask(
            "comma-missing-list",
            53,
            named("grep", '{"pattern": "x", "ignore": ["a" "b"]}'),
            TYPED,
        ),
    ]


def _python_style() -> list[Case]:
    """44 and 45."""
    single = "{'name': 'save', 'arguments': {'file': 'a.py', 'text': 'print(\"hi\")\\n'}}"
    option = {"key": "depth", "value": 3, "enabled": True}
    xml = forms.xml(("set_option", option))
    grep = ("grep", {"pattern": "x", "case_sensitive": False})
    assign = ("assign", {"task": 7, "assignee": None})
    word = ("save", {"file": "True", "text": "None"})
    return [
        repair(
            "single-quotes-arguments", 44, named("view", "{'file': 'lib/a.ml'}"), CATALOGUE, VIEW
        ),
        repair("single-quotes-inner", 44, call(single), CATALOGUE, save('print("hi")\n')),
        repair(
            "single-quotes-apostrophe",
            44,
            call("{'name': 'sh', 'arguments': {'cmd': 'echo it\\'s', 'secs': 3}}"),
            CATALOGUE,
            ("sh", {"cmd": "echo it's", "secs": 3}),
        ),
        repair(
            "single-quotes-mixed",
            44,
            call('{\'name\': "sh", \'arguments\': {"cmd": "echo it\'s"}}'),
            CATALOGUE,
            ("sh", {"cmd": "echo it's"}),
        ),
        repair(
            "python-words",
            45,
            named("set_option", '{"key": "depth", "value": 3, "enabled": True}'),
            TYPED,
            ("set_option", option),
        ),
        repair(
            "python-false",
            45,
            named("grep", '{"pattern": "x", "case_sensitive": False}'),
            TYPED,
            grep,
        ),
        repair("python-none", 45, named("assign", '{"task": 7, "assignee": None}'), TYPED, assign),
        repair(
            "python-words-xml",
            45,
            xml.replace("\ntrue\n", "\nTrue\n"),
            TYPED,
            ("set_option", option),
            verdict=EITHER,
        ),
        repair(
            "python-false-xml",
            45,
            forms.xml(grep).replace("\nfalse\n", "\nFalse\n"),
            TYPED,
            grep,
            verdict=EITHER,
        ),
        trap("python-words-are-text", 45, forms.hermes(word), CATALOGUE, word),
        trap("python-words-are-text-xml", 45, forms.xml(word), CATALOGUE, word),
    ]


def _strings() -> list[Case]:
    """46, 47 and 50: what stands inside a string."""
    found = []
    for name, text in (
        ("python", "def f(x):\n\n    return {x: [1]}\n"),
        ("make", "all:\n\tcc -o a a.c\n\t./a\n"),
        ("prose", "One,\n two: {three}\r\n\nfour </x>."),
    ):
        raw = named("save", f'{{"file": "a.py", "text": "{text}"}}')
        found.append(repair(f"raw-newlines-{name}", 46, raw, CATALOGUE, save(text)))
    for i, (body, text) in enumerate(
        (
            (r"\w+\.rs", r"\w+\.rs"),
            (r"find . -name \*.o -exec rm {} \;", r"find . -name \*.o -exec rm {} \;"),
            (r"grep -E '^\d{3}\s+\[x\]' log", r"grep -E '^\d{3}\s+\[x\]' log"),
            (r"echo \$HOME \"a\"", 'echo \\$HOME "a"'),
        )
    ):
        raw = named("run_command", f'{{"command": "{body}"}}')
        found.append(
            repair(f"invalid-escape-{i}", 47, raw, FILES, ("run_command", {"command": text}))
        )
    valid = ("run_command", {"command": "grep '\\bx\\t' \\\\d"})
    triple = (
        ("save", '{"file": "a.py", "text": """a\nb"""}', CATALOGUE, save("a\nb")),
        (
            "save",
            '{"file": "a.py", "text": """print("hi")\n\nx = {}\n"""}',
            CATALOGUE,
            save('print("hi")\n\nx = {}\n'),
        ),
        (
            "execute_code",
            '{"code": """for f in files:\n    print(f, "ok")"""}',
            CODE,
            ("execute_code", {"code": 'for f in files:\n    print(f, "ok")'}),
        ),
    )
    for i, (name, args, tools, want) in enumerate(triple):
        found.append(repair(f"triple-quotes-{i}", 50, named(name, args), tools, want))
    return [*found, trap("escapes-are-valid", 47, forms.hermes(valid), FILES, valid)]


def _inner_quotes() -> list[Case]:
    """48 and 49: quotes that were not escaped."""
    found = []
    for i, (name, head, key, text, body, tools) in enumerate(
        (
            ("write_file", '"path": "a.py", ', "content", 'print("hi")', 'print("hi")', FILES),
            (
                "run_command",
                "",
                "command",
                'git commit -m "fix: parse"',
                'git commit -m "fix: parse"',
                FILES,
            ),
            ("execute_code", "", "code", 'print("done")', 'print("done")', CODE),
            (
                "write_file",
                '"path": "a.py", ',
                "content",
                'print("hi")\nprint("bye")\n',
                'print("hi")\\nprint("bye")\\n',
                FILES,
            ),
        )
    ):
        raw = call(f'{{"name": "{name}", "arguments": {{{head}"{key}": "{body}"}}}}')
        args = {"path": "a.py", key: text} if head else {key: text}
        found.append(repair(f"inner-quotes-{i}", 48, raw, tools, (name, args)))
    both = '{"path": "a.py", "old_string": "say("a")", "new_string": "say("b")"}'
    first = '{"content": "print("hi")", "path": "a.py"}'
    path = '{"path": "my "best" file.py", "content": "x = "1""}'
    return [
        *found,
        reask("inner-quotes-two", 49, named("edit_file", both), FILES),
        reask("inner-quotes-not-last", 49, named("write_file", first), FILES),
        reask("inner-quotes-path", 49, named("write_file", path), FILES),
    ]


def _brackets() -> list[Case]:
    """51 and 52."""
    found = []
    for name, want, tools in (
        ("view", VIEW, CATALOGUE),
        ("python", save(payloads.PYTHON), CATALOGUE),
        ("rust", write(payloads.RUST, "m.rs"), FILES),
    ):
        body = forms.call_object(*want)
        found += [
            repair(f"brace-missing-{name}", 51, call(body[:-1]), tools, want),
            repair(f"braces-missing-{name}", 51, call(body[:-2]), tools, want),
            repair(f"brace-extra-{name}", 52, call(body + "}"), tools, want),
            reask(f"string-open-{name}", 94, call(body[:-3]), tools),
        ]
    grep = ("grep", {"pattern": "x", "ignore": ["a"]})
    return [
        *found,
        repair("bracket-extra", 52, call(forms.call_object(*VIEW) + "}]"), CATALOGUE, VIEW),
        repair("braces-extra-two", 52, call(forms.call_object(*grep) + "}}"), TYPED, grep),
        reask(
            "brace-missing-length",
            51,
            f"<tool_call>\n{forms.call_object(*VIEW)[:-1]}",
            CATALOGUE,
            finish="length",
        ),
    ]


def _loose_syntax() -> list[Case]:
    """54 to 56."""
    rust = ("view", {"file": "a.rs"})
    ab = ("sh", {"cmd": "ab"})
    spaced = '{"name": "sh",\\n "arguments": {"cmd": "id",\\n "secs": 5}}'
    pretty = '{\\n  "name": "save",\\n  "arguments": {"file": "a.py", "text": "x\\ny"}\\n}'
    return [
        repair("keys-unquoted", 54, call('{name: "view", arguments: {file: "a"}}'), CATALOGUE, A),
        repair("value-unquoted", 54, named("view", "{file: a.rs}"), CATALOGUE, rust),
        repair("all-unquoted", 54, call("{name: view, arguments: {file: a.rs}}"), CATALOGUE, rust),
        repair(
            "comments",
            54,
            call('{\n  // read it\n  "name": "view", /* tool */\n  "arguments": {"file": "a"}\n}'),
            CATALOGUE,
            A,
        ),
        repair(
            "key-quote-dropped",
            54,
            call('{name": "view", "arguments": {file": "a"}}'),
            CATALOGUE,
            A,
        ),
        trap(
            "comment-in-string",
            54,
            forms.hermes(save("a = 1 // 2 /* x */ # {file: a}")),
            CATALOGUE,
            save("a = 1 // 2 /* x */ # {file: a}"),
        ),
        repair("literal-newline", 55, call(spaced), CATALOGUE, ("sh", {"cmd": "id", "secs": 5})),
        repair("literal-newline-pretty", 55, call(pretty), CATALOGUE, save("x\ny")),
        repair(
            "literal-newline-arguments",
            55,
            named("grep", '{"pattern": "x",\\n "context": 2}'),
            TYPED,
            ("grep", {"pattern": "x", "context": 2}),
        ),
        repair("concatenated", 56, named("sh", '{"cmd": "a" + "b"}'), CATALOGUE, ab),
        repair(
            "concatenated-lines",
            56,
            named("save", '{"file": "a.py", "text": "x = 1\\n" +\n  "y = 2\\n"}'),
            CATALOGUE,
            save("x = 1\ny = 2\n"),
        ),
        repair("backticks", 56, named("view", '{"file": `lib/a.ml`}'), CATALOGUE, VIEW),
        repair(
            "smart-quotes",
            56,
            call("{“name”: “view”, “arguments”: {“file”: “lib/a.ml”}}"),
            CATALOGUE,
            VIEW,
        ),
    ]


def _escaped_twice() -> list[Case]:
    """57: valid JSON stays as it is, however odd it looks."""
    found = []
    for i, text in enumerate(
        (
            "def f():\\n\\tx",
            payloads.LITERAL_ESCAPES,
            'echo \\"a\\" \\\\n',
            '{\\"a\\": \\"b\\\\n\\"}',
        )
    ):
        want = save(text)
        found += [
            trap(f"escaped-twice-{i}", 57, forms.hermes(want), CATALOGUE, want),
            trap(f"escaped-twice-xml-{i}", 57, forms.xml(want), CATALOGUE, want),
        ]
    return found


def _duplicates() -> list[Case]:
    """58: one key, two values."""
    xml = (
        "<tool_call>\n<function=view>\n<parameter=file>\na\n</parameter>\n<parameter=file>\nb\n"
        "</parameter>\n</function>\n</tool_call>"
    )
    glm = (
        "<tool_call>view\n<arg_key>file</arg_key>\n<arg_value>a</arg_value>\n"
        "<arg_key>file</arg_key>\n<arg_value>b</arg_value>\n</tool_call>"
    )
    return [
        reask("key-twice", 58, named("view", '{"file": "a", "file": "b"}'), CATALOGUE),
        reask(
            "key-twice-command",
            58,
            named("run_command", '{"command": "ls", "timeout": 5, "command": "rm -r out"}'),
            FILES,
        ),
        reask(
            "arguments-twice",
            58,
            call('{"name": "view", "arguments": {"file": "a"}, "arguments": {"file": "b"}}'),
            CATALOGUE,
        ),
        reask("parameter-twice", 58, xml, CATALOGUE),
        reask("arg-key-twice", 58, glm, CATALOGUE),
    ]
