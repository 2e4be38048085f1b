"""What a scan of a turn stops at: every literal that can mean something, in one regular expression.

Built once for each set of declared tools: some dialects write the names of tools as tags. Pure
tables; what a token means at its place is decided by `scanner`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.nonce import nonce_opener
from seatrial.toolcalls.reading import Dialect
from seatrial.toolcalls.registry import DIALECTS, TOOL_TAGS

THINK_OPENERS = ("<think>", "<thinking>", "[THINK]", "<seed:think>", "<|channel>thought")
THINK_CLOSERS = ("</think>", "</thinking>", "[/THINK]", "</seed:think>", "<channel|>")

TURN_ENDS = (
    "<|im_end|>", "<|im_start|>", "<|eot_id|>", "<|eom_id|>", "<|start_header_id|>",
    "<|endoftext|>", "<|end_of_text|>", "<|return|>", "<|end|>", "</s>", "<end_of_turn>",
    "<start_of_turn>", "<eos>", "<turn|>", "<|turn>", "<｜end▁of▁sentence｜>", "<｜User｜>",
    "[e~[", "<|user|>", "<|observation|>",
    "<tool_response>", "<|tool_response>", "<|tool_response|>",
)  # fmt: skip
"""Tokens that end a turn, begin another one or begin a tool's answer."""

ROLE_WORDS = ("Human:", "User:", "Observation:")
"""At the beginning of a line they begin a turn that somebody else should have written."""

ESCAPED_OPENERS = (
    "&lt;tool_call&gt;", "&lt;function=", "&lt;function_calls&gt;", "&lt;invoke ",
    "&lt;function_call&gt;",
)  # fmt: skip


MARKERS = (
    "<tool_call>", "</tool_call>", "<think>", "</think>", "[THINK]", "[/THINK]",
    "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>",
    "<|python_tag|>", "<|python_start|>", "<|python_end|>",
    "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|tool_call|>",
    "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>", "<｜tool▁sep｜>", "｜DSML｜",
    "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>", "<|tool_call_end|>",
    "<|channel|>", "<|message|>", "<|constrain|>", "<|start|>", "<|call|>",
    "<|tool_call>", "<tool_call|>", '<|"|>', "<|channel>", "<channel|>",
    "<start_function_call>", "<end_function_call>", "<escape>",
    "<minimax:tool_call>", "</minimax:tool_call>", "<seed:think>", "</seed:think>",
)  # fmt: skip
"""Markup that a vocabulary may hold as one control token; a server drops such a token from the
text unless it is told to leave it there."""


class Kind(Enum):
    OPENER = "the beginning of a call"
    CLOSER = "the end of a call"
    THINK = "the beginning of reasoning"
    THINK_END = "the end of reasoning"
    TURN_END = "the end of the turn"
    ROLE = "a role word"
    ESCAPED = "the beginning of a call, entity-escaped"
    ARGS = "a declared name before [ARGS]"


class Tokens:
    """The token table for one set of declared names."""

    def __init__(self, names: tuple[str, ...], nonce: str) -> None:
        self.dialects: dict[str, tuple[Dialect, ...]] = {}
        self.kinds: dict[str, Kind] = {}
        self.unbound: dict[str, str] = {}
        """Openers that carry the nonce -> the plain opener that the dialects know."""
        self._nonce = nonce
        for dialect in DIALECTS.values():
            for literal in dialect.openers:
                self._opener(literal, dialect)
            self._kind(Kind.CLOSER, dialect.closers)
        for name in names:
            self._opener(f"<{name}>", TOOL_TAGS)
        if not nonce:
            self._kind(Kind.ARGS, [f"{name}[ARGS]" for name in names])
            self._kind(Kind.ESCAPED, ESCAPED_OPENERS)
        self._kind(Kind.THINK, THINK_OPENERS)
        self._kind(Kind.THINK_END, THINK_CLOSERS)
        self._kind(Kind.TURN_END, TURN_ENDS)
        self._kind(Kind.ROLE, ROLE_WORDS)
        self.search = re.compile(_trie(self.kinds)).search
        self._heads = {literal[:1] for literal in self.kinds}
        # What begins like a word cannot be told from one.
        openers = [*self.dialects, *ESCAPED_OPENERS]
        self._opener_beginnings = _beginnings(word for word in openers if not word[0].isalnum())
        self._beginnings = _beginnings(self.kinds)
        self._longest = max(map(len, self.kinds))

    def partial(self, text: str, start: int, *, openers: bool) -> int:
        """Where a token (or an opener) may have begun at the end of `text`; else its end."""
        beginnings = self._opener_beginnings if openers else self._beginnings
        for at in range(max(start, len(text) - self._longest + 1), len(text)):
            if text[at] in self._heads and text[at:] in beginnings:
                return at
        return len(text)

    def _opener(self, literal: str, dialect: Dialect) -> None:
        bound = nonce_opener(literal, self._nonce)
        if bound is None:
            return
        if bound != literal:
            self.unbound[bound] = literal
        self.dialects[bound] = (*self.dialects.get(bound, ()), dialect)
        self.kinds[bound] = Kind.OPENER

    def _kind(self, kind: Kind, literals: Iterable[str]) -> None:
        for literal in literals:
            self.kinds.setdefault(literal, kind)


def _beginnings(literals: Iterable[str]) -> frozenset[str]:
    """Every proper beginning of `literals`."""
    return frozenset(word[:length] for word in literals for length in range(1, len(word)))


def tokens_for(tools: Mapping[str, ToolSchema], nonce: str = "") -> Tokens:
    """The table for `tools`; with a nonce only openers that carry it begin a call."""
    return _tokens(tuple(tools), nonce)


@lru_cache(maxsize=64)
def _tokens(names: tuple[str, ...], nonce: str) -> Tokens:
    return Tokens(names, nonce)


def _trie(literals: Iterable[str]) -> str:
    """A regular expression for the longest of `literals` at a place; one step per character."""
    root: dict[str, Any] = {}
    for literal in literals:
        node = root
        for character in literal:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branch(root)


def _branch(node: dict[str, Any]) -> str:
    choices = [re.escape(head) + _branch(rest) for head, rest in node.items() if head]
    if not choices:
        return ""
    joined = choices[0] if len(choices) == 1 else f"(?:{'|'.join(choices)})"
    return f"(?:{joined})?+" if "" in node else joined
