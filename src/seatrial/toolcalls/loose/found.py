"""What the loose forms give, their repair ids, and what a call without envelope must be.

`settle` is the second gate: the forms say what stands there, it says whether that is a call of a
declared tool as it is. The third, the text before it, is `lead_in`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from seatrial.core.message import ToolSchema
from seatrial.toolcalls.accept import accept
from seatrial.toolcalls.python_calls import JSON_LITERAL, plain_name
from seatrial.toolcalls.reading import Broken, RawCall, skip_blanks
from seatrial.toolcalls.repairs import EXAMPLE_CALL, declare

LOOSE_FENCE = declare(
    "loose_fence",
    "loose",
    "The call stands without envelope in the only code fence, at the end of the turn.",
    f"I look at the file.\n\n```json\n{EXAMPLE_CALL}\n```",
)
TOOL_CODE = declare(
    "tool_code",
    "loose",
    "The call stands as Python in a `tool_code` fence at the end of the turn.",
    '```tool_code\nview(file="a.py")\n```',
)
LOOSE_JSON = declare(
    "loose_json",
    "loose",
    "The call stands as JSON without envelope at the end of the turn.",
    EXAMPLE_CALL,
)
LOOSE_PYTHON = declare(
    "loose_python",
    "loose",
    "The call stands as Python without envelope at the end of the turn.",
    'view(file="a.py")',
)
LOOSE_NAMED_JSON = declare(
    "loose_named_json",
    "loose",
    "The name of the tool and the JSON of its arguments stand alone at the end of the turn.",
    'view {"file": "a.py"}',
)
LOOSE_ANNOUNCED = declare(
    "loose_announced",
    "loose",
    "The call is announced in words, as in `Calling tool: x({...})`, at the end of the turn.",
    'Calling tool: view({"file": "a.py"})',
)
REACT = declare(
    "react",
    "loose",
    "The call stands as `Action:` and `Action Input:` at the end of the turn.",
    'Thought: I look at the file.\nAction: view\nAction Input: {"file": "a.py"}',
)

JSON_ALLOWED = frozenset({"single_quotes", "python_literal"})
"""JSON as Python writes it; without an envelope nothing else is repaired."""

MAX_CALLS = 64
"""More calls in one turn are no work but a runaway."""


class Found(msgspec.Struct, frozen=True):
    """The calls that end a turn without an envelope, or the defect."""

    calls: tuple[RawCall, ...]
    """In order; spans are relative to the text that was searched."""
    start: int
    """Where the visible prose before ends."""
    end: int
    broken: Broken | None
    form: str
    """The id of the repair that stands for the form."""


class Reading(msgspec.Struct, frozen=True):
    """What one form read, before it is settled."""

    end: int
    form: str
    calls: tuple[RawCall, ...] = ()
    broken: Broken | None = None
    bare: bool = False
    """Nothing but a name marks it as a call, as in `status()`."""
    strict: bool = True
    """A defect counts as a broken call. Else it shows that the text is no call."""


Read = Reading | int | None
"""An int = text up to there, look on behind; None = the turn holds no loose call."""

_PLACEHOLDER = re.compile(r"<[a-z][a-z _-]{0,40}>|\{\{?[a-z_]{1,40}\}\}?|\.\.\.|…", re.IGNORECASE)
_MAX_PLACEHOLDER = 50
_SHAPES = frozenset(
    {"arguments_key", "arguments_string", "name_key", "call_wrapped", "name_prefix", JSON_LITERAL}
)
_COERCIONS = frozenset(
    {"type_coerced", "value_decoded", "value_listed", "enum_case", "null_dropped"}
)


def several(text: str, at: int, one: Callable[[int], Read], goes_on: Callable[[int], bool]) -> Read:
    """Readings of the same form on lines one after the other, as one."""
    calls: list[RawCall] = []
    bare, strict = True, False
    while True:
        read = one(at)
        if not isinstance(read, Reading):
            return None if calls else read
        if read.broken is not None:
            return read
        calls += read.calls
        if len(calls) > MAX_CALLS:
            return None
        bare, strict = bare and read.bare, strict or read.strict
        at = skip_blanks(text, read.end)
        if "\n" not in text[read.end : at] or not goes_on(at):
            return Reading(read.end, read.form, tuple(calls), bare=bare, strict=strict)


def settle(reading: Reading, tools: Mapping[str, ToolSchema]) -> Reading | None:
    """`reading` with its calls labelled, or with its defect; None = text after all."""
    if reading.broken is not None:
        known = plain_name(reading.broken.name or "") in tools
        known = known and reading.strict
        return msgspec.structs.replace(reading, calls=()) if known else None
    if any(plain_name(raw.name) not in tools for raw in reading.calls):
        return None
    if any(_placeholder(raw.arguments) for raw in reading.calls):
        return None
    defects = [defect for raw in reading.calls if (defect := _defect(raw, tools))]
    if defects:
        broken = msgspec.structs.replace(reading, calls=(), broken=defects[0])
        return broken if reading.strict else None
    labelled = [
        msgspec.structs.replace(raw, repairs=(reading.form, *raw.repairs)) for raw in reading.calls
    ]
    return msgspec.structs.replace(reading, calls=tuple(labelled))


def _defect(raw: RawCall, tools: Mapping[str, ToolSchema]) -> Broken | None:
    """Why `raw` cannot be taken without an envelope; types may be mended, nothing else."""
    call = accept(raw, tools, "loose", "loose")
    if isinstance(call, Broken):
        return call
    more = next((id for id in call.repairs if id not in JSON_ALLOWED | _SHAPES | _COERCIONS), None)
    if more is None:
        return None
    return Broken(f"a call without its envelope must fit as it is; it needs {more}", raw.name)


def _placeholder(arguments: object) -> bool:
    """Is a value of `arguments` a hole in a template?"""
    values: Sequence[object] = list(arguments.values()) if isinstance(arguments, dict) else ()
    return any(
        isinstance(value, str) and len(value) <= _MAX_PLACEHOLDER and _PLACEHOLDER.fullmatch(value)
        for value in values
    )
