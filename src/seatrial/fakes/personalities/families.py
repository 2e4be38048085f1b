"""Every family that has a personality."""

from __future__ import annotations

from seatrial.fakes.personalities import (
    apr,
    llamacpp,
    llamaswap,
    lmstudio,
    mlx,
    ollama,
    openai,
    router,
    sglang,
    vllm,
)
from seatrial.fakes.personalities.persona import Persona

PERSONAS: dict[str, Persona] = {
    module.PERSONA.id: module.PERSONA
    for module in (
        llamacpp,
        router,
        llamaswap,
        ollama,
        lmstudio,
        vllm,
        sglang,
        mlx,
        apr,
        openai,
    )
}
