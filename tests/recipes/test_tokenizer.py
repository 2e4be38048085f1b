"""The tokenizer keeps the promises that copying rests on."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("tokenizers")

RECIPE = Path(__file__).parents[2] / "recipes" / "dinghy"
WORDS = ["parser", "salt", "theory", "offset", "window", "return", "value"]


def _load():
    spec = importlib.util.spec_from_file_location("dinghy_tokenizer", RECIPE / "tokenizer.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tokenizer_module = _load()


@pytest.fixture(scope="module")
def tokenizer():
    texts = [
        f"In the {a}.py there is {a}_{b} = '{b}':\n    return {a} + {n}\n<tool_call>\\n\\\"{b}\\\""
        for n, a in enumerate(WORDS)
        for b in WORDS
    ]
    return tokenizer_module.train_tokenizer(texts)


def pieces(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).tokens


def test_a_name_is_the_same_pieces_everywhere(tokenizer):
    for word in ("thermal", "unseenname", "saltwindow"):
        alone = pieces(tokenizer, word)
        for before in ("_", '"', " ", "(", "'", "\n", r"\n", r"\"", "/"):
            assert pieces(tokenizer, before + word)[1:] == alone
        assert pieces(tokenizer, word + "_x")[: len(alone)] == alone


def test_common_words_are_one_piece_with_their_space(tokenizer):
    assert pieces(tokenizer, " the thermal")[0] == "Ġthe"
    assert "Ġthe" not in pieces(tokenizer, " thermal")


def test_digits_and_escapes_stand_alone(tokenizer):
    assert pieces(tokenizer, "4096") == list("4096")
    assert pieces(tokenizer, r"a\nreturn") == [*pieces(tokenizer, "a"), r"\n", "return"]
    assert pieces(tokenizer, r"\"x")[0] == r"\""


def test_no_merge_joins_a_letter_with_anything_else(tokenizer):
    _, merges = tokenizer_module.parts(tokenizer)
    for left, right in merges:
        joined = (left + right).replace("Ġ", " ").replace("Ċ", "\n")
        ascii_only = [c for c in joined if c.isascii()]
        assert all(c.isalpha() for c in ascii_only) or not any(c.isalpha() for c in ascii_only)


def test_every_text_survives(tokenizer):
    text = "def f(x):\n\treturn 'é 漢 🙂' \\n \\\" 12.5  \r\n"
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
