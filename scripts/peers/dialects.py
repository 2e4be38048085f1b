"""Which dialect a response is written in, by its first marker.

Blind to the label of a case: a server is started for one model, so each peer gets the parser it
has for that model's dialect, and prose goes to the most common one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

PROSE = "prose"
"""No marker of any dialect."""
LOOSE = "loose"
"""A form that no server has a parser for: tags or Python with the name of a tool, ReAct."""

_TABLE = (
    ("glm-tight", r"<tool_call>[\w.-]+(?:<arg_key>|</)"),
    ("glm", r"<tool_call>\s*[\w.-]+\s*(?:<|\n\{|\{)|<arg_key>|<arg_value>|</arg_"),
    ("xml", r"<tool_call>\s*<function\s*=|<function\s*=|<parameter\s*=|</parameter>|</function>"),
    ("minicpm", r"<function\s+name\s*="),
    ("gemma", r"<\|tool_call>|\bcall:\w+\{"),
    ("function-gemma", r"<start_function_call>"),
    ("granite", r"<\|tool_call\|>"),
    ("minimax", r"<minimax:tool_call>"),
    ("kimi", r"<\|tool_calls?_(?:section_)?begin\|>|<\|tool_call_argument_begin\|>"),
    ("mistral-list", r"\[TOOL_CALLS\]\s*\["),
    ("mistral-args", r"\[TOOL_CALLS\]|\w\[ARGS\]"),
    ("harmony", r"<\|channel\|>|\bto=functions\."),
    ("dsml", r"<[｜‖|]{1,2}DSML"),
    ("deepseek-v3", r"<｜tool▁calls?▁begin｜>"),
    ("llama-json", r"<\|python_tag\|>"),
    ("pythonic", r"<\|python_start\|>"),
    ("anthropic", r"<function_calls>|<invoke\s"),
    (
        "hermes",
        r"</?(?:tool_call|tool-call|TOOL_CALL|function_call|tools|tool_calls)\b|\[/?TOOL_CALL\]",
    ),
)
_MARKERS = [(name, re.compile(pattern)) for name, pattern in _TABLE]
_NAMED = re.compile(r"<tool_call>\s*\w")
_BARE = re.compile(r"^\s*\[?\s*\{", re.MULTILINE)


def dialect(raw: str, tools: Iterable[str]) -> str:
    """The dialect of the marker that comes first; on a tie the first in the table."""
    spoken = raw.partition("</think>")[2] if raw.lstrip().startswith("<think>") else ""
    name = first_marker(spoken)[1] or first_marker(raw)[1]
    if name is not None:
        return _refined(name, raw)
    whole = html.unescape(raw)
    if (name := first_marker(whole)[1]) is not None:
        return _refined(name, whole)
    if _BARE.search(raw):
        return "bare-json"
    names = "|".join(map(re.escape, tools))
    called = rf"^\W*(?:{names})\s*[({{>]|^Action\s*:|^Calling tool\b|```tool_code|^\[\w+\("
    return LOOSE if re.search(called, raw, re.MULTILINE) else PROSE


def first_marker(raw: str) -> tuple[int, str | None]:
    """Where the first marker stands and whose it is; the end of the text if there is none."""
    found = [
        (hit.start(), i) for i, (_, marker) in enumerate(_MARKERS) if (hit := marker.search(raw))
    ]
    at, i = min(found, default=(len(raw), None))
    return at, None if i is None else _MARKERS[i][0]


def _refined(name: str, raw: str) -> str:
    """Two formats that share a marker."""
    if name == "dsml" and "function_calls" in raw:
        return "dsml-v3.2"
    if name == "deepseek-v3" and "function<｜tool▁sep｜>" not in raw:
        return "deepseek-v3.1"
    if name == "hermes" and _NAMED.search(raw) and "arg_key>" in raw:
        return "glm"
    return name
