"""Code mode: `execute_code` carries Python, and what that Python calls is not a tool call."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import NOTHING, Case, good, plain, reask, repair, trap
from tests.toolcalls.corpus.tools import CODE, MIXED

FORMS = {
    "hermes": forms.hermes,
    "xml": forms.xml,
    "mistral": forms.mistral_args,
    "kimi": forms.kimi,
}


def cases() -> list[Case]:
    return [*_canonical(), *_nested(), *_defects(), *_nothing()]


def _canonical() -> list[Case]:
    found = []
    for dialect, form in FORMS.items():
        for pick, code in payloads.CODE_MODE.items():
            call = ("execute_code", {"code": code})
            found.append(good(f"code-{dialect}-{pick}", form(call), CODE, call, text=""))
    return found


def _nested() -> list[Case]:
    """The helpers are declared as tools too: still one call."""
    code = 'read_file(path="a.py")\nrun_command(command="ls -la")\n'
    call = ("execute_code", {"code": code})
    tight = ("execute_code", {"code": 'print(read_file(path="config.py"))'})
    seed = (
        "<tool_call><function=execute_code>\n<parameter=code>\n"
        'print(read_file(path="config.py"))\n</parameter>\n</function></tool_call>'
    )
    json_in = ("execute_code", {"code": 'spec = \'{"name": "run_command"}\'\nprint(spec)'})
    return [
        trap("code-nested-hermes", 97, forms.hermes(call), MIXED, call, text=""),
        trap("code-nested-xml", 97, forms.xml(call), MIXED, call, text=""),
        trap("code-nested-json", 97, forms.xml(json_in), MIXED, json_in, text=""),
        good("code-seed-layout", seed, CODE, tight),
        good("code-two", forms.xml(tight, call), MIXED, tight, call),
    ]


def _defects() -> list[Case]:
    code = payloads.CODE_MODE["check"]
    call = ("execute_code", {"code": code})
    alias = (
        '<tool_call>\n{"name": "execute_code", "arguments": {"source": "print(1)"}}\n</tool_call>'
    )
    direct = forms.hermes(("read_file", {"path": "a.py"}))
    return [
        repair("code-no-opener", 1, forms.xml(call).removeprefix("<tool_call>\n"), CODE, call),
        repair("code-no-wrapper", 3, forms.function(*call), CODE, call),
        repair("code-alias", 83, alias, CODE, ("execute_code", {"code": "print(1)"})),
        reask("code-direct-call", 81, direct, CODE),
        reask(
            "code-cut",
            93,
            "<tool_call>\n<function=execute_code>\n<parameter=code>\nfor f in files:\n    pri",
            CODE,
            finish="length",
        ),
        reask(
            "code-cut-hermes",
            94,
            '<tool_call>\n{"name": "execute_code", "arguments": {"code": "for f in files:\\n  ',
            CODE,
        ),
    ]


def _nothing() -> list[Case]:
    return [
        plain(
            "code-fence-answer",
            97,
            "This reads the file and counts its lines:\n\n```python\n"
            'text = read_file(path="a.py")\nprint(len(text.splitlines()))\n```',
            CODE,
        ),
        plain(
            "code-prose-names-helpers",
            97,
            "I would use read_file(), then ruff_check() and pytest_run() inside execute_code.",
            MIXED,
        ),
        plain(
            "code-comment-only",
            97,
            "```python\n# no execute_code here\nx = sum(range(10))\n```\n\nThe sum is 45.",
            MIXED,
        ),
        plain(
            "code-direct-python",
            97,
            'read_file(path="config.py")',
            CODE,
            text=None,
            verdict=NOTHING,
        ),
    ]
