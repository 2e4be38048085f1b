"""Turns with one or two defects in their markup and none in their payload, and what they meant.

A rendered call is cut into pieces of markup and pieces of payload; an operator drops, doubles,
respells or adds one piece of markup. Whatever the parser makes of the result, it may execute
nothing but a beginning of the calls that were meant.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

from seatrial.core.errors import FormatError
from seatrial.core.message import Call, ToolSchema
from seatrial.toolcalls import DIALECTS, render

STRING = {"type": "string"}


def tool(name: str, **properties: object) -> ToolSchema:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSchema(name=name, description="", parameters=schema)


# Every parameter is required: a defect that swallows one is then never a smaller call.
TOOLS = (
    tool("save", path=STRING, content=STRING),
    tool("run_command", command=STRING, timeout={"type": "integer"}),
    tool("search", pattern=STRING, hidden={"type": "boolean"}),
    tool("tag", items={"type": "array", "items": STRING}, kind={"enum": ["soft", "hard"]}),
    tool("status"),
)

WORDS = [
    "def f(x):\n    return {'a': \"b\"}\n", "fn main() { println!(\"{}\", 1 << 2); }", "a.py",
    "if (a < b && c > d) { s = `x${y}`; }", "echo \"$HOME\" | sed 's/\\\\n/ /g' && ls -la", "null",
    "\\d+\\.rs", "true", "3", "", " ", "\n", "\n\n", "\t", "é ☃", "x = {1: [2, {}]}", "\"", "'",
    "\\", "\\n", "}", "{", "]", "[", ",", ":", "`", "```\ncode\n```", "<b>", "a < b > c", "&lt;",
    "&amp;", "# comment", "// comment", "/* c */", "<think>", "</think>", "Human: hi", "\r\n",
    "<tool_call>", "</tool_call>", "<function=save>", "</function>", "<parameter=path>",
    "</parameter>", "{\"name\": \"save\", \"arguments\": {\"path\": \"b\", \"content\": \"c\"}}",
    "<|im_end|>", "[TOOL_CALLS]", "<arg_key>", "</arg_value>", "<invoke name=\"save\">",
    "</invoke>", "<|tool_call_end|>", "<｜DSML｜invoke", "print(\"hi\")", "\"}}",
    "\"}}\n</tool_call>",
    "True", "None", "key: value", "'''", "\"\"\"", "end",
]  # fmt: skip

LEAD_INS = ("", "", "I do it.\n", "Sure!\n\n")

_MARKUP = re.compile(
    r"<[^<>\n]{1,60}>|\[/?[A-Z_]{4,12}\]|\"(?:name|arguments|parameters)\"|```(?:json)?"
    r"|[{}\[\],:\"]|\n"
)


def payload(rng: random.Random) -> str:
    text = "".join(rng.choice(WORDS) for _ in range(rng.choice((1, 1, 2, 3, 5))))
    # Without its own quotes, a text that brings others looks just like one written with those.
    return f"x{text}" if text[:1] in ("'", "`", '"') and text[-1:] == text[:1] else text


def arguments(rng: random.Random, name: str) -> dict[str, object]:
    match name:
        case "save":
            return {"path": rng.choice(("a.py", "src/x y.rs", "b")), "content": payload(rng)}
        case "run_command":
            return {"command": payload(rng), "timeout": rng.randrange(-3, 900)}
        case "search":
            return {"pattern": payload(rng), "hidden": rng.random() < 0.5}
        case "tag":
            return {"items": [payload(rng) for _ in range(rng.randrange(3))], "kind": "soft"}
    return {}


def calls(rng: random.Random) -> list[Call]:
    names = [rng.choice(TOOLS).name for _ in range(rng.choice((1, 1, 1, 2)))]
    return [
        Call(id=str(i), name=name, arguments=json.dumps(arguments(rng, name), ensure_ascii=False))
        for i, name in enumerate(names)
    ]


def _texts(meant: list[Call]) -> Iterator[str]:
    for call in meant:
        for value in json.loads(call.arguments).values():
            leaves = value if isinstance(value, list) else [value]
            yield from (leaf for leaf in leaves if isinstance(leaf, str) and leaf)


def marked(text: str, meant: list[Call]) -> list[tuple[str, bool]] | None:
    """`text` as pieces, each with whether it is markup: not inside a string of the arguments.

    None = a string is written in a form in which it cannot be found.
    """
    hidden: list[tuple[int, int]] = []
    for leaf in _texts(meant):
        forms = {leaf, json.dumps(leaf, ensure_ascii=False)[1:-1]}
        if not any(form in text for form in forms):
            return None
        for form in forms:
            found = re.finditer(f"(?={re.escape(form)})", text)
            hidden += [(match.start(), match.start() + len(form)) for match in found]
    pieces: list[tuple[str, bool]] = []
    last = 0
    for match in _MARKUP.finditer(text):
        inside = any(start < match.end() and match.start() < end for start, end in hidden)
        if inside:
            continue
        if match.start() > last:
            pieces.append((text[last : match.start()], False))
        pieces.append((match.group(), True))
        last = match.end()
    return [*pieces, (text[last:], False)]


JSON_PUNCTUATION = frozenset("{}[],:")


def spoil(rng: random.Random, pieces: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """One defect. Line breaks and what stands inside of values are never touched."""
    places = [i for i, (piece, markup) in enumerate(pieces) if markup and piece != "\n"]
    if not places:
        return pieces
    at = rng.choice(places)
    piece = pieces[at][0]
    spoiled = list(pieces)
    match rng.randrange(6):
        case 0 | 1:
            del spoiled[at]
        case 2 | 3:
            spoiled.insert(at, pieces[at])
        case 4:
            respelled = (piece.upper(), piece.replace('"', "'"), piece[:-1], piece + " ")
            spoiled[at] = (rng.choice(respelled[: 4 if piece in JSON_PUNCTUATION else 3]), True)
        case _:
            outside = _outside(pieces)
            if outside:
                extra = rng.choice(
                    (",", "}", "]", '"', "\n", "</parameter>", "</tool_call>", "```")
                )
                spoiled.insert(rng.choice(outside), (extra, True))
    return spoiled


def _outside(pieces: list[tuple[str, bool]]) -> list[int]:
    """Places between two pieces of JSON that are in no string."""
    quotes = 0
    found = []
    for i, (piece, markup) in enumerate(pieces):
        if markup and piece in JSON_PUNCTUATION and quotes % 2 == 0:
            found.append(i)
        quotes += piece.count('"') if markup else 0
    return found


def turn(rng: random.Random, defects: int) -> tuple[str, list[Call], str] | None:
    """A turn with so many defects, the calls that it meant, and its dialect."""
    dialect = rng.choice(sorted(DIALECTS))
    meant = calls(rng)
    try:
        text = render(meant, TOOLS, dialect)
    except FormatError:
        return None
    pieces = marked(text, meant)
    if pieces is None:
        return None
    for _ in range(defects):
        pieces = spoil(rng, pieces)
    return rng.choice(LEAD_INS) + "".join(piece for piece, _ in pieces), meant, dialect
