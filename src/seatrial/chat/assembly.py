"""From the pieces of a response to think, text and calls: one assembler per who parses.

`RawTurn` gives the model's own text to `toolcalls`, and nothing else in the house does.
`NativeTurn` joins the fragments of calls that the server parsed and trusts none of them: a
finish word of `tool_calls` is no promise that the arguments are whole.

In: `Piece`s. Out: `Shown` pieces at once, a `Parsed` at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from seatrial.chat.fragments import FRAMES_REWRITTEN, Fragments
from seatrial.chat.frames import CallDelta, Piece
from seatrial.chat.growing import GrowingText
from seatrial.core.errors import FormatError
from seatrial.core.generation import Finish
from seatrial.core.message import Call, ToolSchema
from seatrial.core.trace import ParseVerdict
from seatrial.toolcalls import (
    CUT_OFF,
    Broken,
    Options,
    Parsed,
    RawCall,
    Tail,
    TurnParser,
    accept,
)


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What may be passed on now."""

    think: str = ""
    text: str = ""


class Turn(Protocol):
    """One response under way."""

    def feed(self, piece: Piece) -> Shown: ...

    def finish(self, finish: Finish) -> tuple[Shown, Parsed]:
        """What was still held back, and the whole turn."""
        ...

    @property
    def raw(self) -> str:
        """The model's text before parsing; on the native wire what the server gave."""
        ...


class RawTurn:
    """We parse."""

    def __init__(
        self, tools: tuple[ToolSchema, ...], prefill: str, id_prefix: str, options: Options
    ) -> None:
        self._parser = TurnParser(tools, prefill=prefill, options=options, id_prefix=id_prefix)
        self._raw: list[str] = []
        self._shown_chars = 0

    @property
    def raw(self) -> str:
        return "".join(self._raw)

    def feed(self, piece: Piece) -> Shown:
        if piece.calls:
            # Text that somebody else read is gone from the answer: it would pass for an empty one.
            raise FormatError(
                "the server, or a gateway before it, parses the calls that a raw wire leaves to us",
                hint="use the native wire, or have the calls left in the text",
            )
        if not piece.text:
            return Shown(think=piece.think)
        self._raw.append(piece.text)
        text = self._parser.feed(piece.text)
        self._shown_chars += len(text)
        return Shown(piece.think + self._parser.take_think(), text)

    def finish(self, finish: Finish) -> tuple[Shown, Parsed]:
        parsed = self._parser.finish(finish)
        return Shown(self._parser.take_think(), parsed.text[self._shown_chars :]), parsed


class NativeTurn:
    """The server parsed; we check."""

    def __init__(self, tools: tuple[ToolSchema, ...], id_prefix: str) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._id_prefix = id_prefix
        self._calls: list[Fragments] = []
        self._text = GrowingText()

    @property
    def raw(self) -> str:
        return "\n".join([self._text.whole(), *(call.written() for call in self._calls)])

    @property
    def given(self) -> tuple[Call, ...]:
        """The calls as the server wrote them, nothing repaired and nothing checked."""
        return tuple(Call(one.id, one.first_name, one.joined or "{}") for one in self._calls)

    def feed(self, piece: Piece) -> Shown:
        for delta in piece.calls:
            self._fragments_of(delta).add(delta)
        if piece.text:
            self._text.add(piece.text)
        return Shown(piece.think, piece.text)

    def finish(self, finish: Finish) -> tuple[Shown, Parsed]:
        cut = Tail.of(finish) is Tail.CUT
        read = [self._call(fragments, cut) for fragments in self._calls]
        defects = [call for call in read if isinstance(call, Broken)]
        unreadable = [defect for defect in defects if defect.kind == "unreadable"]
        # One call that cannot be read outweighs all that merely do not fit.
        broken = next(iter(unreadable or defects), None)
        calls = list(_before_defect(read))
        parsed = Parsed(
            verdict=_verdict(calls, broken),
            calls=tuple(calls),
            text=self._text.whole(),
            repairs=tuple(repair for call in calls for repair in call.repairs),
            reason=broken.reason if broken else None,
            tool=broken.name if broken else None,
            kind=broken.kind if broken else None,
        )
        return Shown(), parsed

    def _fragments_of(self, delta: CallDelta) -> Fragments:
        """The call that a fragment belongs to; servers that send no index start one by its id."""
        for call in reversed(self._calls):
            if delta.index is not None:
                if call.index == delta.index and not call.is_followed_by(delta):
                    return call
                if call.index == delta.index:
                    break
            elif not delta.id or call.id == delta.id:
                return call
        again = any(call.index == delta.index for call in self._calls)
        self._calls.append(Fragments(delta.index, odd=again))
        return self._calls[-1]

    def _call(self, fragments: Fragments, cut: bool) -> Call | Broken:
        name, odd_name = fragments.name(self._tools)
        text, value, reason = fragments.read()
        if reason:
            return Broken(CUT_OFF if cut else reason, name)
        taken = {call.id for call in self._calls if call is not fragments}
        # An id that is missing or given twice would answer the wrong call.
        usable = fragments.id and fragments.id not in taken
        identifier = fragments.id if usable else f"{self._id_prefix}_{self._calls.index(fragments)}"
        own = text if isinstance(value, dict) else None
        call = accept(RawCall(name, value, (0, 0), own), self._tools, identifier, "native")
        if isinstance(call, Broken):
            # Passed on as it came, it must mean to its reader what it means here.
            plain = not (fragments.odd or odd_name or cut or own != fragments.joined)
            return call if plain else msgspec.structs.replace(call, kind="unreadable")
        same = call.arguments == fragments.joined or not fragments.joined
        plain = same and call.name == fragments.first_name
        if fragments.odd or not (plain and usable):
            call = msgspec.structs.replace(call, repairs=(*call.repairs, FRAMES_REWRITTEN))
        return msgspec.structs.replace(call, raw_span=None)


def _before_defect(read: list[Call | Broken]) -> Iterator[Call]:
    for call in read:
        if isinstance(call, Broken):
            return
        yield call


def _verdict(calls: list[Call], broken: Broken | None) -> ParseVerdict:
    if broken is not None:
        return "reask"
    if not calls:
        return "no_call"
    return "repaired" if any(call.repairs for call in calls) else "ok"
