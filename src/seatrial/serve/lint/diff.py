"""Edits of findings as one unified diff; nothing is ever written.

`Edit.before` is the whole line, or the part of it that is replaced; `after` is what comes in its
place, and nothing takes it away. What cannot be done is told, never half done: a file that
changed since it was read, two findings that change the same words. In: findings. Out: a diff that
`patch -p0` and `git apply -p0` take.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import unified_diff
from pathlib import Path

import msgspec

from seatrial.serve.lint.rule import Edit, Finding

_JSON = (".json", ".jsonc")
_NO_END = "\\ No newline at end of file\n"


class Patch(msgspec.Struct, frozen=True):
    """A diff and what did not go into it."""

    text: str
    """Empty = nothing to change."""
    applied: tuple[str, ...]
    """Ids of the rules whose edit is in it."""
    skipped: tuple[str, ...]
    """One sentence for each edit that is not."""
    folder: str
    """Where `patch -p0` has to be run: here, or `/` where a file lies elsewhere."""


class _Span(msgspec.Struct, frozen=True):
    """A part of a line that is replaced."""

    start: int
    end: int
    after: tuple[str, ...]
    rule: str


def unified(findings: Iterable[Finding]) -> str:
    """The diff of all edits; see `patch` for what could not be done."""
    return patch(findings).text


def patch(findings: Iterable[Finding]) -> Patch:
    """The diff of all edits, files in the order of their names, with what was left out."""
    by_file: dict[str, list[tuple[str, Edit]]] = {}
    for finding in findings:
        if finding.edit is not None:
            by_file.setdefault(finding.edit.source, []).append((finding.rule, finding.edit))
    text, applied, skipped = "", list[str](), list[str]()
    folder = _folder(by_file)
    for source in sorted(by_file):
        changed = _File(source, _name(source, folder), by_file[source])
        text += changed.diff()
        applied += changed.applied
        skipped += changed.skipped
    return Patch(text, tuple(applied), tuple(skipped), str(folder))


class _File:
    """The edits of one file."""

    def __init__(self, source: str, name: str, edits: list[tuple[str, Edit]]) -> None:
        self._source = source
        self._name = name
        self.applied: list[str] = []
        self.skipped: list[str] = []
        self._lines: list[str] = []
        self._spans: dict[int, list[_Span]] = {}
        try:
            # Line ends stay as they are: universal newlines would rewrite every line of a file.
            text = Path(source).read_bytes().decode()
        except (OSError, ValueError):
            self.skipped += [f"{rule}: {source} cannot be read" for rule, _ in edits]
            return
        self._lines = text.split("\n")
        for rule, edit in edits:
            problem = self._take(rule, edit)
            if problem is not None:
                self.skipped.append(f"{rule}: {source}, line {edit.line}: {problem}")

    def diff(self) -> str:
        after: list[str] = []
        for number, line in enumerate(self._lines, 1):
            changed = _changed(line, self._spans.get(number, []))
            # Without its last line a continued command would go on into the next one.
            ends = after[-1:] and _goes_on(after[-1]) and not _goes_on(line)
            after += changed or ([""] if ends else [])
        if after == self._lines:
            return ""
        return "".join(
            _terminated(line)
            for line in unified_diff(
                _ended(self._lines), _ended(after), self._name, self._name, n=3
            )
        )

    def _take(self, rule: str, edit: Edit) -> str | None:
        """Note the edit; why it cannot be done, or None."""
        if not 1 <= edit.line <= len(self._lines):
            return "the file has no such line"
        line = self._lines[edit.line - 1]
        spans = self._spans.setdefault(edit.line, [])
        start, end = _where(line, edit.before)
        if start < 0:
            return "the line does not say what was read; was it changed, or is it split?"
        span = _Span(start, end, edit.after if any(edit.after) else (), rule)
        if not span.after and self._source.endswith(_JSON) and line[end:].strip() != ",":
            return "the comma of the line before would have to go too; remove it by hand"
        for other in spans:
            if (other.start, other.end, other.after) == (span.start, span.end, span.after):
                self.applied.append(rule)
                return None
            if other.start < span.end and span.start < other.end:
                return f"{other.rule} changes the same words; apply that, then lint again"
            if len(other.after) > 1 or len(span.after) > 1:
                return f"{other.rule} changes the same line; apply that, then lint again"
        spans.append(span)
        self.applied.append(rule)
        return None


def _folder(sources: Iterable[str]) -> Path:
    """This folder if all files lie below it, else `/`: `patch` takes no path that leads out."""
    here = Path.cwd()
    return here if all(_full(one).is_relative_to(here) for one in sources) else Path("/")


def _full(source: str) -> Path:
    return Path(os.path.normpath(Path.cwd() / source))


def _name(source: str, folder: Path) -> str:
    """The path as the diff has it; with a blank in it, a tab parts it from a date."""
    name = str(_full(source).relative_to(folder))
    return f"{name}\t" if " " in name else name


def _goes_on(line: str) -> bool:
    return line.rstrip().endswith("\\")


def _where(line: str, before: str) -> tuple[int, int]:
    """The part that is replaced; (-1, -1) where it does not stand there, or stands there twice."""
    bare = line.removesuffix("\r")
    if not before:
        return (-1, -1)
    if before == bare:
        return (0, len(bare))
    found = [at for at in _occurrences(bare, before) if _alone(bare, at, at + len(before))]
    return (found[0], found[0] + len(before)) if len(found) == 1 else (-1, -1)


def _occurrences(line: str, part: str) -> list[int]:
    found, at = [], line.find(part)
    while at >= 0:
        found.append(at)
        at = line.find(part, at + 1)
    return found


def _alone(line: str, start: int, end: int) -> bool:
    """Whether no word goes on at either end: `-c 4096` is no part of `-c 40960`."""
    before, after = line[start - 1 : start], line[end : end + 1]
    opens = not _of_word(before) or not _of_word(line[start])
    return opens and (not _of_word(after) or not _of_word(line[end - 1]))


def _of_word(letter: str) -> bool:
    return letter.isalnum() or letter in ("_", "-", ".") if letter else False


def _changed(line: str, spans: list[_Span]) -> list[str]:
    """The line with its parts replaced; nothing where all of it was taken away."""
    if not spans:
        return [line]
    end = "\r" if line.endswith("\r") else ""
    texts = [line.removesuffix("\r")]
    taken = False
    for span in sorted(spans, key=lambda one: one.start, reverse=True):
        head, tail = texts[0][: span.start], texts[0][span.end :]
        taken = taken or not span.after
        if not span.after:
            texts[0] = _closed(head, tail)
        elif len(span.after) == 1:
            texts[0] = f"{head}{span.after[0]}{tail}"
        else:
            texts = _several(head, span.after, tail)
    gone = taken and len(texts) == 1 and texts[0].strip() in ("", "\\", ",", "-")
    return [] if gone else [f"{text}{end}" for text in texts]


def _closed(head: str, tail: str) -> str:
    """What stays when a part goes, without two blanks where it stood."""
    return head.rstrip(" \t") + tail if not tail.strip() else head + tail.lstrip(" \t")


def _several(head: str, after: tuple[str, ...], tail: str) -> list[str]:
    """Several lines in place of a part: each like the first in its indent and its end."""
    indent = head if not head.strip() else ""
    goes_on = " \\" if _goes_on(tail) else ""
    lines = [f"{head}{after[0]}", *(f"{indent}{text}" for text in after[1:])]
    return [*(f"{line}{goes_on}" for line in lines[:-1]), f"{lines[-1]}{tail}"]


def _ended(lines: list[str]) -> list[str]:
    """Lines with their ends, as `unified_diff` wants them."""
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines and lines[-1] else ended


def _terminated(line: str) -> str:
    if line.startswith(("--- ", "+++ ")):
        return line.rstrip("\n") + "\n"
    return line if line.endswith("\n") else f"{line}\n{_NO_END}"
