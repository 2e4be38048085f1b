"""Whether a call that was read is taken: options, the code-mode wrapper, the schema, repeats.

Between the dialects, which say what was written, and the scan, which keeps what may be executed.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from seatrial.core.message import Call, CallSource, ToolSchema
from seatrial.toolcalls.accept import accept, arguments_of, same_call
from seatrial.toolcalls.arguments import PATHS
from seatrial.toolcalls.code_mode import wrap
from seatrial.toolcalls.envelope_repairs import OPENER_MISSING
from seatrial.toolcalls.names import resolve
from seatrial.toolcalls.options import Options
from seatrial.toolcalls.reading import Broken, RawCall
from seatrial.toolcalls.repairs import EXAMPLE_TURN, declare

REPEAT_COLLAPSED = declare(
    "repeat_collapsed",
    "turn",
    "The same call twice in a row is executed once.",
    f"{EXAMPLE_TURN}\n{EXAMPLE_TURN}",
)


_LONG = 10_000
"""Longer arguments are text; to read them once more would cost memory."""


def may_go_on(call: Call) -> bool:
    """Could the last value of `call`, if it is not quoted, go on behind what looks like its end?

    Only a text can, and a path holds no line break.
    """
    if len(call.arguments) > _LONG:
        return True
    arguments = arguments_of(call)
    if not arguments:
        return False
    key, value = list(arguments.items())[-1]
    return isinstance(value, str) and key not in PATHS


MAX_CALLS = 128
"""No turn means more; it bounds what one response can set in motion."""


class Admission:
    """The rules of one turn; it keeps no state of its own but where spans begin."""

    def __init__(self, options: Options, id_prefix: str, *, base: int = 0) -> None:
        self.options = options
        self.base = base
        """What is added to a place in the text at hand to give the place in the raw turn."""
        self.cuts: list[tuple[int, int]] = []
        """Where so many characters of the raw turn were taken out of the text at hand."""
        self._id_prefix = id_prefix

    def knows(self, name: str | None, tools: Mapping[str, ToolSchema]) -> bool:
        """Does `name` stand for a declared tool?"""
        return bool(name) and resolve(str(name), tools) is not None

    def admit(
        self,
        raw: RawCall,
        tools: Mapping[str, ToolSchema],
        before: list[Call],
        repairs: list[str],
        source: CallSource | None = None,
    ) -> Call | Broken | None:
        """The call to execute after those in `before`; None = it repeats the last of them."""
        wrapped = wrap(raw, self.options.code_mode, tools)
        if isinstance(wrapped, Broken):
            return wrapped
        raw = self._moved(wrapped or raw)
        found: CallSource = source or ("orphan" if OPENER_MISSING in raw.repairs else "envelope")
        call = accept(raw, tools, f"{self._id_prefix}_{len(before)}", found)
        if isinstance(call, Broken):
            return call
        if before and same_call(before[-1], call):
            repairs.append(REPEAT_COLLAPSED)
            return self.refused((REPEAT_COLLAPSED,), call.name)
        return self.refused(call.repairs, call.name) or call

    def refused(self, repairs: tuple[str, ...], name: str | None) -> Broken | None:
        """The defect, if one of `repairs` is switched off."""
        off = next((repair for repair in repairs if repair in self.options.off), None)
        return None if off is None else Broken(f"it needs the repair {off}, which is off", name)

    def moved(self, base: int) -> Admission:
        """The same rules for a text that begins at `base` of the raw turn."""
        return Admission(self.options, self._id_prefix, base=base)

    def _moved(self, raw: RawCall) -> RawCall:
        start, end = map(self._place, raw.span)
        return msgspec.structs.replace(raw, span=(start, end))

    def _place(self, at: int) -> int:
        return at + self.base + sum(size for cut, size in self.cuts if at > cut)
