"""The attestation as a value: what was found, how well it is proven, and its short form.

Made by `proof` and `attached`; nothing is asked or decided here. In: statements, digests,
a canary. Out: an `Attestation`, ready for the lock, the trace and `chat`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from seatrial.chat.endpoint import Facts
from seatrial.core.trace import Wire
from seatrial.serve.canary import Canary
from seatrial.serve.server import Statement

FAMILY = "llama.cpp"
Grade = Literal["process", "declared"]


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """What was proven of one server at one instant."""

    grade: Grade
    """`process`: process, port, files and statements agree. `declared`: the server's word."""
    reasons: tuple[str, ...] = ()
    """Why it is not `process`."""
    served: dict[str, Any]
    """What counts: part of the lock and of the arm id."""
    volatile: dict[str, Any]
    """What may differ between two launches of the same thing."""
    identity: dict[str, str | int | float | None]
    """Both in short, flat: for the first event of a trace."""
    canary: Canary
    wire: Wire
    """How to speak to it when nothing else is said."""

    def facts(self, wire: Wire | None = None) -> Facts:
        """What `chat` needs to know of this server."""
        return Facts(
            wire=wire or self.wire,
            family=FAMILY,
            model=str(self.identity["model"]),
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
    """`served` and `volatile` completed by what every server states; `process` = no reasons."""
    grade: Grade = "declared" if reasons else "process"
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
        "canary": canary.fingerprint,
        "prompt_tokens_per_second": canary.prompt_tokens_per_second,
        "generated_tokens_per_second": canary.generated_tokens_per_second,
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


def _identity(
    grade: Grade, served: dict[str, Any], volatile: dict[str, Any]
) -> dict[str, str | int | float | None]:
    adapters = (f"{row.get('sha256', '?')} x {row['scale']:g}" for row in served["adapters"])
    return {
        "grade": grade,
        "family": served["family"],
        "engine": served.get("engine"),
        "build": served["build"],
        "model": Path(volatile["model_path"]).name,
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
