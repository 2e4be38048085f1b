"""A quick look at a checkpoint: how many held-out tasks does it solve through the real engine?

It chooses checkpoints while training. The scores that count are the product's own, which runs
the same tasks in a sandbox with real pytest; here the tools live in memory. In: a GGUF file,
perhaps an adapter, and a band of generated tasks whose names training never saw. Out: solved
tasks and the ways of failing, by family.

Usage: python serve_eval.py MODEL.gguf [--adapter A.gguf --scale 1] [--count 80] [--band hard]
"""

import argparse
import json
import os
import re
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import contract
from engine import Engine
from render import openai_tools, render_text
from runner import Workspace

from seatrial.suites import Instance, generate

MAX_TURNS = 16
MAX_TOKENS = 256
SAME_CALL_LIMIT = 3
TOOL_SECONDS = 5
CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """How a model is asked."""

    temperature: float = 0.0
    scale: float = 1.0
    seed: int = 1


@dataclass
class Score:
    """What a set of tasks gave."""

    outcomes: Counter[str] = field(default_factory=Counter)
    families: dict[str, Counter[str]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tasks(self) -> int:
        return sum(self.outcomes.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "solved": self.outcomes["solved"],
            "outcomes": dict(self.outcomes),
            "families": {
                name: f"{outcomes['solved']}/{sum(outcomes.values())}"
                for name, outcomes in sorted(self.families.items())
            },
            "seconds": round(self.seconds, 1),
        }


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _use_tool(space: Workspace, name: str, arguments: dict[str, str]) -> str:
    """A tool's result; whatever the model's code does is a result, too."""
    if name == "run_command" and arguments["command"] != contract.TEST_COMMAND:
        return contract.ran("command not found", 127)
    signal.signal(signal.SIGALRM, _too_slow)
    signal.alarm(TOOL_SECONDS)
    try:
        return space.call(name, arguments)
    except Exception as error:
        return f"error: {type(error).__name__}"
    finally:
        signal.alarm(0)


def _parse(text: str) -> tuple[str, dict[str, str]] | None:
    """The first call, if it is one that the tools accept."""
    found = CALL.search(text)
    if not found:
        return None
    try:
        call = json.loads(found[1])
        name, arguments = call["name"], call["arguments"]
    except (ValueError, KeyError, TypeError):
        return None
    known = name in contract.TOOLS and set(arguments) == set(contract.TOOLS[name])
    return (name, arguments) if known else None


def _complete(
    engine: Engine, messages: list[dict[str, Any]], settings: Settings
) -> tuple[str, bool]:
    body: dict[str, Any] = {
        "prompt": render_text(messages, openai_tools(), add_generation_prompt=True),
        "n_predict": MAX_TOKENS,
        "temperature": settings.temperature,
        "seed": settings.seed,
        "cache_prompt": True,
    }
    if settings.temperature:
        # The plain distribution: no filter makes a weak model look better.
        body |= {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    if engine.adapter:
        body["lora"] = [{"id": 0, "scale": settings.scale}]
    answer = engine.post("/completion", body)
    return answer["content"], answer["stop_type"] == "limit"


def _talk(
    engine: Engine, space: Workspace, messages: list[dict[str, Any]], settings: Settings
) -> str:
    """Let the model work; how the conversation ended."""
    seen: Counter[str] = Counter()
    for _ in range(MAX_TURNS):
        text, cut = _complete(engine, messages, settings)
        call = _parse(text)
        if call is None:
            messages.append({"role": "assistant", "content": text})
            return "length" if cut else "bad_call" if "<tool_call>" in text else "no_tool_call"
        name, arguments = call
        messages.append({"role": "assistant", "call": {"name": name, "arguments": arguments}})
        if name == "finish":
            return "finished"
        seen[json.dumps(call)] += 1
        messages.append({"role": "tool", "content": _use_tool(space, name, arguments)})
        if name != "run_command" and seen[json.dumps(call)] >= SAME_CALL_LIMIT:
            return "loop"
    return "max_turns"


def _run_hidden(folder: str, tests: list[str]) -> None:
    os.chdir(folder)
    sys.path.insert(0, folder)
    for test in tests:
        for name, function in runpy.run_path(test).items():
            if name.startswith("test_"):
                function()


def _passes(space: Workspace, task: Instance) -> bool:
    """The hidden tests, on real files in a child process: they import by name."""
    files = {p: t for p, t in space.files.items() if not Path(p).name.startswith("test_")}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {**files, **task.hidden}.items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(TOOL_SECONDS)
            try:
                _run_hidden(folder, sorted(task.hidden))
            except BaseException:
                os._exit(1)
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0


def evaluate(engine: Engine, tasks: list[Instance], settings: Settings) -> Score:
    """Run all tasks, one after another."""
    score = Score()
    started = time.monotonic()
    for task in tasks:
        space = Workspace(task.files)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": contract.SYSTEM},
            {"role": "user", "content": task.instruction},
        ]
        ended = _talk(engine, space, messages, settings)
        passed = _passes(space, task)
        outcome = "solved" if passed else "false_success" if ended == "finished" else ended
        score.outcomes[outcome] += 1
        score.families.setdefault(task.family, Counter())[outcome] += 1
        if not passed:
            score.failures.append({"task": task.id, "outcome": outcome, "messages": messages})
    score.seconds = time.monotonic() - started
    return score


def main() -> None:
    parser = argparse.ArgumentParser(description="Score a model on held-out tasks, quickly.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--band", default="standard")
    parser.add_argument("--failures", type=Path, help="write the failed conversations here")
    options = parser.parse_args()
    tasks = generate(options.seed, options.count, options.band)
    with Engine(options.model, options.adapter) as engine:
        score = evaluate(engine, tasks, Settings(options.temperature, options.scale))
    print(json.dumps(score.as_json()))
    if options.failures:
        options.failures.write_text("\n".join(json.dumps(f) for f in score.failures) + "\n")


if __name__ == "__main__":
    main()
