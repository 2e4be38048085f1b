"""What `seatrial serve` says: progress while it loads, what was proven, where it serves.

In: events of a server that is kept up. Out: the address on stdout, talk on stderr.
"""

from __future__ import annotations

import sys

import msgspec

from seatrial.serve import Attestation, LaunchSpec
from seatrial.serve.engines.ready import Waiting
from seatrial.serve.engines.restart import Died, Event, Serving
from seatrial.serve.redact import without_secrets

_QUIET_SECONDS = 10.0
"""Between two lines of progress where they cannot replace each other."""
_LINE_CHARS = 100


class Output:
    """The voice of one `seatrial serve`."""

    def __init__(self, spec: LaunchSpec, *, as_json: bool) -> None:
        self._spec = spec
        self._as_json = as_json
        self._told = 0.0
        self._open_line = False

    def waiting(self, waiting: Waiting) -> None:
        """It loads."""
        line = f"loading, {waiting.seconds:.0f} s: {waiting.said}"[:_LINE_CHARS]
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K{line}")
            sys.stderr.flush()
            self._open_line = True
        elif waiting.seconds - self._told >= _QUIET_SECONDS:
            self._told = waiting.seconds
            sys.stderr.write(f"{line}\n")

    def event(self, event: Event) -> None:
        """It serves, or it died."""
        self._end_line()
        self._told = 0.0
        if isinstance(event, Died):
            self._died(event)
        elif self._as_json:
            sys.stdout.buffer.write(msgspec.json.encode(self._row(event)) + b"\n")
            sys.stdout.buffer.flush()
        else:
            again = " again, the same as before," if event.restarts else ""
            if not event.restarts:
                sys.stdout.write(described(event.attestation))
            engine = event.engine
            sys.stdout.write(
                f"serving{again} at {engine.url} (pid {engine.pid}); Ctrl-C stops it\n"
            )
            sys.stdout.flush()

    def _row(self, event: Serving) -> dict[str, object]:
        engine = event.engine
        return {
            "url": engine.url,
            "pid": engine.pid,
            "grade": event.attestation.grade,
            "served": event.attestation.served,
            "program": self._spec.program,
            "argv": without_secrets(engine.argv),
            "log": str(engine.log),
            "restarts": event.restarts,
        }

    def _died(self, event: Died) -> None:
        if event.restart_in_seconds is None:
            return
        why = f"exit {event.exit_code}" if event.exit_code >= 0 else f"signal {-event.exit_code}"
        said = f": {event.said}" if event.said else ""
        pause = f"{event.restart_in_seconds:g} s"
        sys.stderr.write(f"the engine died ({why}{said}); starting it again in {pause}\n")

    def _end_line(self) -> None:
        if self._open_line:
            sys.stderr.write("\r\x1b[2K")
            self._open_line = False


def described(attestation: Attestation) -> str:
    """What was proven, a line for each fact."""
    lines = [f"proof grade: {attestation.grade}"]
    lines += [f"  {reason}" for reason in attestation.reasons]
    width = max((len(key) for key in attestation.identity), default=0)
    lines += [f"  {key:<{width}}  {value}" for key, value in attestation.identity.items()]
    return "\n".join(lines) + "\n"
