"""Text of a command to words, each with its line and as it stands there.

Quotes, backslashes, continued lines and comments are understood; nothing is run and nothing
outside the text is looked up. Two ways of reading: a shell's, where `;`, `|`, `&`, `<`, `>`, `(`
and `)` part commands and a newline ends one, and llama-swap's `cmd`, where they are plain letters
and a newline is a blank. In: text. Out: `Word`s.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from seatrial.core.errors import UserError

_PARTS = r"""'[^']*+' | "(?:[^"\\]|\\.)*+" | \\[^\n]"""
_INSERTED = (
    r"\$\((?:[^()\n]|\([^()\n]{0,200}+\)){0,200}+\) | \$\{[^}\n]{0,200}+\} | `[^`\n]{0,200}+`"
)
"""Bounded: without, a text of openers alone would be searched to its end for each."""
_HEREDOC = re.compile(r"<<-?[ \t]*['\"]?([A-Za-z_]\w*)")
_SHELL = re.compile(
    rf"""(?P<blank>(?:[ \t\r\f\v]|\\[ \t\r]*\n)++)
    | (?P<end>\n)
    | (?P<comment>\#[^\n]*+)
    | (?P<operator>&&|\|\||[0-9]?[<>]{{1,3}}&?[0-9]?|[;|&()])
    | (?P<word>(?:{_INSERTED} | [^\s'"\\;|&<>()`] | {_PARTS})++)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(
    rf"""(?P<blank>(?:\s|\\[ \t\r]*\n|\\\Z)++)
    | (?P<word>(?:[^\s'"\\] | {_PARTS})++)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_LINE = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)
_QUOTED = re.compile(r"""'([^']*)' | "((?:[^"\\]|\\.)*)" | \\(.)""", re.VERBOSE | re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\$`\n])')
_DRIVE = re.compile(r"[\"']?[A-Za-z]:\\")


class Word(msgspec.Struct, frozen=True):
    """One word of a command."""

    text: str
    """Without quotes."""
    raw: str
    """As it stands there."""
    line: int | None = None
    """From 1; None = not in a file of lines."""
    gap: str = " "
    """What stands between it and the word before on the same line."""
    operator: bool = False
    """It parts commands; never in what `plain_words` gives."""


def plain_words(text: str, line: int | None = None, source: str = "the command") -> list[Word]:
    """The words of a command that no shell reads; lines that begin with `#` are comments.

    Raises:
        UserError: a quote is not closed.
    """
    if "#" in text:
        text = _COMMENT_LINE.sub("", text)
    return list(_scan(_PLAIN, text, line, source))


def shell_words(text: str, line: int | None = None, source: str = "the command") -> list[Word]:
    """The words and operators of a shell's text; the end of a line is the operator `\\n`.

    Raises:
        UserError: a quote is not closed.
    """
    if "<<" in text:  # what is handed to another program, not a command
        text = _without_documents(text)
    return list(_scan(_SHELL, text, line, source))


def _without_documents(text: str) -> str:
    """The text with here-documents emptied, line for line."""
    lines = text.split("\n")
    ends: dict[str, list[int]] = {}
    for at, line in enumerate(lines):
        ends.setdefault(line.strip(), []).append(at)
    at = 0
    while at < len(lines):
        match = _HEREDOC.search(lines[at])
        known = ends.get(match[1], []) if match is not None else []
        following = bisect_right(known, at)
        if following < len(known):
            last = known[following]
            lines[at + 1 : last + 1] = [""] * (last - at)
            at = last
        at += 1
    return "\n".join(lines)


def commands(words: list[Word]) -> Iterator[list[Word]]:
    """The single commands between operators; redirections end what lint needs of one."""
    current: list[Word] = []
    for word in words:
        if not word.operator:
            current.append(word)
        elif current:
            yield current
            current = []
    if current:
        yield current


def unquoted(raw: str) -> str:
    """What a shell makes of a word, variables left as they are."""
    if "'" not in raw and '"' not in raw and "\\" not in raw:
        return raw
    if _DRIVE.match(raw):  # a path of Windows, where the backslash is no escape
        return raw.strip("\"'")
    return _QUOTED.sub(_without_quotes, raw)


def _without_quotes(match: re.Match[str]) -> str:
    single, double, escaped = match.groups()
    if single is not None:
        return str(single)
    if double is not None:
        return _ESCAPE.sub(lambda found: found[1].strip("\n"), double)
    return str(escaped)


def _scan(pattern: re.Pattern[str], text: str, line: int | None, source: str) -> Iterator[Word]:
    at, gap = 0, ""
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            where = source if line is None else f"{source}, line {line}"
            raise UserError(f"{where}: a quote is not closed", hint="close it, or escape it")
        raw, kind = match.group(), match.lastgroup
        at = match.end()
        if kind == "word":
            # A `#` inside a word is no comment: the comment's row only fits where a word begins.
            yield Word(unquoted(raw), raw, line, gap)
        elif kind in ("operator", "end"):
            yield Word(raw, raw, line, gap, operator=True)
        gap = raw if kind == "blank" and "\n" not in raw else ""
        if line is not None:
            line += raw.count("\n")
