"""JSON objects as fields that stay the bytes they came as.

A translated body keeps every value that it does not have to look into: numbers, schemas and
unknown fields go into the other body as they were written. Fields that are null count as absent.

Not a schema check. In: bytes of a client or a server. Out: `Fields`, strings, lists.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from seatrial.core.errors import FormatError

Fields = dict[str, msgspec.Raw]

_decoder = msgspec.json.Decoder(Fields)
_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_NULL = msgspec.Raw(b"null")
TRUE = msgspec.Raw(b"true")
_QUOTE = ord('"')
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\[^u]"
)
_FAULTS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


def read_body(body: bytes) -> Fields:
    """The fields of a whole body.

    JavaScript writes half of a cut emoji as a lone surrogate, which is no text; it is read as
    the replacement character, since the same history comes again with every request.

    Raises:
        FormatError: not a JSON object.
    """
    try:
        return _present(_decoder.decode(body))
    except _FAULTS as error:
        whole = without_lone_surrogates(body)
        if whole == body:
            raise FormatError(f"the body is not a JSON object: {error}") from error
        try:
            return _present(_decoder.decode(whole))
        except _FAULTS as again:
            raise FormatError(f"the body is not a JSON object: {again}") from again


def without_lone_surrogates(body: bytes) -> bytes:
    """`body` with the replacement character for each; the same bytes where there are none."""
    return _ESCAPE.sub(_paired, body)


def read_fields(raw: msgspec.Raw | None) -> Fields:
    """The fields of an object.

    Raises:
        FormatError: it is something else.
    """
    if raw is None:
        return {}
    try:
        return _present(_decoder.decode(raw))
    except _FAULTS as error:
        raise FormatError(f"an object was expected, not {_shown(raw)}") from error


def read_list(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """The entries of a list; empty where there is none.

    Raises:
        FormatError: it is something else.
    """
    if raw is None:
        return []
    try:
        return _list_decoder.decode(raw)
    except _FAULTS as error:
        raise FormatError(f"a list was expected, not {_shown(raw)}") from error


def text(raw: msgspec.Raw | None) -> str | None:
    """The string that `raw` is, or None."""
    return plain(raw) if raw is not None and is_text(raw) else None


def words(raw: msgspec.Raw | None) -> str:
    """As `text`; empty where there is no string."""
    return text(raw) or ""


def flag(raw: msgspec.Raw | None) -> bool | None:
    """The boolean that `raw` is, or None."""
    value = plain(raw)
    return value if isinstance(value, bool) else None


def number(raw: msgspec.Raw | None) -> int:
    """The whole number that `raw` is, or 0."""
    value = plain(raw)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def strings(raw: msgspec.Raw | None) -> tuple[str, ...]:
    """The strings of a list; a string counts as a list of one."""
    if raw is not None and is_text(raw):
        return (words(raw),)
    return tuple(words(item) for item in read_list(raw))


def plain(raw: msgspec.Raw | None) -> Any:  # noqa: ANN401 - any JSON value
    """`raw` as plain data."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except _FAULTS as error:
        raise FormatError(f"cannot be read: {_shown(raw)}") from error


def is_text(raw: msgspec.Raw) -> bool:
    """Whether `raw` is a string."""
    # `Raw` is a buffer and no `bytes`, whatever its type says: it cannot be cut or compared.
    return memoryview(raw)[0] == _QUOTE


def raw(value: object) -> msgspec.Raw:
    """`value` as the JSON it is written as."""
    return msgspec.Raw(msgspec.json.encode(value))


def is_object(arguments: str) -> bool:
    """Whether a call's arguments are one whole JSON object, by the letter."""
    try:
        return isinstance(json.loads(arguments, parse_constant=_no_constant), dict)
    except (ValueError, RecursionError):
        return False


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _present(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value != _NULL}


def _paired(match: re.Match[bytes]) -> bytes:
    found = match.group()
    return rb"\ufffd" if len(found) == 6 else found


def _shown(raw: msgspec.Raw) -> str:
    return repr(bytes(memoryview(raw)[:60]).decode("utf-8", "replace"))
