"""The scripted model: misbehaves as its scenario says until its condition is met.

It is a function of request bodies for `ScriptedServer`. It knows the scenario, the workspace and
whether the client edits from text; it does not know which client asks, nor whether anything
stands in between. Once its condition was met, it does the task properly and stays so.

In: bodies of chat requests. Out: replies.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from string import Template
from typing import Any

from seatrial.fakes import After, CallTools, Refuse, Reply, Say, ScriptedCall
from tests.clients import hand
from tests.clients import requests as asked
from tests.clients.hand import Call
from tests.clients.scenario import (
    WINDOW_TOKENS,
    DamagedCall,
    Healthy,
    Overflowing,
    Refusing,
    SameCall,
    Saying,
    Scenario,
    Waiting,
)

Body = dict[str, Any]

SUMMARY = (
    "Goal: create hello.txt with exactly `hello` and a newline. "
    "Done: the notes are read, nothing in them matters. Next: create the file."
)
FINAL = "Done: hello.txt holds hello."
_PIECE = 80
"""Characters in one frame of a long generation."""
_PAUSE_SECONDS = 0.001
"""Between frames of a long generation, so that a client that leaves is noticed."""
_SHORT = 400
_MOST_READS = 24


class ScriptedModel:
    """`ScriptedServer(ScriptedModel(…))`."""

    def __init__(self, scenario: Scenario, workspace: Path, *, edits_text: bool = False) -> None:
        self._scenario = scenario
        self._workspace = workspace
        self._edits_text = edits_text
        self._first: Body | None = None
        self._random = random.Random(scenario.name)
        self._calls = 0
        self._window = WINDOW_TOKENS
        self._refused_at: int | None = None
        self.faults = 0
        """How often it misbehaved."""
        self.recovered = False
        """The condition was met."""
        self.requests = 0
        self.side_requests = 0

    def __call__(self, body: Body) -> Reply:
        self.requests += 1
        fault = self._scenario.fault
        if isinstance(fault, Overflowing) and self._too_long(body):
            return self._refuse(fault, body)
        if not self._is_main(body):
            self.side_requests += 1
            return self._say(body, SUMMARY)
        if self._first is None:
            self._first = body
            if isinstance(fault, Overflowing):
                self._window = asked.prompt_tokens(body) + fault.room_tokens
        if hand.written(self._workspace):
            return self._finish(body)
        self.recovered = self.recovered or self._condition(body)
        return self._work(body) if self.recovered else self._misbehave(body)

    def _is_main(self, body: Body) -> bool:
        return self._edits_text or hand.runs(body, "") is not None

    # What it takes to behave

    def _condition(self, body: Body) -> bool:
        fault = self._scenario.fault
        match self._scenario.recovers_when:
            case "parsed":
                times = fault.times if isinstance(fault, Saying) else None
                done = times is not None and self.faults >= times
                return isinstance(fault, Healthy) or done
            case "nudged":
                return self.faults > 0 and self._corrected(body)
            case "sampler_changed":
                return asked.sampler(body) != asked.sampler(self._first or body)
            case "thinking_off":
                return asked.thinking_off(body)
            case "compacted":
                return self._refused_at is not None
        return False

    def _corrected(self, body: Body) -> bool:
        """A message that was not in the first request, or a result that says something else."""
        known = set(asked.instructions(self._first or {}))
        if any(text not in known for text in asked.instructions(body)):
            return True
        results = asked.results(body)
        if isinstance(self._scenario.fault, SameCall):
            return any(result != results[0] for result in results)
        return bool(results)

    # Good work

    def _work(self, body: Body) -> Reply:
        if self._edits_text:
            return self._say(body, hand.listing())
        return self._call(body, self._meant(body))

    def _finish(self, body: Body) -> Reply:
        if hand.SUBMIT in json.dumps(body.get("messages")):
            submit = hand.runs(body, f"echo {hand.SUBMIT}")
            if submit is not None:
                return self._call(body, submit)
        return self._say(body, FINAL)

    def _meant(self, body: Body) -> Call:
        call = hand.writes(body, self._workspace)
        assert call is not None, "a main request declares a tool"
        return call

    # Bad work

    def _misbehave(self, body: Body) -> Reply:
        self.faults += 1
        match self._scenario.fault:
            case Saying() as fault:
                return self._said(body, fault)
            case DamagedCall() as fault:
                return self._damaged(body, fault)
            case SameCall() as fault:
                return self._same(body, fault)
            case Refusing() as fault:
                return Refuse(status=fault.status, body=json.loads(self._filled(body, fault.body)))
            case Overflowing():
                return self._read(body)
            case Waiting() as fault:
                return After(fault.seconds, self._work(body))
        raise AssertionError("a healthy model does not misbehave")

    def _said(self, body: Body, fault: Saying) -> Reply:
        text, think = self._filled(body, fault.text), self._filled(body, fault.think)
        if fault.repeat:
            room = 4 * asked.cap_tokens(body, WINDOW_TOKENS) - len(text) - len(think)
            more = self._repeated(fault.repeat, max(room, 0))
            text, think = (text, think + more) if think else (text + more, think)
        long = len(text) + len(think) > _SHORT
        return Say(
            pieces=_pieces(text),
            think=_pieces(think),
            finish=fault.finish or None,
            end=fault.end,
            prompt_tokens=asked.prompt_tokens(body),
            completion_tokens=(len(text) + len(think)) // 4,
            pause_seconds=_PAUSE_SECONDS if long else 0.0,
        )

    def _repeated(self, sentences: tuple[str, ...], characters: int) -> str:
        rounds: list[str] = []
        length = 0
        while length < characters:
            rounds += self._random.sample(sentences, len(sentences))
            length += sum(map(len, sentences))
        return "".join(rounds)[:characters]

    def _damaged(self, body: Body, fault: DamagedCall) -> Reply:
        if self._edits_text:
            text = _cut(hand.listing(), fault.kept_characters, hand.CONTENT)
            return self._say(body, text, finish=fault.finish)
        call = self._meant(body)
        text = call.json
        if fault.unquoted:
            fields = (f'"{key}": {value}' for key, value in call.arguments.items())
            text = "{" + ", ".join(fields) + "}"
        # In JSON a backslash stands before the newline's letter, in a command two.
        text = _cut(text, fault.kept_characters, hand.CONTENT.rstrip() + "\\")
        if fault.heal:
            text += '"}'
        return self._call(body, call, text=text, finish=fault.finish)

    def _same(self, body: Body, fault: SameCall) -> Reply:
        if self._calls >= fault.at_most:
            return self._say(body, fault.then)
        return self._command(body, fault.command)

    def _read(self, body: Body) -> Reply:
        if self._calls >= _MOST_READS:
            # The client cuts results so short that the window does not fill by itself.
            self._window = asked.prompt_tokens(body)
            assert isinstance(self._scenario.fault, Overflowing)
            return self._refuse(self._scenario.fault, body)
        return self._command(body, f"cat notes/part-{self._calls + 1:02}.md")

    def _command(self, body: Body, command: str) -> Reply:
        call = hand.runs(body, command)
        assert call is not None, "a main request declares a tool that runs commands"
        return self._call(body, call)

    def _too_long(self, body: Body) -> bool:
        return self._first is not None and asked.prompt_tokens(body) >= self._window

    def _refuse(self, fault: Overflowing, body: Body) -> Reply:
        prompt = asked.prompt_tokens(body)
        self._refused_at = self._refused_at or prompt
        window = min(self._window, prompt)
        text = Template(fault.body).substitute(prompt=prompt, window=window)
        return Refuse(status=fault.status, body=json.loads(text))

    # Replies

    def _filled(self, body: Body, text: str) -> str:
        if self._edits_text or "$" not in text:
            return text
        call = self._meant(body)
        return Template(text).substitute(
            tool=call.name, arguments=call.json, parameters=call.parameters
        )

    def _say(self, body: Body, text: str, finish: str = "stop") -> Reply:
        tokens = asked.prompt_tokens(body)
        return Say(
            pieces=_pieces(text),
            finish=finish,
            prompt_tokens=tokens,
            completion_tokens=len(text) // 4 + 1,
        )

    def _call(
        self, body: Body, call: Call, *, text: str | None = None, finish: str = "tool_calls"
    ) -> Reply:
        self._calls += 1
        arguments = call.json if text is None else text
        return CallTools(
            calls=(
                ScriptedCall(
                    name=call.name, fragments=_pieces(arguments), id=f"call-{self._calls}"
                ),
            ),
            finish=finish,
            prompt_tokens=asked.prompt_tokens(body),
            completion_tokens=len(arguments) // 4 + 1,
        )


def notes(workspace: Path) -> None:
    """What the model of an overflow reads: plain lines, no two alike."""
    chance = random.Random(1)
    words = "buoy keel mast rudder anchor hull bow stern deck cabin sail rope chart tide".split()
    (workspace / "notes").mkdir()
    for part in range(1, _MOST_READS + 1):
        lines = (f"{number}: {' '.join(chance.choices(words, k=12))}" for number in range(500))
        path = workspace / "notes" / f"part-{part:02}.md"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cut(text: str, kept: int | None, content: str) -> str:
    """`text` up to some characters of the content in it."""
    return text if kept is None else text[: text.index(content) + kept]


def _pieces(text: str) -> tuple[str, ...]:
    size = _PIECE if len(text) > _SHORT else 12
    return tuple(text[at : at + size] for at in range(0, len(text), size))
