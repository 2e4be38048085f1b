"""Modelfiles."""

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.ollama import is_modelfile, read_modelfile

TEXT = '''FROM qwen3:30b
# a comment
PARAMETER num_ctx 2048
PARAMETER num_ctx 4096
parameter temperature 0.7
PARAMETER stop "<a>"
PARAMETER stop "<b>"
TEMPLATE """{{ .System }}
PARAMETER no 1"""
SYSTEM You are terse.
'''


def test_parameters_and_texts():
    (config,) = read_modelfile(TEXT, "Modelfile", "m")
    found = {name: (one.value, one.place.line) for name, one in config.options.items()}
    assert found == {
        "from": ("qwen3:30b", 1),
        "num_ctx": (4096, 4),
        "temperature": (0.7, 5),
        "stop": ('["<a>", "<b>"]', 7),
        "template": ("{{ .System }}\nPARAMETER no 1", 8),
        "system": ("You are terse.", 10),
    }
    assert (
        config.family == "ollama" and config.options["num_ctx"].written == "PARAMETER num_ctx 4096"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PARAMETER num_ctx 1", "no FROM"),
        ("FROM a\nNUM_CTX 3", "line 2: 'NUM_CTX 3' is no instruction"),
        ('FROM a\nSYSTEM """x', "line 2: the text of SYSTEM is not closed"),
    ],
)
def test_what_ollama_refuses(text, said):
    with pytest.raises(UserError) as raised:
        read_modelfile(text, "Modelfile", "m")
    assert said in raised.value.message and raised.value.hint


def test_a_dockerfile_is_no_modelfile():
    assert is_modelfile(TEXT)
    assert not is_modelfile("FROM debian\nRUN x\n") and not is_modelfile("FROM x\n")
