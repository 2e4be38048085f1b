"""The small parts of JSON as models write it: keys, bare words, what stands between two parts.

Pure look-ups at one place of a text: no structure, no strings, no state. In: text and a place.
Out: what stands there, where it ends, and the repairs that reading it so takes.
"""

from __future__ import annotations

import re
from typing import Any

from seatrial.toolcalls.envelope_repairs import ZERO_WIDTH
from seatrial.toolcalls.json_repairs import (
    COMMENT_DROPPED,
    KEY_QUOTE_MISSING,
    NEWLINE_LITERAL,
    PUNCTUATION_DROPPED,
    PYTHON_LITERAL,
    SINGLE_QUOTES,
    SMART_QUOTES,
    UNQUOTED,
)
from seatrial.toolcalls.strict_json import StrictJSONError, read_value

_BLANKS = re.compile(r"[ \t\r\n]*+")
_BETWEEN = re.compile(
    r"""(?P<zero_width>[\u200b\u200c\u200d\u2060\ufeff\xa0]++)
    | (?P<newline_literal>(?:\\[ntr][ \t\r\n]*+)++
        (?!(?<=[ntr])(?!(?:true|false|null)\b)[A-Za-z_*./~$]))
    | (?P<comment>//[^\n]*+|\#[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)
    | (?P<punctuation>(?:/?>|<)(?=[ \t\r\n,:"'{}\[\]]))""",
    re.VERBOSE,
)
_IDS = {
    "zero_width": ZERO_WIDTH,
    "newline_literal": NEWLINE_LITERAL,
    "comment": COMMENT_DROPPED,
    "punctuation": PUNCTUATION_DROPPED,
}
_STRUCTURE = re.compile(r"""[{}\[\]"“”]|'\s*+:|\\[ntr]|</|<\|""")
_MAX_BETWEEN = 100

_KEY = re.compile(r"""(["'“‘`]?)([A-Za-z_$][\w$.\-]{0,99})(["'”’`]?)\s*+:""")
_SINGLE_KEY = re.compile(r"'([^'\\\n\"]{0,200})'\s*+:")
_KEY_REPAIRS = {
    "": UNQUOTED,
    "''": SINGLE_QUOTES,
    "“”": SMART_QUOTES,
    "‘’": SMART_QUOTES,
    '"': KEY_QUOTE_MISSING,
    "'": KEY_QUOTE_MISSING,
}

_WORD = re.compile(r"(?:[a-z][a-z0-9+.-]*+://)?[\w./~@*+=$%&?!^-]++")
_WORD_END = re.compile(r"[ \t\r\n,}\]]")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][-+]?\d++)?", re.ASCII)
_NUMERIC = re.compile(r"[-+]?\.?\d[\d_.]*+(?:[eE][-+]?\d*+)?|[-+]?0[xXoObB][0-9A-Fa-f_]*+")
_FREE_TEXT = frozenset(
    "content contents filetext text filecontent command cmd shellcommand bashcommand "
    "code script source pythoncode newstring newstr newtext new".split()
)
_JSON_WORDS = {"true": True, "false": False, "null": None}
_PYTHON_WORDS = {"True": True, "False": False, "None": None}
_NO_WORDS = frozenset("true false null none nan infinity inf undefined nil".split())


def skip(text: str, at: int) -> tuple[int, list[str]]:
    """The next part from `at` on, and the repairs for what is passed over beside blanks.

    Raises:
        StrictJSONError: a comment that may hide a part, or too much of it all.
    """
    repairs: list[str] = []
    for _ in range(_MAX_BETWEEN):
        at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        match = _BETWEEN.match(text, at)
        if match is None or match.lastgroup is None:
            return at, repairs
        if match.lastgroup == "comment":
            line = not match.group().startswith("/*")
            if line and (match.end() == len(text) or _STRUCTURE.search(match.group())):
                raise StrictJSONError("a comment that has no certain end")
        repairs.append(_IDS[match.lastgroup])
        at = match.end()
    raise StrictJSONError("not JSON: too much between two parts")


def read_key(text: str, at: int) -> tuple[str, int, str] | None:
    """A key that is not in double quotes, the place behind its colon, and the repair."""
    match = _SINGLE_KEY.match(text, at)
    if match is not None:
        return match.group(1), match.end(), SINGLE_QUOTES
    match = _KEY.match(text, at)
    if match is None or match.group(1) + match.group(3) not in _KEY_REPAIRS:
        return None
    return match.group(2), match.end(), _KEY_REPAIRS[match.group(1) + match.group(3)]


def is_free_text(key: str) -> bool:
    """Whether the values of `key` are text that people and programs quote in."""
    return key.replace("_", "").replace("-", "").lower() in _FREE_TEXT


def may_lack_blanks(text: str, at: int, end: int, key: str) -> bool:
    """Whether the unquoted string at `at` is text that may have lost blanks of its own.

    Nobody can tell the line break behind `hello` from one that belongs to a file.
    """
    beside = text[end : end + 1].isspace() or text[max(0, at - 2) : at].isspace()
    return beside and is_free_text(key)


def read_word(text: str, at: int) -> tuple[Any, int, str | None]:
    """The number, constant or simple unquoted string at `at`, its end, and the repair.

    Raises:
        StrictJSONError: it is none of them, or may be more than one.
    """
    match = _WORD.match(text, at)
    if match is None:
        raise StrictJSONError("not JSON: a value is missing")
    word, end = match.group(), match.end()
    if word in _JSON_WORDS:
        return _JSON_WORDS[word], end, None
    if word in _PYTHON_WORDS:
        return _PYTHON_WORDS[word], end, PYTHON_LITERAL
    if _NUMBER.fullmatch(word):
        return *read_value(text, at), None
    if word.lstrip("+-").lower() in _NO_WORDS:
        raise StrictJSONError(f"{word} is not JSON")
    if word.count(".") <= 1 and _NUMERIC.fullmatch(word):
        raise StrictJSONError(f"{word[:20]} is not a number of JSON")
    plain = "//" not in word.partition("://")[2] if "://" in word else "//" not in word
    if not plain or _WORD_END.match(text, end) is None:
        raise StrictJSONError("not JSON: a value without quotes")
    return word, end, UNQUOTED
