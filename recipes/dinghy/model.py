"""The network: Qwen3 as llama.cpp runs it, small enough to be trained on two CPU cores.

Grouped-query attention with normalised queries and keys, rotary positions (halves rotated, not
pairs), SwiGLU, RMS norms, input and output embedding tied. Parameter names are the file's own;
`export.py` maps them to GGUF. In: token ids. Out: logits, or the weighted loss of a batch.

It generates nothing: dinghy speaks only through the engine that will serve it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; the defaults are dinghy's 3.2 million parameters."""

    vocab: int = 1024
    width: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 64
    hidden: int = 704
    context_tokens: int = 4096
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6


class RmsNorm(nn.Module):
    """Root-mean-square norm, in float32 whatever the surroundings compute in."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (wide * self.weight).to(x.dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Block(nn.Module):
    """One layer: attention and feed-forward, each behind its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        self.attn_norm = RmsNorm(shape.width, shape.norm_epsilon)
        self.attn_q = nn.Linear(shape.width, queries, bias=False)
        self.attn_k = nn.Linear(shape.width, keys, bias=False)
        self.attn_v = nn.Linear(shape.width, keys, bias=False)
        self.attn_output = nn.Linear(queries, shape.width, bias=False)
        self.attn_q_norm = RmsNorm(shape.head_width, shape.norm_epsilon)
        self.attn_k_norm = RmsNorm(shape.head_width, shape.norm_epsilon)
        self.ffn_norm = RmsNorm(shape.width, shape.norm_epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def _attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        rows, length, _ = x.shape
        width = self.shape.head_width
        q = self.attn_q_norm(self.attn_q(x).view(rows, length, -1, width)).transpose(1, 2)
        k = self.attn_k_norm(self.attn_k(x).view(rows, length, -1, width)).transpose(1, 2)
        v = self.attn_v(x).view(rows, length, -1, width).transpose(1, 2)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        shared = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        # Rows are padded on the right, so the causal mask alone keeps padding out of sight.
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.attn_output(out.transpose(1, 2).reshape(rows, length, -1))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self._attend(self.attn_norm(x), cos, sin)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Dinghy(nn.Module):
    """The whole network."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = RmsNorm(shape.width, shape.norm_epsilon)
        half = shape.head_width // 2
        speeds = shape.rope_theta ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.outer(torch.arange(shape.context_tokens, dtype=torch.float32), speeds)
        self.register_buffer("cos", angles.cos().bfloat16(), persistent=False)
        self.register_buffer("sin", angles.sin().bfloat16(), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for name, weight in self.named_parameters():
            if weight.ndim == 2 and name.startswith("blk."):
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                # Every layer starts as the identity.
                nn.init.zeros_(weight)

    def forward(self, ids: Tensor) -> Tensor:
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.token_embd(ids).bfloat16()
        for block in self.blk:
            x = block(x, cos, sin)
        return F.linear(self.output_norm(x), self.token_embd.weight)

    def loss(self, ids: Tensor, weights: Tensor) -> Tensor:
        """Sum of the next-token losses, each times the weight of the token to be said."""
        logits = self(ids[:, :-1])
        losses = F.cross_entropy(
            logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        )
        return (losses * weights[:, 1:].flatten()).sum()
