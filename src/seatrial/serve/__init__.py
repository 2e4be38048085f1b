"""Serving: start a model server under our eye and prove what it serves.

The names are imported when they are first used: the child process of `embedded` imports this
package too, and an engine shall not wait for an HTTP client that it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.serve.answered import Answered, claim, other_model
    from seatrial.serve.attached import attest_url
    from seatrial.serve.attestation import Attestation, Grade
    from seatrial.serve.difference import Comparison, compare
    from seatrial.serve.engine import Adapter, Engine, LaunchSpec, launch
    from seatrial.serve.gguf import GgufHeader, file_digest, read_header
    from seatrial.serve.proof import attest, prove_process, reattest
    from seatrial.serve.record import Record, make_record, read_record, write_record
    from seatrial.serve.witness_client import Witness

__all__ = [
    "Adapter",
    "Answered",
    "Attestation",
    "Comparison",
    "Engine",
    "GgufHeader",
    "Grade",
    "LaunchSpec",
    "Record",
    "Witness",
    "attest",
    "attest_url",
    "claim",
    "compare",
    "file_digest",
    "launch",
    "make_record",
    "other_model",
    "prove_process",
    "read_header",
    "read_record",
    "reattest",
    "write_record",
]

# No module here may have the name of something it exports: importing it would hide the thing.
_HOMES = {
    "answered": ("Answered", "claim", "other_model"),
    "attached": ("attest_url",),
    "attestation": ("Attestation", "Grade"),
    "difference": ("Comparison", "compare"),
    "engine": ("Adapter", "Engine", "LaunchSpec", "launch"),
    "gguf": ("GgufHeader", "file_digest", "read_header"),
    "proof": ("attest", "prove_process", "reattest"),
    "record": ("Record", "make_record", "read_record", "write_record"),
    "witness_client": ("Witness",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"seatrial.serve.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
