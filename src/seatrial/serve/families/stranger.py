"""Why a URL is no LLM server, in one line and a hint.

In: what came of the questions. Out: the error to raise.
"""

from __future__ import annotations

import ssl

import aiohttp

from seatrial.core.errors import EngineError, FormatError, SeatrialError, UserError
from seatrial.serve.families.asking import Asked
from seatrial.serve.families.family import Answer

_ROOT = "give the root URL of the server, such as http://127.0.0.1:8080"
_KEY = "put the key of this server into SEATRIAL_API_KEY, or use --api-key-env NAME"
_FIRST = "/v1/models"


def explained(url: str, asked: Asked) -> SeatrialError:
    """What to tell about a server that no family recognises."""
    if not asked.answers:
        return _silent(url, asked)
    answers = list(asked.answers.values())
    first = asked.answers.get(_FIRST)
    if isinstance(asked.failures.get(_FIRST), FormatError):
        return _endless(url)
    if any(answer.status in (401, 403) for answer in answers):
        return UserError(f"{url} wants a key, or another one", hint=_KEY)
    if any("HTTP request to an HTTPS server" in answer.text for answer in answers):
        return UserError(f"{url} speaks https", hint=f"use {_other(url)}")
    if all(answer.status >= 500 for answer in answers):
        message = f"{url} answers every question with {answers[0].status}"
        return EngineError(message, hint="the server behind it does not run, or is starting")
    if all(300 <= answer.status < 400 for answer in answers):
        return UserError(f"{url} only redirects", hint="give the URL that it leads to")
    if any(_is_page(answer) for answer in answers):
        return UserError(f"{url} is a web page, not an LLM server", hint=_ROOT)
    if first is not None and first.status == 200:
        return UserError(f"{url}{_FIRST} does not answer with a list of models", hint=_ROOT)
    status = "nothing" if first is None else str(first.status)
    return UserError(f"{url} is no LLM server: {_FIRST} answers {status}", hint=_ROOT)


def _silent(url: str, asked: Asked) -> SeatrialError:
    error = asked.failures.get(_FIRST) or next(iter(asked.failures.values()))
    if isinstance(error, FormatError):
        return _endless(url)
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientSSLError):
        return _insecure(url, cause)
    if error.hint and "\n" not in error.message:
        return error
    line = error.message.splitlines()[0].rstrip(": ")
    return EngineError(line, hint=error.hint or "is the server running, and is the URL right?")


def _endless(url: str) -> UserError:
    return UserError(f"{url} is no LLM server: it answers without end", hint=_ROOT)


def _insecure(url: str, cause: aiohttp.ClientSSLError) -> EngineError:
    inner = getattr(cause, "certificate_error", None) or getattr(cause, "os_error", None)
    if isinstance(inner, ssl.CertificateError):
        return EngineError(
            f"no secure connection to {url}: {inner.verify_message or 'certificate refused'}",
            hint="set SSL_CERT_FILE to the certificate that signed it, or use plain http",
        )
    reason = getattr(inner, "reason", None) or "the handshake failed"
    words = str(reason).replace("_", " ").lower()
    return EngineError(
        f"no secure connection to {url}: {words}",
        hint=f"a server that speaks plain http is reached at {_other(url)}",
    )


def _other(url: str) -> str:
    """The same URL with the other scheme."""
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def _is_page(answer: Answer) -> bool:
    return answer.body is None and answer.text.lstrip()[:1] == "<"
