"""Every server family that is known, the most particular first."""

from __future__ import annotations

from seatrial.core.errors import UserError
from seatrial.serve.facts import Traits
from seatrial.serve.families.apr import Apr
from seatrial.serve.families.family import Family
from seatrial.serve.families.llamacpp import LlamaCpp
from seatrial.serve.families.llamaswap import LlamaSwap
from seatrial.serve.families.lmstudio import LmStudio
from seatrial.serve.families.mlx import Mlx
from seatrial.serve.families.ollama import Ollama
from seatrial.serve.families.openai import OpenAi
from seatrial.serve.families.router import Router
from seatrial.serve.families.sglang import Sglang
from seatrial.serve.families.vllm import Vllm

# A proxy shows marks of what is behind it, and many servers imitate Ollama and OpenAI.
FAMILIES: tuple[Family, ...] = (
    LlamaSwap(),
    Router(),
    LlamaCpp(),
    Apr(),
    Sglang(),
    Vllm(),
    LmStudio(),
    Ollama(),
    Mlx(),
    OpenAi(),
)


def traits_of(id_: str) -> Traits:
    """What holds for every server of the family `id_`.

    Raises:
        UserError: there is no such family.
    """
    for family in FAMILIES:
        if family.traits.id == id_:
            return family.traits
    known = ", ".join(family.traits.id for family in FAMILIES)
    raise UserError(f"no server family {id_}", hint=f"one of {known}")
