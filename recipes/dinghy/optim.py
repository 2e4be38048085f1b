"""Muon for matrices, AdamW for the rest, over several single-threaded processes.

Muon steps along the orthogonalised momentum of a matrix (Newton-Schulz iteration). That is the
dearest part of a step, so every rank does it for its share of the matrices and the shares are
summed. In: gradients, already summed over ranks. Out: changed parameters, equal on all ranks.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def sum_over_ranks(tensors: Sequence[Tensor]) -> None:
    """Add every tensor up over all ranks, in place, with one message."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def orthogonalise(matrices: Tensor) -> Tensor:
    """Push the singular values of a stack of matrices towards 1."""
    a, b, c = _NEWTON_SCHULZ
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon:
    """Momentum, orthogonalised; updates are scaled so that shapes learn equally fast."""

    def __init__(self, matrices: Sequence[nn.Parameter], rate: float) -> None:
        self.rate = rate
        self.momentum = [torch.zeros_like(matrix) for matrix in matrices]
        self.matrices = list(matrices)

    def _my_shapes(self) -> list[list[int]]:
        rank, ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        shapes: dict[tuple[int, ...], list[int]] = {}
        for index, matrix in enumerate(self.matrices):
            shapes.setdefault(tuple(matrix.shape), []).append(index)
        return [mine for group in shapes.values() if (mine := group[rank::ranks])]

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One update; `scale` is the schedule's factor on the learning rate."""
        nesterov: list[Tensor] = []
        for matrix, momentum in zip(self.matrices, self.momentum, strict=True):
            assert matrix.grad is not None
            momentum.lerp_(matrix.grad, 0.05)
            nesterov.append(matrix.grad.lerp(momentum, 0.95))
        updates = [torch.zeros_like(matrix) for matrix in self.matrices]
        for group in self._my_shapes():
            done = orthogonalise(torch.stack([nesterov[index] for index in group]))
            for index, update in zip(group, done, strict=True):
                updates[index] = update
        sum_over_ranks(updates)
        for matrix, update in zip(self.matrices, updates, strict=True):
            stretch = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            matrix.add_(update, alpha=-self.rate * scale * stretch)


class Adam:
    """torch's AdamW with the same `step(scale)` as `Muon`."""

    def __init__(self, parameters: Sequence[nn.Parameter], rate: float) -> None:
        self.rate = rate
        self.inner = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)

    def step(self, scale: float) -> None:
        """One update; `scale` is the schedule's factor on the learning rate."""
        for group in self.inner.param_groups:
            group["lr"] = self.rate * scale
        self.inner.step()
