"""Whether a model that was put on a GPU runs at a speed that only a CPU has.

A server that finds no GPU says so in its log, and then answers as if nothing were wrong. In: a
session. Out: `speed.device`, where there is something to compare.
"""

from __future__ import annotations

from seatrial.serve.survey import questions
from seatrial.serve.survey.observe import bad, good
from seatrial.serve.survey.probes import speed
from seatrial.serve.survey.reply import Reply
from seatrial.serve.survey.session import Session
from seatrial.serve.survey.settings import wants_gpu
from seatrial.serve.survey.survey import Observation

ID = "speed.device"
_SLOW_TOKENS_PER_SECOND = 15.0
_LEAST_BYTES_PER_WEIGHT = 0.5
_CPU_BYTES_PER_SECOND = 12e9
"""Slower than the memory of any GPU: a token needs every weight once, and with experts fewer, so
this errs on the quiet side."""
_CPU_OPERATIONS_PER_SECOND = 0.5e12
_SLOWEST_CPU_BYTES_PER_SECOND = 0.5e9
"""A tenth of what the memory of a small computer gives."""


async def probe(session: Session) -> list[Observation]:
    """Compare measured speed with the size of the model."""
    reply = await speed.cold(session)
    await questions.greedy(session)
    told = next((r for r in session.replies if '"used_gpu":false' in r.raw.replace(" ", "")), None)
    if told is not None:
        said = "the server says that it did not use the GPU"
        return [bad(ID, said, told, used_gpu=False)]
    if not reply.ok or session.facts.parameters is None:
        return []
    weights = session.facts.parameters.value
    return _compared(reply, weights) if wants_gpu(session.facts) else _crawls(reply, weights)


def _crawls(reply: Reply, weights: int) -> list[Observation]:
    """Where nobody knows of a GPU, only what is too slow for any CPU is told."""
    measured = speed.rates(reply)
    generated = measured.get("generated_tokens_per_second")
    bytes_per_second = (generated or 0.0) * weights * _LEAST_BYTES_PER_WEIGHT
    if generated is None or generated >= _SLOW_TOKENS_PER_SECOND:
        return []
    if bytes_per_second >= _SLOWEST_CPU_BYTES_PER_SECOND:
        return []
    said = (
        f"{generated:,.1f} tokens/s of answer is slower than a CPU is with {weights:,} parameters: "
        "something else may use the machine, or the weights are read from the disk each time"
    )
    return [bad(ID, said, reply, weights=weights, **measured)]


def _compared(reply: Reply, weights: int) -> list[Observation]:
    measured = speed.rates(reply)
    generated = measured.get("generated_tokens_per_second")
    prompt = measured.get("prompt_tokens_per_second")
    if generated is None or prompt is None:
        return []
    bytes_per_second = generated * weights * _LEAST_BYTES_PER_WEIGHT
    operations_per_second = prompt * weights * 2
    values = {"weights": weights, **measured}
    slow = (
        generated < _SLOW_TOKENS_PER_SECOND
        and bytes_per_second < _CPU_BYTES_PER_SECOND
        and operations_per_second < _CPU_OPERATIONS_PER_SECOND
    )
    numbers = f"{prompt:,.0f} tokens/s of prompt and {generated:,.1f} of answer"
    if slow:
        said = (
            f"started for a GPU, yet {numbers} is the speed of a CPU: look in its log whether a "
            "GPU was found, and whether something else uses it"
        )
        return [bad(ID, said, reply, **values)]
    return [good(ID, f"{numbers} fit a model on a GPU", reply, **values)]
