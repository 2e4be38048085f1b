"""Where a turn ends although its text goes on: end tokens, other speakers, a tool's answer.

Pure questions about places in the text. In: a token and its surroundings. Out: yes or no.
"""

from __future__ import annotations

import re

from seatrial.toolcalls.reading import skip_blanks
from seatrial.toolcalls.repairs import EXAMPLE_TURN, declare
from seatrial.toolcalls.tokens import THINK_CLOSERS, Kind, Tokens

TURN_CUT = declare(
    "turn_cut",
    "turn",
    "What follows the end of the turn (an invented tool result, another speaker) is dropped.",
    f"{EXAMPLE_TURN}\n<tool_response>\nx = 1\n</tool_response>",
)
THINK_CLOSER_STRAY = declare(
    "think_closer_stray",
    "turn",
    "The end of reasoning that was not open any more is dropped.",
    f"<think>\nI look.\n</think>\n</think>\n{EXAMPLE_TURN}",
)
RESIDUE_STRIPPED = declare(
    "residue_stripped",
    "turn",
    "The beginning of a section of calls that holds none is dropped at the end of a turn.",
    f"{EXAMPLE_TURN}\n<｜DSML｜function_calls",
)

SILENT_ENDS = frozenset(
    {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>", "<|end_of_text|>", "<|return|>"}
    | {"<|end|>", "</s>", "<end_of_turn>", "<eos>", "<turn|>", "<｜end▁of▁sentence｜>", "[e~["}
)
"""Tokens that end a turn and say nothing else."""
_ROLE = r"(?:user|tool|system|assistant|model|human|ipython|environment|observation|developer)"
_FOLLOWS = re.compile(rf"[ \t\r]*(?:\Z|\n|<|\[|{_ROLE}\b)", re.IGNORECASE)
"""What stands behind a token that ends a turn, and not behind one that is talked about."""


_BEGINNINGS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|turn>", "<｜User｜>",
               "<|user|>", "<|observation|>")  # fmt: skip
"""Tokens that begin the turn of somebody, whose name or words follow at once."""
_THINK_END = re.compile("|".join(map(re.escape, THINK_CLOSERS)))


def reasoning_end(text: str, at: int) -> re.Match[str] | None:
    """The first end of reasoning from `at` on that the reasoning does not talk about."""
    while (end := _THINK_END.search(text, at)) is not None:
        if text[max(0, end.start() - 1) : end.start()] not in ("`", '"', "'"):
            return end
        at = end.end()
    return None


def ends_turn(text: str, literal: str, at: int, kind: Kind, *, line_start: bool) -> bool:
    """Does the token `literal` at `at` end the turn, or does the text talk about it?"""
    if kind is Kind.ROLE:
        return role_begins_line(text, at)
    if "tool_response" in literal:
        return line_start
    if literal in _BEGINNINGS:
        return line_start or text[at + len(literal) : at + len(literal) + 1] not in (" ", "`", "'")
    struck_out = literal == "</s>" and text.rfind("<s>", max(0, at - 2000), at) >= 0
    return not struck_out and _FOLLOWS.match(text, at + len(literal)) is not None


def speaks(text: str, literal: str, at: int, before: str) -> bool:
    """Does a role word with no call before it begin another's turn, and no line of a list?"""
    lead = before.rstrip("# ")
    if not lead.strip():
        return False
    return literal != "User:" or lead.endswith("\n\n") or text.find("\nAssistant:", at) >= 0


def role_begins_line(text: str, at: int) -> bool:
    """Does the role word at `at` begin its line, but for the marks of a heading?"""
    while at > 0 and text[at - 1] in "# ":
        at -= 1
    return at == 0 or text[at - 1] == "\n"


def fiction_follows(text: str, at: int, tokens: Tokens) -> bool:
    """Does anything but further end tokens stand behind `at`?"""
    while True:
        at = skip_blanks(text, at)
        match = tokens.search(text, at)
        if match is None or match.start() != at or match.group() not in SILENT_ENDS:
            return at < len(text)
        at = match.end()
