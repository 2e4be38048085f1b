"""From the pieces of a response to think, text and calls: one assembler per who parses.

`RawTurn` gives the model's own text to `toolcalls`, and nothing else in the house does.
`NativeTurn` joins the fragments of calls that the server parsed and trusts none of them: a
finish word of `tool_calls` is no promise that the arguments are whole.

In: `Piece`s. Out: `Shown` pieces at once, a `Parsed` at the end.
"""

from __future__ import annotations

import json
from typing import Protocol

import msgspec

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
    StrictJSONError,
    Tail,
    TurnParser,
    accept,
    read_whole,
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
        self._calls: list[_Fragments] = []
        self._text = GrowingText()

    @property
    def raw(self) -> str:
        return "\n".join([self._text.whole(), *(call.written() for call in self._calls)])

    def feed(self, piece: Piece) -> Shown:
        for delta in piece.calls:
            self._fragments_of(delta).add(delta)
        if piece.text:
            self._text.add(piece.text)
        return Shown(piece.think, piece.text)

    def finish(self, finish: Finish) -> tuple[Shown, Parsed]:
        calls: list[Call] = []
        broken: Broken | None = None
        cut = Tail.of(finish) is Tail.CUT
        for fragments in self._calls:
            call = self._call(fragments, cut)
            if isinstance(call, Broken):
                broken = call
                break
            calls.append(call)
        parsed = Parsed(
            verdict=_verdict(calls, broken),
            calls=tuple(calls),
            text=self._text.whole(),
            repairs=tuple(repair for call in calls for repair in call.repairs),
            reason=broken.reason if broken else None,
            tool=broken.name if broken else None,
        )
        return Shown(), parsed

    def _fragments_of(self, delta: CallDelta) -> _Fragments:
        """The call that a fragment belongs to; servers that send no index start one by its id."""
        for call in reversed(self._calls):
            if delta.index is not None:
                if call.index == delta.index:
                    return call
            elif not delta.id or call.id == delta.id:
                return call
        self._calls.append(_Fragments(delta.index))
        return self._calls[-1]

    def _call(self, fragments: _Fragments, cut: bool) -> Call | Broken:
        name, text = fragments.name, fragments.arguments or "{}"
        taken = {call.id for call in self._calls if call is not fragments}
        # An id that is missing or given twice would answer the wrong call.
        usable = fragments.id and fragments.id not in taken
        identifier = fragments.id if usable else f"{self._id_prefix}_{self._calls.index(fragments)}"
        try:
            value = read_whole(text)
        except StrictJSONError as error:
            reason = CUT_OFF if cut else f"the arguments are not valid JSON: {error}"
            return Broken(reason, name)
        if not isinstance(value, dict):
            return Broken("the arguments are not an object", name)
        call = accept(RawCall(name, value, (0, 0), text), self._tools, identifier, "native")
        if isinstance(call, Broken):
            return call
        return msgspec.structs.replace(call, raw_span=None)


class _Fragments:
    """One call, as far as it has come."""

    def __init__(self, index: int | str | None) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self._pieces: list[str] = []

    @property
    def arguments(self) -> str:
        return "".join(self._pieces)

    def add(self, delta: CallDelta) -> None:
        self.id = self.id or delta.id or ""
        # Some servers repeat the name in every fragment, none splits it.
        self.name = self.name or delta.function.name or ""
        arguments = delta.function.arguments
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            self._pieces.append(arguments)

    def written(self) -> str:
        return f"{self.name} {self.arguments}"


def _verdict(calls: list[Call], broken: Broken | None) -> ParseVerdict:
    if broken is not None:
        return "reask"
    if not calls:
        return "no_call"
    return "repaired" if any(call.repairs for call in calls) else "ok"
