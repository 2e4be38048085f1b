"""A turn that is written on channels (Harmony): each message by its channel, in order.

In: the messages that `harmony.split_channels` found. Out: the same fields as `Scan`. Analysis is
reasoning, final and commentary without a recipient are visible text, a recipient makes a call.
"""

from __future__ import annotations

from seatrial.core.message import Call
from seatrial.toolcalls.admit import Admission
from seatrial.toolcalls.dialects import harmony
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope, Window
from seatrial.toolcalls.turn_ends import TURN_CUT
from seatrial.toolcalls.visible import Visible

_HEADERS = ("<|start|>assistant", "<|channel|>")


class ChannelScan:
    """One pass over the messages of one turn."""

    def __init__(
        self, window: Window, messages: list[harmony.Channel], admission: Admission
    ) -> None:
        self.calls: list[Call] = []
        self.visible = Visible(window.text, 0)
        self.think: list[str] = []
        self.repairs: list[str] = []
        self.broken: Broken | None = None
        self.dialect: str | None = None
        self.group = 0
        self.lead_in = ""
        self._window = window
        self._admission = admission
        header = 0
        for channel, recipient, start, end, _ in messages:
            if channel == "other":
                self.repairs.append(TURN_CUT)
                break
            if recipient is not None:
                self._call(header, start)
            elif channel == "text" and window.text.startswith(_HEADERS, start):
                # The header of a message that never came.
                self.broken = Broken("the message is not closed" if window.stopped else CUT_OFF)
            elif channel == "analysis":
                self.think.append(window.text[start:end])
            else:
                self.visible.pieces.append(window.text[start:end])
            if self.broken is not None:
                break
            header = end

    def _call(self, header: int, start: int) -> None:
        """The call whose header stands between `header` and the content at `start`."""
        self.dialect = harmony.DIALECT.id
        places = [self._window.text.find(word, header, start) for word in _HEADERS]
        at = min((place for place in places if place >= 0), default=header)
        read = harmony.DIALECT.read(self._window, at, "")
        if isinstance(read, Broken):
            self.broken = read
            return
        if not isinstance(read, Envelope):
            self.broken = Broken("the header of the call cannot be read")
            return
        for raw in read.calls:
            call = self._admission.admit(raw, self._window.tools, self.calls, self.repairs)
            if isinstance(call, Broken):
                self.broken = call
                return
            if call is not None:
                self.calls.append(call)
        self.broken = read.broken
