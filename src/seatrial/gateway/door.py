"""Who may come in: the token, and without one only this machine, not what a browser brings along.

A page from anywhere may let a browser send a request to this machine, and a name that is made to
point here makes the answer readable for it. So without a token a request must ask for a name that
only means something near by, and must not come from a page elsewhere. Programs send no `Origin`;
pages of editors and desktop applications have one that is no web address.

In: headers of a request. Out: whether, and why not.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping

from yarl import URL

_NEAR = (".localhost", ".local", ".internal")
"""Ends of names that no public name server gives out."""


def shows(token: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the token is in one of the two places where clients put it."""
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    shown = given.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
    return hmac.compare_digest(shown, token.encode())


def is_foreign(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request without a token was brought here from elsewhere."""
    host = headers.get(b"host", b"").decode("latin-1")
    name = _host_of(f"http://{host}")
    if name is None or not _is_near(name):
        return True
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    if not origin.startswith(("http://", "https://")):
        return False
    page = _host_of(origin)
    return page is None or not (page == name or _is_this_machine(page))


def _host_of(url: str) -> str | None:
    """The host in lower case, empty where none is named; None = it cannot be read."""
    try:
        return (URL(url).host or "").lower().rstrip(".")
    except ValueError:
        return "" if url == "http://" else None


def _is_near(name: str) -> bool:
    # An address cannot be made to point here, nor can a name without a dot.
    return "." not in name or _address(name) is not None or name.endswith(_NEAR)


def _is_this_machine(name: str) -> bool:
    address = _address(name)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    return name == "localhost" or name.endswith(".localhost")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
