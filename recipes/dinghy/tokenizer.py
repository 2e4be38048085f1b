r"""The tokenizer: a byte-level BPE of 1,024 pieces, made for copying.

A small model edits code by copying it, so one name must be the same pieces wherever it
stands: `foo`, ` foo`, `_foo`, `"foo`. Therefore no merge joins a letter with a space, a digit
or punctuation. The few hundred words that stand in a large share of all conversations
(` the`, ` return`, `_file`) are pieces all the same, but without merges: the engine takes them
only when they are a whole chunk of its pre-tokenizer, so ` theory` and `theory` still agree.
The JSON escapes `\n` and `\"` are pieces of their own, so that an escaped line end never sticks
to the next word and an escaped text lines up piece by piece with the raw one.

In: texts. Out: a `tokenizers.Tokenizer` (saved as JSON) that gives the ids which llama.cpp
gives for `tokenizer.ggml.pre = "tekken"`. Not a general tokenizer: digits are single and
words outside the task's vocabulary fall apart into letters.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCAB_SIZE = 1024
WHOLE_CHUNKS = 224
WHOLE_CHUNK_SHARE = 0.02
"""A word joined with its space must stand in this share of all texts: no mere name does."""
END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|im_end|>"
CONTROL = (END_OF_TEXT, "<|im_start|>", END_OF_TURN)
"""Never shown by the server."""
USER_DEFINED = ("<tool_call>", "</tool_call>", "<think>", "</think>", r"\n", r"\"")
"""Whole pieces that the server prints: it must see the tags to parse them."""

_TRAINING_SPLIT = (
    r"\p{Lu}?[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{Lu}+|\p{N}|\n|\\"
    r"| ?[^\s\p{L}\p{N}\\]+|[^\S\n]+(?!\S)|\s"
)
_TEKKEN_SPLIT = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _between_markers(texts: Iterable[str]) -> Iterator[str]:
    # The trainer does not know the whole pieces yet and would learn merges inside them.
    markers = re.compile("|".join(re.escape(text) for text in (*CONTROL, *USER_DEFINED)))
    for text in texts:
        yield from (piece for piece in markers.split(text) if piece)


def _finish(core: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(core)
    tokenizer.pre_tokenizer = _split(_TEKKEN_SPLIT)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in CONTROL])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in USER_DEFINED])
    return tokenizer


def _whole_chunks(texts: Sequence[str]) -> list[str]:
    """The commonest chunks of a word and the one character before it."""
    splitter = _split(_TEKKEN_SPLIT)
    mixed = re.compile(r"[\u0120_.\"'][A-Za-z]+")
    found: Counter[str] = Counter()
    texts_with: Counter[str] = Counter()
    for text in texts:
        parts_of_text = _between_markers([text])
        pieces = [c for part in parts_of_text for c, _ in splitter.pre_tokenize_str(part)]
        chunks = [chunk for chunk in pieces if mixed.fullmatch(chunk)]
        found.update(chunks)
        texts_with.update(set(chunks))
    common = [c for c, _ in found.most_common() if texts_with[c] >= WHOLE_CHUNK_SHARE * len(texts)]
    return common[:WHOLE_CHUNKS]


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Learn the merges from rendered conversations."""
    whole = _whole_chunks(texts)
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _split(_TRAINING_SPLIT)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(whole),
        special_tokens=[*CONTROL, *USER_DEFINED],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(_between_markers(texts), trainer)
    vocab, merges = parts(learner)
    vocab |= {chunk: len(vocab) + index for index, chunk in enumerate(whole)}
    pairs = [(left, right) for left, right in merges]
    return _finish(models.BPE(vocab=vocab, merges=pairs, ignore_merges=True))


def parts(tokenizer: Tokenizer) -> tuple[dict[str, int], list[list[str]]]:
    """Pieces with their ids, and merges in order: what a GGUF file stores."""
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [list(merge) for merge in model["merges"]]


def load_tokenizer(path: Path) -> Tokenizer:
    """Read what `Tokenizer.save` wrote."""
    return Tokenizer.from_file(str(path))
