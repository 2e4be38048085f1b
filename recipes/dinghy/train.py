"""Training: a job in, checkpoints and a log out.

The same loop trains the network from zero (Muon and AdamW) and, when the job names a rank, a
LoRA over a finished one (AdamW only). It runs as several processes of one thread each, because
two OpenMP threads on busy cores spend their time waiting for each other. The schedule counts
tokens, never seconds, so a slow machine trains the same model, only later.

Usage: python train.py --data FILE --tokenizer FILE --out DIR --tokens N --seed N
It neither makes data nor judges the result beyond the loss on held-back conversations.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from batches import Batch, Row, batches, encode, read_jsonl
from model import Dinghy, Shape
from optim import Adam, Muon, sum_over_ranks
from tokenizer import load_tokenizer
from torch import Tensor, nn

WARM_UP_STEPS = 20
FLAT_UNTIL = 0.4
AVERAGE_DECAY = 0.985
HELD_BACK = 48
SAVE_AT = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Job:
    """Everything that decides what is learnt."""

    data: tuple[Path, ...]
    tokenizer: Path
    out: Path
    tokens: int
    seed: int
    init: Path | None = None
    lora_rank: int = 0
    step_tokens: int = 8192
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    save_at: tuple[float, ...] = SAVE_AT
    ranks: int = 2
    compiled: bool = True


@dataclass(frozen=True)
class Learner:
    """A network with what may change in it."""

    model: Dinghy
    parameters: dict[str, nn.Parameter]
    optimizers: tuple[Muon | Adam, ...]


def schedule(done: float, step: int) -> float:
    """Factor on the learning rate: warm-up, flat, then linearly to nothing."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * min(1.0, max(0.0, (1.0 - done) / (1.0 - FLAT_UNTIL)))


def load_checkpoint(path: Path, key: str = "model") -> Dinghy:
    """The network of a checkpoint; `key="average"` takes the averaged weights."""
    model = Dinghy(Shape())
    model.load_state_dict(torch.load(path, weights_only=True)[key])
    return model


def _from_zero(job: Job) -> Learner:
    torch.manual_seed(job.seed)
    model = load_checkpoint(job.init) if job.init else Dinghy(Shape())
    parameters = dict(model.named_parameters())
    matrices = [p for n, p in parameters.items() if p.ndim == 2 and n.startswith("blk.")]
    others = [p for n, p in parameters.items() if p.ndim == 1 or not n.startswith("blk.")]
    return Learner(
        model, parameters, (Muon(matrices, job.matrix_rate), Adam(others, job.other_rate))
    )


def _adapter(job: Job) -> Learner:
    from lora import attach

    assert job.init is not None
    torch.manual_seed(job.seed)
    model = load_checkpoint(job.init)
    parameters = attach(model, job.lora_rank)
    return Learner(model, parameters, (Adam(list(parameters.values()), job.other_rate),))


@torch.no_grad()
def _validation_loss(model: Dinghy, rows: Sequence[Row]) -> float:
    total = weight = 0.0
    for ids, weights in rows:
        spoken = (torch.from_numpy(weights.astype("float32")) == 1.0).float()[None]
        with torch.autocast("cpu", torch.bfloat16):
            total += float(model.loss(torch.from_numpy(ids.astype("int64"))[None], spoken))
        weight += float(spoken.sum())
    return total / max(weight, 1.0)


class _Log:
    """Loss lines of rank 0; the other ranks say nothing."""

    def __init__(self, path: Path, talk: bool) -> None:
        self.path, self.talk, self.started = path, talk, time.monotonic()
        if talk:
            path.write_text("")

    def write(self, **fields: float | str) -> None:
        if self.talk:
            line = json.dumps({**fields, "seconds": round(time.monotonic() - self.started, 1)})
            print(line, flush=True)
            with self.path.open("a") as file:
                file.write(line + "\n")


def _step(
    learner: Learner, loss_of: Callable[[Tensor, Tensor], Tensor], batch: Batch, scale: float
) -> float:
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(batch.ids, batch.weights)
    loss.backward()  # type: ignore[no-untyped-call]
    totals = torch.stack([loss.detach(), batch.weights[:, 1:].sum()])
    gradients = [p.grad for p in learner.parameters.values() if p.grad is not None]
    sum_over_ranks([*gradients, totals])
    for gradient in gradients:
        gradient.div_(totals[1].clamp(min=1.0))
    for optimizer in learner.optimizers:
        optimizer.step(scale)
    for parameter in learner.parameters.values():
        parameter.grad = None
    return float(totals[0] / totals[1])


def _loop(job: Job, learner: Learner, rows: Sequence[Row], held: Sequence[Row], rank: int) -> None:
    log = _Log(job.out / "log.jsonl", rank == 0)
    loss_of = (
        torch.compile(learner.model.loss, dynamic=True) if job.compiled else (learner.model.loss)
    )
    average = {name: p.detach().clone() for name, p in learner.parameters.items()}
    stops = sorted(job.save_at)
    tokens, recent = 0, 0.0
    for step, batch in enumerate(batches(rows, job.step_tokens, job.seed, rank, job.ranks)):
        loss = _step(learner, loss_of, batch, schedule(tokens / job.tokens, step))
        tokens += batch.step_tokens
        recent = loss if step == 0 else 0.95 * recent + 0.05 * loss
        for name, parameter in learner.parameters.items():
            average[name].lerp_(parameter.detach(), 1.0 - AVERAGE_DECAY)
        if step % 25 == 0:
            log.write(step=step, tokens=tokens, loss=round(recent, 5))
        while stops and tokens >= stops[0] * job.tokens:
            stop = stops.pop(0)
            if rank == 0:
                name = f"at-{round(stop * 100):03d}.pt"
                state = {n: p.detach().clone() for n, p in learner.parameters.items()}
                torch.save({"model": state, "average": average, "tokens": tokens}, job.out / name)
                loss = _validation_loss(learner.model, held)
                log.write(checkpoint=name, step=step, tokens=tokens, held_back_loss=round(loss, 5))
        if not stops:
            return


def _worker(rank: int, job: Job, rows: Sequence[Row], held: Sequence[Row], meeting: str) -> None:
    torch.set_num_threads(1)
    if job.ranks > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=job.ranks
        )
    _loop(job, _adapter(job) if job.lora_rank else _from_zero(job), rows, held, rank)
    if job.ranks > 1:
        dist.barrier()
        dist.destroy_process_group()


def prepare_environment() -> None:
    """Settings that a process reads at its start: call before workers are spawned.

    glibc gives big tensors back to the kernel at every step unless told otherwise, which costs
    more than the arithmetic.
    """
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(8 << 30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(8 << 30))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")


def train(job: Job) -> dict[str, Any]:
    """Run a job to its end; the last checkpoint is `at-100.pt` in its folder."""
    prepare_environment()
    started = time.monotonic()
    job.out.mkdir(parents=True, exist_ok=True)
    records = [record for path in job.data for record in read_jsonl(path)]
    rows = encode(records, load_tokenizer(job.tokenizer))
    # Evenly spread, so that every kind of conversation is held back.
    every = max(2, len(rows) // HELD_BACK)
    held, kept = rows[::every], [row for i, row in enumerate(rows) if i % every]
    in_data = sum(len(ids) for ids, _ in kept)
    print(f"{len(kept)} conversations, {in_data} tokens, {len(held)} held back", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        args = (job, kept, held, f"{folder}/meeting")
        torch.multiprocessing.spawn(_worker, args=args, nprocs=job.ranks)
    return {
        "conversations": len(kept),
        "dropped_too_long": len(records) - len(rows),
        "tokens_in_data": in_data,
        "tokens_trained": job.tokens,
        "wall_seconds": round(time.monotonic() - started),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train dinghy, or a LoRA over it.")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--init", type=Path, help="checkpoint to go on from")
    parser.add_argument("--lora-rank", type=int, default=0)
    parser.add_argument("--matrix-rate", type=float, default=0.02)
    parser.add_argument("--other-rate", type=float, default=3e-3)
    parser.add_argument("--eager", action="store_true", help="do not compile: for short jobs")
    options = vars(parser.parse_args())
    eager = options.pop("eager")
    options["data"] = tuple(options["data"])
    print(json.dumps(train(Job(**options, compiled=not eager))))


if __name__ == "__main__":
    main()
