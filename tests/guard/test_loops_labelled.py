"""The loop rules on labelled real runs: which loops they find, and what they must leave alone.

The folder is named by `SEATRIAL_LABELLED_RUNS`; absent, these tests skip and say so. Runs are
read here as plainly as they can be: only what the model said, calls and results.
"""

import json
import os
from pathlib import Path

import pytest

from seatrial.chat.endpoint import CallEvent
from seatrial.core.config import GuardSpec
from seatrial.core.loop_limits import LoopLimits
from seatrial.core.message import Call
from seatrial.guard.loops import (
    ArgumentLoop,
    Step,
    TurnLoop,
    find_near_loop,
    find_text_loop,
)

FOLDER = os.environ.get("SEATRIAL_LABELLED_RUNS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="SEATRIAL_LABELLED_RUNS is not set")

SPEC, LIMITS = GuardSpec(), LoopLimits()
LOOPS = ("gen.action_loop", "gen.action_cycle", "gen.text_loop", "gen.think_runaway")


def labels():
    lines = (Path(FOLDER) / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def openai_run(messages):
    """(texts, steps) of a conversation in OpenAI form, or with fenced commands."""
    texts, steps, open_calls = [], [], []
    for message in messages:
        text = message.get("content") or ""
        text = text if isinstance(text, str) else "".join(p.get("text", "") for p in text)
        if message["role"] == "assistant":
            texts.append(text)
            calls = message.get("tool_calls") or []
            open_calls = [(c["function"]["name"], c["function"]["arguments"]) for c in calls]
            if not open_calls and "```bash" in text:
                command = text.split("```bash", 1)[1].split("```", 1)[0]
                open_calls = [("bash", json.dumps({"command": command}))]
        elif open_calls and message["role"] in ("tool", "user"):
            steps.append((*open_calls.pop(0), text))
    return texts, steps


def openhands_run(history):
    texts, steps = [], []
    for event in history:
        made = event.get("tool_call_metadata")
        if event.get("source") == "agent" and event.get("args", {}).get("thought"):
            texts.append(event["args"]["thought"])
        if made and "observation" in event:
            calls = made["model_response"]["choices"][0]["message"]["tool_calls"]
            function = calls[0]["function"]
            steps.append((function["name"], function["arguments"], event.get("content", "")))
    return texts, steps


def pi_run(lines):
    texts, steps, open_calls = [], [], {}
    for line in lines:
        event = json.loads(line)
        message = event.get("message") or {}
        content = message.get("content") or []
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if message.get("role") == "assistant":
            texts += [p["text"] for p in parts if p["type"] == "text"]
            calls = [p for p in parts if p["type"] == "toolCall"]
            open_calls |= {c["id"]: (c["name"], json.dumps(c["arguments"])) for c in calls}
        elif message.get("role") == "toolResult" and message["toolCallId"] in open_calls:
            text = "".join(p.get("text", "") for p in parts)
            steps.append((*open_calls[message["toolCallId"]], text))
    return texts, steps


def run_of(path):
    """(texts, steps) of one run; texts only where the format is another."""
    whole = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".log":
        return [whole], []
    if "pi-session" in path.parts:
        return pi_run(whole.splitlines())
    if path.suffix == ".jsonl":
        return [json.loads(line)["text"] for line in whole.splitlines()], []
    data = json.loads(whole)
    if "history" in data:
        return openhands_run(data["history"])
    return openai_run(data["messages"]) if "messages" in data else (list(said(data)), [])


def said(value, ours=False):
    """Every string under a message of the assistant, in whatever form it is stored."""
    if isinstance(value, str):
        if ours:
            yield value
    elif isinstance(value, dict):
        ours = value.get("role") == "assistant" or (ours and "role" not in value)
        for inner in value.values():
            yield from said(inner, ours)
    elif isinstance(value, list):
        for inner in value:
            yield from said(inner, ours)


def text_findings(texts):
    for text in texts:
        yield from (
            found
            for found in (
                find_text_loop(text, SPEC.loop_chars, SPEC.loop_repeats),
                find_near_loop(text, LIMITS.text_near),
            )
            if found is not None
        )


def call_findings(steps):
    detector = TurnLoop(LIMITS.calls)
    for name, arguments, result in steps:
        call = Call("1", name, arguments)
        if (seen := detector.feed(Step.of(call, result))) is not None:
            yield seen
        assert ArgumentLoop(LIMITS.arguments).feed(CallEvent(call)) is None


def test_labelled_runs():
    """Every labelled loop has a finding; no other run is said to loop, and none is stopped."""
    found, missed, false = [], [], []
    for label in labels():
        texts, steps = run_of(Path(FOLDER) / label["path"])
        seen = {one.mode_id for one in text_findings(texts)}
        for one in call_findings(steps):
            seen.add(one.finding.mode_id)
            assert one.grade == "nudge", (label["path"], one)
        # Failures in a row are a fact of their own, loop or not.
        seen.discard("behaviour.error_streak")
        loops = {mode for mode in label["modes"] if mode.startswith(LOOPS)}
        if not seen >= loops:
            missed.append((label["path"], loops, seen))
        elif loops:
            found.append(label["path"])
        if seen - loops:
            false.append((label["path"], seen))
    assert found and not missed, missed
    assert not false, false


def test_runs_that_nobody_labelled_are_not_stopped():
    known = {label["path"] for label in labels()}
    steps_read = chars_read = 0
    for entry in json.loads((Path(FOLDER) / "index.json").read_text(encoding="utf-8")):
        if entry["path"] in known or not entry["path"].endswith((".json", ".jsonl")):
            continue
        texts, steps = run_of(Path(FOLDER) / entry["path"])
        steps_read, chars_read = steps_read + len(steps), chars_read + sum(map(len, texts))
        assert not list(text_findings(texts)), entry["path"]
        assert not [one for one in call_findings(steps) if one.grade == "stop"], entry["path"]
    assert steps_read > 100 and chars_read > 50_000
