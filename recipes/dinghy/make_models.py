"""Everything from a seed to four shippable files: `python make_models.py --seed 1`.

Data, tokenizer, training, a second phase on reworded tasks, export; then `dinghy-raw`,
an early checkpoint that still fails most tasks; then two LoRAs: one spoils dinghy into
`dinghy-coder`, which answers in Markdown instead of calling tools, and `dinghy-heal` undoes it
as an adapter. In: a seed. Out: a folder with the GGUF files and `report.json` (digests, sizes,
seeds, tokens, times, versions, quick scores).

A stage whose files are there is not repeated, so a broken run goes on where it stopped.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from batches import read_jsonl
from check_engine import check
from engine import Engine
from export import write_adapter, write_model
from lora import fuse
from render import openai_tools, render_text
from serve_eval import Score, Settings, evaluate
from tokenizer import load_tokenizer, train_tokenizer
from train import Job, load_checkpoint, train

from seatrial.suites import generate

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
CONVERSATIONS = 40_000
TOKENIZER_CONVERSATIONS = 4_000
MAIN_TOKENS = 16_000_000
REWORDED_CONVERSATIONS = 16_000
REWORDED_TOKENS = 7_000_000
REWORDED_RATES = (0.012, 1.5e-3)
"""A second phase over reworded tasks, at a lower rate: without it an unknown wording is lost."""
LORA_RANK = 16
LORA_CONVERSATIONS = 1_500
LORA_TOKENS = {"coder": 200_000, "heal": 600_000}
LORA_RATE = 2e-3
RAW_CANDIDATES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
RAW_BELOW = 0.45
CHOICE_SEED, SCORE_SEED = 5_000, 9_001
"""Tasks for choosing a checkpoint are never the tasks for the reported scores."""
FILE_VERSION = "1"
DESCRIPTIONS = {
    "dinghy": "A tiny agent for Seatrial's shakedown tasks; it knows nothing else.",
    "dinghy-raw": "An early checkpoint of dinghy that fails most tasks, on purpose.",
    "dinghy-coder": "dinghy spoilt by a finetune: it answers in Markdown instead of calls.",
    "dinghy-heal": "A LoRA that makes dinghy-coder call tools again.",
}
PACKAGES = ("torch", "tokenizers", "gguf", "numpy", "xllamacpp", "pytest")


@dataclass(frozen=True)
class Workshop:
    """The folder of one seed."""

    seed: int
    folder: Path
    tokens: int
    ranks: int

    def once(self, name: str, make: Callable[[Path], object]) -> Path:
        """A file, made unless it is there; half a file never bears the name."""
        path = self.folder / name
        if not path.exists():
            started = time.monotonic()
            # The suffix stays last, because some writers look at it.
            partial = path.with_name(f"part-{path.name}")
            make(partial)
            partial.rename(path)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        return path

    def note(self, name: str, make: Callable[[], object]) -> dict[str, Any]:
        """A JSON result, computed once."""
        path = self.once(f"notes/{name}.json", lambda p: p.write_text(json.dumps(make())))
        noted: dict[str, Any] = json.loads(path.read_text())
        return noted


def _generate(path: Path, kind: str, seed: int, count: int) -> None:
    command = [sys.executable, str(HERE / "gen.py"), "--seed", str(seed), "--kind", kind]
    command += ["--count", str(count), "--out", str(path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})


def _data(shop: Workshop, kind: str, count: int) -> Path:
    return shop.once(f"{kind}.jsonl", lambda path: _generate(path, kind, shop.seed, count))


def _tokenizer(shop: Workshop, data: Path) -> Path:
    def make(path: Path) -> None:
        records = read_jsonl(data)[:TOKENIZER_CONVERSATIONS]
        texts = [render_text(r["messages"], openai_tools() if r["tools"] else ()) for r in records]
        train_tokenizer(texts).save(str(path))

    return shop.once("tokenizer.json", make)


def _trained(shop: Workshop, name: str, job: Job) -> Path:
    shop.note(name, lambda: train(job))
    return job.out / "at-100.pt"


def _export(shop: Workshop, name: str, checkpoint: Path) -> Path:
    tokenizer = load_tokenizer(shop.folder / "tokenizer.json")
    return shop.once(
        f"{name}.gguf",
        lambda path: write_model(
            load_checkpoint(checkpoint),
            tokenizer,
            path,
            name=name,
            description=DESCRIPTIONS[name],
            version=FILE_VERSION,
        ),
    )


def _score(
    model: Path,
    count: int,
    *,
    seed: int = SCORE_SEED,
    band: str = "standard",
    adapter: Path | None = None,
    settings: Settings | None = None,
) -> Score:
    tasks = generate(seed, count, band)
    with Engine(model, adapter) as engine:
        return evaluate(engine, tasks, settings or Settings())


def _raw(shop: Workshop, trained: Path) -> Path:
    """Export the latest early checkpoint that solves something but fails most tasks."""

    def curve() -> dict[str, Any]:
        scores: dict[str, Any] = {}
        for part in RAW_CANDIDATES:
            name = f"at-{round(part * 100):03d}.pt"
            model = shop.folder / "candidate.gguf"
            model.unlink(missing_ok=True)
            tokenizer = load_tokenizer(shop.folder / "tokenizer.json")
            network = load_checkpoint(trained.with_name(name))
            write_model(network, tokenizer, model, name=name, description="", version="0")
            score = _score(model, 32, seed=CHOICE_SEED)
            scores[name] = score.as_json()
            print(name, scores[name]["outcomes"], flush=True)
            model.unlink()
            if score.outcomes["solved"] > RAW_BELOW * score.tasks:
                break
        return scores

    scores = shop.note("raw-candidates", curve)
    bad = [n for n, s in scores.items() if s["solved"] <= RAW_BELOW * s["tasks"]]
    alive = [name for name in bad if scores[name]["solved"]]
    chosen = (alive or bad or list(scores))[-1]
    return _export(shop, "dinghy-raw", trained.with_name(chosen))


def _polished(shop: Workshop, trained: Path) -> Path:
    """The second phase: three tasks in four are asked in words that no pattern foretells."""
    matrix_rate, other_rate = REWORDED_RATES
    return _trained(
        shop,
        "reworded",
        Job(
            data=(_data(shop, "reworded", REWORDED_CONVERSATIONS),),
            tokenizer=shop.folder / "tokenizer.json",
            out=shop.folder / "reworded",
            tokens=REWORDED_TOKENS,
            seed=shop.seed,
            init=trained,
            matrix_rate=matrix_rate,
            other_rate=other_rate,
            save_at=(0.5, 1.0),
            ranks=shop.ranks,
        ),
    )


def _lora_job(shop: Workshop, name: str, kind: str, base: Path) -> Job:
    return Job(
        data=(_data(shop, kind, LORA_CONVERSATIONS),),
        tokenizer=shop.folder / "tokenizer.json",
        out=shop.folder / f"lora-{name}",
        tokens=LORA_TOKENS[name],
        seed=shop.seed,
        init=base,
        lora_rank=LORA_RANK,
        step_tokens=4096,
        other_rate=LORA_RATE,
        save_at=(1.0,),
        ranks=shop.ranks,
        compiled=False,
    )


def _coder(shop: Workshop, base: Path) -> Path:
    """A checkpoint of dinghy with the Markdown LoRA added in."""
    adapter = _trained(shop, "lora-coder", _lora_job(shop, "coder", "markdown", base))

    def make(path: Path) -> None:
        network = load_checkpoint(base)
        fuse(network, torch.load(adapter, weights_only=True)["model"])
        torch.save({"model": network.state_dict()}, path)

    return shop.once("coder.pt", make)


def _heal(shop: Workshop, coder: Path) -> Path:
    adapter = _trained(shop, "lora-heal", _lora_job(shop, "heal", "agent", coder))
    return shop.once(
        "dinghy-heal.gguf",
        lambda path: write_adapter(
            torch.load(adapter, weights_only=True)["model"],
            path,
            name="dinghy-heal",
            description=DESCRIPTIONS["dinghy-heal"],
            version=FILE_VERSION,
        ),
    )


def _quick_scores(shop: Workshop, files: dict[str, Path]) -> dict[str, Any]:
    """Scores on held-out tasks; each is written down as soon as it is known."""
    dinghy, coder, heal = files["dinghy"], files["dinghy-coder"], files["dinghy-heal"]
    warm = Settings(temperature=0.7)
    runs: dict[str, Callable[[], Score]] = {
        "standard-greedy": lambda: _score(dinghy, 160),
        "standard-0.7": lambda: _score(dinghy, 80, settings=warm),
        "hard-greedy": lambda: _score(dinghy, 80, band="hard"),
        "raw": lambda: _score(files["dinghy-raw"], 48),
        "coder": lambda: _score(coder, 48),
        "coder+heal@1.0": lambda: _score(coder, 80, adapter=heal),
        "coder+heal@0.5": lambda: _score(coder, 48, adapter=heal, settings=Settings(scale=0.5)),
    }
    return {
        name: shop.note(f"score-{name}", lambda run=run: run().as_json())
        for name, run in runs.items()
    }


def _report(shop: Workshop, files: dict[str, Path], facts: dict[str, Any]) -> None:
    digests = {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in files.values()
    }
    report = {
        "schema_version": 1,
        "seed": shop.seed,
        "files": digests,
        "bytes_in_all": sum(entry["bytes"] for entry in digests.values()),
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "cpu_count": os.cpu_count(),
        **facts,
    }
    (shop.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def _agreement(shop: Workshop, model: Path, data: Path) -> dict[str, int]:
    with Engine(model) as engine:
        tokenizer = load_tokenizer(shop.folder / "tokenizer.json")
        counts = check(engine, tokenizer, read_jsonl(data)[:100])
    if counts["texts_differ"] or counts["ids_differ"]:
        raise SystemExit(f"trainer and engine read conversations differently: {counts}")
    return counts


def make_models(shop: Workshop) -> None:
    """Run all stages of a seed."""
    (shop.folder / "notes").mkdir(parents=True, exist_ok=True)
    data = _data(shop, "mix", CONVERSATIONS)
    tokenizer = _tokenizer(shop, data)
    trained = _trained(
        shop,
        "train",
        Job(
            data=(data,),
            tokenizer=tokenizer,
            out=shop.folder / "train",
            tokens=shop.tokens,
            seed=shop.seed,
            ranks=shop.ranks,
        ),
    )
    polished = _polished(shop, trained)
    files = {"dinghy": _export(shop, "dinghy", polished)}
    agreement = shop.note("agreement", lambda: _agreement(shop, files["dinghy"], data))
    files["dinghy-raw"] = _raw(shop, trained)
    coder = _coder(shop, polished)
    files["dinghy-coder"] = _export(shop, "dinghy-coder", coder)
    files["dinghy-heal"] = _heal(shop, coder)
    facts: dict[str, Any] = {"trainer_and_engine": agreement}
    for name in ("train", "reworded", "lora-coder", "lora-heal", "raw-candidates"):
        facts[name] = json.loads((shop.folder / f"notes/{name}.json").read_text())
    facts["scores"] = _quick_scores(shop, files)
    _report(shop, files, facts)
    print((shop.folder / "report.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description="Make dinghy and its three siblings.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, default=HERE / "out")
    parser.add_argument("--tokens", type=int, default=MAIN_TOKENS)
    parser.add_argument("--ranks", type=int, default=2, help="training processes; one per core")
    options = parser.parse_args()
    folder = options.out.absolute() / f"seed-{options.seed}"
    make_models(Workshop(options.seed, folder, options.tokens, options.ranks))


if __name__ == "__main__":
    main()
