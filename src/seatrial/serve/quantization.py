"""The names of llama.cpp's file types: `general.file_type` of a GGUF file, in words.

Source: `enum llama_ftype` of llama.cpp's include/llama.h and `llama_model_ftype_name`; numbers
that were given up there have no name here either. In: numbers, or names as servers spell them.
Out: one name for each.
"""

from __future__ import annotations

import re

_GUESSED = 1024

_NAMES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
}


def file_type_name(number: int) -> str:
    """The name of a file type; a number that is not known keeps its number."""
    return _NAMES.get(number & ~_GUESSED, f"file type {number}")


_SIZED = re.compile(r"^(I?Q\d_K) - (Small|Medium|Large)$")
_ODD = {"Q2_K_M": "Q2_K", "Q6_K_M": "Q6_K"}


def plain_quantization(name: str) -> str:
    """One spelling of a quantization: servers write `Q4_K - Medium` for Q4_K_M."""
    name = name.removesuffix(" (guessed)").removeprefix("all ").strip()
    if sized := _SIZED.match(name):
        short = f"{sized[1]}_{sized[2][0]}"
        return _ODD.get(short, short)
    if name.startswith("IQ3_S mix"):
        return "IQ3_M"
    return name.partition(" - ")[0].replace(" ", "_").upper()


def same_quantization(one: str, other: str) -> bool:
    """Whether two names mean one quantization."""
    return plain_quantization(one) == plain_quantization(other)
