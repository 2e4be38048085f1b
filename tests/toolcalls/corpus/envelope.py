"""Catalogue 1 to 16: openers, closers, wrappers and headers of the JSON and XML envelopes."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, reask, repair, trap
from tests.toolcalls.corpus.tools import CAMEL, CATALOGUE, FILES, TYPED

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "dune build 2>&1 | tail -5"})
SAVE = ("save", {"file": "m.py", "text": payloads.PYTHON + "\n"})
RUST = ("write_file", {"path": "src/main.rs", "content": payloads.RUST})
EDIT = ("edit_file", {"path": "a.c", "old_string": "x = {0};", "new_string": payloads.C})
STATUS = ("status", {})
OPEN, CLOSE = "<tool_call>\n", "\n</tool_call>"


def cases() -> list[Case]:
    return [*_openers(), *_closers(), *_parameters(), *_doubled(), *_several(), *_headers()]


def _openers() -> list[Case]:
    """1 to 3: the opener is missing."""
    prose = "I'll inspect the module first.\n\n"
    found = []
    for name, call, tools in (
        ("view", VIEW, CATALOGUE),
        ("python", SAVE, CATALOGUE),
        ("rust", RUST, FILES),
        ("edit", EDIT, FILES),
        ("status", STATUS, CATALOGUE),
    ):
        tail = forms.xml(call).removeprefix(OPEN)
        json_tail = forms.hermes(call).removeprefix(OPEN)
        found += [
            repair(f"no-opener-xml-{name}", 1, tail, tools, call),
            repair(f"no-opener-xml-{name}-prose", 1, prose + tail, tools, call),
            repair(f"no-opener-json-{name}", 2, json_tail, tools, call),
            repair(f"no-wrapper-{name}", 3, forms.function(*call), tools, call),
        ]
    return [
        *found,
        repair(
            "no-opener-json-prose", 2, prose + forms.hermes(SH).removeprefix(OPEN), CATALOGUE, SH
        ),
        repair(
            "no-opener-json-input",
            2,
            '{"name":"view","input":{"file":"a"}}\n</tool_call>',
            CATALOGUE,
            ("view", {"file": "a"}),
        ),
        repair("no-wrapper-prose", 3, prose + forms.function(*VIEW), CATALOGUE, VIEW),
        repair(
            "no-wrapper-two",
            3,
            forms.function(*VIEW) + "\n" + forms.function(*SH),
            CATALOGUE,
            VIEW,
            SH,
        ),
    ]


def _closers() -> list[Case]:
    """4 and 5: a closer is missing."""
    found = []
    for name, call in (("view", VIEW), ("sh", SH), ("python", SAVE)):
        json_head = forms.hermes(call).removesuffix(CLOSE)
        xml_head = forms.xml(call).removesuffix(CLOSE)
        no_function = forms.xml(call).replace("</function>\n", "")
        found += [
            repair(f"no-closer-json-{name}", 4, json_head, CATALOGUE, call),
            repair(f"no-closer-xml-{name}", 4, xml_head + "\n", CATALOGUE, call),
            reask(f"no-closer-json-{name}-length", 4, json_head, CATALOGUE, finish="length"),
            reask(f"no-closer-xml-{name}-length", 4, xml_head, CATALOGUE, finish="length"),
            repair(f"no-function-closer-{name}", 5, no_function, CATALOGUE, call),
        ]
    return [
        *found,
        repair(
            "no-function-closer-edit",
            5,
            forms.xml(EDIT).replace("</function>\n", ""),
            FILES,
            EDIT,
        ),
        repair(
            "no-closer-json-two",
            4,
            forms.hermes(VIEW, SH).removesuffix(CLOSE),
            CATALOGUE,
            VIEW,
            SH,
        ),
    ]


def _parameters() -> list[Case]:
    """6 to 8: the closers of parameters."""
    save = ("save", {"file": "a", "text": "b"})
    missing = (
        "<tool_call>\n<function=save>\n<parameter=file>\na\n<parameter=text>\nb\n</parameter>\n"
        "</function>\n</tool_call>"
    )
    found = [repair("parameter-open-save", 6, missing, CATALOGUE, save)]
    for name, call, tools, key in (
        ("python", SAVE, CATALOGUE, "text"),
        ("rust", RUST, FILES, "content"),
        ("edit", EDIT, FILES, "new_string"),
    ):
        raw = forms.xml(call)
        head = f"</parameter>\n<parameter={key}>"
        last = "</parameter>\n</function>"
        other = next(iter(call[1]))
        found += [
            repair(f"parameter-open-{name}", 6, raw.replace(head, head[13:]), tools, call),
            repair(
                f"parameter-closed-twice-{name}",
                7,
                raw.replace(last, "</parameter>\n" + last),
                tools,
                call,
            ),
            repair(
                f"parameter-closed-by-name-{name}",
                8,
                raw.replace("</parameter>", f"</{other}>", 1),
                tools,
                call,
            ),
            repair(
                f"last-parameter-closed-by-name-{name}",
                8,
                raw.replace(last, f"</{key}>\n</function>"),
                tools,
                call,
            ),
        ]
    html = ("save", {"file": "index.html", "text": payloads.HTML})
    return [
        *found,
        repair(
            "parameter-closed-twice-first",
            7,
            forms.xml(SAVE).replace("</parameter>", "</parameter>\n</parameter>", 1),
            CATALOGUE,
            SAVE,
        ),
        trap("value-ends-in-a-tag-named-like-it", 8, forms.xml(html), CATALOGUE, html),
    ]


def _doubled() -> list[Case]:
    """9 and 10: a tag too often, or the wrong way round."""
    found = []
    for name, call in (("view", VIEW), ("python", SAVE), ("status", STATUS)):
        for form, raw in (("json", forms.hermes(call)), ("xml", forms.xml(call))):
            found += [
                repair(f"opener-twice-{form}-{name}", 9, OPEN + raw, CATALOGUE, call),
                repair(
                    f"opener-as-closer-{form}-{name}",
                    10,
                    raw.replace("</tool_call>", "<tool_call>"),
                    CATALOGUE,
                    call,
                ),
            ]
    return [
        *found,
        repair("nested-json", 9, OPEN + forms.hermes(SH) + CLOSE, CATALOGUE, SH),
        repair("nested-xml", 9, OPEN + forms.xml(SH) + CLOSE, CATALOGUE, SH),
    ]


def _several() -> list[Case]:
    """12 to 14: more than one call where one belongs."""
    view, sh = forms.function(*VIEW), forms.function(*SH)
    objects = forms.call_object(*VIEW), forms.call_object(*SH)
    cut = "<tool_call>\n<function=view>\n"
    half = '<tool_call>\n{"name": "view", "arguments": {"file": \n'
    return [
        reask("unclosed-then-call", 12, cut + forms.xml(SH), CATALOGUE),
        reask("unclosed-then-function", 12, cut + sh + CLOSE, CATALOGUE),
        reask("unclosed-json-then-call", 12, half + forms.hermes(SH), CATALOGUE),
        reask(
            "call-unclosed-call",
            12,
            f"{forms.xml(SH)}\n{cut}{forms.xml(SAVE)}",
            CATALOGUE,
            SH,
        ),
        reask(
            "call-unclosed-call-json",
            12,
            f"{forms.hermes(SH)}\n{half}{forms.hermes(SAVE)}",
            CATALOGUE,
            SH,
        ),
        repair("two-functions", 13, f"{OPEN}{view}\n{sh}{CLOSE}", CATALOGUE, VIEW, SH),
        repair("two-functions-tight", 13, f"{OPEN}{sh}{view}{CLOSE}", CATALOGUE, SH, VIEW),
        repair(
            "three-functions",
            13,
            f"{OPEN}{view}\n{forms.function(*SAVE)}\n{forms.function(*STATUS)}{CLOSE}",
            CATALOGUE,
            VIEW,
            SAVE,
            STATUS,
        ),
        repair("two-objects-lines", 14, OPEN + "\n".join(objects) + CLOSE, CATALOGUE, VIEW, SH),
        repair("two-objects-tight", 14, OPEN + "".join(objects) + CLOSE, CATALOGUE, VIEW, SH),
        repair("object-list", 14, f"{OPEN}[{', '.join(objects)}]{CLOSE}", CATALOGUE, VIEW, SH),
        repair("object-list-of-one", 14, f"{OPEN}[{objects[0]}]{CLOSE}", CATALOGUE, VIEW),
    ]


def _headers() -> list[Case]:
    """11, 15, 16: the header of a function or parameter."""
    body = "<parameter=file>\nlib/a.ml\n</parameter>\n</function>\n</tool_call>"
    open_header = f"<tool_call>\n<function=view\n{body}"
    found = [
        repair("header-open-view", 11, open_header, CATALOGUE, VIEW),
        repair(
            "header-open-rust",
            11,
            forms.xml(RUST).replace("<function=write_file>", "<function=write_file"),
            FILES,
            RUST,
        ),
        repair(
            "header-open-status",
            11,
            "<tool_call>\n<function=status\n</function>\n</tool_call>",
            CATALOGUE,
            STATUS,
        ),
        reask("header-open-unknown", 11, open_header.replace("=view", "=show"), CATALOGUE),
        reask("header-open-words", 11, open_header.replace("=view", "=view the file"), CATALOGUE),
    ]
    for name, old, new in (
        ("double-quotes", "<function=view>", '<function="view">'),
        ("single-quotes", "<function=view>", "<function='view'>"),
        ("spaces", "<function=view>", "<function = view >"),
        ("space-first", "<function=view>", "< function=view>"),
        ("parameter-quotes", "<parameter=file>", '<parameter="file">'),
        ("parameter-spaces", "<parameter=file>", "<parameter = file>"),
        ("closer-space", "</parameter>", "</ parameter>"),
        ("wrapper-space", "<tool_call>", "<tool_call >"),
    ):
        raw = forms.xml(VIEW).replace(old, new)
        found.append(repair(f"tag-{name}", 15, raw, CATALOGUE, VIEW))
    attribute = (
        '<function name="view"><param name="file">lib/a.ml</param></function>',
        '<tool_call>\n<function name="save">\n<param name="file">m.py</param>\n'
        f'<param name="text">\n{SAVE[1]["text"]}\n</param>\n</function>\n</tool_call>',
        '<function name="searchCode"><param name="query">TODO</param>'
        '<param name="maxResults">5</param></function>',
        '<function name="set_option"><param name="key">retries</param>'
        '<param name="value">2.5</param><param name="enabled">true</param></function>',
    )
    option = ("set_option", {"key": "retries", "value": 2.5, "enabled": True})
    wants = (
        (CATALOGUE, VIEW),
        (CATALOGUE, SAVE),
        (CAMEL, ("searchCode", {"query": "TODO", "maxResults": 5})),
        (TYPED, option),
    )
    for i, (raw, (tools, call)) in enumerate(zip(attribute, wants, strict=True)):
        found.append(repair(f"attributes-{i}", 16, raw, tools, call, verdict=EITHER))
    return found
