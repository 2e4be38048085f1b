"""What a pass over one turn gives, whatever kind of pass it was: calls, text, reasoning, a defect.

State only. `scanner` fills it from envelopes in text, `channels` from messages on channels.
"""

from __future__ import annotations

from seatrial.core.message import Call
from seatrial.toolcalls.admit import MAX_CALLS, Admission
from seatrial.toolcalls.reading import Broken, Envelope, Window
from seatrial.toolcalls.visible import Visible


class Scanned:
    """The result of one pass; filled by a subclass, then read."""

    def __init__(self, window: Window, start: int, admission: Admission) -> None:
        self.calls: list[Call] = []
        self.visible = Visible(window.text, start)
        self.think: list[str] = []
        self.repairs: list[str] = []
        """Those of the turn; a call holds its own."""
        self.broken: Broken | None = None
        self.dialect: str | None = None
        """The dialect of the last call or attempt."""
        self.group = 0
        """The index of the first call with no visible text behind it but calls."""
        self.lead_in = ""
        """The visible text before the first call."""
        self._window = window
        self._admission = admission

    def admit(self, envelope: Envelope) -> Broken | None:
        """Take the calls of `envelope`, up to the first that is none; gives its defect."""
        if not self.calls:
            self.lead_in = self.visible.text
        for raw in envelope.calls:
            if len(self.calls) == MAX_CALLS:
                return Broken(f"more than {MAX_CALLS} calls in one turn")
            call = self._admission.admit(raw, self._window.tools, self.calls, self.repairs)
            if isinstance(call, Broken):
                return call
            if call is not None:
                self.calls.append(call)
        return envelope.broken
