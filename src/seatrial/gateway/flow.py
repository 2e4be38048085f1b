"""Events of a streamed answer on their way to a client: the server's bytes, or frames of ours.

What no rule touched goes out as it came. Reasoning and text of one frame share its bytes, which
stand on the text: the reasoning waits for it, and if the text was held, changed or dropped, each
goes on by itself.

In: events behind the rules, the attempt that they are of. Out: bytes in an `Output`.
"""

from __future__ import annotations

from seatrial.chat.endpoint import Event, Text, Think
from seatrial.gateway.asking import Asking
from seatrial.gateway.output import STREAM_HEADERS, Output
from seatrial.gateway.rendering import FrameWriter


class Flow:
    """One streamed answer."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._writer: FrameWriter | None = None
        self._half: Think | None = None
        """Reasoning whose bytes are those of the text that comes next."""

    async def start(self, attempt: Asking, *, rendered: bool = False) -> None:
        """Send the head, once; `rendered`: what follows is ours."""
        if self._output.unsaid:
            # A server that does not stream answers in JSON; what a rule made of it is a stream.
            own = attempt.streams or not rendered
            headers = attempt.answer_headers() if own else []
            await self._output.start(200, headers or STREAM_HEADERS)

    def frames(self, attempt: Asking) -> FrameWriter:
        """What writes frames of ours, under the head of the server."""
        if self._writer is None:
            turn = attempt.turn
            self._writer = FrameWriter(turn.head if turn else b"")
            self._writer.begun = self._output.written_bytes > 0
        return self._writer

    async def take(self, attempt: Asking, event: Event) -> bool:
        """Send `event`, if it is prose; False: it is of the tail, which waits for its end."""
        prose = isinstance(event, Text | Think)
        partner = attempt.turn.partner(event) if prose and attempt.turn is not None else None
        whole = partner is self._half
        if self._half is not None and not whole:
            half, self._half = self._half, None
            await self._render(attempt, half)
        if not isinstance(event, Text | Think):
            return False
        if not attempt.took(event) or (event.raw and not whole):
            await self._render(attempt, event)
        elif event.raw:
            self._half = None
            await self.start(attempt)
            if self._writer is not None:
                self._writer.begun = True
            self._output.add(event.raw)
        elif isinstance(event, Think) and partner is not None:
            self._half = event
        else:
            return False
        return True

    async def _render(self, attempt: Asking, event: Text | Think) -> None:
        await self.start(attempt, rendered=True)
        self._output.add(self.frames(attempt).event(event))
