"""Catalogue 31 to 41: Kimi, GLM, Mistral, Harmony, Gemma."""

from __future__ import annotations

from tests.toolcalls.corpus import forms, payloads
from tests.toolcalls.corpus.case import EITHER, Case, reask, repair
from tests.toolcalls.corpus.tools import CATALOGUE, FILES, GLUED, TYPED

VIEW = ("view", {"file": "lib/a.ml"})
SH = ("sh", {"cmd": "id"})
STATUS = ("status", {})
SAVE = ("save", {"file": "m.py", "text": payloads.PYTHON})
RUST = ("write_file", {"path": "src/main.rs", "content": payloads.RUST})
GREP = ("grep", {"pattern": "fn main", "context": 2, "case_sensitive": True})
CALLS = (("view", VIEW, CATALOGUE), ("rust", RUST, FILES), ("grep", GREP, TYPED))
ARGS = "<|tool_call_argument_begin|>"


def cases() -> list[Case]:
    return [*_kimi(), *_glm(), *_glm_markup(), *_mistral(), *_harmony(), *_gemma()]


def _kimi() -> list[Case]:
    """31 to 33."""
    found = []
    for name, call, tools in CALLS:
        raw, one = forms.kimi(call), forms.kimi_call(*call)
        no_end = one.removesuffix("<|tool_call_end|>")
        found += [
            repair(f"kimi-no-section-{name}", 31, one, tools, call),
            repair(
                f"kimi-no-ends-{name}", 31, f"<|tool_calls_section_begin|>{no_end}", tools, call
            ),
            repair(f"kimi-in-think-{name}", 31, f"<think>Look first.{raw}", tools, call),
        ]
        for i, id_ in enumerate((f"{call[0]}:0", call[0], f"functions.{call[0]}")):
            renamed = raw.replace(f"functions.{call[0]}:0", id_)
            found.append(repair(f"kimi-id-{name}-{i}", 32, renamed, tools, call))
    head = f"<|tool_calls_section_begin|><|tool_call_begin|>functions.sh:0{ARGS}"
    tail = "<|tool_call_end|><|tool_calls_section_end|>"
    nested = f'{head}{{"cmd": "ls<|tool_call_begin|>functions.sh:1{ARGS}"}}{tail}'
    inside = f'{head}{{"cmd": "cat a.ml {ARGS}{{\\"cmd\\": \\"id\\"}}"}}{tail}'
    cut = f'{head}{{"cmd": "ls{ARGS}{{"cmd": "id"}}{tail}'
    return [
        *found,
        reask("kimi-marker-nested", 33, nested, CATALOGUE),
        reask("kimi-marker-inside", 33, inside, CATALOGUE),
        reask("kimi-marker-cut", 33, cut, CATALOGUE),
    ]


def _glm() -> list[Case]:
    """34 to 36."""
    value = "</arg_key><arg_value>id</arg_value></tool_call>"
    path = "</arg_key>\n<arg_value>src/a.py</arg_value>\n</tool_call>"
    read = ("read_file", {"path": "src/a.py"})
    grep = ("grep", {"pattern": "x.y"})
    pairs = (
        "<arg_key>file</arg_key>\n<arg_value>m.py</arg_value>\n"
        f"<arg_key>text</arg_key>\n<arg_value>{payloads.PYTHON}</arg_value>\n</tool_call>"
    )
    return [
        repair("glm-no-key-tag", 34, f"<tool_call>shcmd{value}", CATALOGUE, SH),
        repair("glm-no-key-tag-path", 34, f"<tool_call>read_filepath{path}", FILES, read),
        repair(
            "glm-no-key-tag-grep",
            34,
            "<tool_call>greppattern</arg_key><arg_value>x.y</arg_value></tool_call>",
            TYPED,
            grep,
        ),
        repair("glm-no-key-tag-line", 34, f"<tool_call>sh\ncmd{value}", CATALOGUE, SH),
        reask("glm-no-key-tag-two-ways", 34, f"<tool_call>readfilepath{path}", GLUED),
        reask("glm-no-key-tag-no-way", 34, f"<tool_call>shcommand2{value}", CATALOGUE),
        repair("glm-stray-value", 35, "<tool_call>status</arg_value>", CATALOGUE, STATUS),
        repair(
            "glm-stray-value-closed",
            35,
            "<tool_call>status</arg_value></tool_call>",
            CATALOGUE,
            STATUS,
        ),
        repair(
            "glm-stray-value-lines",
            35,
            "<tool_call>refresh\n</arg_value>\n</tool_call>",
            TYPED,
            ("refresh", {}),
        ),
        repair("glm-second-opener", 36, f"<tool_call>sh<tool_call>cmd{value}", CATALOGUE, SH),
        repair(
            "glm-second-opener-lines",
            36,
            "<tool_call>sh\n<tool_call>cmd</arg_key>\n<arg_value>id</arg_value>\n</tool_call>",
            CATALOGUE,
            SH,
        ),
        repair(
            "glm-second-opener-python",
            36,
            "<tool_call>save\n" + pairs.replace("<arg_key>", "<tool_call>", 1),
            CATALOGUE,
            SAVE,
        ),
    ]


def _glm_markup() -> list[Case]:
    """37: markup inside keys."""
    value = "<arg_value>lib/a.ml</arg_value>\n</tool_call>"
    return [
        reask(
            "glm-markup-in-json-key",
            37,
            '<tool_call>\n{"name": "view", "arguments": {"file<arg_key": "a.ml"}}\n</tool_call>',
            CATALOGUE,
        ),
        reask(
            "glm-markup-in-first-line",
            37,
            '<tool_call>view\n{"file<arg_key":"lib/a.ml"}\n</tool_call>',
            CATALOGUE,
        ),
        reask(
            "glm-markup-in-key",
            37,
            f"<tool_call>view\n<arg_key>file<arg_key</arg_key>\n{value}",
            CATALOGUE,
        ),
        reask(
            "glm-value-in-key",
            37,
            "<tool_call>view\n<arg_key>file<arg_value>lib/a.ml</arg_key>\n</tool_call>",
            CATALOGUE,
        ),
    ]


def _mistral() -> list[Case]:
    """38."""
    found = []
    for name, call, tools in CALLS:
        glued = f"[TOOL_CALLS]{call[0]}{forms.dumps(call[1])}"
        for i, raw in enumerate(
            (
                glued,
                f"[TOOL_CALLS]{call[0]} {forms.dumps(call[1])}</s>",
                f"[TOOL_CALLS] [{forms.call_object(*call)}]</s>",
            )
        ):
            found.append(repair(f"mistral-{name}-{i}", 38, raw, tools, call, verdict=EITHER))
    raw = '[TOOL_CALLS]sh[CALL_ID]a1b2c3d4e[ARGS]{"cmd": "id"}'
    return [*found, repair("mistral-call-id", 38, raw, CATALOGUE, SH, verdict=EITHER)]


def _harmony() -> list[Case]:
    """39 and 40."""
    found = []
    for name, call, tools in CALLS:
        to, args = f"to=functions.{call[0]}", forms.dumps(call[1])
        start = "<|start|>assistant"
        for i, raw in enumerate(
            (
                f"{start} {to}<|channel|>commentary <|constrain|>json<|message|>{args}<|call|>",
                f"{start} {to}<|channel|>commentary json<|message|>{args}<|call|>",
                f"<|channel|>commentary {to}<|constrain|>json<|message|>{args}<|call|>",
                f"<|channel|>commentary {to}<|message|>{args}<|call|>",
                f"<|channel|>analysis {to} <|constrain|>json<|message|>{args}<|call|>",
                f"<|channel|>commentary {to} code<|message|>{args}",
            )
        ):
            found.append(repair(f"harmony-{name}-{i}", 39, raw, tools, call, verdict=EITHER))
        found += [
            repair(f"harmony-bare-{name}", 40, f"commentary {to} json{args}", tools, call),
            repair(
                f"harmony-bare-role-{name}", 40, f"assistantcommentary {to} json{args}", tools, call
            ),
        ]
    return found


def _gemma() -> list[Case]:
    """41."""
    found = []
    for name, call, tools in CALLS:
        body = forms.gemma_value({k: v for k, v in call[1].items() if not isinstance(v, str)})
        quoted = ",".join(f"{k}:{forms.dumps(v)}" for k, v in call[1].items() if isinstance(v, str))
        inner = ",".join(part for part in (quoted, body[1:-1]) if part)
        raw = f"<|tool_call>call:{call[0]}{{{inner}}}<tool_call|>"
        found.append(repair(f"gemma-quotes-{name}", 41, raw, tools, call))
    raw = "<|tool_call>call:view{file:'lib/a.ml'}<tool_call|>"
    return [*found, repair("gemma-single-quotes", 41, raw, CATALOGUE, VIEW)]
