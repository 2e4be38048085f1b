"""Data files as token arrays, and token arrays as batches of similar length.

In: JSONL conversations and a tokenizer. Out: per rank and step two tensors, ids and loss
weights, padded on the right with weight 0. Sorting by length inside a window keeps padding
near 5 %; every rank takes every other row of a step, so that no rank waits for another.

No packing: a row is one conversation, so attention never crosses from one to the next.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from render import render_record
from tokenizers import Tokenizer
from torch import Tensor

Row = tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]
MAX_TOKENS = 2048


@dataclass(frozen=True)
class Batch:
    """What one rank computes in one step."""

    ids: Tensor
    weights: Tensor
    step_tokens: int
    """Real tokens of the step, all ranks together."""


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """All records of a data file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def encode(records: Sequence[dict[str, Any]], tokenizer: Tokenizer) -> list[Row]:
    """Ids and loss weights of every record that fits."""
    rows: list[Row] = []
    for start in range(0, len(records), 512):
        rendered = [render_record(record) for record in records[start : start + 512]]
        texts = [text for segments in rendered for text, _ in segments]
        encoded = iter(tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        for segments in rendered:
            ids: list[int] = []
            weights: list[float] = []
            for _, weight in segments:
                piece = next(encoded).ids
                ids += piece
                weights += [weight] * len(piece)
            if len(ids) <= MAX_TOKENS:
                rows.append((np.array(ids, np.uint16), np.array(weights, np.float16)))
    return rows


def _groups(rows: Sequence[Row], step_tokens: int, rng: random.Random) -> Iterator[list[int]]:
    order = list(range(len(rows)))
    rng.shuffle(order)
    groups: list[list[int]] = []
    for start in range(0, len(order), 4096):
        window = sorted(order[start : start + 4096], key=lambda i: len(rows[i][0]))
        group: list[int] = []
        for index in window:
            if group and (len(group) + 1) * len(rows[index][0]) > step_tokens:
                groups.append(group)
                group = []
            group.append(index)
        groups.append(group)
    rng.shuffle(groups)
    yield from groups


def _pad(rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    length = max((len(ids) for ids, _ in rows), default=2)
    # Two rows at least: a compiled network would be compiled again for a single one.
    ids = torch.zeros((max(len(rows), 2), length), dtype=torch.long)
    weights = torch.zeros(ids.shape)
    for index, (row, weight) in enumerate(rows):
        ids[index, : len(row)] = torch.from_numpy(row.astype(np.int64))
        weights[index, : len(row)] = torch.from_numpy(weight.astype(np.float32))
    return ids, weights


def batches(
    rows: Sequence[Row], step_tokens: int, seed: int, rank: int, ranks: int
) -> Iterator[Batch]:
    """Endless batches of one rank; all ranks draw the same order from the same seed."""
    epoch = 0
    while True:
        for group in _groups(rows, step_tokens, random.Random(f"{seed}/{epoch}")):
            total = sum(len(rows[index][0]) for index in group)
            yield Batch(*_pad([rows[index] for index in group[rank::ranks]]), total)
        epoch += 1
