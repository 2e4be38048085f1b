"""The detectors, one module for one scope; importing this package registers all of them."""

from seatrial.diagnose.detectors import (
    capability,
    claim,
    config,
    format,
    gen,
    harness,
    infra,
    stack,
)

__all__ = ["capability", "claim", "config", "format", "gen", "harness", "infra", "stack"]
