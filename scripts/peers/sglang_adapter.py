"""SGLang: its reasoning and tool detectors, as its chat endpoint runs them on a whole response."""

from __future__ import annotations

from peers import stand_ins
from peers.turn import Parse, Reading, Turn, call

PARSERS = {
    "bare-json": ("llama3", "qwen3"),
    "deepseek-v3": ("deepseekv3", "deepseek-r1"),
    "deepseek-v3.1": ("deepseekv31", "deepseek-v3"),
    "dsml": ("deepseekv4", "deepseek-v4"),
    "dsml-v3.2": ("deepseekv32", "deepseek-v3"),
    "gemma": ("gemma4", "gemma4"),
    "glm": ("glm45", "glm45"),
    "glm-tight": ("glm47", "glm45"),
    "harmony": ("gpt-oss", "gpt-oss"),
    "hermes": ("qwen", "qwen3"),
    "kimi": ("kimi_k2", "kimi_k2"),
    "llama-json": ("llama3", "qwen3"),
    "minicpm": ("minicpm5", "qwen3"),
    "minimax": ("minimax-m2", "minimax-append-think"),
    "mistral-args": ("mistral", "mistral"),
    "mistral-list": ("mistral", "mistral"),
    "prose": ("qwen", "qwen3"),
    "pythonic": ("pythonic", "qwen3"),
    "xml": ("qwen3_coder", "qwen3"),
}
"""Dialect to the names of `--tool-call-parser` and `--reasoning-parser`. For the Hermes dialect it
has two detectors; the other, `hermes`, reads fewer of the cases."""

STAND_INS = "deepseek_recipe sglang tml_renderers torch transformers xgrammar"
HARMONY_HEAD = "<|start|>assistant"
"""The template wrote it and the detector looks for it."""
MISTRAL_HEAD = "[TOOL_CALLS] ["
"""With the space that the tokenizers of those models put there; the detector insists on it."""


def load() -> Parse:
    """Import the detectors; `turn` to what the server would answer."""
    stand_ins.install(STAND_INS.split(), {})
    from sglang.srt.entrypoints.openai.protocol import Tool
    from sglang.srt.function_call.function_call_parser import FunctionCallParser
    from sglang.srt.parser.reasoning_parser import ReasoningParser

    def parse(turn: Turn) -> Reading | None:
        if turn.dialect not in PARSERS:
            return None
        tool, reasoning = PARSERS[turn.dialect]
        text: str | None = turn.raw
        if turn.dialect == "harmony" and not turn.raw.startswith(HARMONY_HEAD):
            text = HARMONY_HEAD + turn.raw
        elif turn.thinks:
            splitter = ReasoningParser(reasoning, False, force_reasoning=turn.opened)
            _, text = splitter.parse_non_stream(turn.raw)
        text = text or ""
        if turn.dialect == "mistral-list":
            text = text.replace("[TOOL_CALLS][", MISTRAL_HEAD, 1)
        tools = [Tool.model_validate(each) for each in turn.tools]
        parser = FunctionCallParser(tools, tool)
        if not parser.has_tool_call(text):
            return Reading([], text)
        try:
            rest, found = parser.parse_non_stream(text)
        except Exception:  # as the server does: the response is then plain text
            return Reading([], text)
        return Reading([call(each.name, each.parameters) for each in found], rest)

    return parse
