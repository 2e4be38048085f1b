"""Catalogue 93 and 94: what was cut, admitted or not. Nothing that was cut is executed."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import NOTHING, Case, plain, reask
from tests.toolcalls.corpus.tools import CATALOGUE, CODE, FILES

SAVE = ("save", {"file": "src/main.py", "text": "def main():\n    return 'ok'  # done"})
VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "dune build"})
BODY = "    retu"

FORMS = {
    **forms.QUOTED,
    **forms.INLINE,
    "xml": forms.xml,
    "mistral-name": forms.mistral_name,
    "anthropic": forms.anthropic,
}
CLOSERS = {
    "hermes": "</tool_c",
    "llama-json": '# done"',
    "pythonic": '# done"',
    "mistral-list": '# done"}',
    "mistral-args": '# done"',
    "mistral-name": '# done"',
    "deepseek-v3": '# done"}\n`',
    "deepseek-v3.1": "<｜tool▁call▁e",
    "kimi": "<|tool_call_e",
    "harmony": '# done"',
    "granite": '# done"}',
    "dsml": "</｜DSML｜inv",
    "dsml-v3.2": "</｜DSML｜param",
    "glm": "</tool_ca",
    "glm-tight": "</arg_va",
    "gemma": "<tool_cal",
    "function-gemma": "<end_func",
    "minimax": "</invo",
    "anthropic": "</para",
    "xml": "</func",
}
"""Where the cut goes through, or just before, what ends the call."""


def cases() -> list[Case]:
    return [
        *_every_place(),
        *_not_admitted(),
        *_after_a_call(),
        *_openers(),
        *_loose(),
        *_whole_calls(),
        *_prose(),
    ]


def until(raw: str, mark: str) -> str:
    """`raw` up to the last place where `mark` stands, with it."""
    return raw[: raw.rindex(mark) + len(mark)]


def value_cut(raw: str) -> str:
    """Cut inside the value, wherever the line break before it is escaped or not."""
    return until(raw, BODY)


def _every_place() -> list[Case]:
    found = []
    for name, form in FORMS.items():
        raw = form(SAVE)
        for place, cut in (
            ("name", raw[: raw.index("save") + 2]),
            ("key", until(raw[: raw.index("src/main.py")], "fil")),
            ("value", value_cut(raw)),
            ("closer", until(raw, CLOSERS[name])),
        ):
            found.append(reask(f"cut-{name}-{place}", 93, cut, CATALOGUE, finish="length"))
    return found


def _not_admitted() -> list[Case]:
    """94: the server says `stop` or `tool_calls`."""
    found = []
    for i, (name, form) in enumerate(FORMS.items()):
        finish = ("stop", "tool_calls")[i % 2]
        raw = value_cut(form(SAVE))
        found.append(reask(f"cut-unsaid-{name}", 94, raw, CATALOGUE, finish=finish))
    readme = ("write_file", {"path": "README.md", "content": payloads.MARKDOWN})
    xml = forms.xml(readme)
    return [
        *found,
        reask("cut-unsaid-table", 94, until(xml, "| `-x` | stops"), FILES),
        reask("cut-unsaid-table-tool-calls", 94, until(xml, "|---|"), FILES, finish="tool_calls"),
        reask("cut-unsaid-line-end", 94, until(xml, "```\n"), FILES),
    ]


def _after_a_call() -> list[Case]:
    """The first call is whole and stays; the second is cut."""
    found = []
    for name in ("hermes", "mistral-args", "deepseek-v3", "deepseek-v3.1", "kimi", "harmony"):
        raw = forms.QUOTED[name](VIEW, SAVE)
        for place, cut in (("name", until(raw, "sav")), ("value", value_cut(raw))):
            id_ = f"cut-second-{name}-{place}"
            found.append(reask(id_, 93, cut, CATALOGUE, VIEW, finish="length"))
    raw = forms.xml(VIEW, SAVE)
    hermes = forms.hermes(VIEW, SH, SAVE)
    return [
        *found,
        reask("cut-second-xml", 93, value_cut(raw), CATALOGUE, VIEW, finish="length"),
        reask(
            "cut-second-xml-header",
            93,
            until(raw, "<function=save>\n"),
            CATALOGUE,
            VIEW,
            finish="length",
        ),
        reask("cut-second-xml-unsaid", 94, value_cut(raw), CATALOGUE, VIEW),
        reask("cut-third-hermes", 93, value_cut(hermes), CATALOGUE, VIEW, SH, finish="length"),
        reask("cut-third-hermes-unsaid", 94, value_cut(hermes), CATALOGUE, VIEW, SH),
    ]


def _openers() -> list[Case]:
    """Only the opener, or a piece of it."""
    prose = "I will look at the module.\n\n"
    found = []
    for i, tail in enumerate(
        (
            "<tool_c",
            "<tool_call>",
            "<tool_call>\n",
            "<tool_call>\n{",
            "<tool_call>\n<func",
            "<tool_call>\n<function=",
            "[TOOL_CALLS]",
            "<｜tool▁calls▁begin｜>",
            "<|tool_calls_section_begin|><|tool_call_be",
            "<|python_start|>[",
            "<|tool_call>call",
        )
    ):
        found.append(reask(f"cut-opener-{i}", 93, prose + tail, CATALOGUE, finish="length"))
    return [
        *found,
        reask("cut-opener-unsaid", 94, prose + "<tool_call>\n", CATALOGUE),
        reask("cut-opener-unsaid-brace", 94, prose + '<tool_call>\n{"name": ', CATALOGUE),
        reask("cut-opener-unsaid-header", 94, prose + "<tool_call>\n<function=view", CATALOGUE),
    ]


def _loose() -> list[Case]:
    """Loose forms are never taken from a message that was cut, whole or not."""
    found = []
    for name, raw in (
        ("fence", forms.fence(VIEW)),
        ("bare", forms.bare_json(VIEW)),
        ("python", forms.python_lines(VIEW)),
        ("tool-code", forms.tool_code(VIEW)),
        ("react", forms.react(*VIEW)),
        ("bare-save", value_cut(forms.bare_json(SAVE))),
        ("fence-save", value_cut(forms.fence(SAVE))),
        ("python-save", value_cut(forms.python_lines(SAVE))),
        ("react-save", value_cut(forms.react(*SAVE))),
        ("tags-save", value_cut(forms.tags(SAVE))),
    ):
        found.append(
            reask(f"cut-loose-{name}", 93, raw, CATALOGUE, finish="length", verdict=NOTHING)
        )
    return [
        *found,
        reask("cut-loose-unsaid", 94, value_cut(forms.bare_json(SAVE)), CATALOGUE),
        reask("cut-loose-unsaid-fence", 94, value_cut(forms.fence(SAVE)), CATALOGUE),
    ]


def _whole_calls() -> list[Case]:
    """The call is closed; only what follows it was cut."""
    any_verdict = ("ok", "repaired", "reask")
    return [
        Case(
            id=f"cut-after-call-{i}",
            kind=93,
            label="ok",
            raw=raw,
            tools=CATALOGUE,
            finish="length",
            verdict=any_verdict,
            calls=(VIEW,),
        )
        for i, raw in enumerate(
            (
                forms.hermes(VIEW),
                forms.xml(VIEW),
                forms.hermes(VIEW) + "\n\nThen I wi",
                forms.xml(VIEW) + "\n\nThen I wi",
            )
        )
    ]


def _prose() -> list[Case]:
    """Answers without a call that were cut."""
    found = []
    for i, raw in enumerate(
        (
            "The parser reads the header first and then decides whether the bo",
            "Three steps:\n\n1. read the file\n2. change the condition\n3. run",
            "```python\ndef parse(line):\n    return {k: v for k, v in line.spl",
            "The tag `<tool_call>` opens a call and `</tool_call>` clo",
            "| tool | what |\n|---|---|\n| view | shows a fi",
            'Set `secs` to 30, as in "sh',
            "const a = { b: [1, 2, { c: `",
        )
    ):
        found.append(plain(f"cut-prose-{i}", 93, raw, CATALOGUE, finish="length"))
    thought = "The user asks for a module. First I would have to see how the ta"
    return [
        *found,
        plain("cut-thought", 93, thought, CATALOGUE, finish="length", prefill="<think>\n", text=""),
        plain("cut-thought-opener", 93, f"<think>\n{thought}", CODE, finish="length", text=""),
    ]
