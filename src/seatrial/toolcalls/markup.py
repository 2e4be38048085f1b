"""Values without quotes: where the text between two tags ends, for every dialect that writes so.

Nothing in such a value is escaped, so it may look like its own end. In: a grammar of tags, a
window, the place behind the head of a call. Out: the parameters as they stand, or `Unclear`. It
knows no envelope (`markup_envelope` does) and types no value.

A value begins behind its opening tag and ends at a closing tag that is balanced (tags inside the
value that open a parameter are closed inside it) and structural (the next parameter, the end of
the call or of the turn follows). Where the value began on a line of its own the closing tag must
do so too, and one newline on each side is taken off; nothing else is. `markup_scan` finds such
ends. A closing tag that was forgotten is repaired by `markup_flat`, if the model stopped by
itself. Where the same text could mean something else it is `Unclear`: the model is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec

from seatrial.toolcalls.arguments import is_annotation, names_argument
from seatrial.toolcalls.coercion import TwoReadingsError, typed
from seatrial.toolcalls.envelope_repairs import TAG_SPELLING, TAG_VARIANT
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.reading import BLANK, END, Window, skip_blanks
from seatrial.toolcalls.schema_check import BrokenSchemaError, Declared

B = r"[ \t]{0,8}"
"""Blanks inside a tag."""
WORD = r"[^\s<>=\"'/]{1,128}+"
"""A name inside a tag."""

_MOST_TAGS = 20_000
"""No value holds so many tags; it bounds the work on hostile text."""

NOT_CLOSED = "the call is not closed"
_UNCERTAIN = "the end of the parameter {!r} is not certain"


class Unclear(Exception):
    """The text has no reading that is certain; the message is the reason, one line."""

    def __init__(self, reason: str, *, ended: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ended = ended
        """The text ended before the call did."""


def uncertain(key: str) -> Unclear:
    return Unclear(_UNCERTAIN.format(key[:40]))


class Grammar(msgspec.Struct, frozen=True):
    """The tags of a dialect."""

    tag: re.Pattern[str]
    """One of the groups open (with `key`), close, head (with `name`), tail, wrap and unwrap:
    the tags of a parameter, of a call, and of the wrapper around calls."""
    exact: re.Pattern[str]
    """The spelling of the dialect itself."""
    variant: re.Pattern[str] | None = None
    """Known other spellings; what is neither is misspelled."""
    damaged: re.Pattern[str] = re.compile(r"(?!)")
    """The beginning of a tag of the dialect, whatever comes of it."""
    fragment: re.Pattern[str] = re.compile(r"(?!)")
    """A part of a tag of several parts; at an edge of a value it is hardly text."""
    block: bool = False
    """Values are written on lines of their own; else directly between the tags."""
    strips: bool = True
    """A value on lines of its own loses a newline on each side."""
    sections: bool = True
    """Calls stand in a wrapper; else the tail of a call is all that closes it."""
    several: bool = False
    """One wrapper may hold several calls."""
    keyed: bool = False
    """The closing tag names its parameter (group `closed`)."""
    late_open: re.Pattern[str] | None = None
    """An opening tag of a parameter that has lost its beginning (group `key`)."""
    unclosed_head: re.Pattern[str] | None = None
    """A head without its bracket (group `name`), where a declared name leaves no doubt."""
    values: Callable[[dict[str, Value]], tuple[dict[str, Any], bool]] | None = None
    """Values to arguments, and whether they are untyped; None = raw text."""

    def repair_of(self, spelled: str) -> tuple[str, ...]:
        """What was repaired by taking `spelled` for a tag."""
        if self.exact.fullmatch(spelled):
            return ()
        known = self.variant is not None and self.variant.fullmatch(spelled)
        return (TAG_VARIANT,) if known else (TAG_SPELLING,)


class Tag(msgspec.Struct, frozen=True):
    """One tag in the text."""

    kind: str
    start: int
    end: int
    name: str = ""
    line: bool = False
    """Only blanks stand before it on its line."""
    anchored: bool = False
    """As `line`, or other tags as well."""
    late: bool = False
    """Its beginning is missing."""


class Value(msgspec.Struct, frozen=True):
    """One value, cut out."""

    text: str
    end: int
    repairs: tuple[str, ...] = ()
    inner: frozenset[str] = frozenset()
    """Parameters that are opened inside of it, outside of whole calls."""
    rests: tuple[str, ...] = ()
    """What stands behind closing tags that are part of it: a lost opening tag explains them."""
    opening: str = ""
    """The tag that opened it."""
    framed: str | None = None
    """With the newlines that were taken off around it; None = none were."""


class Parameters(msgspec.Struct, frozen=True):
    """All parameters of a call."""

    values: dict[str, Value]
    end: int
    repairs: tuple[str, ...] = ()


class Opened(msgspec.Struct, frozen=True):
    """A parameter whose value begins at `start`."""

    key: str
    start: int
    block: bool
    """Its value begins on a line of its own."""


class Reader:
    """What is asked about one text while one call is read."""

    def __init__(self, window: Window, grammar: Grammar, name: str, *, wrapped: bool) -> None:
        self.window = window
        self.text = window.text
        self.grammar = grammar
        self.wrapped = wrapped
        """The wrapper was opened."""
        found = resolve(name, window.tools)
        schema = window.tools[found[0]].parameters if found else {}
        try:
            self.schema = Declared.of(schema)
        except BrokenSchemaError:
            self.schema = Declared.of({})
        self.declared = self.schema.properties

    def next(self, at: int) -> Tag | None:
        """The tag that stands at `at`, blanks aside."""
        at = skip_blanks(self.text, at)
        match = self.grammar.tag.match(self.text, at)
        if match is not None:
            return _tag(match, line=True, anchored=True)
        late = self.grammar.late_open
        found = late.match(self.text, at) if late is not None else None
        if found is None or found["key"] not in self.declared:
            return None
        return Tag("open", at, found.end(), found["key"], late=True)

    def tags(self, at: int) -> Iterator[Tag]:
        """The tags from `at` on."""
        chain = -1
        for match in islice(self.grammar.tag.finditer(self.text, at), _MOST_TAGS):
            line = _line_start(self.text, match.start())
            chained = chain >= 0 and skip_blanks(self.text, chain) == match.start()
            chain = match.end() if line or chained else -1
            yield _tag(match, line=line, anchored=line or chained)

    def twin(self, value: Opened, tag: Tag) -> Tag | None:
        """The closing tag `tag` of `value` once more, on the same line or the next.

        Only where values stand on lines of their own, and not behind an empty one: else the first
        of the two may as well be the text.
        """
        empty = skip_blanks(self.text, value.start) == tag.start
        again = self.next(tag.end) if self.grammar.block and not empty else None
        if again is None or (again.kind, again.name) != (tag.kind, tag.name):
            return None
        behind = self.next(again.end)
        whole = behind is not None and behind.kind in ("open", "tail")
        return again if whole and self.text[tag.end : again.start] in ("", "\n") else None

    def ends_value(self, at: int) -> bool:
        """Does what follows `at`, behind a closing tag, show that the value ends there?"""
        tag = self.next(at)
        if tag is None:
            return self.ends_turn(at)
        if tag.kind == "tail":
            return self.ends_call(tag.end)
        return tag.kind in ("open", "unwrap")

    def ends_turn(self, at: int) -> bool:
        """Does the turn end at `at`? A token that ends turns, with tags behind it, may be text."""
        token = END.match(self.text, at)
        if token is None or not self.window.at_end(at):
            return False
        return self.grammar.tag.search(self.text, token.end()) is None

    def ends_call(self, at: int) -> bool:
        """Does what follows `at`, behind the tail of a call, show that the call ends there?"""
        tag = self.next(at)
        if not self.grammar.sections:
            return tag is None or tag.kind != "close"
        if tag is not None and tag.kind == "tail":
            at = tag.end
            tag = self.next(at)
        if tag is not None and tag.kind == "wrap":
            return self.begins_call(tag) or self.window.at_end(tag.end)
        if tag is not None:
            return tag.kind == "unwrap" or (tag.kind == "head" and self.is_header(tag))
        return self.ends_turn(at) or self.text_then_unwrap(at) is not None

    def text_then_unwrap(self, at: int) -> Tag | None:
        """The tag that closes the wrapper, if only text without tags stands before it."""
        found = next(self.tags(at), None) if self.wrapped else None
        if found is None or found.kind != "unwrap" or not found.line:
            return None
        return None if self.grammar.damaged.search(self.text, at, found.start) else found

    def is_header(self, tag: Tag) -> bool:
        """Does a parameter follow the head of a call, or its end where it can take none?"""
        behind = self.next(tag.end)
        if behind is None or behind.kind != "tail":
            return behind is not None and behind.kind == "open"
        tool = self.window.tools.get(tag.name)
        return tool is None or not tool.parameters.get("properties")

    def is_last(self, tail: Tag) -> bool:
        """Does the turn or another call certainly follow the tail of a call?"""
        behind = self.next(tail.end)
        if behind is None:
            return self.ends_turn(tail.end)
        if self.grammar.sections:
            return self.ends_call(tail.end)
        return behind.kind == "head" and self.is_header(behind)

    def begins_call(self, tag: Tag) -> bool:
        """Does a call begin with `tag`, its head or a tag of the wrapper before it?"""
        for _ in range(2):
            behind = self.next(tag.end) if tag.kind == "wrap" else None
            tag = behind or tag
        return tag.kind == "head"

    def is_damaged(self, at: int) -> bool:
        """Does a tag begin at `at`, blanks aside, that is none?"""
        at = skip_blanks(self.text, at)
        half = self.grammar.damaged.match(self.text, at) or self.grammar.fragment.match(
            self.text, at
        )
        return half is not None

    def looks_closed(self, value: Opened, body: str, end: int) -> bool:
        """Does `body` hold what may have been meant as one of the tags of its call?

        That is the name of a parameter as a closing tag that nothing opens, or half a tag.
        """
        key, keyed = value.key, self.grammar.keyed
        found = {foreign_closer(body), leading_closer(body)} - {None}
        named = bool(found & {key.lower(), "?", *map(str.lower, self.declared)})
        inside = f"</{key}>\n" in body and f"<{key}" not in body
        again = keyed and body.lstrip()[: len(key) + 1].lower() == f"<{key}".lower()
        edges = body.strip(BLANK)
        part = self.grammar.fragment
        torn = part.match(edges) or part.search(edges, max(0, len(edges) - 16))
        named = named or inside or again or (keyed and bool(found))
        return named or torn is not None or self._damaged(value, end)

    def _damaged(self, value: Opened, end: int) -> bool:
        """Does a tag begin in the value that is none, where a tag would count?"""
        for match in self.grammar.damaged.finditer(self.text, value.start, end):
            counts = not value.block or _line_start(self.text, match.start())
            if counts and not self.grammar.tag.match(self.text, match.start()):
                return True
        return False

    def check(self, values: dict[str, Value]) -> None:
        """Two readings of the whole call: then none is taken."""
        missing = [key for key in self.declared if key not in values]
        for key, value in values.items():
            lost = any(inner not in values and self.is_argument(inner) for inner in value.inner)
            lost = lost or any(self._lost_opening(rest, missing) for rest in value.rests)
            lost = lost or (bool(missing) and _holds_tag_of(value.text, missing))
            if lost:
                raise uncertain(key)

    def is_argument(self, key: str) -> bool:
        others = self.schema.others is not False
        return others or names_argument(key, self.schema.root) or is_annotation(key, "")

    def _lost_opening(self, rest: str, missing: list[str]) -> bool:
        """Could `rest` be the value of a parameter whose opening tag was forgotten?"""
        if self.schema.others is not False:
            return True
        head = rest.lstrip(BLANK)[:80].partition("\n")[0]
        tag = re.search(r"[<>\[\]=&;]", head) is not None
        words = {word.lower() for word in re.findall(r"\w+", head)}
        if any(key.lower() in words or (tag and key.lower() in head.lower()) for key in missing):
            return True
        for key in missing:
            schema = self.schema.schema_of(key)
            try:
                if self.schema.fits(typed(rest.strip(), schema, self.schema), schema):
                    return True
            except (TwoReadingsError, BrokenSchemaError):
                return True
        return False


_TAG_LIKE = re.compile(
    r"(?:<|&lt;|\[)(?=[^<>\n]{0,40}?(?:param|arg))[^<>\n]{1,100}?(?:>|&gt;|\])[^<>\n]{0,40}", re.I
)


def _holds_tag_of(text: str, missing: list[str]) -> bool:
    """Does `text` hold what looks like the tag of one of the parameters that are missing?"""
    return any(key in found.group() for found in _TAG_LIKE.finditer(text) for key in missing)


def _tag(match: re.Match[str], *, line: bool, anchored: bool) -> Tag:
    groups = match.groupdict()
    name = groups.get("key") or groups.get("name") or groups.get("closed") or ""
    return Tag(match.lastgroup or "", match.start(), match.end(), name, line, anchored)


def _line_start(text: str, at: int) -> bool:
    head = text[max(0, at - 256) : at].rstrip(" \t")
    return head.endswith("\n") or (not head and at <= 256)


_CLOSING = re.compile(r"</[ \t]{0,8}([\w:.\-]{1,64}+)[ \t]{0,8}(>?)\s*+\Z")
_LEADING = re.compile(r"\s*+</[ \t]{0,8}([\w:.\-]{1,64}+)[ \t]{0,8}>")


_TORN = re.compile(
    r"(?:&lt;|[^\w\s])*+(?:parameters?|param|arg_value|arg_key|arg|value|function|invoke)"
    r"(?:&gt;|[^\w\s])*+",
    re.IGNORECASE,
)


def is_torn_tag(line: str) -> bool:
    """Is `line` nothing but a tag of calls with some of its marks wrong?"""
    words = line.strip(BLANK)
    return not words.isalpha() and _TORN.fullmatch(words) is not None


def foreign_closer(text: str) -> str | None:
    """The name in a closing tag at the end of `text` that nothing in it opens."""
    match = _CLOSING.search(text, max(0, len(text) - 256))
    if match is not None and not match[2]:
        return "?"
    return match[1].lower() if match and f"<{match[1]}" not in text else None


def leading_closer(text: str) -> str | None:
    """The name in a closing tag at the beginning of `text`."""
    match = _LEADING.match(text)
    return match[1].lower() if match else None


def opened(reader: Reader, tag: Tag) -> Opened:
    """The parameter that `tag` opens."""
    text, grammar = reader.text, reader.grammar
    block = text.startswith("\n", tag.end) and grammar.strips
    if grammar.block and not block:
        rest = text[tag.end : tag.end + 64].lstrip(BLANK.replace("\n", ""))
        if rest.startswith("\n"):
            raise Unclear(f"blanks stand behind the tag of the parameter {tag.name[:40]!r}")
    return Opened(tag.name, tag.end, block)


def cut(reader: Reader, value: Opened, closer: Tag) -> str:
    """The text of `value`, which ends at `closer`."""
    body = reader.text[value.start + value.block : closer.start]
    if not closer.line or not (value.block or reader.grammar.block):
        return body
    return body.rstrip(" \t").removesuffix("\n")
