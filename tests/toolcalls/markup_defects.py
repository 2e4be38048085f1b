"""Calls of the dialects without quotes as pieces, and defects in their tags, never in a payload.

A defect drops, doubles, swaps, respells, cuts or adds one tag. What comes of it must be the bytes
that were meant, or no call. Two defects that leave nothing at all between two values are left out:
nobody could tell.
"""

from __future__ import annotations

import random
import re

from tests.toolcalls.markup_turns import (
    BASH,
    DIALECTS,
    EDGES,
    JS,
    PYTHON,
    RUST,
    WORDS,
    Want,
    executed,
)

Piece = tuple[str, str]
"""Its kind (tag, gap or value) and its text."""

TAGS = {
    "qwen_xml": (
        "<tool_call>", "</tool_call>", "<function=save>", "<function=view>", "</function>",
        "<parameter=file>", "<parameter=text>", "<parameter=secs>", "<parameter=other>",
        "</parameter>", "<param name=\"x\">", "<function=x",
    ),
    "invoke": (
        "<function_calls>", "</function_calls>", '<invoke name="view">', "</invoke>",
        '<parameter name="file">', '<parameter name="secs">', '<parameter name="q">',
        "</parameter>",
    ),
    "dsml": (
        "<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>", '<｜DSML｜invoke name="view">',
        "</｜DSML｜invoke>", "</｜DSML｜parameter>",
        '<｜DSML｜parameter name="file" string="true">',
        '<｜DSML｜parameter name="text" string="true">', "<｜DSML｜",
    ),
    "glm": (
        "<tool_call>view", "<tool_call>", "</tool_call>", "<arg_key>file</arg_key>", "<arg_key>",
        "<arg_value>", "</arg_value>", "<arg_key>text</arg_key>\n<arg_value>", "</arg_key>",
    ),
    "tool_tags": (
        "<view>", "</view>", "<file>", "</file>", "<text>", "</text>", "</save>", "<save>", "<cmd>",
        "</cmd>", "<body>", "</title>",
    ),
}  # fmt: skip
FILLER = ["x", "a < b", "\n", "\n", "\n\n", " ", "  ", "x\n", "\nend", "```", "}", "", '"', "é"]


def payload(rng: random.Random, dialect: str, depth: int = 0) -> str:
    if rng.random() < 0.25:
        return rng.choice([PYTHON, RUST, JS, BASH, *WORDS, *EDGES, "a.py", "b c.rs"])
    if depth == 0 and rng.random() < 0.15:
        inner = (rng.choice(("", "Like this:\n", "see ")), rng.choice(("", "\nDone.\n", " or so")))
        quoted = "".join(text for _, text in pieces(dialect, [call(rng, dialect, 1)]))
        return inner[0] + quoted + inner[1]
    words = [*FILLER, *TAGS[dialect], *("\n" + tag + "\n" for tag in TAGS[dialect])]
    return "".join(rng.choice(words) for _ in range(rng.choice((1, 1, 2, 3, 4, 6))))


def call(rng: random.Random, dialect: str, depth: int = 0) -> Want:
    def text() -> str:
        return payload(rng, dialect, depth)

    file = rng.choice(("a.py", "src/b c.rs", "x"))
    return rng.choice(
        [
            ("view", {"file": rng.choice((file, text()))}),
            ("save", {"file": rng.choice((file, file, text())), "text": text()}),
            ("sh", {"cmd": text()}),
            ("sh", {"cmd": text(), "secs": 30}),
            ("edit", {"path": file, "old": text(), "new": text()}),
            ("note", {"title": text()}),
            ("note", {"title": "t", "body": text()}),
            ("status", {}),
        ]
    )


def pieces(dialect: str, calls: list[Want]) -> list[Piece]:
    found: list[Piece] = []
    for name, given in calls:
        if found:
            found.append(("gap", "\n"))
        text = DIALECTS[dialect].render(name, {key: f"\0{key}\0" for key in given})
        for key, value in given.items():
            rendered = DIALECTS[dialect].render(name, {key: value})
            if dialect == "dsml" and not isinstance(value, str):
                text = text.replace(f'name="{key}" string="true"', f'name="{key}" string="false"')
            if dialect != "qwen_xml" and f">\n{value}\n<" in rendered and dialect != "dsml":
                text = text.replace(f"\0{key}\0", f"\n\0{key}\0\n")
        found += _split(text, {key: str(value) for key, value in given.items()})
    return found


def _split(text: str, given: dict[str, str]) -> list[Piece]:
    found: list[Piece] = []
    for i, part in enumerate(text.split("\0")):
        if i % 2:
            found.append(("value", given[part]))
            continue
        while part:
            if part.startswith("<"):
                end = part.index(">") + 1
                if part.startswith("<tool_call>") and part[end : end + 1] not in ("", "\n", "<"):
                    end = part.index("\n")
                found.append(("tag", part[:end]))
            else:
                end = part.find("<") if "<" in part else len(part)
                found.append(("gap", part[:end]))
            part = part[end:]
    return found


def spoil(rng: random.Random, given: list[Piece]) -> list[Piece]:
    """One defect."""
    places = [i for i, (kind, _) in enumerate(given) if kind == "tag"]
    at = rng.choice(places)
    tag = given[at][1]
    found = list(given)
    own = at + 2 if found[at + 1 : at + 2] and found[at + 1][0] == "gap" else at + 1
    match rng.randrange(9):
        case 0 | 1:
            del found[at:own]
        case 2 | 3:
            found[at:at] = [*given[at:own]] if own > at + 1 else [given[at], ("gap", "\n")]
        case 4:
            other = places[min(places.index(at) + 1, len(places) - 1)]
            found[at], found[other] = found[other], found[at]
        case 5:
            upper = tag.upper() if "name=" not in tag and "=" not in tag else tag
            blank = tag.replace("=", " = ", 1).replace("</", "</ ", 1)
            found[at] = ("tag", rng.choice((upper, blank, tag.replace('"', "'"))))
        case 6:
            found[at] = ("tag", tag[:-1])
        case 7:
            extra = rng.choice(given)
            fits = extra[1].startswith("</") or "aram" in extra[1]
            fits = fits and not any(
                extra[1].replace("/", "") in t for k, t in given if k == "value"
            )
            if extra[0] == "tag" and fits:
                found[at:at] = [extra, ("gap", rng.choice(("", "\n")))]
        case _:
            closer = next((t for k, t in reversed(given[:at]) if k == "tag" and t[:2] != "</"), "")
            key = re.search(r"(?:<parameter=|<parameter name=\"|<arg_key>)([a-z]+)", closer)
            if tag.startswith("</") and key is not None:
                found[at] = ("tag", f"</{key[1]}>")
    return found


def _around(given: list[Piece]) -> list[tuple[str, Piece, str]]:
    kept = [("tag", ""), *(piece for piece in given if piece[0] != "gap"), ("tag", "")]
    return [
        (kept[i - 1][1], piece, kept[i + 1][1])
        for i, piece in enumerate(kept)
        if piece[0] == "value"
    ]


def untold(whole: list[Piece], given: list[Piece]) -> bool:
    """Could nobody tell what was meant?

    Two values touch, have changed their places, a value without characters lost a tag, or only a
    newline was changed.
    """
    last = "tag"
    for kind, _ in given:
        if kind == "value" and last == "value":
            return True
        last = last if kind == "gap" else kind
    before = _around(whole)
    if any(not each[1][1].strip() and each not in before for each in _around(given)):
        return True
    own = {piece: opening for opening, piece, _ in before}
    for opening, piece, _ in _around(given):
        opens = "aram" in opening and opening[:2] != "</"
        if opens and opening.split("=")[-1] != own[piece].split("=")[-1]:
            return True
    keys = [text for kind, text in whole if kind == "gap" and text.strip()]
    if [text for kind, text in given if kind == "gap" and text.strip() in keys] != keys:
        return True
    same = [piece for piece in given if piece[0] != "gap"] == [
        piece for piece in whole if piece[0] != "gap"
    ]
    return same and given != whole


def carried(dialect: str, calls: list[Want]) -> bool:
    """Can the dialect write these calls so that they are read again as they are?"""
    text = "".join(piece for _, piece in pieces(dialect, calls))
    got, repairs, broken = run(dialect, text)
    alone = all(run(dialect, DIALECTS[dialect].render(*each))[0] == [each] for each in calls)
    return alone and got == calls and not repairs and not broken


def run(dialect: str, text: str, *, stopped: bool = True) -> tuple[list[Want], list[str], bool]:
    """The calls that would be executed: read, and accepted against their schemas."""
    return executed(DIALECTS[dialect], text, stopped=stopped)


def turn(rng: random.Random, dialect: str, defects: int) -> tuple[str, list[Want]] | None:
    calls = [call(rng, dialect) for _ in range(rng.choice((1, 1, 1, 2)))]
    if calls[0] == calls[-1]:
        calls = calls[:1]
    if not carried(dialect, calls):
        return None
    if defects == 2 and dialect in ("glm", "tool_tags") and ("status", {}) in calls:
        return None  # Two defects can take the whole call away.
    whole = found = pieces(dialect, calls)
    for _ in range(defects):
        found = spoil(rng, found)
    if untold(whole, found):
        return None
    return "".join(text for _, text in found), calls


def check(seed: int, dialect: str) -> tuple[str, str | None]:
    """The outcome of one seed, and a report if other bytes would be executed."""
    rng = random.Random(seed)
    defects = rng.choice((0, 1, 1, 2, 2))
    made = turn(rng, dialect, defects)
    if made is None:
        return "unwritable", None
    text, calls = made
    got, repairs, broken = run(dialect, text)
    if got != calls[: len(got)]:
        return "wrong", f"{dialect} seed {seed} ({defects}): {text!r}\n meant {calls}\n gave {got}"
    if got == calls and not broken:
        return "repaired" if repairs else "exact", None
    return "part" if got else "none", None
