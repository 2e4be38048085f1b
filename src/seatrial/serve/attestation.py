"""The attestation as a value: what was found, how well it is proven, and its short form.

Made by `proof` and `attached`; nothing is asked or decided here. In: statements, facts, digests,
a canary. Out: an `Attestation`, ready for the lock, the trace, a record and `chat`.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import msgspec

from seatrial.chat.endpoint import Facts
from seatrial.core.schema import sha256_hex
from seatrial.core.trace import Wire
from seatrial.serve.canary import Canary
from seatrial.serve.expectation import Expectation
from seatrial.serve.facts import ServerFacts
from seatrial.serve.grades import Grade, Proof
from seatrial.serve.server import ServedAdapter, Statement
from seatrial.serve.testimony import Testimony
from seatrial.serve.weights import Weights

__all__ = ["Attestation", "Grade", "describe_server", "make_attestation"]

FAMILY = "llama.cpp"


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """What was proven of one server at one instant."""

    grade: Grade
    """How well: see `grades`."""
    reasons: tuple[str, ...] = ()
    """Why it is no better than that."""
    seen: tuple[str, ...] = ()
    """What the grade rests on."""
    served: dict[str, Any]
    """What counts: part of the lock and of the arm id."""
    volatile: dict[str, Any]
    """What may differ between two launches of the same thing."""
    identity: dict[str, str | int | float | None]
    """Both in short, flat: for the first event of a trace."""
    canary: Canary
    wire: Wire
    """How to speak to it when nothing else is said."""
    asked: str | None = None
    """The model id that the requests named."""
    weights: Weights | None = None
    """The model file with its metadata, where it is known which one it is."""
    testimony: Testimony | None = None
    """What was seen of the process, here or by a witness."""
    expectation: Expectation | None = None
    """How what is served agrees with what was expected."""

    def facts(self, wire: Wire | None = None) -> Facts:
        """What `chat` needs to know of this server."""
        return Facts(
            wire=wire or self.wire,
            family=self.served["family"],
            model=str(self.identity["model"] or "unknown"),
            window=self.served["window_tokens"],
            slots=self.served["slots"],
            identity=self.identity,
        )


def make_attestation(
    said: Statement,
    canary: Canary,
    *,
    reasons: list[str],
    wire: Wire,
    served: dict[str, Any],
    volatile: dict[str, Any],
) -> Attestation:
    """Of an engine of ours; `served` and `volatile` completed by what it states itself."""
    grade: Grade = "canary" if reasons else "process"
    served = {
        "family": FAMILY,
        **served,
        "quantization": said.quantization,
        "build": said.build,
        "template": said.template_sha256,
        "window_tokens": said.window_tokens,
        "slots": said.slots,
        "sampler": said.sampler,
    }
    volatile = {
        **volatile,
        "model_path": said.model_path,
        "adapter_paths": [adapter.path for adapter in said.adapters],
        **_sung(canary),
    }
    return Attestation(
        grade=grade,
        reasons=tuple(reasons),
        served=served,
        volatile=volatile,
        identity=_identity(grade, served, volatile),
        canary=canary,
        wire=wire,
    )


def describe_server(
    facts: ServerFacts,
    canary: Canary,
    proof: Proof,
    *,
    adapters: tuple[ServedAdapter, ...] | None,
    asked: str | None,
    testimony: Testimony | None,
    expectation: Expectation | None,
) -> Attestation:
    """Of a server that was there before us, of any family."""
    template = facts.template
    served = {
        "family": facts.family.id,
        "weights": proof.weights.sha256 if proof.weights is not None else None,
        "stated_digest": _value(facts.digest),
        "model": facts.model.value if facts.model is not None else None,
        "parameters": _value(facts.parameters),
        "adapters": None if adapters is None else [_adapter(one, proof) for one in adapters],
        "quantization": _value(facts.quantization)
        or (proof.weights.quantization if proof.weights is not None else None),
        "build": _value(facts.version),
        "template": None if template is None else sha256_hex(template.value.encode()),
        "window_tokens": _value(facts.window),
        "slots": _value(facts.slots),
        "sampler": {name: fact.value for name, fact in facts.sampler.items()},
        "eos": _value(facts.eos),
    }
    volatile = {
        "url": facts.url,
        "pid": testimony.pid if testimony is not None else None,
        "command": " ".join(testimony.argv) if testimony is not None else None,
        "model_path": facts.model.value if facts.model is not None else None,
        **_sung(canary),
    }
    return Attestation(
        grade=proof.grade,
        reasons=proof.missing,
        seen=proof.seen,
        served=served,
        volatile=volatile,
        identity=_identity(proof.grade, served, volatile),
        canary=canary,
        # What stands before a server may pass on its facts and take no raw completion.
        wire="raw_completion" if facts.family.id == FAMILY and canary.raw else "native",
        asked=asked,
        weights=proof.weights,
        testimony=testimony,
        expectation=expectation,
    )


def _adapter(adapter: ServedAdapter, proof: Proof) -> dict[str, Any]:
    """An adapter by digest where its file was seen, else by path."""
    name = PurePath(adapter.path).name
    known = [one for one in proof.adapters if PurePath(one.path).name == name]
    row: dict[str, Any] = {"path": adapter.path, "scale": adapter.scale}
    return {**row, "sha256": known[0].sha256} if len(known) == 1 else row


def _value(fact: Any) -> Any:  # noqa: ANN401 - a fact of any type
    return None if fact is None else fact.value


def _sung(canary: Canary) -> dict[str, Any]:
    return {
        "canary": canary.fingerprint,
        "prompt_tokens_per_second": canary.prompt_tokens_per_second,
        "generated_tokens_per_second": canary.generated_tokens_per_second,
    }


def _identity(
    grade: Grade, served: dict[str, Any], volatile: dict[str, Any]
) -> dict[str, str | int | float | None]:
    rows = served["adapters"] or ()
    adapters = (f"{row.get('sha256', '?')} x {row['scale']:g}" for row in rows)
    model = volatile["model_path"]
    return {
        "grade": grade,
        "family": served["family"],
        "engine": served.get("engine"),
        "build": served["build"],
        "model": PurePath(model).name if model else None,
        "weights": served["weights"],
        "quantization": served["quantization"],
        "adapters": ", ".join(adapters) or None,
        "template": served["template"],
        "window_tokens": served["window_tokens"],
        "slots": served["slots"],
        "canary": volatile["canary"],
        "pid": volatile.get("pid"),
        "url": volatile["url"],
    }
