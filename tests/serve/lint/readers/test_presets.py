"""Presets of a llama-server router."""

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.presets import is_presets, read_presets

TEXT = """version = 1
; shared
[*]
c = 100
no-mmproj = true
jinja = off
[a]
hf = x/y:Q4
ctx-size=5
draft-max = 3
load-on-startup = true
LLAMA_ARG_N_PARALLEL = 3
api-key = sk-1
[b]
"""


def test_a_section_is_stronger_than_all():
    first, second = read_presets(TEXT, "p.ini")
    found = {name: (one.value, one.place.line, one.written) for name, one in first.options.items()}
    assert found == {
        "ctx-size": (5, 9, "ctx-size=5"),
        "mmproj": (False, 5, "no-mmproj = true"),
        "jinja": (False, 6, "jinja = off"),
        "hf-repo": ("x/y:Q4", 8, "hf = x/y:Q4"),
        "parallel": (3, 12, "LLAMA_ARG_N_PARALLEL = 3"),
        "api-key": ("<hidden>", 13, "api-key = <hidden>"),
    }
    assert [(one.value, one.place.line) for one in first.unknown] == [("--draft-max", 10)]
    assert second.name == "b" and second.get("ctx-size") == 100
    assert {first.family, second.family} == {"llama.cpp-router"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("[a]\n[a]", "stands twice"), ("[a]\nnonsense", "is no setting"), ("c = 1", "no model")],
)
def test_broken_files(text, said):
    with pytest.raises(UserError, match=said):
        read_presets(text, "p.ini")


def test_what_is_a_preset_file():
    assert is_presets(TEXT) and not is_presets("[Service]\nExecStart = x\n")
