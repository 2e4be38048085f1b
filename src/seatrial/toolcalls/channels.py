"""A turn that is written on channels (Harmony): each message by its channel, in order.

In: the messages that `harmony.split_channels` found. Out: the same fields as `Scan`. Analysis is
reasoning, final and commentary without a recipient are visible text, a recipient makes a call.
"""

from __future__ import annotations

from seatrial.toolcalls.admit import Admission
from seatrial.toolcalls.dialects import harmony
from seatrial.toolcalls.orphans import lost_call
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope, Window
from seatrial.toolcalls.scanned import Scanned
from seatrial.toolcalls.turn_ends import TURN_CUT

_ENDS = ("<|end|>", "<|call|>", "<|return|>")
_HEADERS = ("<|start|>assistant", "<|channel|>")


class ChannelScan(Scanned):
    """One pass over the messages of one turn."""

    def __init__(
        self, window: Window, messages: list[harmony.Channel], admission: Admission
    ) -> None:
        super().__init__(window, 0, admission)
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
            elif channel == "commentary" and window.text[start:end].lstrip()[:1] == "{":
                self.broken = Broken("a call without a recipient")
            elif channel == "text" and lost_call(window, start, end):
                self.broken = Broken("a call without its markers stands between the messages")
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
        if self._is_quoted(header, at):
            self.broken = Broken("the call stands inside of a message")
            return
        read = harmony.DIALECT.read(self._window, at, "")
        if isinstance(read, Broken):
            self.broken = read
            return
        if not isinstance(read, Envelope):
            self.broken = Broken("the header of the call cannot be read")
            return
        self.broken = self.admit(read)

    def _is_quoted(self, end: int, at: int) -> bool:
        """Is the header at `at` shown by the message that ends at `end`, and no header?"""
        text = self._window.text
        before = text[max(0, end - 20_000) : end]
        if before[-1:] in ("`", '"', "'") or before.count("```") % 2:
            return True
        # A message that was not ended and goes straight into another channel talks about it.
        ended = not before.strip() or before.rstrip().endswith(_ENDS)
        closed = text[end:at].lstrip().startswith(_ENDS)
        return not (ended or closed or text.startswith("<|start|>", at))
