"""Counts of what a gateway did, as Prometheus reads them.

Labels are few and bounded: clients by short names, paths that the gateway knows, rule ids. For
any thread: the recorder counts from its own. In: increments. Out: text.
"""

from __future__ import annotations

import threading
from collections import defaultdict

COUNTERS = {
    "requests_total": "Requests that were answered.",
    "exchange_seconds_total": "Seconds from request to end of answer.",
    "answer_bytes_total": "Bytes of answers to clients.",
    "upstream_errors_total": "Servers that could not be reached, broke off or answered an error.",
    "unguarded_total": "Requests and answers that no rule can read: other shapes, or no chat.",
    "guard_decisions_total": "Decisions of the rules; in observe mode without effect.",
    "guard_errors_total": "Rules that failed; the traffic went on without them.",
    "soft_window_total": "Prompts above the soft window; in observe mode they went on.",
    "elided_messages_total": "Old messages that were shortened so that a conversation fits.",
    "completion_tokens_total": "Tokens that servers generated, where they were let finish.",
    "discarded_tokens_total": "Those of them in attempts that no client saw.",
    "wire_total": "Requests by who parses: native is the server, raw_completion the gateway.",
    "raw_fallback_total": "Requests that raw mode left to the server's own parsing.",
    "internal_errors_total": "Requests on which the gateway itself failed.",
    "translation_lost_total": "Fields of other protocols that chat completions have no place for.",
    "recorded_total": "Exchanges that were recorded.",
    "record_lost_total": "Exchanges that could not be recorded.",
    "unrecorded_total": "Generations that no record has a form for; they were passed on.",
    "cancelled_total": "Requests whose client left before the end.",
}
GAUGES = {
    "in_flight": "Requests under way.",
    "queued": "Requests that wait for a slot.",
}
PREFIX = "seatrial_gateway_"
_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """The counters of one gateway."""

    def __init__(self) -> None:
        self._counters: dict[str, defaultdict[_Labels, float]] = {
            name: defaultdict(float) for name in COUNTERS
        }
        self._lock = threading.Lock()

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with self._lock:
            self._counters[name][key] += amount

    def total(self, name: str, **labels: str) -> float:
        """The sum over everything that has these labels."""
        wanted = set(labels.items())
        with self._lock:
            counts = list(self._counters[name].items())
        return sum(n for key, n in counts if wanted <= set(key))

    def text(self, **gauges: float) -> str:
        """Everything, in the text format."""
        lines: list[str] = []
        with self._lock:
            known = {name: sorted(counts.items()) for name, counts in self._counters.items()}
        for name, counts in known.items():
            lines += _head(name, COUNTERS[name], "counter")
            for labels, count in counts:
                lines.append(f"{PREFIX}{name}{_labels(labels)} {_number(count)}")
            if not counts:
                lines.append(f"{PREFIX}{name} 0")
        for name, value in gauges.items():
            lines += _head(name, GAUGES[name], "gauge")
            lines.append(f"{PREFIX}{name} {_number(value)}")
        return "\n".join(lines) + "\n"


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {PREFIX}{name} {text}", f"# TYPE {PREFIX}{name} {kind}"]


def _labels(labels: _Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"
