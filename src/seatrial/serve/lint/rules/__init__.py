"""All rules: importing this package fills the registry of `lint.rule`."""

from seatrial.serve.lint.rules import (
    concurrency,
    kv_cache,
    observed,
    output,
    ports,
    prompt_cache,
    reasoning,
    repetition,
    sampler,
    served,
    speculation,
    tools,
    unusable,
    window,
    window_engines,
)

__all__ = [
    "concurrency",
    "kv_cache",
    "observed",
    "output",
    "ports",
    "prompt_cache",
    "reasoning",
    "repetition",
    "sampler",
    "served",
    "speculation",
    "tools",
    "unusable",
    "window",
    "window_engines",
]
