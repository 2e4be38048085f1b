"""mlx-lm: its parsers, its text state machine and its formatter of calls.

The loop between them is written after that of its server, which cannot run without its models.
"""

from __future__ import annotations

import importlib
from types import ModuleType, SimpleNamespace

from peers import stand_ins
from peers.turn import Parse, Reading, Turn, call

PARSERS = {
    "function-gemma": "function_gemma",
    "gemma": "gemma4",
    "glm": "glm47",
    "glm-tight": "glm47",
    "hermes": "json_tools",
    "kimi": "kimi_k2",
    "minicpm": "minicpm5",
    "minimax": "minimax_m2",
    "mistral-args": "mistral",
    "mistral-list": "mistral",
    "prose": "json_tools",
    "xml": "qwen3_coder",
}
"""Dialect to the parser that mlx-lm picks for a chat template of it."""

STAND_INS = "huggingface_hub mlx mlx_lm numpy transformers"


def load() -> Parse:
    """Import the parsers; `turn` to what the server would answer."""
    stand_ins.install(STAND_INS.split(), {})
    from mlx_lm.generate import TextStateMachine, make_text_state_machine
    from mlx_lm.server import ToolCallFormatter

    modules = {
        name: importlib.import_module(f"mlx_lm.tool_parsers.{name}")
        for name in set(PARSERS.values())
    }

    def parse(turn: Turn) -> Reading | None:
        if turn.dialect not in PARSERS:
            return None
        module = modules[PARSERS[turn.dialect]]
        machine = make_text_state_machine(_tokenizer(turn, module))
        state = machine.make_state("reasoning" if turn.opened else "normal")
        state, segments = TextStateMachine.split(state, turn.raw)
        if turn.finish == "length":
            state, held, last = TextStateMachine.flush(state)
            segments.append((last, held))
        text, bodies = _collect(segments)
        found = ToolCallFormatter(module.parse_tool_call, turn.tools)(bodies)
        functions = [each["function"] for each in found]
        return Reading([call(each["name"], each["arguments"]) for each in functions], text)

    return parse


def _tokenizer(turn: Turn, module: ModuleType) -> SimpleNamespace:
    start, end = "<think>", "</think>"
    if turn.dialect == "gemma":
        start, end = "<|channel>thought", "<channel|>"
    return SimpleNamespace(
        has_thinking=True,
        think_start=start,
        think_end=end,
        has_tool_calling=True,
        tool_call_start=module.tool_call_start,
        tool_call_end=module.tool_call_end,
        response_transitions={},
        structural_markers=(),
    )


def _collect(segments: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """Visible text and the bodies of calls."""
    text, body, bodies, before = "", "", [], ""
    for state, piece in segments:
        if state == "tool":
            body += piece
        elif state == "normal":
            if before == "tool":
                bodies.append(body)
                body = ""
            text += piece
        before = state
    if before == "tool" and body:
        bodies.append(body)
    return text, bodies
