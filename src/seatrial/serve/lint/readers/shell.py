"""Shell scripts to the servers that they start: variables, arrays and continued lines followed.

Nothing is run. A variable that the script does not set to a plain text stays as it is written,
and what a condition would do is not decided: every command of the file counts. In: text. Out:
`ServerConfig`s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from seatrial.serve.lint.readers.programs import (
    ASSIGNMENT,
    assignment,
    read_command_words,
)
from seatrial.serve.lint.readers.words import Word, plain_words, shell_words
from seatrial.serve.lint.subject import ServerConfig, Setting

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?:\[[@*]\])?(?::?-([^}]*))?\}|([A-Za-z_]\w*))")
_DECLARE = frozenset({"export", "declare", "local", "readonly", "typeset", "set"})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}"})
_MAX_WORDS = 4_000


def read_shell(text: str, source: str, line: int | None = 1) -> list[ServerConfig]:
    """Every server that the script starts; `line` = None where it is not a file of lines.

    Raises:
        UserError: a quote is not closed.
    """
    return _Script(source).read(shell_words(_unix(text, source), line, source))


def _unix(text: str, source: str) -> str:
    """A script of Windows, written as a shell's, line for line."""
    name = source.lower()
    if name.endswith((".bat", ".cmd", ".ps1")):
        text = re.sub(r"(?im)^[ \t]*(?:rem\b|::|@?echo\b)[^\n]*", "", text)
        text = re.sub(r"[`^][ \t\r]*\n", "\0", text.replace("\\", "/"))
        text = text.replace("\0", "\\\n").replace("`", "").replace("&", "")
    return text


class _Script:
    """One pass over the commands of a script."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._variables: dict[str, list[Word]] = {}
        self._exported: dict[str, Setting] = {}
        self._found: list[ServerConfig] = []

    def read(self, words: Sequence[Word]) -> list[ServerConfig]:
        command: list[Word] = []
        array: str | None = None
        target = False
        for word in chain(words, [Word("\n", "\n", operator=True)]):
            if array is not None:
                if word.text == ")" and word.operator:
                    array = None
                elif not word.operator:
                    self._variables[array] += self._expanded([word])
            elif word.operator and word.text == "(" and command and command[-1].text[-1:] == "=":
                array = command.pop().text.removesuffix("=").removesuffix("+")
                self._variables.setdefault(array, [])
            elif not word.operator:
                if not target:
                    command.append(word)
                target = False
            elif "<" in word.text or ">" in word.text:
                target = "&" not in word.text  # `> log` names a file, `2>&1` does not
            else:
                self._command(command)
                command = []
        return self._found

    def _command(self, words: list[Word]) -> None:
        while words and words[0].text in _KEYWORDS:
            words = words[1:]
        if not words:
            return
        if all(ASSIGNMENT.fullmatch(word.text) for word in words):
            self._assign(words, exported=False)
        elif words[0].text in _DECLARE:
            self._assign(words[1:], exported=words[0].text in ("export", "set"))
        else:
            expanded = self._expanded(words)
            config = read_command_words(expanded, self._source, env=self._exported)
            if config is not None:
                self._found.append(config)

    def _assign(self, words: Sequence[Word], *, exported: bool) -> None:
        for word in words:
            match = ASSIGNMENT.fullmatch(word.text)
            if match is None:
                continue
            name, value = match.groups()
            text = self._text(value)
            self._variables[name] = [Word(text, word.raw.partition("=")[2], word.line, word.gap)]
            pair = assignment(Word(f"{name}={text}", word.raw, word.line), self._source)
            if exported and pair is not None:
                self._exported[name] = pair[1]

    def _expanded(self, words: Sequence[Word]) -> list[Word]:
        found: list[Word] = []
        for word in words:
            found += self._word(word) if "$" in word.raw else [word]
            if len(found) > _MAX_WORDS:
                break
        return found[:_MAX_WORDS]

    def _word(self, word: Word) -> list[Word]:
        if word.raw.startswith("'"):
            return [word]
        whole = _VARIABLE.fullmatch(word.text)
        name = (whole[1] or whole[3]) if whole is not None else None
        if name is not None and name in self._variables:
            values = self._variables[name]
            if "[" in word.raw:
                return list(values)
            if len(values) == 1 and '"' not in word.raw:
                return _split(values[0], word)
        return [Word(self._text(word.text), word.raw, word.line, word.gap)]

    def _text(self, text: str) -> str:
        return _VARIABLE.sub(self._value, text)[:100_000] if "$" in text else text

    def _value(self, match: re.Match[str]) -> str:
        values = self._variables.get(match[1] or match[3])
        if values is not None:
            return " ".join(value.text for value in values)
        # A default holds only where nobody sets the variable, which a script cannot tell.
        return match[0]


def _split(value: Word, word: Word) -> list[Word]:
    """An unquoted variable: its words lie where it is set, if it is more than one value."""
    inner = plain_words(value.text, value.line) if "'" not in value.text else [value]
    if len(inner) == 1 and not inner[0].text.startswith("-"):
        return [Word(inner[0].text, word.raw, word.line, word.gap)]
    return inner
