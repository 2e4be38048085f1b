"""What a prompt asks of the toy model, as far as it understands any prompt.

It can say a word that it is told to say, count, repeat, recall a fact of the conversation, write
at length, call a tool. Everything else it answers with words of its own. In: the prompt as the
model sees it. Out: an `Intention`.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from seatrial.fakes.personalities.template import OPEN_THOUGHT
from seatrial.fakes.personalities.tools import Wanted, arguments_for, wanted_tool

LONG_TOKENS = 400
SHORT_TOKENS = 24
BRIEF_TOKENS = 2
_MOST_ITEMS = 2000

_TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", re.DOTALL)
_TOOLS = re.compile(r"<tools>\n(.*?)\n</tools>", re.DOTALL)
_COUNT = re.compile(
    r"\bcount (?:up )?(?:aloud )?(?:from )?(\d+)(?: up)? (?:to|through) (\d+)", re.I
)
_REPEAT = re.compile(
    r"\b(?:repeat|write|say|print)\b[^\n]{0,40}?[\"'`]([^\"'`\n]{1,60})[\"'`][^\n]{0,30}?"
    r"(?:(\d+) times|over and over|again and again|for ?ever)",
    re.I,
)
_VERB = r"\b(?:reply|replies|answer|respond|say|repeat|write|output|print|return|echo)\b"
_QUOTED = re.compile(_VERB + r"[^\n\"'`]{0,80}?[\"'`]([^\"'`\n]{1,120})[\"'`]", re.I)
_BARE = re.compile(
    _VERB + r"[^\n:]{0,60}?(?:\bexactly|\bonly|\bword|\bwith|\btext|:)"
    r"(?: (?:the|this|one|single|word|words|exactly|only|with|text))*\s*:?\s+"
    r"([A-Za-z0-9_-]*[A-Za-z0-9])(?=\s*(?:[.!,;\n]|$|and nothing))",
    re.I,
)
_RECALL = re.compile(r"\bwhat (?:is|was|are) (?:the|your|my|our) ([a-z][a-z -]{1,40}?)\s*\?", re.I)
_SUM = re.compile(r"\b(\d{1,6}) ?(times|x|\*|plus|\+|minus|-) ?(\d{1,6})\b", re.I)
_SKY = re.compile(r"\bcolou?r\b[^\n]{0,20}\bsky\b", re.I)
_BRIEF = re.compile(r"\b(?:one|single) word\b|\bbriefly\b|\byes or no\b", re.I)
_LONG = re.compile(
    r"\b(?:long|story|essay|detail|paragraphs?|explain|at least|\d{2,} words)\b", re.I
)


class Intention(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is about to write."""

    text: str | None = None
    """None = words of its own."""
    tokens: int = SHORT_TOKENS
    """About how many of them."""
    call: Wanted | None = None
    thinks: bool = False


def understand(prompt: str, force: str | None = None) -> Intention:
    """Read `prompt`. `force`: a grammar demands a call, of that tool or of `any`."""
    turns = _TURN.findall(prompt)
    system = "\n".join(text for role, text in turns if role == "system")
    last_role, asked = turns[-1] if turns else ("", "")
    thinks = prompt.endswith(OPEN_THOUGHT)
    tools = _offered(prompt)
    call = wanted_tool(tools, asked if last_role == "user" else "", force)
    if call is not None:
        return Intention(call=call, thinks=thinks)
    if last_role == "tool":
        return Intention(text="The tool answered: " + asked[:60].strip(), thinks=thinks)
    text = _said(asked, system, turns)
    brief = BRIEF_TOKENS if _BRIEF.search(asked) else SHORT_TOKENS
    tokens = LONG_TOKENS if _LONG.search(asked) else brief
    return Intention(text=text, tokens=tokens, thinks=thinks)


def arguments_text(call: Wanted) -> str:
    """The JSON of the arguments as the model writes it."""
    return json.dumps(arguments_for(call), ensure_ascii=False)


def _offered(prompt: str) -> list[dict[str, Any]]:
    found = _TOOLS.search(prompt)
    lines = found.group(1).split("\n") if found else []
    return [json.loads(line) for line in lines if line.strip()]


def _said(asked: str, system: str, turns: list[tuple[str, str]]) -> str | None:
    """The text that the conversation demands, if it demands one."""
    if count := _COUNT.search(asked):
        first, last = int(count[1]), min(int(count[2]), int(count[1]) + _MOST_ITEMS)
        return ", ".join(str(number) for number in range(first, last + 1))
    if repeat := _REPEAT.search(asked):
        return " ".join([repeat[1]] * min(int(repeat[2] or LONG_TOKENS), _MOST_ITEMS))
    if recall := _RECALL.search(asked):
        noun = re.escape(recall[1].split()[-1])
        fact = re.compile(noun + r"(?: is|:| =) ?[\"'`]?([\w-]*\w)", re.I)
        for _, text in reversed(turns[:-1]):
            if found := fact.search(text):
                return found[1]
    if _SKY.search(asked):
        return "Blue"
    if problem := _SUM.search(asked):
        return str(_sum(int(problem[1]), problem[2], int(problem[3])))
    for source in (system, asked):
        if found := _QUOTED.search(source) or _BARE.search(source):
            return found[1]
    return None


def _sum(left: int, sign: str, right: int) -> int:
    if sign in ("plus", "+"):
        return left + right
    return left - right if sign in ("minus", "-") else left * right
