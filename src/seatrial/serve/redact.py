"""Command lines as they may be shown and kept: keys, tokens and passwords replaced.

In: the words of a command line. Out: the same words, secrets as `***`.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_SECRET = re.compile(
    r"^-{1,2}[\w-]*(key|token|password|passwd|passphrase|secret)s?$|^-hft$|^--auth$",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(r"token(s|izer[\w-]*|_ids)$|max-?_?(\w+-)*token", re.IGNORECASE)
_ASSIGNED = re.compile(r"^([\w-]*(?:key|token|password|secret)[\w-]*)=(.+)$", re.IGNORECASE)
_LOGIN = re.compile(r"(\w+://)[^/@\s]+@")
_INSIDE = re.compile(
    r"""((?:authorization|x-api-key)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?
    |\bbearer\s+
    |\b(?:\w+[-_])?api[-_]?keys?["']?(?:\s*[:=]\s*|\s+)["']?
    |\b(?:hf|auth|access)[-_]token["']?(?:\s*[:=]\s*|\s+)["']?
    |["'](?:token|password|secret)["']\s*:\s*["'])
    ([^\s"',}]+)""",
    re.IGNORECASE | re.VERBOSE,
)
"""In a header, in JSON, in a line that a shell runs: words that hold more than one word."""


def without_secrets(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` without what must not be written to a file."""
    shown: list[str] = []
    hide = False
    for word in argv:
        if hide and not word.startswith("--"):
            shown.append(HIDDEN)
            hide = False
            continue
        hide = bool(_SECRET.match(word)) and not _NOT_SECRET.search(word)
        name, equals, _ = word.partition("=")
        secret = _ASSIGNED.match(word) if equals else None
        if secret and not _NOT_SECRET.search(name):
            shown.append(f"{name}={HIDDEN}")
        else:
            word = _LOGIN.sub(rf"\1{HIDDEN}@", word)
            shown.append(_INSIDE.sub(rf"\1{HIDDEN}", word))
    return tuple(shown)
