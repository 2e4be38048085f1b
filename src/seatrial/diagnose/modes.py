"""The failure modes that exist: `modes.tsv` of this package, read once.

The table says what a mode is called, which scope owns it, whether it is only a symptom, and in
which channels its evidence may stand. It is not the detectors: a mode without a detector is a
word that people and other tools may use.

In: the table. Out: `MODES` by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from seatrial.core.errors import FormatError

_TABLE = Path(__file__).parent / "modes.tsv"


class Mode(msgspec.Struct, frozen=True):
    """One row of the table."""

    id: str
    scope: str
    """The text of the id before its first dot."""
    symptom: bool
    """A symptom is reported and is never a primary cause."""
    channels: tuple[str, ...]
    """Where evidence for it may stand."""


def load_modes(path: Path) -> Mapping[str, Mode]:
    """Read a table of modes: a header, then id, scope, symptom, channels.

    Raises:
        FormatError: a row has another shape, its scope is not that of its id, or an id occurs
            twice.
    """
    modes: dict[str, Mode] = {}
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], start=2):
        cells = row.split("\t")
        if len(cells) != 4 or cells[2] not in ("yes", "no"):
            raise FormatError(f"{path.name}:{number}: not id, scope, yes or no, channels")
        mode = Mode(cells[0], cells[1], cells[2] == "yes", tuple(cells[3].split(",")))
        if mode.scope != mode.id.partition(".")[0] or mode.id in modes:
            raise FormatError(f"{path.name}:{number}: {mode.id}: wrong scope, or listed twice")
        modes[mode.id] = mode
    return MappingProxyType(modes)


MODES: Mapping[str, Mode] = load_modes(_TABLE)


def mode_of(id_: str) -> Mode:
    """The mode called `id_`.

    Raises:
        FormatError: there is none.
    """
    try:
        return MODES[id_]
    except KeyError:
        raise FormatError(f"unknown failure mode: {id_}") from None
