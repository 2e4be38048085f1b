"""Rule D50: settings that the program does not understand.

An error only where llama-server ends at once for certain: `--flag=value`, a word where a number
belongs, a type of cache that it does not have, a flag without its value. A flag that is not in our
table may be one of a newer build or of a fork: that is a warning. Flags that were removed are P01.
In: a `Subject`. Out: problems.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from seatrial.serve.lint.readers.flags import HIDDEN, Row
from seatrial.serve.lint.readers.llama_flags import LLAMA_SERVER, REMOVED
from seatrial.serve.lint.replacement import written_as
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import is_llama
from seatrial.serve.memory import CACHE_TYPES

_OPEN = re.compile(r"[$`%{}<>]")
"""A variable, a template or a placeholder: what it becomes is not known here."""
_BEGINS_AS_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]|\.[0-9]|inf|nan)", re.IGNORECASE)
_LEADING_DIGITS = re.compile(r"[0-9]{1,12}")
_UNITS = {"k": 1024, "m": 1024**2}
_SHORT = re.compile(r"([0-9]{1,6})([kKmM])")
_WORDS = frozenset({"auto", "all"})
"""What some builds take in place of some numbers."""
_LAYERS = frozenset({"n-gpu-layers", "spec-draft-ngl"})
_CACHES = ("cache-type-k", "cache-type-v", "spec-draft-type-k", "spec-draft-type-v")


@rule(
    "D50",
    Severity.ERROR,
    "a setting that the program does not understand",
    ("config",),
    why=(
        "llama-server ends at once when it meets a flag or a value that it cannot read; of a "
        "number with letters behind it, it silently takes the digits alone."
    ),
    source="llama.cpp common/arg.cpp (`error: invalid argument`, `error while handling argument`)",
)
def not_understood(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        yield from _unknown(server)
        if is_llama(server):
            for name, setting in server.options.items():
                problem = _value(server, name, setting)
                if problem is not None:
                    yield problem


def not_usable(server: ServerConfig, name: str) -> bool:
    """Whether an option is written in a way that the program cannot read as it is meant."""
    setting = server.options.get(name)
    if setting is not None and not isinstance(setting.value, (int, float)):
        return True
    return any(
        equals and (row := LLAMA_SERVER.row(flag)) is not None and row.name == name
        for flag, equals, _ in (str(one.value).partition("=") for one in server.unknown)
    )


def _unknown(server: ServerConfig) -> Iterator[Problem]:
    flags = [one for one in server.unknown if str(one.value).startswith("-")]
    for setting in server.unknown:
        word = str(setting.value)
        if word in REMOVED or _first_word(setting) in REMOVED or _OPEN.search(word):
            continue
        flag, equals, text = word.partition("=")
        row = LLAMA_SERVER.row(flag) if is_llama(server) and equals else None
        if row is not None:
            yield Problem(
                seen=f"{server.name}: `{_shown(row, flag, setting)}`; llama-server takes a value "
                "only behind a space, and does not start",
                fix=f"write {flag} {HIDDEN if row.name in _HIDDEN else text}",
                place=setting.place,
                edit=written_as(setting, f"{flag} {text}") if text else None,
            )
        elif flag.startswith("-") and len(flag) > 1:
            yield Problem(
                seen=f"{server.name}: `{flag}` is a flag that no version known here has",
                fix=_meant(server, flag),
                place=setting.place,
                severity=Severity.WARNING,
            )
        elif not flags and is_llama(server):  # behind an unknown flag it may be its value
            yield Problem(
                seen=f"{server.name}: `{word[:80]}` belongs to no flag",
                fix="write the flag in front of it (a model: -m), or take it away",
                place=setting.place,
                severity=Severity.WARNING,
            )


_HIDDEN = frozenset({"api-key", "hf-token"})


def _shown(row: Row, flag: str, setting: Setting) -> str:
    return f"{flag}={HIDDEN}" if row.name in _HIDDEN else setting.written


def _first_word(setting: Setting) -> str:
    return re.split(r"[\s=]", setting.written.strip(), maxsplit=1)[0]


def _meant(server: ServerConfig, flag: str) -> str:
    close = difflib.get_close_matches(flag, LLAMA_SERVER.flags, 1, 0.8) if is_llama(server) else []
    said = f"did you mean {close[0]}? " if close else ""
    return f"{said}compare with --help of your build: where the flag is unknown, it ends at once"


def _value(server: ServerConfig, name: str, setting: Setting) -> Problem | None:
    row = LLAMA_SERVER.row(f"--{name}")
    value = setting.value
    if row is None or isinstance(value, bool) or value == HIDDEN:
        return None
    if value is None and row.kind in ("n", "t", "h"):
        return _refused(server, setting, "it has no value", f"write --{name} VALUE")
    if not isinstance(value, str) or not value or _OPEN.search(value):
        return None
    if name in _CACHES and value not in CACHE_TYPES:
        fix = f"one of {', '.join(CACHE_TYPES)}, in small letters"
        return _refused(server, setting, "there is no such type of cache", fix)
    if row.kind != "n" or (name in _LAYERS and value in _WORDS):
        return None
    if not _BEGINS_AS_NUMBER.match(value):
        problem = _refused(server, setting, "a number belongs there", f"write --{name} NUMBER")
        weak = Severity.WARNING if value in _WORDS else None
        return Problem(seen=problem.seen, fix=problem.fix, place=problem.place, severity=weak)
    return _digits_alone(server, name, setting, value)


def _digits_alone(server: ServerConfig, name: str, setting: Setting, text: str) -> Problem | None:
    """`-c 64k` is a window of 64 tokens."""
    digits, short = _LEADING_DIGITS.match(text), _SHORT.fullmatch(text)
    if digits is None or digits.group() == text:
        return None
    meant = int(short[1]) * _UNITS[short[2].lower()] if short else None
    return Problem(
        seen=f"{server.name}: `{setting.written}`; llama-server reads {digits.group()} and drops "
        "the rest",
        fix=f"write --{name} {'NUMBER, in digits' if meant is None else meant}",
        place=setting.place,
        severity=Severity.WARNING,
    )


def _refused(server: ServerConfig, setting: Setting, said: str, fix: str) -> Problem:
    return Problem(
        seen=f"{server.name}: `{setting.written}`; {said}, and llama-server does not start",
        fix=fix,
        place=setting.place,
    )
