"""Strings as models write them inside JSON: other quotes, raw newlines, backslashes not doubled.

Not a reader of structure: whether a closing quote is the end of a value is `tolerant_json`'s
to say. In: text and the place of the opening quote. Out: the characters that were meant, or a
reason why that is not certain.

A string with any defect shows that its writer did not escape with care. From then on `\\n` may
be a newline of the payload or the two characters that its code needs. It is taken as a newline
only where it can be nothing else: between lines, outside of the payload's own quotes.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]

import msgspec

from seatrial.toolcalls.json_repairs import (
    BACKTICK_STRING,
    CONTROL_ESCAPED,
    ESCAPE_DOUBLED,
    INNER_QUOTES,
    SINGLE_QUOTES,
    SMART_QUOTES,
    TRIPLE_QUOTES,
)
from seatrial.toolcalls.strict_json import CutJSONError, StrictJSONError

_CLOSING = {'"': '"', "'": "'", "`": "`", "“": "”", "”": "”", "‘": "’", "＂": "＂"}
OPENING = "".join(_CLOSING)
"""What may open a string."""

_STYLES = {
    '"': "",
    "inner": INNER_QUOTES,
    "'": SINGLE_QUOTES,
    "`": BACKTICK_STRING,
    '"""': TRIPLE_QUOTES,
    "“": SMART_QUOTES,
}
_REST = {
    quote: re.compile(rf"[^{quote}\\]*+(?:\\.[^{quote}\\]*+)*+{quote}", re.DOTALL)
    for quote in set(_CLOSING.values())
} | {
    quote * 3: re.compile(
        rf"[^{quote}\\]*+(?:(?:\\.|{quote}(?!{quote}{quote}))[^{quote}\\]*+)*+{quote * 3}",
        re.DOTALL,
    )
    for quote in "\"'"
}

_UNCERTAIN = "it is not certain whether backslashes are escaped"
_PAIR = "\udfff"
"""Stands for two backslashes while a string is looked at; no text that is accepted holds it."""
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_INVALID = re.compile(r"\\(?![\"/bfnrt]|u[0-9A-Fa-f]{4})")
_UNEVEN = re.compile(_PAIR + _INVALID.pattern)
_PLAIN_QUOTE = re.compile(r'(?<!\\)"')
_CONTROL = re.compile(r"[\x00-\x1f]")
_DISPUTED = re.compile(r"\\/|\\u[dD][89A-Fa-f]")

_NOT_PYTHON = frozenset("xavNU01234567\n/")
"""Escapes that Python reads in another way than JSON, repaired or not."""
_OVERDONE = frozenset("'_")
"""Escapes without meaning that models add out of habit: to double them may be wrong."""

_LAYOUT = frozenset("nrtu")
_CALM = re.compile(
    r"""(?: [^\\"'`]++
    | (?<=\w)'(?=\w)
    | "(?:[^"\\\n]++|\\[^nrtu\n])*+"
    | '(?:[^'\\\n]++|\\[^nrtu\n])*+'
    | `(?:[^`\\\n]++|\\[^nrtu\n])*+`
    | (?<!/)(?<!\b[A-Za-z]:)(?:\\r)?\\n
    | (?:(?<=\s)|(?<=\\n)|(?<=\\t)|\A)\\t
    | (?<=\s)\\\n
    | \\u
    | \\[^nrtu\n]
    )*+\Z""",
    re.VERBOSE | re.DOTALL,
)
"""Every newline, tab and character number that is escaped stands outside of quotes, and where
it can be layout; a backslash before a raw newline stands behind a blank, as shells write it."""
_ASCII = re.compile(r"u00(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_CLASS = r"\\(?:[.0-9A-Zac-eg-moqpsv-z]|u(?![0-9A-Fa-f]{4}))"
_CLOSE_BY = re.compile(rf"{_CLASS}[^\s\\\"'`]*+\\[nrtu]|\\[nrtu][^\s\\\"'`]*+{_CLASS}", re.DOTALL)
"""Such an escape in one word with a class of a pattern or a part of a path: `\\d+\\n`."""


class Written(msgspec.Struct, frozen=True):
    """One string, read."""

    value: str
    end: int
    """Behind the closing quote."""
    repairs: tuple[str, ...] = ()
    disputed: bool = False
    """Python would read its escapes otherwise."""


def read_string(text: str, at: int) -> Written:
    """The string that opens at `at`, up to the first quote that may close it.

    Raises:
        StrictJSONError: what it holds is not certain; CutJSONError: it is not closed.
    """
    opening = text[at]
    if opening == '"' and not text.startswith('"""', at):
        try:
            value, end = scanstring(text, at + 1, True)
        except json.JSONDecodeError:
            pass
        else:
            return Written(value, end, (), _DISPUTED.search(text, at, end) is not None)
    if text.startswith(opening * 4, at):
        raise StrictJSONError("a string that begins with a quote is not escaped")
    triple = text.startswith(('"""', "'''"), at)
    quote = opening * 3 if triple else _CLOSING[opening]
    rest = _REST[quote].match(text, at + len(quote))
    if rest is None:
        raise CutJSONError("a string is not closed")
    end = rest.end()
    while triple and text.startswith(opening, end) and end < rest.end() + 2:
        end += 1
    raw = text[rest.start() : end - len(quote)]
    if opening in "“‘" and (opening in raw or raw.startswith('""')):
        raise StrictJSONError("quotes of several kinds are mixed")
    return decode(raw, end, '"""' if triple else opening if opening in "\"'`" else "“")


def has_doubled_quote(raw: str) -> bool:
    """Could a quote in `raw`, whose inner quotes are not escaped, be a delimiter written twice?

    Meant quotes come in pairs.
    """
    edges = raw[:1] == '"' == raw[-1:] or raw.startswith('""') or raw.endswith('""')
    return edges or len(_PLAIN_QUOTE.findall(raw)) % 2 == 1


def decode(raw: str, end: int, style: str) -> Written:
    """The characters that `raw`, written between quotes of `style`, stands for.

    Raises:
        StrictJSONError: two readings are possible.
    """
    if _PAIR in raw:
        raise StrictJSONError("half of a surrogate pair")
    body = raw.replace("\\\\", _PAIR)
    if style == "'":
        body = body.replace("\\'", "'")
    if style == "`":
        if "${" in body.replace("\\${", ""):
            raise StrictJSONError("a template string with a placeholder")
        body = body.replace("\\`", "`").replace("\\$", "$")
    escapes = set(_ESCAPE.findall(body))
    odd = {escape for escape in escapes if len(escape) == 1 and escape not in '"/bfnrt'}
    control = _CONTROL.search(body) is not None
    disputed = bool(escapes & _NOT_PYTHON) or _DISPUTED.search(body) is not None
    _check_style(body, odd, disputed, style)
    careful = style in ('"', "'") or _is_escaped(body, style)
    if odd or control or not careful:
        _check_escapes(body, escapes - odd, careful)
    repairs = [_STYLES[style]] if _STYLES[style] else []
    if control and style not in ('"""', "`"):
        repairs.append(CONTROL_ESCAPED)
    if odd:
        repairs.append(ESCAPE_DOUBLED)
    if style != '"':
        body = _PLAIN_QUOTE.sub(r'\\"', body)
    body = _INVALID.sub(r"\\\\", body).replace(_PAIR, "\\\\")
    try:
        value = scanstring(body + '"', 0, False)[0]
    except json.JSONDecodeError:
        raise StrictJSONError("a string ends in a backslash") from None
    return Written(value, end, tuple(repairs), disputed)


def _check_style(body: str, odd: set[str], disputed: bool, style: str) -> None:
    """Refuse escapes that mean different things to those who write such quotes."""
    if odd and _UNEVEN.search(body):
        raise StrictJSONError(_UNCERTAIN)
    if odd & _OVERDONE:
        raise StrictJSONError(f"\\{min(odd & _OVERDONE)} is no escape of JSON")
    if (disputed and style in ("'", '"""')) or (odd and style == "`"):
        raise StrictJSONError("an escape that JSON does not have")


def _is_escaped(body: str, style: str) -> bool:
    """Do double quotes show that the string was written with escapes?

    Quotes that need no escape invite to escape nothing at all. Then a doubled backslash may be
    meant as two, unless newlines are escaped.
    """
    escaped = '\\"' in body
    bare = _PLAIN_QUOTE.search(body) is not None
    if escaped and bare:
        raise StrictJSONError("some inner quotes are escaped and some are not")
    lines = "\\n" in body and "\n" not in body
    if _PAIR in body and not (escaped or lines or (style == "“" and not bare)):
        raise StrictJSONError(_UNCERTAIN)
    return escaped


def _check_escapes(body: str, escapes: set[str], careful: bool) -> None:
    """Refuse escapes that, in a string with defects, may be meant as two characters."""
    letters = {"b" if _ASCII.fullmatch(escape) else escape[0] for escape in escapes}
    if not careful and "n" in letters and "\n" in body:
        raise StrictJSONError(_UNCERTAIN)
    refused = letters & ({"b", "f", "/"} if careful else {"b", "f", "/", "u"})
    if refused:
        raise StrictJSONError(f"\\{min(refused)} beside unescaped characters")
    if not letters & _LAYOUT and "\\\n" not in body:
        return
    probe = body.replace('\\"', '"').replace("\\'", "'")
    if _CALM.match(probe) is None or _CLOSE_BY.search(probe) is not None:
        raise StrictJSONError(_UNCERTAIN)
