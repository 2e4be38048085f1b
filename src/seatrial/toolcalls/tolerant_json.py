"""One JSON object or list as models break it, read from left to right; each change has an id.

Strict JSON is never touched. What is not strict is read by its parts with the closed list of
`json_repairs`. Where a second reading of the same text is possible, there is no value but a
reason. Not a guesser of calls: what the value means is for others. In: a text, a place, and
what may stand behind. Out: the value, its end, the ids of the repairs.

A double quote is the end of a string only if a part of JSON follows. A defect can make the
quotes of a payload look like that; so every repair that leans on an end first makes sure
that no later end is possible.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from seatrial.toolcalls.json_ends import Ends, misplaced
from seatrial.toolcalls.json_repairs import (
    BRACKET_EXTRA,
    BRACKET_MISSING,
    COMMA_MISSING,
    CONCATENATION,
    NAME_KEY_BROKEN,
    PUNCTUATION_DROPPED,
    PYTHON_LITERAL,
    SINGLE_QUOTES,
    TRAILING_COMMA,
    TRIPLE_QUOTES,
    UNQUOTED,
)
from seatrial.toolcalls.json_strings import OPENING, decode, has_doubled_quote, read_string
from seatrial.toolcalls.json_tokens import is_free_text, may_lack_blanks, read_key, read_word, skip
from seatrial.toolcalls.reading import skip_blanks
from seatrial.toolcalls.strict_json import (
    MAX_DEPTH,
    CutJSONError,
    StrictJSONError,
    read_value,
)

__all__ = ["CutJSONError", "JSONRead", "StrictJSONError", "read_json"]

_MAX_PARTS = 10_000
"""So many values at most in a text that needs repair; a call never holds as many."""

_MAX_JOINED = 1_000

_ROLES = dict.fromkeys("arguments parameters input args params".split(), "arguments") | {
    "function": "call"
}
"""What the parts of a call are: the object with the name, and the arguments."""

_UNBALANCED = frozenset((BRACKET_EXTRA, BRACKET_MISSING))
_BEHIND_STRING = ("", ",", ":", "}", "]")
_EMPTY = '""'
_STRUCTURAL = frozenset((COMMA_MISSING, TRAILING_COMMA, UNQUOTED, PUNCTUATION_DROPPED))
"""Repairs that may come from a bracket which was lost or is one too many."""

_CLOSERS = {"{": "}", "[": "]"}
_BRACKETS = " \t\r\n}]"
_CLOSING_MARKS = _BRACKETS + ",<>/\\ntr"
_CLOSING = re.compile(r"\}(?:\s*+(?:[}\]]|\\[ntr]))*+")
_GLUED = re.compile(r"[-+.\d]|true|false|null|True|False|None")
"""How an unquoted string in a list must not begin: two values may have grown together."""
_PLUS = re.compile(rf"\s*+\+\s*+(?=[{OPENING}])")
_NEXT_KEY = re.compile(r'"[A-Za-z_][\w.\-]*+"\s*+:')
_ANY_KEY = re.compile(r""""[^"\\]{0,200}"\s*+:|["'“‘]?[A-Za-z_$][\w$.\-]{0,99}["'”’]?\s*+:""")
_NAME_KEY = re.compile(r'"{0,2}name(["\s:=]{1,8})"([A-Za-z_][\w.\-]{0,63})"\s*+(?=[,}:])')


class JSONRead(msgspec.Struct, frozen=True):
    """A value that was read."""

    value: Any
    end: int
    repairs: tuple[str, ...]
    """What had to be changed; empty = the text is strict JSON."""


def read_json(text: str, at: int, *, follow: re.Pattern[str], stopped: bool) -> JSONRead:
    """Read the one object or list that begins at `at`.

    `follow` is tried at places behind the value, blanks included, and says that the body may
    end there. `stopped`: the text ends because the model chose to; otherwise nothing is
    concluded from its end. What stands behind the value is the caller's to check: `follow` need
    not match there.

    Raises:
        StrictJSONError: no value, or not exactly one; CutJSONError: the text ended inside it.
    """
    if text[at : at + 1] not in _CLOSERS:
        raise StrictJSONError("not JSON: no object and no list")
    reader = _Reader(text, follow, stopped)
    try:
        value, end = read_value(text, at)
    except StrictJSONError:
        value, end = reader.root(at)
    end, strays = reader.ends.behind(text[at], end)
    if BRACKET_EXTRA in strays:
        reader.ends.require_only(end)
    repairs = tuple(dict.fromkeys(reader.repairs + strays))
    if not _UNBALANCED.isdisjoint(repairs) and (
        not _STRUCTURAL.isdisjoint(repairs) or misplaced(value, BRACKET_MISSING in repairs)
    ):
        raise StrictJSONError("the brackets do not match, and it is not certain where")
    return JSONRead(value, end, repairs)


class _Reader:
    """The state of one reading."""

    def __init__(self, text: str, follow: re.Pattern[str], stopped: bool) -> None:
        self._text = text
        self._stopped = stopped
        self.ends = Ends(text, follow, stopped)
        self.repairs: list[str] = []
        self._open: list[str] = []
        """The closing brackets that are due, outermost first."""
        self._parts = 0
        self._ended = False
        """The body ended before its brackets did."""
        self._disputed = False
        self._open_at_end = ""
        """The closing brackets that were due where the body ended."""
        self._double_key = False
        self._bare_end = -1
        """Where the last unquoted string ended."""
        self._string_end = -1
        self._damaged_end = -1
        """Where the last string with a defect of its own ended."""

    def root(self, at: int) -> tuple[Any, int]:
        """The whole value."""
        try:
            value, end = self._container(at, "call")
            self._text[at:end].encode("utf-8")
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise StrictJSONError("half of a surrogate pair") from None
        if self._disputed and {SINGLE_QUOTES, PYTHON_LITERAL, TRIPLE_QUOTES} & {*self.repairs}:
            raise StrictJSONError("an escape that Python reads in another way than JSON")
        if self._ended:
            # With no bracket closed and no closing tag, the text may have been cut, whatever the
            # server says.
            cut = self._text[end - 1] not in "}]" or "]" in self._open_at_end[1:]
            if cut and skip_blanks(self._text, end) == len(self._text):
                raise CutJSONError("the text ends inside the JSON")
            self.ends.require_end(end)
            self.ends.require_only(end, unclosed=True)
            self.repairs.append(BRACKET_MISSING)
        elif not self._stopped and skip_blanks(self._text, end) == len(self._text):
            raise CutJSONError("it is not certain yet where the last string ends")
        else:
            self._check_end(end)
        return value, end

    def _check_end(self, end: int) -> None:
        """Is the last thing a string with a defect in it or behind it? Then look further."""
        behind = self._text[self._string_end : end]
        defect = self._damaged_end == self._string_end or behind.strip(_BRACKETS)
        if self._string_end > 0 and defect and not behind.strip(_CLOSING_MARKS):
            self.ends.require_only(end)

    # Structure

    def _container(self, at: int, role: str) -> tuple[Any, int]:
        """An object or a list; `role`: it is the call, its arguments, or a value of them."""
        if len(self._open) == MAX_DEPTH:
            raise StrictJSONError("nested too deeply")
        opening = self._text[at]
        self._open.append(_CLOSERS[opening])
        found = self._object(at + 1, role) if opening == "{" else self._list(at + 1, role)
        self._open.pop()
        return found

    def _object(self, at: int, role: str) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        at = self._skip(at)
        if self._char(at) == "}":
            return found, at + 1
        more = True
        while more:
            name = self._broken_name(at) if role == "call" and not found else None
            key, at = name if name is not None else self._key(at)
            if key in found:
                raise StrictJSONError(f"the key {key!r} stands twice")
            if name is not None:
                found[key], at = self._name_value(at)
                if self._text[at] == ":":
                    at, more = self._name_colon(found, at)
                    continue
            else:
                found[key], at = self._value(at, _ROLES.get(key, "") if role == "call" else "", key)
            at, more = self._separator(at, "}")
        return found, at

    def _list(self, at: int, role: str) -> tuple[list[Any], int]:
        found: list[Any] = []
        role = role if len(self._open) == 1 else ""
        start, at = at, self._skip(at)
        if self._char(at) == "]":
            if not self._text[start:at].isspace() and start < at:
                raise StrictJSONError("what stands in an empty list may be an item of it")
            return found, at + 1
        more = True
        while more:
            value, at = self._value(at, role, None)
            found.append(value)
            at, more = self._separator(at, "]")
        return found, at

    def _separator(self, at: int, closer: str) -> tuple[int, bool]:
        """From behind a value to the next one, or behind the bracket (or the end of all)."""
        text, start = self._text, at
        listed = text.startswith((closer, ","), skip_blanks(text, at))
        if self._ended or (not listed and start != self._bare_end and self.ends.follows(at)):
            self._ended = True
            self._open_at_end = self._open_at_end or "".join(self._open)
            return at, False
        if closer == "]" and start == self._string_end and text.startswith("\\", start):
            raise StrictJSONError("an escape behind a string may be a part of it")
        at = self._skip(at)
        char = self._char(at)
        if char == closer:
            return at + 1, False
        if char == ",":
            comma, at = at, self._skip(at + 1)
            if self._char(at) == closer:
                if "\\" in text[comma:at]:
                    raise StrictJSONError("an escape before a bracket may be a part of a string")
                if text[start - 2 : start] == _EMPTY and start == self._string_end:
                    raise StrictJSONError("the comma may be the text of the empty string before it")
                self.repairs.append(TRAILING_COMMA)
                return at + 1, False
            return at, True
        blank = text[start:at].isspace() or (start == at and start != self._string_end)
        keyed = closer == "}" and _NEXT_KEY.match(text, at) is not None
        bracketed = closer == "]" and text[start - 1] in "}]" and char in "{["
        if text[start - 2 : start - 1] in (",", ";") and start == self._string_end:
            raise StrictJSONError("the missing comma may stand inside the string before it")
        if blank and start != self._bare_end and (keyed or bracketed):
            self.repairs.append(COMMA_MISSING)
            return at, True
        raise StrictJSONError(f"not JSON: a comma or {closer} is missing")

    # Parts

    def _value(self, at: int, role: str, key: str | None) -> tuple[Any, int]:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise StrictJSONError("not JSON, and too long to be repaired")
        at = self._skip(at)
        char = self._char(at)
        if char in _CLOSERS:
            return self._container(at, role)
        if char in OPENING:
            if self._text[max(0, at - 16) : at].rstrip().endswith(("\\n", "\\t", "\\r")):
                raise StrictJSONError("an escape before a string may be a part of it")
            return self._string(at, key)
        value, end, repair = read_word(self._text, at)
        self._note(repair)
        if isinstance(value, str):
            if _GLUED.match(value) if key is None else may_lack_blanks(self._text, at, end, key):
                raise StrictJSONError("not JSON: a value without quotes")
            self._bare_end = end
        return value, end

    def _string(self, at: int, key: str | None) -> tuple[str, int]:
        text = self._text
        quoted = text[at] == '"' and not text.startswith('"""', at)
        free = quoted and key is not None and is_free_text(key)
        parts = [read_string(text, at)]
        mixed = SINGLE_QUOTES in parts[0].repairs and self._double_key
        if mixed and '"' not in text[at : parts[0].end]:
            raise StrictJSONError("the single quotes may be a part of a string that lost its own")
        while (plus := _PLUS.match(text, parts[-1].end)) is not None and len(parts) < _MAX_JOINED:
            parts.append(read_string(text, plus.end()))
        if free and not self._closes(parts[-1].end):
            stop = self.ends.inner(at + 1, "".join(reversed(self._open)))
            raw = text[at + 1 : stop]
            if has_doubled_quote(raw):
                raise StrictJSONError("an inner quote may be one of the string's own, doubled")
            parts = [decode(raw, stop + 1, "inner")]
        before = text[max(0, at - 64) : at].rstrip()[-1:]
        behind = text[parts[-1].end : parts[-1].end + 64].lstrip()[:1]
        alone = before in ("", ":", ",", "[", "{") and behind in _BEHIND_STRING
        if not alone and not any(part.value for part in parts):
            raise StrictJSONError("what stands beside an empty string may be its text")
        for part in parts:
            self.repairs.extend(part.repairs)
            self._disputed = self._disputed or part.disputed
        if len(parts) > 1:
            self.repairs.append(CONCATENATION)
        self._string_end = parts[-1].end
        if quoted and parts[-1].repairs:
            self._damaged_end = self._string_end
        return "".join(part.value for part in parts), parts[-1].end

    def _key(self, at: int) -> tuple[str, int]:
        """A key, and the place behind its colon."""
        self._double_key = self._char(at) == '"'
        if self._text[at] == '"' and not self._text.startswith('"""', at):
            try:
                written = read_string(self._text, at)
                colon, repairs = skip(self._text, written.end)
            except CutJSONError:
                if not self._stopped:
                    raise
            else:
                if self._char(colon) == ":" and not written.repairs:
                    self.repairs.extend(repairs)
                    return written.value, colon + 1
        found = read_key(self._text, at)
        if found is None:
            raise StrictJSONError("not JSON: a key in double quotes is missing")
        key, end, repair = found
        self.repairs.append(repair)
        return key, end

    # Names

    def _broken_name(self, at: int) -> tuple[str, int] | None:
        """The key of `"name":": "sh"` and the like, and the place of its value."""
        match = _NAME_KEY.match(self._text, at)
        if match is None or match.group(2) in _ROLES:
            return None
        noise = re.sub(r"\s", "", match.group(1))
        muddled = noise not in ('":', ":") or self._text[at : at + 2] == '""'
        if not muddled and self._text[match.end()] != ":":
            return None
        self.repairs.append(NAME_KEY_BROKEN)
        return "name", match.start(2)

    def _name_value(self, at: int) -> tuple[str, int]:
        end = self._text.index('"', at)
        return self._text[at:end], self._skip(end + 1)

    def _name_colon(self, found: dict[str, Any], at: int) -> tuple[int, bool]:
        """`"name": "sh": ...`: the colon stands for a comma, or arguments follow without a key."""
        at = self._skip(at + 1)
        if self._char(at) != "{":
            if _NEXT_KEY.match(self._text, at) is None:
                raise StrictJSONError("not JSON: a comma is missing behind the name")
            return at, True
        found["arguments"], at = self._container(at, "arguments")
        at = self._skip(at)
        if self._char(at) != "}":
            raise StrictJSONError("not JSON: a comma is missing behind the name")
        return at + 1, False

    # Ends

    def _closes(self, end: int) -> bool:
        """May the quote before `end`, of a member's value, be the end of its string?"""
        text = self._text
        if self.ends.follows(end):
            return not self.ends.later(end)
        try:
            at = skip(text, end)[0]
            if text[at : at + 1] == ",":
                at = skip(text, at + 1)[0]
                return text[at : at + 1] in ("", "}") or bool(_ANY_KEY.match(text, at))
            closing = _CLOSING.match(text, at)
            if closing is not None:
                at = skip(text, closing.end())[0]
        except StrictJSONError:
            return False
        if closing is not None and (text[at : at + 1] == "," or self.ends.follows(at)):
            return True
        return at == len(text) or (at > end and bool(_NEXT_KEY.match(text, at)))

    # Places

    def _skip(self, at: int, note: bool = True) -> int:
        at, repairs = skip(self._text, at)
        if note:
            self.repairs.extend(repairs)
        return at

    def _char(self, at: int) -> str:
        if at >= len(self._text):
            raise CutJSONError("the text ends inside the JSON")
        return self._text[at]

    def _note(self, repair: str | None) -> None:
        if repair is not None:
            self.repairs.append(repair)
