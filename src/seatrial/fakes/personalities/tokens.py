"""The toy tokenizer: lossless pieces of text and stable ids.

Not a real vocabulary: ids are hashes, equal on every server and in every process, so what a
client counts or compares behaves as with a real tokenizer. In: text. Out: pieces and ids.
"""

from __future__ import annotations

import re
import zlib

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
)
END = "<|im_end|>"
"""Ends a turn: the eos token."""
VOCABULARY = 151_936
_FIRST_ID = 256
_PIECES = re.compile(
    r"<\|(?:endoftext|im_start|im_end)\|>|</?(?:think|tool_call)>|"
    r"\{\"|\":| \"|\",| ?[^\W\d_]{1,10}|\d|\n\n|.",
    re.DOTALL,
)


def pieces(text: str) -> list[str]:
    """`text` in tokens; joined they are `text` again."""
    return _PIECES.findall(text)


def token_id(piece: str) -> int:
    """The id of one piece."""
    if piece in SPECIAL:
        return SPECIAL.index(piece)
    return _FIRST_ID + zlib.crc32(piece.encode()) % (VOCABULARY - _FIRST_ID)
