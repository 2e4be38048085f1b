"""The root of a server, from whatever form of its address a person gave.

In: an URL, perhaps with `/v1` at its end and a login in it. Out: the root, the login apart.
"""

from __future__ import annotations

from base64 import b64encode

from yarl import URL

from seatrial.chat.failures import shown_url
from seatrial.core.errors import UserError


def server_root(url: str) -> tuple[URL, tuple[str, str] | None]:
    """The root of a server, and the user and password in its URL.

    Raises:
        UserError: not the URL of a server.
    """
    try:
        parsed = URL(url.strip())
        good = parsed.scheme in ("http", "https") and bool(parsed.host)
    except ValueError:
        good = False
    if not good:
        raise UserError(f"not a URL of a server: {shown_url(url)}", hint="http://host:port")
    path = parsed.path.rstrip("/").removesuffix("/v1")
    root = parsed.with_user(None).with_path(path or "/").with_query(None).with_fragment(None)
    return root, (parsed.user, parsed.password or "") if parsed.user else None


def basic(user: str, password: str) -> str:
    """The `Authorization` header of a login."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
