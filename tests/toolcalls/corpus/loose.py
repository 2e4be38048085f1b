"""Catalogue 96: calls without an envelope, where they count and where they do not."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, NOTHING, Case, plain, reask, repair, trap
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, CODE, FILES, TYPED

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "dune build", "secs": 60})
STATUS = ("status", {})
SAVE = ("save", {"file": "m.py", "text": payloads.PYTHON + "\n"})
RUST = ("write_file", {"path": "src/main.rs", "content": payloads.RUST})
GREP = ("grep", {"pattern": "fn main", "context": 2, "case_sensitive": True})
SEARCH = ("searchCode", {"query": "TODO", "maxResults": 3})
MARKDOWN = ("write_file", {"path": "README.md", "content": payloads.MARKDOWN + "\n"})
CALLS = (
    ("view", VIEW, CATALOGUE),
    ("status", STATUS, CATALOGUE),
    ("python", SAVE, CATALOGUE),
    ("rust", RUST, FILES),
    ("markdown", MARKDOWN, FILES),
    ("grep", GREP, TYPED),
    ("camel", SEARCH, CAMEL),
)
LEAD = "I will do that now.\n\n"


def cases() -> list[Case]:
    return [
        *_forms(),
        *_several(),
        *_python(),
        *_named(),
        *_broken(),
        *_not_declared(),
        *_not_last(),
        *_envelope_wins(),
    ]


def _forms() -> list[Case]:
    found = []
    for name, call, tools in CALLS:
        bare, args = forms.bare_json(call), forms.dumps(call[1])
        found += [
            repair(f"loose-fence-{name}", 96, forms.fence(call), tools, call),
            repair(f"loose-fence-lead-{name}", 96, LEAD + forms.fence(call), tools, call),
            repair(f"loose-bare-{name}", 96, bare, tools, call),
            repair(f"loose-bare-lead-{name}", 96, LEAD + bare, tools, call),
            repair(f"loose-python-{name}", 96, forms.python(*call), tools, call),
            repair(
                f"loose-tool-code-{name}", 96, forms.tool_code(call), tools, call, verdict=EITHER
            ),
            repair(f"loose-react-{name}", 96, forms.react(*call), tools, call, verdict=EITHER),
            repair(f"loose-name-json-{name}", 96, f"{call[0]} {args}", tools, call),
            repair(f"loose-calling-{name}", 96, f"Calling tool: {call[0]}({args})", tools, call),
        ]
    return found


def _several() -> list[Case]:
    pretty = '{\n  "name": "view",\n  "arguments": {\n    "file": "lib/a.ml"\n  }\n}'
    llama = forms.call_object(*VIEW, key="parameters")
    thought = "Thought: I need the source before I change it."
    react = f"{thought}\n{forms.react(*VIEW)}"
    return [
        repair("loose-bare-two", 96, forms.bare_json(VIEW, SH), CATALOGUE, VIEW, SH),
        repair("loose-bare-pretty", 96, pretty, CATALOGUE, VIEW),
        repair("loose-bare-llama", 96, llama, CATALOGUE, VIEW),
        repair("loose-fence-pretty", 96, f"```json\n{pretty}\n```", CATALOGUE, VIEW),
        repair(
            "loose-fence-no-language", 96, f"```\n{forms.bare_json(VIEW)}\n```", CATALOGUE, VIEW
        ),
        repair("loose-python-two", 96, forms.python_lines(VIEW, SH), CATALOGUE, VIEW, SH),
        repair("loose-python-lead", 96, LEAD + forms.python_lines(SAVE), CATALOGUE, SAVE),
        repair(
            "loose-tool-code-two",
            96,
            LEAD + forms.tool_code(VIEW, SH),
            CATALOGUE,
            VIEW,
            SH,
            verdict=EITHER,
        ),
        repair("loose-react-thought", 96, react, CATALOGUE, VIEW, verdict=EITHER, text=thought),
        repair(
            "loose-react-observation",
            96,
            f"{react}\nObservation:",
            CATALOGUE,
            VIEW,
            verdict=EITHER,
        ),
        repair(
            "loose-number-string",
            96,
            '{"name": "sh", "arguments": {"cmd": "dune build", "secs": "60"}}',
            CATALOGUE,
            SH,
        ),
    ]


def _python() -> list[Case]:
    """Literals as Python writes them."""
    ml = ("view", {"file": "lib/a.ml"})
    text = 'import os\n\nprint("cwd", os.getcwd())\n'
    write = ("write_file", {"path": "a.py", "content": text})
    path = ("view", {"file": r"C:\new\table"})
    grep = ("grep", {"pattern": "x", "case_sensitive": False, "ignore": ["a", "b"]})
    return [
        repair("loose-python-single", 96, "view(file='lib/a.ml')", CATALOGUE, ml),
        repair("loose-python-positional", 96, 'view("lib/a.ml")', CATALOGUE, ml),
        repair(
            "loose-python-positional-then-key",
            96,
            'sh("dune build", secs=60)',
            CATALOGUE,
            SH,
        ),
        repair(
            "loose-python-triple",
            96,
            f'write_file(path="a.py", content="""{text}""")',
            FILES,
            write,
        ),
        repair("loose-python-raw", 96, 'view(file=r"C:\\new\\table")', CATALOGUE, path),
        repair(
            "loose-python-lines",
            96,
            'grep(\n    pattern="x",\n    case_sensitive=False,\n    ignore=["a", "b"],\n)',
            TYPED,
            grep,
        ),
        reask(
            "loose-python-positional-two",
            96,
            'save("m.py", "x = 1")',
            CATALOGUE,
            verdict=NOTHING,
        ),
        reask(
            "loose-python-expression",
            96,
            'view(file="lib/" + name + ".ml")',
            CATALOGUE,
            verdict=NOTHING,
        ),
        reask("loose-python-nested", 96, 'view(file=sh(cmd="ls"))', CATALOGUE, verdict=NOTHING),
    ]


def _named() -> list[Case]:
    """`name {json}` and its like after a lead."""
    args = '{"file": "lib/a.ml"}'
    return [
        repair("loose-name-json-lead", 96, f"{LEAD}view {args}", CATALOGUE, VIEW),
        repair("loose-calling-lead", 96, f"{LEAD}Calling tool: view({args})", CATALOGUE, VIEW),
        reask("loose-name-json-open", 96, 'view {"file": "lib/a', CATALOGUE, verdict=NOTHING),
        reask(
            "loose-calling-open", 96, 'Calling tool: view({"file": "li', CATALOGUE, verdict=NOTHING
        ),
    ]


def _broken() -> list[Case]:
    """Names a declared tool and cannot be taken as it stands: ask again."""
    found = []
    for i, (raw, tools) in enumerate(
        (
            ('{"name": "view", "arguments": {"file": "lib/a.ml"', CATALOGUE),
            ('{"name": "view", "arguments": {"file": "lib/a.ml",}}', CATALOGUE),
            ('{"name": "write_file", "arguments": {"path": "a.py"}}', FILES),
            ('{"name": "write_file", "arguments": {"path": "a", "content": {"b": 1}}}', FILES),
            ('{"name": "sh", "arguments": {"cmd": "id", "sudo": true}}', CATALOGUE),
            ('{"name": "sh", "arguments": {"cmd": "id", "secs": "soon"}}', CATALOGUE),
            ('{"name": "read_file", "arguments": {"file_path": "a.py"}}', FILES),
        )
    ):
        found += [
            reask(f"loose-broken-{i}", 96, raw, tools),
            reask(f"loose-broken-fence-{i}", 96, f"{LEAD}```json\n{raw}\n```", tools),
        ]
    return found


def _not_declared() -> list[Case]:
    found = []
    for i, raw in enumerate(
        (
            '{"name": "open_file", "arguments": {"path": "a.py"}}',
            '```json\n{"name": "open_file", "arguments": {"path": "a.py"}}\n```',
            'open_file(path="a.py")',
            'Action: open_file\nAction Input: {"path": "a.py"}',
            '{"name": "cd", "arguments": {"path": "a.py"}}',
        )
    ):
        found.append(plain(f"loose-undeclared-{i}", 96, raw, FILES, verdict=NOTHING, text=None))
    return found


def _not_last() -> list[Case]:
    """Something follows: it was an illustration."""
    after = "\n\nThis opens the module; run it when you are ready."
    found = []
    for name, raw in (
        ("fence", forms.fence(VIEW)),
        ("bare", forms.bare_json(VIEW)),
        ("python-fence", f"```python\n{forms.python(*VIEW)}\n```"),
        ("save", forms.fence(SAVE)),
    ):
        found.append(plain(f"loose-then-prose-{name}", 97, LEAD + raw + after, CATALOGUE))
    return found


def _envelope_wins() -> list[Case]:
    """A looser form next to an envelope is text."""
    rm = ("sh", {"cmd": "rm -rf _build"})
    fence = f"Not this:\n\n{forms.fence(rm)}\n\nbut this:\n\n{forms.hermes(VIEW)}"
    python = f"`{forms.python(*rm)}` is too much.\n\n{forms.xml(VIEW)}"
    code = f"```python\n{forms.python(*rm)}\n```\n\n{forms.mistral_args(VIEW)}"
    broken = f'{forms.fence(VIEW)}\n\n<tool_call>\n{{"name": "sh", "arguments": {{"cmd": "d'
    return [
        trap("envelope-after-fence", 96, fence, CATALOGUE, VIEW),
        trap("envelope-after-python", 96, python, CATALOGUE, VIEW),
        trap("envelope-after-python-fence", 96, code, CATALOGUE, VIEW),
        reask("broken-envelope-after-fence", 96, broken, CATALOGUE),
        plain(
            "loose-in-code-mode",
            97,
            'Run this yourself:\n\n```python\nexecute_code("print(1)")\n```\n\nIt prints 1.',
            CODE,
        ),
    ]
