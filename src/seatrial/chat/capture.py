"""What went over the wire, kept as proof and cleaned of secrets.

Secrets leave before anything is kept: header values by name, things that look like keys in the
other headers, and the keys that were configured wherever they stand in paths, bodies and error
messages. A key that a model spells out over several frames of a stream is not found.

In: requests and chunks as they pass. Out: one `Exchange` a call, bounded in size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from seatrial.chat.endpoint import Exchange

OnExchange = Callable[[Exchange], None]

REDACTED = "[redacted]"
MAX_CAPTURE_BYTES = 8 * 1024 * 1024
"""Of the request and of the response, each; what is more is counted in `Exchange.cut_bytes`."""

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie"}
)
_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (mark, re.compile(pattern))
    for mark, pattern in (
        ("sk-", r"\bsk-[A-Za-z0-9_\-]{6,}"),
        ("hf_", r"\bhf_[A-Za-z0-9]{20,}"),
        ("gh", r"\bgh[oprsu]_[A-Za-z0-9]{30,}"),
        ("github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{30,}"),
        ("glpat-", r"\bglpat-[A-Za-z0-9_\-]{16,}"),
        ("xox", r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}"),
        ("AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
        ("ASIA", r"\bASIA[A-Z0-9]{16}\b"),
        # With a digit in it: `Bearer <your-long-token>` is no secret.
        ("earer ", r"(?<=\b[Bb]earer )(?=[A-Za-z._~+/\-]*\d)[A-Za-z0-9._~+/\-]{16,}=*"),
        (
            "PRIVATE KEY",
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            r"(?:(?:[A-Za-z0-9+/=\s:,.()-]|\\[nr]){40,20000}?"
            r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
            # A block that was cut has no end.
            r"|(?:\s|\\[nr])*(?:[A-Za-z0-9+/=]{16,}(?:\s|\\[nr])*)+)",
        ),
    )
)
"""Well-known forms of keys, each with a text that stands in all of them."""
_SHORTEST_SECRET = 6
"""Placeholders such as `none` are no secrets, and replacing them would maim the bodies."""


class Redactor:
    """Replaces the secrets of one endpoint."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        texts = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        forms = {form for text in texts for form in _forms(text)}
        # Longest first: one secret may be the beginning of another.
        ordered = sorted(forms, key=len, reverse=True)
        self._text = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        encoded = b"|".join(re.escape(form.encode()) for form in ordered)
        self._bytes = re.compile(encoded) if ordered else None
        self.longest_bytes = max((len(form.encode()) for form in ordered), default=0)

    def text(self, text: str) -> str:
        for mark, key in _KEYS:
            if mark in text:
                text = key.sub(REDACTED, text)
        return self._text.sub(REDACTED, text) if self._text else text

    def body(self, body: bytes) -> bytes:
        return self._bytes.sub(REDACTED.encode(), body) if self._bytes else body

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            name: REDACTED if name.lower() in _SECRET_HEADERS else self.text(value)
            for name, value in headers.items()
        }


class Recording:
    """One call under way; `close` hands it over, once."""

    def __init__(
        self,
        sink: OnExchange | None,
        redactor: Redactor,
        max_bytes: int,
        method: str,
        path: str,
        headers: Mapping[str, str],
        request: bytes,
    ) -> None:
        self._sink = sink
        self._redactor = redactor
        # A secret may lie across the cut: it is looked for before the cut is made.
        self._room = max_bytes + redactor.longest_bytes
        self._max = max_bytes
        self._line = (method, path)
        self._headers = dict(headers)
        self._request = request
        self._response: list[bytes] = []
        self._kept = 0
        self._seen = 0
        self.status: int | None = None

    def received(self, chunk: bytes) -> None:
        if self._sink is None:
            return
        self._seen += len(chunk)
        if self._kept < self._room:
            self._response.append(chunk[: self._room - self._kept])
            self._kept += len(self._response[-1])

    def close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is None:
            return
        cut = max(0, len(self._request) - self._max) + max(0, self._seen - self._max)
        sink(
            Exchange(
                method=self._line[0],
                path=self._redactor.text(self._line[1]),
                request_headers=self._redactor.headers(self._headers),
                request=self._clean(self._request[: self._room]),
                status=self.status,
                response=self._clean(b"".join(self._response)),
                cut_bytes=cut,
            )
        )

    def _clean(self, body: bytes) -> bytes:
        return self._redactor.body(body)[: self._max]


def _forms(secret: str) -> set[str]:
    """A secret as it stands, and as it stands inside a JSON string."""
    return {secret, msgspec.json.encode(secret).decode()[1:-1]}
