"""Catalogue 17 to 28: wrappers of one dialect written by another, tags, DSML."""

from __future__ import annotations

import html

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, NOTHING, Case, plain, reask, repair, trap
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, TYPED

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "id"})
SAVE = ("save", {"file": "m.py", "text": payloads.PYTHON})
RUST = ("write_file", {"path": "src/main.rs", "content": payloads.RUST})
GREP = ("grep", {"pattern": "fn main", "context": 2, "case_sensitive": True})
CALLS = (
    ("view", VIEW, CATALOGUE),
    ("rust", RUST, FILES),
    ("grep", GREP, TYPED),
)


def cases() -> list[Case]:
    return [
        *_invokes(),
        *_wrappers(),
        *_tags(),
        *_hybrids(),
        *_escaped(),
        *_dsml(),
        *_residue(),
    ]


def _invokes() -> list[Case]:
    """17 and 18."""
    found = []
    for name, call, tools in CALLS:
        in_wrapper = f"<tool_call>\n{forms.invoke(*call)}\n</tool_call>"
        body = f"<function={call[0]}>{forms.dumps(call[1])}</function>"
        wrapped = f"<tool_call>\n{body}\n</tool_call>"
        found += [
            repair(f"invoke-{name}", 17, forms.invoke(*call), tools, call, verdict=EITHER),
            repair(f"invoke-in-wrapper-{name}", 17, in_wrapper, tools, call, verdict=EITHER),
            repair(f"json-in-function-{name}", 18, body, tools, call, verdict=EITHER),
            repair(f"json-in-function-wrapped-{name}", 18, wrapped, tools, call, verdict=EITHER),
        ]
    tight = '<invoke name="sh"><parameter name="cmd">id</parameter></invoke>'
    return [*found, repair("invoke-tight", 17, tight, CATALOGUE, SH, verdict=EITHER)]


def _wrappers() -> list[Case]:
    """19, 20, 22, 25."""
    found = []
    body = forms.call_object(*SAVE)
    for i, (opener, closer) in enumerate(
        (
            ("<tool-call>", "</tool-call>"),
            ("<TOOL_CALL>", "</TOOL_CALL>"),
            ("<function_call>", "</function_call>"),
            ("<tools>", "</tools>"),
            ("<tool_calls>", "</tool_calls>"),
            ("[TOOL_CALL]", "[/TOOL_CALL]"),
        )
    ):
        raw = f"{opener}\n{body}\n{closer}"
        found.append(repair(f"wrapper-name-{i}", 19, raw, CATALOGUE, SAVE))
    listed = f"<tool_calls>\n[{forms.call_object(*VIEW)}, {forms.call_object(*SH)}]\n</tool_calls>"
    granite = f"<|tool_call|>{forms.call_object(*VIEW)}"
    found += [
        repair("wrapper-name-list", 19, listed, CATALOGUE, VIEW, SH),
        repair("wrapper-name-granite", 19, granite, CATALOGUE, VIEW, verdict=EITHER),
    ]
    for name, call, tools in CALLS:
        args, quoted = forms.dumps(call[1]), forms.call_object(*call)
        attribute = f'<tool_call name="{call[0]}">\n{args}\n</tool_call>'
        first_line = f"<tool_call>\n{call[0]}\n{args}\n</tool_call>"
        fenced = f"<tool_call>\n```json\n{quoted}\n```\n</tool_call>"
        bare_fence = f"<tool_call>\n```\n{quoted}\n```\n</tool_call>"
        found += [
            repair(f"name-in-wrapper-{name}", 20, attribute, tools, call),
            repair(f"name-on-first-line-{name}", 20, first_line, tools, call),
            repair(f"fence-in-wrapper-{name}", 22, fenced, tools, call),
            repair(f"bare-fence-in-wrapper-{name}", 22, bare_fence, tools, call),
            repair(f"bom-{name}", 25, "\ufeff" + forms.hermes(call), tools, call),
            repair(f"zero-width-{name}", 25, "\u200b" + forms.xml(call) + "\u200b", tools, call),
        ]
    xml_fence = f"<tool_call>\n```xml\n{forms.function(*RUST)}\n```\n</tool_call>"
    inside = forms.hermes(VIEW).replace("\n", "\u200b\n\u200b")
    kept = ("save", {"file": "bom.txt", "text": "\ufeffa\u200bb\u200d"})
    return [
        *found,
        repair("fence-in-wrapper-xml", 22, xml_fence, FILES, RUST),
        repair("zero-width-inside", 25, inside, CATALOGUE, VIEW),
        trap("zero-width-in-value", 25, forms.hermes(kept), CATALOGUE, kept),
        trap("zero-width-in-xml-value", 25, forms.xml(kept), CATALOGUE, kept),
    ]


def _tags() -> list[Case]:
    """21: tags named like tools."""
    bash = ("save", {"file": "run.sh", "text": payloads.BASH})
    write = ("write_file", {"path": "a.py", "content": payloads.PYTHON})
    search = ("searchCode", {"query": "TODO", "maxResults": 3})
    after = "I will open it.\n\n" + forms.tags(VIEW)
    tight = "<view><file>a</file></view>"
    explained = (
        f"{tight}\n\nThat tag would open the file in the old interface; we dropped it in 2.0."
    )
    unknown = "<open_file><file>a</file></open_file>"
    return [
        repair("tag-tight", 21, tight, CATALOGUE, ("view", {"file": "a"}), verdict=EITHER),
        repair("tag-bash", 21, forms.tags(bash), CATALOGUE, bash, verdict=EITHER),
        repair("tag-write", 21, forms.tags(write), FILES, write, verdict=EITHER),
        repair("tag-camel", 21, forms.tags(search), CAMEL, search, verdict=EITHER),
        repair("tag-after-prose", 21, after, CATALOGUE, VIEW, verdict=EITHER),
        plain("tag-not-terminal", 21, explained, CATALOGUE, verdict=NOTHING, text=None),
        plain("tag-not-declared", 21, unknown, CATALOGUE),
        plain(
            "tag-mention",
            21,
            "Wrap the file in a <view> element and close it with </view>.",
            CATALOGUE,
        ),
    ]


def _hybrids() -> list[Case]:
    """23: a JSON head with XML parameters."""
    tail = "</parameter>\n</function>\n</tool_call>"
    return [
        reask(
            "hybrid-save",
            23,
            '<tool_call>\n{"name":"save",\n<parameter=file>\na.py\n</parameter>\n'
            f"<parameter=text>\nx = 1\n{tail}",
            CATALOGUE,
        ),
        reask(
            "hybrid-arguments",
            23,
            f'<tool_call>\n{{"name": "view", "arguments": <parameter=file>\na\n{tail}',
            CATALOGUE,
        ),
        reask(
            "hybrid-sh",
            23,
            f'<tool_call>\n{{"name": "sh"\n<parameter=cmd>\nid\n{tail}',
            CATALOGUE,
        ),
        reask(
            "hybrid-after-call",
            23,
            f'{forms.hermes(VIEW)}\n<tool_call>\n{{"name": "sh",\n<parameter=cmd>\nid\n{tail}',
            CATALOGUE,
            VIEW,
        ),
    ]


def _escaped() -> list[Case]:
    """24: the whole block escaped; a value with entities is no such thing."""
    found = []
    for name, call, tools in (*CALLS, ("python", SAVE, CATALOGUE)):
        hermes, xml = html.escape(forms.hermes(call)), html.escape(forms.xml(call), quote=False)
        found += [
            repair(f"escaped-json-{name}", 24, hermes, tools, call),
            repair(f"escaped-xml-{name}", 24, xml, tools, call),
        ]
    entities = ("save", {"file": "a.html", "text": "<p>a &lt; b &amp;&amp; c &#39;d&#39;</p>"})
    whole = ("save", {"file": "t.xml", "text": "&lt;tool_call&gt;\n{}\n&lt;/tool_call&gt;"})
    return [
        *found,
        repair(
            "escaped-with-entities",
            24,
            html.escape(forms.xml(entities), quote=False),
            CATALOGUE,
            entities,
        ),
        trap("entities-in-xml", 24, forms.xml(entities), CATALOGUE, entities),
        trap("entities-in-json", 24, forms.hermes(entities), CATALOGUE, entities),
        trap("escaped-block-in-xml-value", 24, forms.xml(whole), CATALOGUE, whole),
        plain(
            "escaped-mention",
            24,
            "In XML you would write &lt;tool_call&gt; for the tag, because &lt; opens an element.",
            CATALOGUE,
        ),
    ]


def _dsml() -> list[Case]:
    """26 to 28."""
    found = []
    for name, call, tools in CALLS:
        raw = forms.dsml(call)
        found += [
            repair(f"dsml-no-section-{name}", 26, forms.dsml_invoke(*call), tools, call),
            repair(f"dsml-block-{name}", 27, forms.dsml(call, block="tool_call"), tools, call),
            repair(f"dsml-double-bar-{name}", 28, raw.replace("｜", "‖"), tools, call),
            repair(f"dsml-two-pipes-{name}", 28, raw.replace("｜", "｜｜"), tools, call),
            repair(f"dsml-ascii-{name}", 28, raw.replace("｜", "|"), tools, call),
        ]
    prose = "The tests first.\n\n"
    mixed = forms.dsml(SH).replace("</｜DSML｜tool_calls>", "</｜DSML｜function_calls>")
    two = f"{forms.dsml_invoke(*VIEW)}\n{forms.dsml_invoke(*SH)}"
    return [
        *found,
        repair("dsml-no-section-prose", 26, prose + forms.dsml_invoke(*SH), CATALOGUE, SH),
        repair("dsml-no-section-two", 26, two, CATALOGUE, VIEW, SH),
        repair("dsml-closers-differ", 27, mixed, CATALOGUE, SH, verdict=EITHER),
        repair("dsml-v3.2-name", 27, forms.dsml_v32(SH), CATALOGUE, SH, verdict=EITHER),
        repair(
            "dsml-bool-as-string",
            70,
            forms.dsml(GREP).replace('string="false">true', 'string="true">true'),
            TYPED,
            GREP,
            verdict=EITHER,
        ),
    ]


def _residue() -> list[Case]:
    """29 and 30."""
    opener = "<｜DSML｜function_calls"
    found = []
    for i, (text, tail) in enumerate(
        (
            ("Done.", opener),
            ("All tests pass.", "<｜DSML｜tool_calls"),
            ("I changed two files.", "<｜DSML｜function_cal"),
        )
    ):
        found.append(plain(f"dsml-residue-{i}", 29, f"{text}\n{tail}", CATALOGUE, text=None))
    closers = "</parameter>\n</function>\n</tool_call>"
    return [
        *found,
        repair(
            "dsml-residue-after-call",
            29,
            f"{forms.dsml(SH)}\n{opener}",
            CATALOGUE,
            SH,
            verdict=EITHER,
        ),
        reask("closers-dsml", 30, "x = 1\n</｜DSML｜parameter>\n</｜DSML｜invoke>", CATALOGUE),
        reask("closers-dsml-tight", 30, "x = 1\n</｜DSML｜parameter></｜DSML｜invoke>", CATALOGUE),
        reask("closers-xml", 30, f"def f():\n    return 1\n{closers}", CATALOGUE),
        reask("closers-invoke", 30, "dune build\n</parameter>\n</invoke>", CATALOGUE),
        reask("closers-after-call", 30, f"{forms.hermes(VIEW)}\nx = 1\n{closers}", CATALOGUE, VIEW),
    ]
