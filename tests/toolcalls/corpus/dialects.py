"""Canonical calls of every dialect with an envelope: right as they stand."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, good
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, GITHUB, TYPED

GREP = {
    "pattern": r"TODO|FIXME\(\w+\)",
    "output_mode": "files",
    "ignore": ["*.o", "build/"],
    "case_sensitive": False,
    "context": 2,
}
EDITS = {
    "path": "src/app.py",
    "edits": [
        {"old_string": 'print "a"', "new_string": 'print("a")'},
        {"old_string": "x = {}\n", "new_string": "x: dict = {}\n"},
    ],
}
ISSUE = {
    "owner": "acme",
    "repo": "left-pad",
    "title": "pad() drops the last character of “wide” text",
    "body": "Steps:\n\n1. `pad('日本', 5)`\n2. see `</b>`\n",
    "labels": ["bug", "help wanted"],
}
READ = ("readFile", {"filePath": "src/App.tsx", "startLine": 40})
SEARCH = ("searchCode", {"query": 'fetch("/api', "maxResults": 5, "caseSensitive": True})

PICKS = {
    "hermes": "python rust json html unicode crlf escapes percent",
    "llama-json": "javascript regex c",
    "pythonic": "python escapes unicode",
    "mistral-list": "bash json rust",
    "mistral-args": "yaml html regex",
    "deepseek-v3": "markdown json c",
    "deepseek-v3.1": "python percent crlf",
    "kimi": "rust bash unicode",
    "harmony": "javascript json regex",
    "granite": "c yaml escapes",
    "dsml": "python html regex markdown",
    "dsml-v3.2": "rust percent",
    "glm": "javascript json yaml",
    "glm-tight": "python c",
    "gemma": "python json javascript",
    "function-gemma": "rust yaml html",
    "minimax": "markdown json bash",
}
EDGE_PICKS = {
    "hermes": "final-newline three-newlines leading-newline spaces empty",
    "llama-json": "final-newline",
    "pythonic": "tab-line",
    "mistral-list": "final-newline",
    "mistral-args": "crlf-end",
    "deepseek-v3": "final-newline",
    "deepseek-v3.1": "spaces",
    "kimi": "three-newlines",
    "harmony": "final-newline",
    "granite": "leading-newline",
}
MARKER_PICKS = {
    "hermes": "hermes xml think chatml mistral deepseek harmony response python-tag roles",
    "llama-json": "python-tag hermes roles",
    "pythonic": "python-tag xml",
    "mistral-list": "mistral think",
    "mistral-args": "mistral chatml",
    "deepseek-v3": "deepseek hermes",
    "deepseek-v3.1": "deepseek glm",
    "kimi": "hermes roles",
    "harmony": "xml invoke",
    "granite": "hermes response",
}
EXAMPLE_PICKS = {
    "hermes": "hermes xml invoke json python react",
    "llama-json": "json",
    "mistral-args": "hermes",
    "deepseek-v3.1": "json",
    "granite": "json",
    "harmony": "react",
}


def cases() -> list[Case]:
    return [*_payloads(), *_edges(), *_markers(), *_shapes(), *_xml(), *_variants()]


def _payloads() -> list[Case]:
    found = []
    for dialect, form in (forms.QUOTED | forms.INLINE).items():
        for pick in PICKS[dialect].split():
            call = ("write_file", {"path": f"src/{pick}.txt", "content": payloads.INLINE[pick]})
            found.append(good(f"{dialect}-{pick}", form(call), FILES, call, text=""))
    return found


def _edges() -> list[Case]:
    found = []
    for dialect, picks in EDGE_PICKS.items():
        for pick in picks.split():
            call = ("save", {"file": "out.txt", "text": payloads.EDGES[pick]})
            raw = forms.QUOTED[dialect](call)
            found.append(good(f"{dialect}-edge-{pick}", raw, CATALOGUE, call, text=""))
    return found


def _markers() -> list[Case]:
    """Markers inside quotes are text, in whatever dialect the call is."""
    found = []
    for dialect, picks in MARKER_PICKS.items():
        for pick in picks.split():
            call = ("save", {"file": "parse.py", "text": payloads.MARKERS[pick]})
            raw = forms.QUOTED[dialect](call)
            found.append(good(f"{dialect}-marker-{pick}", raw, CATALOGUE, call, text=""))
    for dialect, picks in EXAMPLE_PICKS.items():
        for pick in picks.split():
            call = ("save", {"file": "docs/calls.md", "text": payloads.EXAMPLES[pick]})
            raw = forms.QUOTED[dialect](call)
            found.append(good(f"{dialect}-example-{pick}", raw, CATALOGUE, call, text=""))
    return found


def _shapes() -> list[Case]:
    """No arguments, typed arguments, two calls in one turn."""
    found = []
    for dialect, form in (forms.QUOTED | forms.INLINE).items():
        view, sh = ("view", {"file": "lib/a.ml"}), ("sh", {"cmd": "dune build", "secs": 60})
        found += [
            good(f"{dialect}-no-arguments", form(("status", {})), CATALOGUE, ("status", {})),
            good(f"{dialect}-typed", form(("grep", GREP)), TYPED, ("grep", GREP)),
            good(f"{dialect}-two", form(view, sh), CATALOGUE, view, sh),
        ]
    for dialect in ("hermes", "pythonic", "mistral-list", "kimi", "harmony", "granite"):
        form = forms.QUOTED[dialect]
        found += [
            good(f"{dialect}-edits", form(("multi_edit", EDITS)), TYPED, ("multi_edit", EDITS)),
            good(
                f"{dialect}-issue", form(("create_issue", ISSUE)), GITHUB, ("create_issue", ISSUE)
            ),
            good(f"{dialect}-camel", form(READ, SEARCH), CAMEL, READ, SEARCH),
        ]
    return found


def _xml() -> list[Case]:
    found = []
    for pick, text in payloads.INLINE.items():
        call = ("write_file", {"path": f"src/{pick}.txt", "content": text})
        found.append(good(f"xml-{pick}", forms.xml(call), FILES, call, text=""))
    for pick, text in payloads.EDGES.items():
        call = ("save", {"file": "out.txt", "text": text})
        found.append(good(f"xml-edge-{pick}", forms.xml(call), CATALOGUE, call, text=""))
    view, sh = ("view", {"file": "lib/a.ml"}), ("sh", {"cmd": "dune build", "secs": 60})
    save = ("save", {"file": "a.sh", "text": payloads.BASH + "\n"})
    edit = (
        "edit_file",
        {
            "path": "main.rs",
            "old_string": "    let v = vec![];",
            "new_string": payloads.RUST,
            "replace_all": True,
        },
    )
    prose = "I will look at the file first, then build.\n\n"
    return [
        *found,
        good("xml-no-arguments", forms.xml(("status", {})), CATALOGUE, ("status", {})),
        good("xml-typed", forms.xml(("grep", GREP)), TYPED, ("grep", GREP)),
        good("xml-edits", forms.xml(("multi_edit", EDITS)), TYPED, ("multi_edit", EDITS)),
        good("xml-issue", forms.xml(("create_issue", ISSUE)), GITHUB, ("create_issue", ISSUE)),
        good("xml-camel", forms.xml(READ, SEARCH), CAMEL, READ, SEARCH),
        good("xml-edit", forms.xml(edit), FILES, edit),
        good("xml-two", forms.xml(view, sh), CATALOGUE, view, sh),
        good("xml-three", forms.xml(save, view, sh), CATALOGUE, save, view, sh),
        good("xml-after-prose", prose + forms.xml(view), CATALOGUE, view),
        good("hermes-after-prose", prose + forms.hermes(view, sh), CATALOGUE, view, sh),
        good("mistral-after-prose", prose + forms.mistral_args(sh), CATALOGUE, sh),
        good("kimi-after-prose", prose + forms.kimi(view), CATALOGUE, view),
    ]


def _variants() -> list[Case]:
    """Native spellings next to the canonical one."""
    view, sh = ("view", {"file": "a.ml"}), ("sh", {"cmd": "id"})
    rust = ("save", {"file": "m.rs", "text": payloads.RUST})
    body = '{"name":"view","arguments":{"file":"a.ml"}}'
    thought = "<|channel|>analysis<|message|>I need the file, functions.view does it.<|end|>"
    done = "<|channel|>final<|message|>All 12 tests pass."
    found = [
        good("hermes-one-line", f"<tool_call>{body}</tool_call>", CATALOGUE, view),
        good("hermes-compact", f"<tool_call>\n{body}\n</tool_call>", CATALOGUE, view),
        good("hermes-indented", f"<tool_call>\n  {body}  \n</tool_call>\n", CATALOGUE, view),
        good(
            "hermes-pretty",
            '<tool_call>\n{\n  "name": "view",\n  "arguments": {\n    "file": "a.ml"\n  }\n}\n'
            "</tool_call>",
            CATALOGUE,
            view,
        ),
        good(
            "hermes-arguments-first",
            '<tool_call>\n{"arguments": {"file": "a.ml"}, "name": "view"}\n</tool_call>',
            CATALOGUE,
            view,
        ),
        good(
            "hermes-unicode-escapes",
            '<tool_call>\n{"name": "save", "arguments": {"file": "\\u00e9.md", "text": '
            '"\\ud83d\\ude80 \\/ \\t\\u0022x\\u0022"}}\n</tool_call>',
            CATALOGUE,
            ("save", {"file": "é.md", "text": '\U0001f680 / \t"x"'}),
        ),
        good(
            "harmony-thought",
            f"{thought}<|start|>assistant{forms.harmony(view)}",
            CATALOGUE,
            view,
        ),
        good("harmony-rust", f"{thought}<|start|>assistant{forms.harmony(rust)}", CATALOGUE, rust),
        good("xml-one-line", _one_line(), CATALOGUE, view, verdict=EITHER),
        good("anthropic-view", forms.anthropic(view), CATALOGUE, view, verdict=EITHER),
        good("anthropic-rust", forms.anthropic(rust), CATALOGUE, rust, verdict=EITHER),
        good("anthropic-two", forms.anthropic(view, sh), CATALOGUE, view, sh, verdict=EITHER),
    ]
    for pick in ("python", "json", "html"):
        call = ("write_file", {"path": "a", "content": payloads.INLINE[pick]})
        raw = forms.mistral_name(call)
        found.append(good(f"mistral-name-{pick}", raw, FILES, call, verdict=EITHER))
    raw = forms.mistral_name(view, sh)
    return [
        *found,
        good("mistral-name-two", raw, CATALOGUE, view, sh, verdict=EITHER),
        Case(
            id="harmony-final",
            kind="ok",
            label="N",
            raw=f"{thought}<|start|>assistant{done}",
            tools=CATALOGUE,
            verdict=("no_call",),
            text="All 12 tests pass.",
        ),
        Case(
            id="harmony-final-return",
            kind="ok",
            label="N",
            raw=f"<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant{done}<|return|>",
            tools=CATALOGUE,
            verdict=("no_call",),
            text="All 12 tests pass.",
        ),
    ]


def _one_line() -> str:
    """As one fine-tune writes it: no newlines at all."""
    return "<tool_call><function=view><parameter=file>a.ml</parameter></function></tool_call>"
