"""vLLM: its tool parser and, where there is reasoning, its reasoning parser, as its server runs
them on a whole response. Text only: no token ids, so markers count wherever they stand.
"""

from __future__ import annotations

import logging
from enum import StrEnum

from peers import stand_ins
from peers.turn import Parse, Reading, Turn, call

PARSERS = {
    "bare-json": ("llama3_json", "qwen3"),
    "deepseek-v3": ("deepseek_v3", "deepseek_r1"),
    "deepseek-v3.1": ("deepseek_v31", "deepseek_r1"),
    "dsml": ("deepseek_v4", "deepseek_v4"),
    "dsml-v3.2": ("deepseek_v32", "deepseek_r1"),
    "function-gemma": ("functiongemma", "qwen3"),
    "gemma": ("gemma4", "gemma4"),
    "glm": ("glm45", "glm45"),
    "glm-tight": ("glm47", "glm47"),
    "granite": ("granite", "qwen3"),
    "hermes": ("hermes", "qwen3"),
    "kimi": ("kimi_k2", "kimi_k2"),
    "llama-json": ("llama3_json", "qwen3"),
    "minicpm": ("minicpm5", "qwen3"),
    "minimax": ("minimax_m2", "minimax_m2"),
    "mistral-args": ("mistral", "mistral"),
    "mistral-list": ("mistral", "mistral"),
    "prose": ("hermes", "qwen3"),
    "pythonic": ("llama4_pythonic", "qwen3"),
    "xml": ("qwen3_coder", "qwen3"),
}
"""Dialect to the names of `--tool-call-parser` and `--reasoning-parser`. Not here: harmony, which
vLLM reads from token ids, and what no parser of it reads."""

STAND_INS = (
    "cohere_melody mistral_common openai_harmony prometheus_client torch transformers vllm xgrammar"
)


def load() -> Parse:
    """Import the parsers; `turn` to what the server would answer."""
    known: dict[str, dict[str, object]] = {
        "mistral_common.tokens.tokenizers.base": {"SpecialTokens": SpecialTokens},
        "vllm.logger": {"init_logger": _logger},
        "vllm.renderers.chat_utils": {
            "get_tool_call_id_type": lambda _: "random",
            "make_tool_call_id": lambda **_: "call",
        },
    }
    stand_ins.install(STAND_INS.split(), known)
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.parser.parser_manager import ParserManager

    made = {
        (tool, reasoning): ParserManager.get_parser(tool, reasoning, enable_auto_tools=True)
        for tool, thinking in set(PARSERS.values())
        for reasoning in (None, thinking)
    }

    def parse(turn: Turn) -> Reading | None:
        if turn.dialect not in PARSERS:
            return None
        tool, reasoning = PARSERS[turn.dialect]
        request = ChatCompletionRequest.model_validate(
            {
                "model": "model",
                "messages": [{"role": "user", "content": "question"}],
                "tools": turn.tools,
                "tool_choice": "auto",
            }
        )
        tokenizer = Tokenizer(without=("[ARGS]",) if turn.dialect == "mistral-list" else ())
        parser = made[tool, reasoning if turn.thinks else None](tokenizer, request.tools)
        _, text, calls = parser.parse(turn.raw, request, enable_auto_tools=True)
        return Reading([call(each.name, each.arguments) for each in calls or []], text)

    return parse


class SpecialTokens(StrEnum):
    """Those of mistral_common that the parser asks for."""

    args = "[ARGS]"
    begin_think = "[THINK]"
    end_think = "[/THINK]"
    tool_calls = "[TOOL_CALLS]"


class Tokenizer:
    """Knows every marker as one token and no ordinary text."""

    supports_grammar = False

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        self._vocabulary = Vocabulary(without)

    def get_vocab(self) -> Vocabulary:
        return self._vocabulary

    def encode(self, text: str, **_: object) -> list[int]:
        return [self._vocabulary[text]]


class Vocabulary:
    """A mapping that has whatever is asked for, but for `without`."""

    def __init__(self, without: tuple[str, ...]) -> None:
        self._without = without
        self._ids: dict[str, int] = {}

    def __getitem__(self, key: str) -> int:
        if key in self._without:
            raise KeyError(key)
        return self._ids.setdefault(key, len(self._ids))

    def get(self, key: str, default: int | None = None) -> int | None:
        return default if key in self._without else self[key]

    def __contains__(self, key: str) -> bool:
        return key not in self._without


def _logger(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    for level in ("debug", "info", "warning"):
        setattr(logger, f"{level}_once", lambda *_, **__: None)
    return logger
