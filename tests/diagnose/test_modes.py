"""The table of modes and its loader."""

import pytest

from seatrial.core.errors import FormatError
from seatrial.diagnose import MODES, mode_of
from seatrial.diagnose.modes import load_modes
from seatrial.diagnose.registry import DETECTORS, RESIDUES

HEADER = "id\tscope\tsymptom\tchannels\n"


def test_the_table_is_loaded():
    assert MODES["config.context_400"].channels == ("server", "request", "usage")
    assert MODES["harness.wall_timeout"].symptom
    assert not MODES["format.no_tool_call"].symptom


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        MODES["gen.new"] = MODES["gen.action_loop"]


def test_an_unknown_id_is_an_error():
    with pytest.raises(FormatError, match=r"unknown failure mode: gen\.nothing"):
        mode_of("gen.nothing")


@pytest.mark.parametrize(
    "row",
    [
        "gen.x\tinfra\tno\ttext",
        "gen.x\tgen\tmaybe\ttext",
        "gen.x\tgen\tno",
        "gen.x\tgen\tno\ttext\ngen.x\tgen\tno\ttext",
    ],
)
def test_a_broken_row_is_an_error(tmp_path, row):
    table = tmp_path / "modes.tsv"
    table.write_text(f"{HEADER}{row}\n")
    with pytest.raises(FormatError, match=r"modes\.tsv:[23]"):
        load_modes(table)


def test_every_detector_is_of_a_known_mode():
    assert set(DETECTORS) | set(RESIDUES) <= set(MODES)
