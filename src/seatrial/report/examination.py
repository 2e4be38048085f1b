"""The doctor's examination on a terminal: the verdict, what is served, then the findings.

It must read well to somebody who has never heard of KV caches, and without colour. In: an
`Examination`. Out: text that ends in a newline.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.core.schema import sha256_hex
from seatrial.report.findings import findings_text, not_checked_text, summary
from seatrial.report.visible import one_line, visible
from seatrial.serve.doctor import Estimate, Examination
from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.memory import STEP_TOKENS, Part, beside_card
from seatrial.serve.survey.survey import Observation, Survey
from seatrial.serve.what_if import cautions, most_tokens

_SAMPLER = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "dry_multiplier")
_GIB = 1024**3


def examination_text(
    found: Examination, *, gpu_bytes: int | None = None, color: bool = False
) -> str:
    """Everything a person needs, the verdict first."""
    parts = [visible(found.line)]
    if found.hint:
        parts.append(f"hint: {visible(found.hint)}")
    if found.facts is not None:
        parts += ["", *_rows(_served(found))]
    if found.survey is not None:
        parts += ["", *_measured(found.survey)]
    if found.report.findings:
        parts += ["", findings_text(found.report.findings, color=color).rstrip()]
    if found.estimate is not None:
        parts += ["", *_memory(found.estimate, gpu_bytes)]
    parts += ["", *_ends(found)]
    return "\n".join(parts) + "\n"


def _served(found: Examination) -> Iterator[tuple[str, str]]:
    facts, attestation = found.facts, found.attestation
    assert facts is not None
    yield "server", " ".join(filter(None, (facts.family.title, _value(facts.version))))
    weights = attestation.weights if attestation is not None else None
    yield "model", _fact(facts.model or _seen(weights.path if weights else None))
    if attestation is not None:
        why = "" if not attestation.reasons else f" ({attestation.reasons[0]})"
        yield "proof", f"{attestation.grade}{why}"
        yield "weights", f"sha256 {weights.sha256[:16]}…" if weights else _fact(facts.digest)
    yield (
        "quantization",
        _fact(facts.quantization or _seen(weights.quantization if weights else None)),
    )
    yield "window", _window(facts)
    yield "slots", _slots(facts)
    yield "sampler", _sampler(facts)
    yield "template", _template(facts)


def _seen(value: str | None) -> Fact[str] | None:
    """What the file that the process has open says."""
    return None if value is None else Fact(value, "the model file of the process")


def _window(facts: ServerFacts) -> str:
    if facts.window is None:
        return "not known"
    told = f"{facts.window.value} tokens for a request ({facts.window.source})"
    trained = facts.trained_window
    if trained is None or trained.value == facts.window.value:
        return told
    return f"{told}; trained for {trained.value}"


def _slots(facts: ServerFacts) -> str:
    shared = facts.shared_pool is not None and facts.shared_pool.value
    return _fact(facts.slots) + (", on one shared pool of tokens" if shared else "")


def _sampler(facts: ServerFacts) -> str:
    known = [f"{name} {_number(facts.sampler[name])}" for name in _SAMPLER if name in facts.sampler]
    return ", ".join(known) + " when a request says nothing" if known else "not known"


def _template(facts: ServerFacts) -> str:
    if facts.template is None:
        return "not known"
    text = facts.template.value
    digest = sha256_hex(text.encode("utf-8", "surrogatepass"))[:16]
    return f"{len(text)} characters, sha256 {digest}… ({facts.template.source})"


def _measured(survey: Survey) -> Iterator[str]:
    good = sum(one.verdict == "good" for one in survey.observations)
    bad = [one for one in survey.observations if one.verdict == "bad"]
    unknown = [one for one in survey.observations if one.verdict == "unknown"]
    yield (
        f"asked {survey.requests} requests in {survey.seconds:.1f} s ({survey.depth}): {good} "
        f"things as they should be, {len(bad)} not, {len(unknown)} could not be judged"
    )
    for one in survey.observations:
        if one.id.startswith("speed.") and one.values:
            yield f"  {one_line(one.said)}{_attention(one)}"
    for one in unknown:
        yield f"  not judged: {one_line(one.said)}"
    for id_, reason in survey.skipped.items():
        yield f"  not asked: {id_}: {one_line(reason)}"


def _attention(point: Observation) -> str:
    """The settings that decide a speed, where the command line says them."""
    keys, values = (point.values.get(f"cache_type_{side}") for side in "kv")
    known = []
    if keys or values:
        known.append(f"KV cache {keys or 'f16'}/{values or 'f16'}")
    if flash := point.values.get("flash_attention"):
        known.append(f"flash attention {flash}")
    return visible(f" ({', '.join(known)})") if known else ""


def _memory(estimate: Estimate, gpu_bytes: int | None) -> Iterator[str]:
    setup, memory = estimate.setup, estimate.memory
    yield (
        f"memory with -c {setup.ctx_size or '(trained)'} -np {setup.parallel or '(auto)'} "
        f"-ctk {setup.cache_type_k} -ctv {setup.cache_type_v}:"
    )
    yield from _rows((part.name, _range(part)) for part in memory.parts)
    _, likely, _ = memory.total("card")
    yield f"  on the card: {likely / _GIB:.2f} GiB likely"
    if gpu_bytes is not None:
        yield f"  {beside_card(memory, gpu_bytes).said}"
        yield f"  {_largest(estimate)}"
    most = most_tokens(memory.trained_window_tokens, setup)
    if most is not None and (setup.ctx_size or 0) > most:
        yield f"  the model was trained for {memory.trained_window_tokens} tokens: -c above {most}"
        yield "  takes memory, and no request gets more of it"
    for one in cautions(setup):
        yield f"  {one.severity.value} {one.rule}: {one.title}: {one.seen.partition(': ')[2]}"
        yield f"    fix: {one.fix}"
    for sentence in memory.assumed:
        yield f"  assumed: {sentence}"


def _largest(estimate: Estimate) -> str:
    """The largest window, and which of card and training bounds it."""
    largest = estimate.largest_window_tokens
    if largest is None:
        return "the largest -c that surely fits: none"
    said = f"the largest -c that surely fits: {largest}"
    most = most_tokens(estimate.memory.trained_window_tokens, estimate.setup)
    if most is None or largest + STEP_TOKENS <= most:
        return said
    return f"{said} (all that the model was trained for; the card may hold more)"


def _range(part: Part) -> str:
    low, likely, high = (
        size / _GIB for size in (part.low_bytes, part.likely_bytes, part.high_bytes)
    )
    return f"{likely:.2f} GiB ({low:.2f} to {high:.2f}), {part.where}"


def _ends(found: Examination) -> Iterator[str]:
    for part, reason in found.failed.items():
        yield f"{part}: {one_line(reason)}"
    yield summary(found.report.findings, len(found.report.checked)).rstrip()
    yield from not_checked_text(found.report.not_checked, asked=found.url is not None).splitlines()


def _rows(pairs: Iterator[tuple[str, str]]) -> list[str]:
    rows = list(pairs)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"  {name:<{width}}  {visible(value)}" for name, value in rows]


def _fact(fact: Fact[str] | Fact[int] | None) -> str:
    return "not known" if fact is None else f"{fact.value} ({fact.source})"


def _value(fact: Fact[str] | None) -> str:
    return "" if fact is None else fact.value


def _number(fact: Fact[float | int | str | bool]) -> str:
    return f"{fact.value:.4g}" if isinstance(fact.value, float) else str(fact.value)
