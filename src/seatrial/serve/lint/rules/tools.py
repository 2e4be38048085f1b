"""Rules T01 to T11: templates, tool-call parsers, and calls that get lost between them.

In: a subject. Out: problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seatrial.serve.gguf import GgufArray, GgufHeader
from seatrial.serve.lint.edits import rewrite, swap
from seatrial.serve.lint.effective import Route, guarded, once, routes, served
from seatrial.serve.lint.named import called
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Subject, Turn
from seatrial.serve.lint.windows import writes_text

CODER_PARSERS = ("qwen3_xml", "qwen3_coder")
MIN_TURNS = 10
"""Fewer turns say nothing about how many calls a model makes at a time."""
MAX_TEMPLATE_BYTES = 1024 * 1024
CONTROL = 3
"""Type of a token that llama.cpp does not print (ggml: LLAMA_TOKEN_TYPE_CONTROL)."""

_CODER = re.compile(r"qwen-?3.*coder")
_CODER_FORMAT = re.compile(r"qwen-?3.*coder|qwen-?3\.[56]")
_NAKED = re.compile(r"<function=[^>\s]+>|<tool_call>")
_NO_RESCUE = ("pi", "opencode", "qwen-code")
"""Clients that take a call in the text for the final answer."""
_GRAMMAR = re.compile(
    r"(failed|error|unable|could not).{0,20}(pars|compil|generat).{0,20}grammar", re.I
)
_LOGGED_FORMAT = re.compile(r"Chat format: (\S.*)")
_FORMAT_ERROR = "Failed to parse"


@rule(
    "T01",
    Severity.ERROR,
    "chat template that knows no tools",
    ("config",),
    why="Tools reach the model through the template of the model file. Without it the model does "
    "not learn which tools there are, and its calls come back as plain text.",
    source="ggml-org/llama.cpp#22581; llama.cpp docs/function-calling.md",
)
def no_template(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        jinja, template = route.option("jinja"), route.option("chat-template")
        if not route.is_llama:
            continue
        if jinja is not None and jinja.value is False:
            yield Problem(
                seen=f"`{jinja.written}`",
                fix="take it away: --jinja is the default",
                place=jinja.place,
                edit=rewrite(jinja, "--jinja") if jinja.written == "--no-jinja" else None,
            )
        if template is not None and template.value == "chatml":
            yield Problem(
                seen=f"`{template.written}`",
                fix="take it away: the model file has its own template; or give one with "
                "--chat-template-file",
                place=template.place,
            )


@rule(
    "T02",
    Severity.ERROR,
    "tool calls of Qwen3-Coder get lost as text",
    ("client",),
    ("turns",),
    why="On some prompts Qwen3-Coder leaves out <tool_call> before <function=…>, every time. "
    "Servers do not see a call then, and the client takes the text for the final answer.",
    source="QwenLM/Qwen3-Coder#475; ollama/ollama#16686 (0 of 10 well formed); omlx#844",
)
@once
def naked_calls(subject: Subject) -> Iterator[Problem]:
    lost = [turn for turn in subject.turns if not turn.tool_calls and _NAKED.search(turn.text)]
    if lost:
        found = _NAKED.search(lost[0].text)
        yield Problem(
            seen=f"{_where(lost[0])}: the text holds {found.group() if found else ''!r} and no "
            f"call arrived{_such(lost)}",
            fix="put `seatrial gateway --upstream URL` in front of the server: it reads such calls",
        )
    if guarded(subject) or lost:
        return
    for route in routes(subject):
        name = called(route, _CODER)
        if name is None or route.client is None or route.client.client not in _NO_RESCUE:
            continue
        yield Problem(
            seen=f"{route.client.client} talks to {name.rsplit('/', 1)[-1]} without anything that "
            "reads such calls",
            fix="put `seatrial gateway --upstream URL` in front of the server, and its address "
            f"into {route.client.client}",
            place=route.client.base_url.place if route.client.base_url else route.client.place,
        )


@rule(
    "T03",
    Severity.ERROR,
    "server does not read the tool calls of this model",
    ("config",),
    why="vLLM and SGLang read tool calls only when told to, and with the parser of the model's "
    "own format. With another one every call comes back as plain text.",
    source="QwenLM/Qwen3-Coder#537; vLLM documentation, tool calling",
)
def wrong_parser(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        if route.server is None or route.family not in ("vllm", "sglang"):
            continue
        if not writes_text(route.server):
            continue
        parser, auto = route.option("tool-call-parser"), route.option("enable-auto-tool-choice")
        name = called(route, _CODER_FORMAT)
        good = CODER_PARSERS[0] if route.family == "vllm" else CODER_PARSERS[1]
        if parser is None:
            yield Problem(
                seen=f"{route.named}: no --tool-call-parser",
                fix=("--enable-auto-tool-choice " if route.family == "vllm" else "")
                + f"--tool-call-parser {good if name else '<parser of the model>'}",
                place=route.place,
            )
        elif name is not None and parser.value not in CODER_PARSERS:
            yield Problem(
                seen=f"{name} with `{parser.written}`",
                fix=f"set --tool-call-parser {good}",
                place=parser.place,
                edit=swap(parser, good),
            )
        if route.family == "vllm" and parser is not None and not (auto and auto.value):
            yield Problem(
                seen=f"`{parser.written}` without --enable-auto-tool-choice",
                fix="add --enable-auto-tool-choice",
                place=parser.place,
            )


@rule(
    "T04",
    Severity.WARNING,
    "vLLM's qwen3_coder parser with thinking and streaming",
    ("config",),
    why="This parser loses tool calls that follow thinking when the answer is streamed, and "
    "agents stream. The parser qwen3_xml reads the same format without that fault.",
    source="club-3090#145",
)
def fragile_parser(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        parser, thinker = route.option("tool-call-parser"), route.option("reasoning-parser")
        if route.family == "vllm" and parser and thinker and parser.value == "qwen3_coder":
            yield Problem(
                seen=f"`{parser.written}` and `{thinker.written}`",
                fix="set --tool-call-parser qwen3_xml",
                place=parser.place,
                edit=swap(parser, "qwen3_xml"),
            )


@rule(
    "T05",
    Severity.WARNING,
    "tool calls inside the thinking",
    ("turns",),
    why="The model wrote its call before it had stopped thinking. Server and client look for calls "
    "only in the answer, so the turn ends and nothing happens.",
    source="QwenLM/qwen-code#3730; vllm-project/vllm#35687",
)
def call_in_thought(subject: Subject) -> Iterator[Problem]:
    lost = [turn for turn in subject.turns if not turn.tool_calls and _NAKED.search(turn.thought)]
    if lost:
        found = _NAKED.search(lost[0].thought)
        yield Problem(
            seen=f"{_where(lost[0])}: the thinking holds {found.group() if found else ''!r} and no "
            f"call arrived{_such(lost)}",
            fix="update the server, or put `seatrial gateway --upstream URL` in front of it",
        )


@rule(
    "T06",
    Severity.ERROR,
    "model's malformed call counted as a fault of the server",
    ("turns",),
    why="llama-server answers 500 when it cannot read what the model wrote. Counted as a fault of "
    "the machine, it is repeated or left out, and the model looks better than it is.",
    source="antoinezambelli/forge#127; ggml-org/llama.cpp#24807",
)
def blamed_on_infra(subject: Subject) -> Iterator[Problem]:
    wrong = [
        turn
        for turn in subject.turns
        if _FORMAT_ERROR in (turn.error or "") and turn.fault_boundary in ("infra", "engine")
    ]
    if wrong:
        yield Problem(
            seen=f"{_where(wrong[0])}: {_short(wrong[0].error or '')!r} was counted as "
            f"{wrong[0].fault_boundary}{_such(wrong)}",
            fix="count status 500 with `Failed to parse` as a format error of the model, and ask "
            "again; `seatrial gateway` does",
        )


@rule(
    "T07",
    Severity.WARNING,
    "tool schema that the server cannot turn into a grammar",
    ("turns",),
    ("log",),
    why="llama-server forces calls into the shape of the tool's schema. Some schemas (anyOf, $ref, "
    "patterns) it cannot use: requests fail with 400, or the shape is silently not enforced.",
    source="ggml-org/llama.cpp#28081, #19051 (fails open); QwenLM/qwen-code#10435",
)
def bad_schema(subject: Subject) -> Iterator[Problem]:
    failed = [t for t in subject.turns if t.status == 400 and _GRAMMAR.search(t.error or "")]
    fix = "simplify the parameters of the tools: no anyOf, no $ref, no pattern"
    if failed:
        yield Problem(
            seen=f"{_where(failed[0])}: {_short(failed[0].error or '')!r}{_such(failed)}", fix=fix
        )
    line = next((one for one in subject.log if _GRAMMAR.search(one)), None)
    if line is not None:
        yield Problem(seen=_short(line.strip()), fix=fix)


@rule(
    "T08",
    Severity.WARNING,
    "server does not know the tool format of this model",
    ("log",),
    why="llama-server found no tool format in the template and falls back to a general one that "
    "the model was never trained on. It costs tokens and makes worse calls.",
    source="llama.cpp docs/function-calling.md (generic support)",
)
def generic_format(subject: Subject) -> Iterator[Problem]:
    # `Content-only` is no sign: it is also what a request without tools is logged as.
    for line in subject.log:
        found = _LOGGED_FORMAT.search(line)
        if found is not None and found[1].startswith("Generic"):
            yield Problem(
                seen=_short(line.strip()),
                fix="give the template of the model's repository with --chat-template-file",
            )
            return


@rule(
    "T09",
    Severity.INFO,
    "one tool call at a time",
    ("turns", "config"),
    ("turns", "facts"),
    why="llama-server lets a model make one call in each answer unless the request allows more. "
    "An agent that could read five files at once needs five turns.",
    source="llama.cpp docs/function-calling.md (parallel_tool_calls is off by default)",
)
def single_calls(subject: Subject) -> Iterator[Problem]:
    calls = [turn.tool_calls for turn in subject.turns if turn.tool_calls]
    if len(calls) < MIN_TURNS or max(calls) > 1:
        return
    for route in routes(subject):
        groups = (route.server.sets if route.server else {}, _client_settings(route))
        if not route.is_llama or any("parallel_tool_calls" in key for g in groups for key in g):
            continue
        yield Problem(
            seen=f"{len(calls)} of {len(calls)} turns with tools hold exactly one call",
            fix='send "parallel_tool_calls": true if your client can run several',
        )
        return


@rule(
    "T10",
    Severity.WARNING,
    "template in the model file differs from the one beside it",
    ("gguf",),
    why="Makers mend their chat templates after the first release; a model file keeps the one it "
    "was made with. Broken tool calls are the usual sign of an old one.",
    source="ggml-org/llama.cpp PR #15019 (thread)",
)
def old_template(subject: Subject) -> Iterator[Problem]:
    told: set[Path] = set()
    routes_there = list(served(subject)) or [Route(header=subject.header)]
    for route in routes_there:
        header = route.header
        own = route.option("chat-template-file") or route.option("chat-template")
        if header is not None and own is None and header.path not in told:
            told.add(header.path)
            yield from _other_template(header)


def _other_template(header: GgufHeader) -> Iterator[Problem]:
    if header.chat_template is None:
        return
    beside = header.path.parent / "chat_template.jinja"
    text = _text(beside)
    if text is None or text.strip() == header.chat_template.strip():
        return
    yield Problem(
        seen=f"{header.path.name} holds another template than {beside}",
        fix=f"start llama-server with --chat-template-file {beside}, if that one is newer",
    )


@rule(
    "T11",
    Severity.ERROR,
    "tool-call marks that the server swallows",
    ("gguf", "config"),
    why="With --skip-chat-parsing llama-server hands out the model's text as it is, except tokens "
    "that the model file calls control tokens. If <tool_call> is one, no call can be read.",
    source="observed with llama.cpp b11549: control tokens are not printed in raw text",
)
def swallowed_marks(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        raw, special = route.option("skip-chat-parsing"), route.option("special")
        marks = _control_marks(route.header)
        if marks and raw and raw.value is True and not (special and special.value is True):
            yield Problem(
                seen=f"`{raw.written}`, and {marks[0]} is a control token of the model file",
                fix=f"make {marks[0]} a user-defined token (type 4) in the model file, or take "
                "--skip-chat-parsing away",
                place=raw.place,
            )


def _control_marks(header: GgufHeader | None) -> list[str]:
    if header is None:
        return []
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    types = header.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(tokens, GgufArray) or not isinstance(types, GgufArray):
        return []
    # Only the beginning of the vocabulary is kept; a mark behind it is not judged.
    control = [t for t, kind in zip(tokens.head, types.head, strict=False) if kind == CONTROL]
    return [mark for mark in control if mark in ("<tool_call>", "</tool_call>")]


def _client_settings(route: Route) -> dict[str, object]:
    client = route.client
    return {**client.options, **client.sampling} if client is not None else {}


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _where(turn: Turn) -> str:
    return f"turn {turn.number}" + (f" of {turn.session}" if turn.session else "")


def _such(turns: list[Turn]) -> str:
    return f"; {len(turns)} such turns" if len(turns) > 1 else ""


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:157] + "…"
