"""Two attestation records compared, the differences told in words.

`same` needs a ground: equal digests of the weights, or canaries that agree. Where there is
none, the records are `unproven`, however alike they look. What one record does not know is a
note and no difference. In: two records. Out: `Comparison`.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Literal

import msgspec

from seatrial.serve.canary import Match, match_songs, match_templates
from seatrial.serve.grades import GRADES
from seatrial.serve.quantization import same_quantization
from seatrial.serve.record import Record

Verdict = Literal["same", "differs", "unproven"]

_PORTS = ("--port", "--host", "--api-key", "--log-file")


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not the same."""

    what: str
    """`model`, `quantization`, `weights`, `template`, `adapter`, `window`, `canary`, …"""
    said: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the first record in the second."""

    verdict: Verdict
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    """What is no difference of the served model, or could not be compared."""


def compare(first: Record, second: Record) -> Comparison:
    """Tell how `second` differs from `first`."""
    raw = match_songs(first.canary.raw, second.canary.raw)
    talk = match_templates(first.canary, second.canary)
    notes: list[str] = []
    found = [
        *_family(first, second),
        *_model(first, second, raw),
        *_template(first, second, raw, talk),
        *_adapters(first, second, notes),
        *_values(first, second, notes),
        *_sampler(first, second),
        *_canary(raw, talk),
    ]
    notes += _notes(first, second, raw, talk)
    if found:
        return Comparison(verdict="differs", differences=tuple(found), notes=tuple(notes))
    ground = _ground(first, second, raw)
    return Comparison(
        verdict="unproven" if ground is None else "same",
        differences=(),
        notes=(*notes, ground or _NO_GROUND),
    )


_NO_GROUND = (
    "nothing proves that they are the same: neither digests of the weights nor log-probabilities"
)


def _ground(first: Record, second: Record, raw: Match) -> str | None:
    """Why no difference means the same, and not just two servers saying alike."""
    chat = match_songs(first.canary.chat, second.canary.chat)
    alike = (one := _weights(first)) is not None and one == _weights(second)
    # An adapter that nobody lists changes every answer, and no digest of the weights.
    listed = None not in (first.served.get("adapters"), second.served.get("adapters"))
    if alike and (listed or raw.agrees or chat.agrees):
        return "the digests of the weights agree"
    if not raw.agrees and not chat.agrees:
        return None
    song = first.canary.raw if raw.agrees else first.canary.chat
    if song is None or song.kind != "logprobs":
        # A close relative may write the same greedy text: alone it is no ground.
        stated = first.served.get("stated_digest")
        if stated is None or stated != second.served.get("stated_digest"):
            return None
        return "the digest that the server states is the same, and so is its greedy text"
    return "the canaries agree in their log-probabilities; no digest was compared"


def _family(first: Record, second: Record) -> list[Difference]:
    one, other = first.served.get("family"), second.served.get("family")
    return [] if one == other else [Difference("server", f"another server: {one} became {other}")]


def _model(first: Record, second: Record, raw: Match) -> list[Difference]:
    """Another model, another quantization, or the same weights in another file."""
    one, other = _weights(first), _weights(second)
    if one is not None and other is not None and one == other:
        return []
    names = f"{_name(first)} became {_name(second)}"
    before, after = _quantization(first), _quantization(second)
    requantized = before and after and not same_quantization(before, after)
    if unlike := _unlike(first, second):
        found = [Difference("model", f"another model: {names} ({unlike})")]
        words = f"another quantization: {before} became {after}"
        return found + ([Difference("quantization", words)] if requantized else [])
    if requantized:
        return [Difference("quantization", f"another quantization: {before} became {after}")]
    if one is not None and other is not None:
        if raw.agrees:
            return [Difference("file", f"another file: {names}; its weights answer the same")]
        return [Difference("weights", f"other weights: {names}, of the same kind and size")]
    stated = [record.served.get("stated_digest") for record in (first, second)]
    if all(stated) and stated[0] != stated[1]:
        return [Difference("model", f"another model: {names} (the server states another digest)")]
    if not raw.agrees and _name(first) != _name(second):
        return [Difference("model", f"another model: {names} (by the server's word)")]
    return []


def _unlike(first: Record, second: Record) -> str | None:
    """A number that no quantization or template changes, and that differs."""
    rows: list[tuple[str, Any, Any]] = [
        (
            "parameters",
            first.served.get("parameters") or _of(first, "parameters"),
            second.served.get("parameters") or _of(second, "parameters"),
        )
    ]
    rows += [
        (what.replace("_", " "), _of(first, what), _of(second, what))
        for what in ("architecture", "tokenizer", "trained_window_tokens")
    ]
    for what, one, other in rows:
        if one is not None and other is not None and one != other:
            return f"{what}: {one} became {other}"
    return None


def _template(first: Record, second: Record, raw: Match, talk: Match) -> list[Difference]:
    one, other = first.served.get("template"), second.served.get("template")
    if one is not None and other is not None:
        return [] if one == other else [Difference("template", "template changed")]
    if raw.agrees and talk.parts:
        words = (
            f"template changed: the weights answer the same, but not in a conversation "
            f"({talk.said})"
        )
        if first.made_at[:10] != second.made_at[:10]:
            words += "; or the template writes the date, the records are of two days"
        return [Difference("template", words)]
    return []


def _adapters(first: Record, second: Record, notes: list[str]) -> list[Difference]:
    one, other = first.served.get("adapters"), second.served.get("adapters")
    if one is None or other is None:
        if one != other:
            notes.append("one record does not know which adapters were applied")
        return []
    before = {_adapter_key(row): row for row in one}
    after = {_adapter_key(row): row for row in other}
    gone = [before[key] for key in before if key not in after]
    came = [after[key] for key in after if key not in before]
    found = []
    for index in range(max(len(gone), len(came))):
        old = _adapter_name(gone[index]) if index < len(gone) else "none"
        new = _adapter_name(came[index]) if index < len(came) else "none"
        found.append(Difference("adapter", f"another adapter: {old} became {new}"))
    for key in before.keys() & after.keys():
        if (scale := before[key]["scale"]) != (now := after[key]["scale"]):
            name = _adapter_name(before[key])
            words = f"adapter {name}: scale {scale:g} became {now:g}"
            found.append(Difference("adapter", words))
    return found


def _adapter_key(row: dict[str, Any]) -> str:
    return str(row.get("sha256") or row.get("path"))


def _adapter_name(row: dict[str, Any]) -> str:
    name = PurePath(str(row.get("path") or "")).name
    return name or str(row.get("sha256"))[:12]


def _values(first: Record, second: Record, notes: list[str]) -> list[Difference]:
    """Numbers and names that either agree or do not."""
    rows = (
        ("window", "window_tokens", "window {} became {}"),
        ("slots", "slots", "requests at a time: {} became {}"),
        ("build", "build", "another build: {} became {}"),
        ("engine", "engine", "another engine: {} became {}"),
        ("end of turn", "eos", "the token that ends a turn: {} became {}"),
    )
    found = []
    for what, key, words in rows:
        one, other = first.served.get(key), second.served.get(key)
        if one is None or other is None:
            if one != other:
                notes.append(f"one record does not know: {what}")
        elif one != other:
            found.append(Difference(what, words.format(one, other)))
    return found


def _sampler(first: Record, second: Record) -> list[Difference]:
    one, other = first.served.get("sampler") or {}, second.served.get("sampler") or {}
    return [
        Difference("sampler", f"sampler default {name} {one[name]} became {other[name]}")
        for name in sorted(one.keys() & other.keys())
        if one[name] != other[name]
    ]


def _canary(raw: Match, talk: Match) -> list[Difference]:
    if raw.parts:
        return [Difference("canary", f"the weights answer differently (canary): {raw.said}")]
    if talk.parts:
        return [Difference("canary", f"the canary changed: {talk.said}")]
    return []


def _notes(first: Record, second: Record, raw: Match, talk: Match) -> list[str]:
    found = []
    if first.grade != second.grade:
        better = GRADES.index(second.grade) < GRADES.index(first.grade)
        word = "stronger" if better else "weaker"
        found.append(f"the proof is {word}: {first.grade} became {second.grade}")
    for what, match in (("weights", raw), ("template", talk)):
        if not match.comparable:
            found.append(f"the canary of the {what} cannot be compared: {match.said}")
    before, after = _flags(first), _flags(second)
    if before is not None and after is not None and before != after:
        added = " ".join(word for word in after if word not in before)
        removed = " ".join(word for word in before if word not in after)
        found.append(f"the command line differs: without {removed or '-'}, with {added or '-'}")
    return found


def _flags(record: Record) -> tuple[str, ...] | None:
    """The words of a command line, but for the address and the program's own place."""
    if record.testimony is None:
        return None
    words: list[str] = []
    skip = False
    for word in record.testimony.worker_argv[1:]:
        if skip:
            skip = False
        elif word in _PORTS:
            skip = True
        elif not word.startswith("{"):  # our own engine: its spec holds the port and the pid
            words.append(word)
    return tuple(words)


def _weights(record: Record) -> str | None:
    value = record.served.get("weights")
    return value if isinstance(value, str) else None


def _quantization(record: Record) -> str | None:
    value = record.served.get("quantization") or _of(record, "quantization")
    return value if isinstance(value, str) else None


def _of(record: Record, field: str) -> Any:  # noqa: ANN401 - a field of any type
    return None if record.weights is None else getattr(record.weights, field)


def _name(record: Record) -> str:
    """What people call the model of a record."""
    stated = record.served.get("model") or (record.weights.path if record.weights else None)
    return PurePath(str(stated)).name if stated else record.asked or "unknown"
