"""Hold what is served against the model that a person means: met, contradicted, or not known.

The person gives a path of this machine, a digest, or an id. A name alone is met only by what
the server has loaded, never by an alias that somebody chose or by an echo of the request. In:
the word of the person, facts, a proof. Out: `Expectation`.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import msgspec

from seatrial.serve.facts import ServerFacts
from seatrial.serve.grades import Proof
from seatrial.serve.naming import is_path
from seatrial.serve.quantization import same_quantization
from seatrial.serve.weights import Weights, read_weights

_DIGEST = re.compile(r"^(sha256[:-])?[0-9a-f]{12,64}$", re.IGNORECASE)
_LATEST = ":latest"


class Expectation(msgspec.Struct, frozen=True):
    """Whether the expected model is the served one; `met` None = it cannot be known."""

    met: bool | None
    said: str


def expect(expected: str, facts: ServerFacts, proof: Proof) -> Expectation:
    """Judge `expected`.

    Raises:
        UserError: it is a path to something that is no model.
    """
    path = Path(expected).expanduser()
    if _exists(path):
        return _by_file(read_weights(path), facts, proof)
    if _DIGEST.match(expected):
        return _by_digest(expected.lower().removeprefix("sha256").lstrip(":-"), facts, proof)
    return _by_name(expected, facts, proof)


def _by_file(meant: Weights, facts: ServerFacts, proof: Proof) -> Expectation:
    name = PurePath(meant.path).name
    if (served := proof.weights) is not None:
        if served.sha256 == meant.sha256:
            return Expectation(True, f"{name} is served: the digests agree")
        return Expectation(
            False,
            f"{name} is expected, {PurePath(served.path).name} is served: {_unlike(meant, served)}",
        )
    theirs = facts.quantization
    if meant.quantization and theirs and not same_quantization(meant.quantization, theirs.value):
        return Expectation(
            False,
            f"{name} is expected: it is {meant.quantization}, the server states {theirs.value}",
        )
    stated = [
        ("number of parameters", meant.parameters, facts.parameters),
        ("trained window", meant.trained_window_tokens, facts.trained_window),
    ]
    for what, mine, said in stated:
        if mine is not None and said is not None and mine != said.value:
            return Expectation(
                False, f"{name} is expected: its {what} is {mine}, the server states {said.value}"
            )
    if (model := facts.model) is not None and model.value.endswith(".gguf"):
        other = PurePath(model.value).name
        if other != name:
            return Expectation(False, f"{name} is expected, the server names {other}")
    return Expectation(None, f"whether {name} is served is not known: {_why(proof)}")


def _unlike(meant: Weights, served: Weights) -> str:
    """In which way two files differ, by their metadata."""
    pairs = (
        ("architecture", meant.architecture, served.architecture),
        ("number of parameters", meant.parameters, served.parameters),
        ("quantization", meant.quantization, served.quantization),
        ("template", meant.template_sha256, served.template_sha256),
    )
    unlike = [what for what, one, other in pairs if one != other]
    return f"another {unlike[0]}" if unlike else "the same metadata, other bytes"


def _by_digest(meant: str, facts: ServerFacts, proof: Proof) -> Expectation:
    known = [proof.weights.sha256] if proof.weights is not None else []
    if facts.digest is not None:
        known.append(facts.digest.value.lower().removeprefix("sha256").lstrip(":-"))
    if any(one.startswith(meant) for one in known):
        return Expectation(True, "the digests agree")
    if proof.weights is None and facts.digest is not None:
        # Ollama states that of a manifest, which names the file, the template and more.
        said = f"the server states digest {known[0][:16]}, which need not be that of the file"
        return Expectation(None, f"digest {meant[:16]} is expected; {said}")
    if known:
        return Expectation(False, f"digest {meant[:16]} is expected, {known[0][:16]} is served")
    return Expectation(None, f"the digest of what is served is not known: {_why(proof)}")


def _by_name(meant: str, facts: ServerFacts, proof: Proof) -> Expectation:
    served = facts.model.value if facts.model is not None else None
    held = (proof.weights.path, proof.weights.name) if proof.weights is not None else ()
    names = [name for name in (served, *held) if name]
    if not names:
        return Expectation(None, f"which model answers is not known: {_why(proof)}")
    if meant not in names and is_path(meant) and any(_same_name(meant, name) for name in names):
        return Expectation(
            None, f"{meant} is no file of this machine; {names[0]} has only the name in common"
        )
    if any(_same_name(meant, name) for name in names):
        return Expectation(True, f"{meant} is expected, {names[0]} is served")
    if meant in facts.listed:
        return Expectation(
            None,
            f"the server lists the name {meant}, but what it has loaded is {names[0]}: a name "
            "proves nothing; give the path or the digest of the file",
        )
    return Expectation(False, f"{meant} is expected, {names[0]} is served")


def _same_name(meant: str, name: str) -> bool:
    """Whether people call both by one name; two repositories of two owners are two."""
    one, other = (text.lower().removesuffix(_LATEST) for text in (meant, name))
    if one == other:
        return True
    if all("/" in text and not is_path(text) for text in (one, other)):
        return False
    return _last(one) == _last(other)


def _last(name: str) -> str:
    return PurePath(name).name.removesuffix(".gguf")


def _why(proof: Proof) -> str:
    return proof.missing[0] if proof.missing else "no file of it is seen"


def _exists(path: Path) -> bool:
    try:
        return path.exists() and (path.is_dir() or path.suffix != "" or path.is_absolute())
    except OSError:  # a name too long for a file
        return False
