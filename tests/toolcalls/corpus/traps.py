"""Catalogue 95 and 97: well-formed calls whose values look like the ends of calls."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, reask, trap
from tests.toolcalls.corpus.tools import CATALOGUE, FILES

VIEW = ("view", {"file": "lib/a.ml"})


def cases() -> list[Case]:
    return [*_xml_midline(), *_xml_lines(), *_invoke(), *_others(), *_edits(), *_undecidable()]


def save(text: str) -> tuple[str, dict[str, str]]:
    return ("save", {"file": "docs/calls.md", "text": text})


def _xml_midline() -> list[Case]:
    """Markers inside a line; the real ends stand on lines of their own."""
    found = []
    for name in ("hermes", "mistral", "deepseek", "kimi", "glm", "harmony", "invoke", "python-tag"):
        want = save(payloads.MARKERS[name])
        found.append(trap(f"xml-marker-{name}", 95, forms.xml(want), CATALOGUE, want))
    want = save(payloads.MARKERS["xml"])
    found.append(trap("xml-marker-xml", 95, forms.xml(want), CATALOGUE, want, verdict=EITHER))
    for i, text in enumerate(
        (
            'parts = raw.split("</parameter>")\nprint(parts[0])',
            'end = "</parameter></function></tool_call>"\nassert raw.endswith(end)',
            "The value ends at </parameter> and the call at </function>.\n",
            "<b>x</b> </parameter> y\n  </function> z",
            "s/<\\/parameter>/\\n/g; s/<parameter=\\([a-z]*\\)>\\(.*\\)<\\/parameter>/\\2/",
        )
    ):
        want = save(text)
        two = forms.xml(want, VIEW)
        found += [
            trap(f"xml-closer-{i}", 95, forms.xml(want), CATALOGUE, want, verdict=EITHER),
            trap(f"xml-closer-{i}-then-call", 95, two, CATALOGUE, want, VIEW, verdict=EITHER),
        ]
    return found


def _xml_lines() -> list[Case]:
    """Whole examples, and closers that nothing structural follows."""
    found = []
    for name, text in payloads.EXAMPLES.items():
        want = save(text)
        found.append(trap(f"xml-example-{name}", 95, forms.xml(want), CATALOGUE, want))
    for i, text in enumerate(
        (
            "</tool_call>\nis the last line of a call.",
            "Close it with\n</function>\nand go on.",
            "a\n</parameter>\nb",
            f"{payloads.XML_EXAMPLE}\n\nTwice:\n\n{payloads.XML_EXAMPLE}",
            f"```xml\n{forms.xml(save(payloads.BASH))}\n```\n",
            forms.function("save", {"file": "x", "text": forms.function("sh", {"cmd": "id"})}),
        )
    ):
        want = save(text)
        found.append(trap(f"xml-lines-{i}", 95, forms.xml(want), CATALOGUE, want, verdict=EITHER))
    nested = save(payloads.XML_EXAMPLE)
    raw = forms.xml(VIEW, nested, VIEW)
    return [
        *found,
        trap("xml-example-between", 95, raw, CATALOGUE, VIEW, nested, VIEW, verdict=EITHER),
    ]


def _block_invoke(text: str) -> str:
    return (
        '<function_calls>\n<invoke name="save">\n<parameter name="file">docs/calls.md</parameter>\n'
        f'<parameter name="text">\n{text}\n</parameter>\n</invoke>\n</function_calls>'
    )


def _invoke() -> list[Case]:
    found = []
    for i, text in enumerate(
        (
            'x = raw.split("</parameter>")[0]',
            "The block ends with </invoke> and </function_calls>, in that order.",
            payloads.INVOKE_EXAMPLE,
            payloads.XML_EXAMPLE,
        )
    ):
        want = save(text)
        raw = _block_invoke(text)
        found.append(trap(f"invoke-value-{i}", 95, raw, CATALOGUE, want, verdict=EITHER))
    return found


def _others() -> list[Case]:
    """Dialects with ends of their own carry the ends of the others."""
    found = []
    text = 'OPEN, CLOSE = "<tool_call>", "</tool_call>"; P = "</parameter>"'
    for name in ("dsml", "dsml-v3.2", "glm", "glm-tight", "gemma", "function-gemma"):
        want = save(text)
        found.append(trap(f"{name}-foreign-ends", 95, forms.INLINE[name](want), CATALOGUE, want))
    for name in ("dsml", "gemma"):
        for example in ("xml", "hermes", "react"):
            want = save(payloads.EXAMPLES[example].rstrip("\n"))
            raw = forms.INLINE[name](want)
            found.append(trap(f"{name}-example-{example}", 95, raw, CATALOGUE, want))
    return found


def _edits() -> list[Case]:
    """Edits of a parser's own source: several raw values in one call."""
    edit = (
        "edit_file",
        {
            "path": "parser.py",
            "old_string": '    end = text.find("</parameter>")',
            "new_string": '    end = text.rfind("\\n</parameter>\\n")\n    if end < 0:\n'
            '        raise Cut("</parameter>")',
        },
    )
    template = (
        "edit_file",
        {
            "path": "chat_template.jinja",
            "old_string": "{{ '<tool_call>\\n' }}",
            "new_string": "{{- '<tool_call>\\n<function=' + call.name + '>\\n' }}\n{%- endfor %}",
            "replace_all": True,
        },
    )
    fence = (
        "write_file",
        {"path": "a.md", "content": "```json\n" + forms.call_object(*VIEW) + "\n```\n"},
    )
    return [
        trap("edit-closers", 95, forms.xml(edit), FILES, edit, verdict=EITHER),
        trap("edit-closers-json", 95, forms.hermes(edit), FILES, edit),
        trap("edit-template", 95, forms.xml(template), FILES, template, verdict=EITHER),
        trap("edit-template-json", 95, forms.hermes(template), FILES, template),
        trap("fence-in-xml-value", 97, forms.xml(fence), FILES, fence),
        trap("fence-in-json-value", 97, forms.hermes(fence), FILES, fence),
    ]


def _undecidable() -> list[Case]:
    """A full ending inside a raw value: nobody can know which one is the last."""
    ending = "\n</parameter>\n</function>\n</tool_call>\n"
    return [
        reask(
            "xml-ending-in-value",
            95,
            forms.xml(save(f"A call ends so:{ending}Then stop.")),
            CATALOGUE,
        ),
        reask("xml-ending-twice", 95, forms.xml(save(f"one{ending}two{ending}three")), CATALOGUE),
        reask("xml-ending-first", 95, forms.xml(save(f"x = 1{ending}y = 2\n")), CATALOGUE),
    ]
