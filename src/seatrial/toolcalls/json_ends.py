"""Where the JSON of a call may end: looks ahead, changes nothing.

A payload whose quotes are not escaped can hold what looks like the end of a call. So an end
counts only where the body may end too, and, if a repair leans on it, only as long as no later
end is possible. In: a text, what may stand behind the body. Out: places, or a reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from seatrial.toolcalls.json_repairs import BRACKET_EXTRA, NEWLINE_LITERAL
from seatrial.toolcalls.reading import BLANK
from seatrial.toolcalls.strict_json import CutJSONError, StrictJSONError

_MAX_QUOTES = 50_000
_MAX_OBJECTS = 20
_MAX_BEHIND = 2_000
"""How far behind a whole value its continuation is looked for."""

_ENDING = re.compile(r'"((?:\s*+[}\]])++)')
_TAIL = re.compile(r"(?:\s*+(?:[}\]]|\\[ntr]))++")
_EMPTY_LAST = re.compile(r'[:,\[]\s*+""[\s}\]]*+\Z')
_CONTINUES = {
    "{": re.compile(r'\s*+(?:[}\]][\s}\]]*+[,:"]|,(?!\s*+\{)|:|"(?!\s*+(?:\Z|<)))'),
    "[": re.compile(r'\s*+[}\]\s]*+[,:"]'),
}
"""What shows that a value was not at its end."""
_MEMBER = re.compile(
    r"""(?:,|"\s)[^\w"'“‘]{0,20}+["'“‘]\w[\w .\-]*+["'”’]\s*+:"""
    r"""|"\s*+,[^\w"']{0,20}+[A-Za-z_]\w*+["']?\s*+:"""
    r"""|"(?:\s++|\s*+[,:]\s*+)["']?[A-Za-z_][\w.\-]*+["']?[\s>]*+:"""
    r"""|"\s*+,\s*+["'][A-Za-z_][\w.\-]*+["']\s*+\""""
)
"""What looks like a further member inside of a value whose quotes are not escaped."""
_QUOTE = re.compile("[\"'`“”]")
_SEPARATOR = re.compile(r"[\s,:]*+")
_WORD = re.compile(r"[A-Za-z_][\w.\-]*+[\s,:]*+")


_ARGUMENTS = frozenset("arguments parameters input args params".split())
"""Keys of the arguments in a call."""
_OUTER = frozenset("id type name function call_id tool_call_id index".split())
"""Other keys of a call, which may also be names of arguments."""


class Ends:
    """The ends of one text."""

    def __init__(self, text: str, follow: re.Pattern[str], stopped: bool) -> None:
        self._text = text
        self._follow = follow
        self._stopped = stopped

    def follows(self, at: int) -> bool:
        """May the body end at `at`, whatever comes later?"""
        match = self._follow.match(self._text, at)
        if match is None:
            return False
        return self._stopped or bool(match.group().strip(BLANK))

    def later(self, start: int, stop: int | None = None) -> bool:
        """May a string that seems to have ended before `start` end behind it?"""
        stop = len(self._text) if stop is None else stop
        quote = self._text.find('"', start, stop)
        return (
            quote >= 0
            and not self._opens_object(start, quote)
            and next(self._endings(quote, stop), None) is not None
        )

    def require_only(self, end: int, unclosed: bool = False) -> None:
        """Refuse the end of a string before `end` if it may end later.

        If brackets are missing (`unclosed`), any further quote is a doubt, unless it opens an
        object: then something new has begun.
        """
        quote = _QUOTE.search(self._text, end)
        new = quote is not None and self._opens_object(end, quote.start())
        if self.later(end) or (unclosed and quote is not None and not new):
            raise StrictJSONError("it is not certain where the last string ends")
        if not new and not self._stopped:
            raise CutJSONError("it is not certain yet where the last string ends")

    def inner(self, start: int, due: str) -> int:
        """The quote that ends the string from `start` on, whose inner quotes are not escaped.

        `due`: the brackets that must close behind it. What looks like a further member inside
        of the string is one.
        """
        ending = next(self._endings(start, len(self._text)), None)
        if ending is None:
            reason = "a quote inside of a string is not escaped"
            raise StrictJSONError(reason) if self._stopped else CutJSONError(reason)
        brackets = "".join(ending.group(1).split())
        raw = self._text[start : ending.start()]
        if brackets != due or '"' not in raw or raw.endswith("\\") or _has_member(raw):
            raise StrictJSONError("a quote inside of a string is not escaped")
        self.require_only(ending.end())
        return ending.start()

    def require_end(self, at: int) -> None:
        """Refuse the end of the body at `at` if what follows looks like a part of it."""
        match = self._follow.match(self._text, at)
        if match and self._text[match.end() : match.end() + 50].lstrip()[:1] in tuple('}],:"'):
            raise StrictJSONError("text behind the value looks like a part of it")

    def behind(self, opening: str, end: int) -> tuple[int, list[str]]:
        """Where the body of a whole value ends, and the repairs for strays behind the value.

        Raises:
            StrictJSONError: what follows looks like a part of the value.
        """
        if self.follows(end):
            return end, []
        tail = _TAIL.match(self._text, end)
        if tail is not None and self.follows(tail.end()):
            repairs = [NEWLINE_LITERAL] if "\\" in tail.group() else []
            if not {*"}]"}.isdisjoint(tail.group()):
                if _EMPTY_LAST.search(self._text, max(0, end - 64), end):
                    raise StrictJSONError("a bracket may be the text of the empty string before it")
                repairs.append(BRACKET_EXTRA)
            return tail.end(), repairs
        if _CONTINUES[opening].match(self._text, end) or self.later(end, end + _MAX_BEHIND):
            raise StrictJSONError("text behind the value looks like a part of it")
        return end, []

    def _opens_object(self, start: int, quote: int) -> bool:
        return self._text[max(start, quote - 50) : quote].rstrip().endswith("{")

    def _endings(self, start: int, stop: int) -> Iterator[re.Match[str]]:
        """Quotes with closing brackets behind them at which the body may end."""
        for count, match in enumerate(_ENDING.finditer(self._text, start, stop)):
            if count > _MAX_QUOTES:
                raise StrictJSONError("not JSON, and too long to be repaired")
            if self.follows(match.end()):
                yield match


def _has_member(raw: str) -> bool:
    """Does `raw`, a value with bare quotes in it, look like a value and further members?

    In text that people quote in, every second quote closes. If instead what stands between
    an odd quote and the next is a separator, and a word comes behind it, that word is a key.
    """
    raw = _without_objects(raw)
    if not 0 < raw.count('"') < _MAX_QUOTES:
        return raw.count('"') > 0
    if _MEMBER.search(raw):
        return True
    pieces = raw.split('"')
    if ":" in pieces[1] and _WORD.fullmatch(pieces[0]) and _SEPARATOR.fullmatch(pieces[1]):
        return True
    triples = zip(pieces[1::2], pieces[2::2], [*pieces[3::2], ""], strict=False)
    return any(_is_separator(*triple) for triple in triples)


def _is_separator(inside: str, behind: str, after: str) -> bool:
    """Is `inside`, between two quotes, what separates two members, rather than quoted text?"""
    if _SEPARATOR.fullmatch(inside):
        both = "," in inside and ":" in inside
        return both or after.lstrip().startswith(":") or _WORD.fullmatch(behind) is not None
    if inside.lstrip()[:1] not in (",", ":"):
        return False
    return "\n" in inside or bool(
        _WORD.match(inside.lstrip(" ,:")) and _SEPARATOR.fullmatch(behind)
    )


def _without_objects(raw: str) -> str:
    """`raw` without the whole JSON objects in it: their members are no further members."""
    parts: list[str] = []
    at = 0
    for _ in range(_MAX_OBJECTS):
        start = raw.find("{", at)
        if start < 0:
            break
        try:
            _, end = json.JSONDecoder().raw_decode(raw, start)
        except (ValueError, RecursionError):
            end = start + 1
        parts.append(raw[at : start + 1])
        at = end
    return "".join(parts) + raw[at:]


def misplaced(value: object, missing: bool) -> bool:
    """May a closing bracket that is `missing` at the end, or one too many there, belong before?

    The value is read as if only the end were wrong. With an object in an object, the last
    members of the inner one could as well be members of the outer one, and the reverse; with
    lists in lists it is the same. Only where that would not be a call any more is it certain.
    """
    if isinstance(value, list):
        return not value or any(
            not isinstance(item, dict) or _doubtful(item, True, missing) for item in value
        )
    return isinstance(value, dict) and _doubtful(value, True, missing)


def _doubtful(node: dict[str, Any] | list[Any], call: bool, missing: bool) -> bool:
    items = list(node.items()) if isinstance(node, dict) else [("", item) for item in node]
    for place, (key, inner) in enumerate(items, 1):
        if not isinstance(inner, (dict, list)):
            continue
        if inner and type(inner) is type(node):
            if missing and _could_end(inner, key, call):
                return True
            if place < len(items) and not _may_precede(key, items[place][0], call, missing):
                return True
        if _doubtful(inner, call and key == "function", missing):
            return True
    return False


def _could_end(inner: dict[str, Any] | list[Any], key: str, call: bool) -> bool:
    """Could `inner`, under `key` of a call or of another container, end before its last item?"""
    if call and key in _ARGUMENTS:
        return not _OUTER.isdisjoint([*inner][1:])
    return len(inner) > 1 and not (call and key == "function")


def _may_precede(key: str, behind: str, call: bool, missing: bool) -> bool:
    """Is it certain that the value under `key` ends before the member `behind`?"""
    if call and key in _ARGUMENTS:
        return behind == "name" or (missing and behind in _OUTER)
    return missing
