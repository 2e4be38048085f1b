"""LoRA: a low-rank change of every matrix, trained alone, shipped alone or fused.

In: a network and a rank, or a trained adapter. Out: an adapter (its parameters are named
`<matrix>.lora_a` and `<matrix>.lora_b`), or a network with the change added in.
The scale is alpha / rank, as llama.cpp computes it, and alpha is fixed at twice the rank.
"""

import torch
import torch.nn.functional as F
from model import Dinghy
from torch import Tensor, nn

ALPHA_PER_RANK = 2.0


class LoraLinear(nn.Module):
    """A frozen matrix and its low-rank change."""

    def __init__(self, frozen: nn.Linear, rank: int) -> None:
        super().__init__()
        self.frozen = frozen
        frozen.weight.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.randn(rank, frozen.in_features) * rank**-0.5)
        self.lora_b = nn.Parameter(torch.zeros(frozen.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        # Adding the matrices first is cheaper here than a second pass over all tokens.
        return F.linear(x, self.frozen.weight + ALPHA_PER_RANK * self.lora_b @ self.lora_a)


def attach(model: Dinghy, rank: int) -> dict[str, nn.Parameter]:
    """Wrap every matrix of the blocks; give the new parameters, the only ones to train."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for block in model.blk:
        for name, child in list(block.named_children()):
            if isinstance(child, nn.Linear):
                setattr(block, name, LoraLinear(child, rank))
    return {name: p for name, p in model.named_parameters() if "lora_" in name}


@torch.no_grad()
def fuse(model: Dinghy, adapter: dict[str, Tensor]) -> None:
    """Add a trained adapter to a plain network, in place."""
    weights = dict(model.named_parameters())
    for name, b in adapter.items():
        if name.endswith(".lora_b"):
            matrix = name.removesuffix(".lora_b")
            weights[f"{matrix}.weight"].add_(ALPHA_PER_RANK * b @ adapter[f"{matrix}.lora_a"])
