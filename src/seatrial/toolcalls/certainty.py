"""Which calls whose values have no quotes are certain: a value can hold a whole ending of a call.

Such calls count if the turn goes on cleanly to its own end, or straight into another call of a
declared tool. In: the calls of a scan as they come, and what was found behind them. Out: how many
of them may be executed.
"""

from __future__ import annotations

from seatrial.core.message import Call
from seatrial.toolcalls.admit import may_go_on
from seatrial.toolcalls.envelope_repairs import CLOSER_FOREIGN
from seatrial.toolcalls.reading import CUT_OFF, Broken, Envelope
from seatrial.toolcalls.tokens import Kind, Tokens

NOT_CERTAIN = "the end of the call before is not certain"


class Certainty:
    """What is known about the calls of one turn."""

    def __init__(self) -> None:
        self._doubtful: list[int] = []
        """The calls that may have swallowed what stands behind them."""
        self._think = 0
        self._certain = 0

    @property
    def doubtful(self) -> bool:
        """Is there a call that may have swallowed what stands behind it?"""
        return bool(self._doubtful)

    def note(self, envelope: Envelope, calls: list[Call], first: int, think: int) -> None:
        """`calls[first:]` came from `envelope`, after so many pieces of reasoning."""
        foreign = any(CLOSER_FOREIGN in raw.repairs for raw in envelope.calls)
        if envelope.sure and not foreign:
            return
        if not self._doubtful:
            self._think = think
        self._doubtful += [i for i in range(first, len(calls)) if may_go_on(calls[i])]

    def confirm(self, calls: int) -> None:
        """Another call follows straight behind the first so many."""
        self._certain = calls

    def doubt(self) -> None:
        """An ending was found that may be the real one."""
        self._certain = 0

    def settle(
        self, calls: list[Call], think: list[str], broken: Broken | None, tokens: Tokens, stop: bool
    ) -> Broken | None:
        """Take back the calls that are not certain; gives the defect of the turn."""
        if not self._doubtful:
            return broken
        later = "".join(think[self._think :])
        closers = (word for word, kind in tokens.kinds.items() if kind is Kind.CLOSER)
        if broken is None and any(closer in later for closer in closers):
            self.doubt()
            broken = Broken(NOT_CERTAIN)
        first = next((i for i in self._doubtful if i >= self._certain), None)
        if first is None:
            return broken
        if broken is None and not stop:
            broken = Broken(CUT_OFF)
        if broken is not None:
            del calls[first:]
        return broken
