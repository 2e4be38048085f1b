"""What a shell command does: which files it surely writes, and whether it checks anything.

A command checks if it runs a program: tests, a build, a linter, the program itself. Known are the
programs that only look, move or fetch (`LOOKING`); whatever else is run counts as a check, so
that nobody is asked to check twice. Files count where a redirection names them outright.

In: the text of a command. Out: paths; True or False. Says nothing about how it ended.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

LOOKING = frozenset(
    "[ [[ : . alias apply_patch apt apt-get awk basename brew cat cd chmod chown clear column cp "
    "curl cut date dirname dnf done du df echo ed egrep env esac exit export false "
    "fd fgrep fi file find for git grep gunzip gzip head hexdump hg history id in jq kill "
    "less ln locate ls man md5sum mkdir more mv nano nl od patch pgrep pip pip3 popd printenv "
    "printf ps pushd pwd read readlink realpath return rg rm rmdir rsync sed set sha256sum sleep "
    "sort source stat strings svn tail tar tee test touch tr tree true type umask uname "
    "uniq unset unzip vi vim wait wc wget which whoami xargs xxd zcat zip".split()
)
"""Programs and words of the shell that check nothing."""
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun", "cargo", "go", "uv", "poetry", "composer"})
_FETCHING = frozenset(
    "add cache ci config get i info init install link list lock ls mod new outdated publish "
    "remove search sync tidy uninstall up update upgrade version view why".split()
)
"""What package managers do besides running things."""
_WRAPPERS = frozenset(
    "! { } time timeout nice sudo command exec nohup stdbuf xvfb-run "
    "if then elif else while do".split()
)
"""What may stand before the program that is run."""
_RUNNERS = {("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("hatch", "run"), ("rye", "run")}
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DURATION = re.compile(r"-.*|\d+(?:\.\d+)?[smhd]?")
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)([A-Za-z_]\w*)\1")
_TOKEN = re.compile(
    r"""(?P<operator>[;&|()<>\n]+)|[ \t\r]+"""
    r"""|(?P<word>(?:[^\s;&|()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.DOTALL,
)
_QUOTED = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.""", re.DOTALL)
_CERTAIN_PATH = re.compile(r"[\w@%+,./~ -]+")
_SCRATCH = re.compile(r"/tmp/[^/]*")
_WRITING = frozenset({">", ">>", ">|", "&>", "&>>"})
_MOST_CHARS = 20_000
_MOST_DEPTH = 2


def checks(command: str) -> bool:
    """Whether `command` runs a program that can say whether the work is right."""
    found = list(_simple_commands(command))
    # What cannot be read may be a check.
    return any(_runs(words, 0) for words in found) or (not any(found) and bool(command.strip()))


def written_files(command: str) -> tuple[str, ...]:
    """The files that `command` writes by a redirection or `tee`, where they are named outright."""
    tokens = _tokens(_without_heredocs(command[:_MOST_CHARS]))
    found: dict[str, None] = {}
    for (token, operator), (target, other) in itertools.pairwise(tokens):
        if operator and not other and token in _WRITING:
            found[target] = None
    for words in _simple_commands(command):
        if words[:1] == ["tee"]:
            found |= dict.fromkeys(word for word in words[1:] if not word.startswith("-"))
    return tuple(path for path in found if _is_certain(path))


def _is_certain(path: str) -> bool:
    # A workspace may lie below /tmp; what lies in it directly is scratch.
    scratch = path.startswith(("/dev/", "/proc/")) or _SCRATCH.fullmatch(path) is not None
    return not scratch and not path.isdigit() and _CERTAIN_PATH.fullmatch(path) is not None


def _runs(words: list[str], depth: int) -> bool:
    words = _without_wrappers(words)
    if not words:
        return False
    program, rest = words[0].rsplit("/", 1)[-1], words[1:]
    if program in _SHELLS and depth < _MOST_DEPTH:
        inner = next((n for n, word in enumerate(rest) if re.fullmatch(r"-\w*c", word)), None)
        if inner is not None and inner + 1 < len(rest):
            return any(_runs(each, depth + 1) for each in _simple_commands(rest[inner + 1]))
    if tuple(words[:2]) in _RUNNERS:
        return _runs(words[2:], depth)
    if program in _MANAGERS:
        return bool(rest) and rest[0] not in _FETCHING
    if re.fullmatch(r"python[\d.]*", program) and rest[:2] == ["-m", "pip"]:
        return False
    return program not in LOOKING


def _without_wrappers(words: list[str]) -> list[str]:
    place = 0
    while place < len(words):
        word = words[place]
        if _ASSIGNMENT.match(word):
            place += 1
        elif word in _WRAPPERS or (word == "env" and place + 1 < len(words)):
            place += 1
            while place < len(words) and _DURATION.fullmatch(words[place]):
                place += 1
        else:
            break
    return words[place:]


def _simple_commands(command: str) -> Iterator[list[str]]:
    """The words of each simple command; nothing at all where the quoting cannot be read."""
    words: list[str] = []
    skip = False
    for token, operator in _tokens(_without_heredocs(command[:_MOST_CHARS])):
        if skip and not operator:
            skip = False
        elif not operator:
            words.append(token)
        elif "<" in token or ">" in token:
            # What follows is a file and no word of the command.
            skip = True
            if words and words[-1].isdigit():
                words.pop()
        else:
            yield words
            words = []
    yield words


def _tokens(command: str) -> list[tuple[str, bool]]:
    """Each word without its quotes, each operator; with True for an operator."""
    found: list[tuple[str, bool]] = []
    place = 0
    while place < len(command):
        match = _TOKEN.match(command, place)
        if match is None:
            return []
        if match["operator"]:
            found.append((match["operator"], True))
        elif match["word"]:
            found.append((_QUOTED.sub(_plain, match["word"]), False))
        place = match.end()
    return found


def _plain(match: re.Match[str]) -> str:
    text = match.group()
    if text[0] == "'":
        return text[1:-1]
    if text[0] == '"':
        return re.sub(r"\\([\"\\$`])", r"\1", text[1:-1])
    return "" if text[1:] == "\n" else text[1:]


def _without_heredocs(command: str) -> str:
    """`command` without the bodies of its here-documents: they are data."""
    out: list[str] = []
    lines = iter(command.split("\n"))
    for line in lines:
        out.append(line)
        for _, mark in _HEREDOC.findall(line):
            for body in lines:
                if body.strip() == mark:
                    break
    return "\n".join(out)
