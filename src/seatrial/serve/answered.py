"""Which recorded answers were given by another model than the first ones.

Held against each other are the model that an answer names and the fingerprint of the system
behind it. Where a server repeats the name of the request, the name proves nothing and does not
count; a fingerprint that names a program and its version tells a change of these. In: answers
in their order. Out: the first that is another's, in words, or None.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What one recorded answer says of who gave it."""

    model: str | None = None
    fingerprint: str | None = None
    """`system_fingerprint` of OpenAI's protocol."""
    echoed: bool = False
    """The name is the word of the request."""


def claim(body: dict[str, Any], *, echoed: bool = False) -> Answered:
    """The claim in a decoded answer, or in any chunk of a stream."""
    model, mark = body.get("model"), body.get("system_fingerprint")
    return Answered(
        model=model if isinstance(model, str) and model else None,
        fingerprint=mark if isinstance(mark, str) and mark else None,
        echoed=echoed,
    )


def other_model(answers: Iterable[Answered], *, expected: str | None = None) -> str | None:
    """`another model answered request 3: …`, or None when every answer can be of one model.

    `expected` is the name that an attestation found; without it the first answer sets it.
    """
    model, mark = expected, None
    for number, one in enumerate(answers, start=1):
        name = None if one.echoed else one.model
        if name is not None and model is not None and name != model:
            return f"another model answered request {number}: {name} instead of {model}"
        if one.fingerprint is not None and mark is not None and one.fingerprint != mark:
            return (
                f"another program answered request {number}: its fingerprint {mark} became "
                f"{one.fingerprint}"
            )
        model, mark = model or name, mark or one.fingerprint
    return None
