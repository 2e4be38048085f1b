"""Small traces for the tests of diagnose, written line by line through the trace types."""

from pathlib import Path

import msgspec
import pytest

from seatrial.core import trace as events
from seatrial.core.errors import Boundary
from seatrial.core.evidence import Place, resolve
from seatrial.core.generation import Caps, Finish, Usage
from seatrial.core.message import Call, Message, ToolSchema, tools_digest
from seatrial.core.result import Ended, OracleResult, Result, Verified
from seatrial.core.schema import RESULT_VERSION, TRACE_VERSION
from seatrial.diagnose import TrialDiagnosis, diagnose_trial

TOOLS = tools_digest((ToolSchema("run_command", "Run a command.", {"type": "object"}),))
CAP = 100


class Story:
    """Tells one trial event by event, in the order in which the agent records them."""

    def __init__(self, folder: Path, instruction: str = "Fix the bug in app.py.") -> None:
        self.folder = folder
        self.lines: list[bytes] = []
        self.turn = 0
        self._digests: set[str] = set()
        self._calls: list[str] = []
        self.ended: Ended | None = None
        self.verified = Verified.NONE_AVAILABLE
        self.emit(
            events.Begin,
            trial=events.TrialRef("fix-bug", "d" * 16, "a" * 16),
            schema_version=TRACE_VERSION,
            identity={"model": "dinghy", "window": 400},
        )
        self.message(Message("user", instruction))

    def emit(self, cls, **fields):
        event = cls(seq=len(self.lines), t=float(len(self.lines)), turn=self.turn, **fields)
        self.lines.append(msgspec.json.encode(event))
        return self

    def message(self, message: Message) -> str:
        if message.digest not in self._digests:
            fields = {key: getattr(message, key) for key in message.__struct_fields__}
            self.emit(events.MessageEvent, digest=message.digest, **fields)
            self._digests.add(message.digest)
        return message.digest

    def ask(self, tools: str = TOOLS, side_call: str | None = None):
        self.turn += 1
        return self.emit(
            events.Request,
            id=f"r{self.turn}",
            messages=(),
            tools_digest=tools,
            caps=Caps(max_tokens=CAP),
            side_call=side_call,
        )

    def reply(
        self,
        text: str = "",
        *calls: tuple[str, str],
        think: str = "",
        finish: Finish | None = None,
        verdict: str | None = None,
        reason: str | None = None,
        tokens: int = 20,
        prompt: int = 50,
        raw: str | None = None,
        tools: str = TOOLS,
    ):
        self.ask(tools)
        made = tuple(
            Call(f"c{self.turn}-{number}", name, arguments)
            for number, (name, arguments) in enumerate(calls)
        )
        self._calls = [call.id for call in made]
        digest = self.message(Message("assistant", text, think, made))
        return self.emit(
            events.Response,
            id=f"r{self.turn}",
            message=digest,
            finish=finish or (Finish.TOOL_CALLS if calls else Finish.STOP),
            usage=Usage(prompt=prompt, completion=tokens),
            raw=text if raw is None else raw,
            verdict=verdict or ("ok" if calls else "no_call"),
            reason=reason,
        )

    def shows(self, output: str, exit_: int | None = 0, changed: str | None = None):
        files = (events.FileChange(changed, "0" * 16, "1" * 16),) if changed else ()
        call_id = self._calls.pop(0)
        self.emit(events.Tool, call_id=call_id, exit=exit_, output=output, files=files)
        self.message(Message("tool", output, call_id=call_id))
        return self

    def runs(self, command: str, output: str = "", exit_: int | None = 0):
        arguments = msgspec.json.encode({"command": command}).decode()
        return self.reply("", ("run_command", arguments)).shows(output, exit_)

    def edits(self, path: str = "app.py", content: str = "x = 1\n"):
        arguments = msgspec.json.encode({"path": path, "content": content}).decode()
        return self.reply("", ("write_file", arguments)).shows(f"wrote {path}", 0, path)

    def finishes(self, summary: str):
        arguments = msgspec.json.encode({"summary": summary}).decode()
        return self.reply("", ("finish", arguments)).shows("")

    def fault(self, type_: str, message: str, channel: str, boundary: str = "engine"):
        return self.emit(
            events.Fault,
            boundary=Boundary(boundary),
            type=type_,
            message=message,
            channel=channel,
        )

    def stops(self, channel: str, finding: str):
        return self.emit(
            events.Guard,
            rule="loops",
            mode="enforce",
            action="stop",
            channel=channel,
            finding=finding,
        )

    def end(self, ended: str, verified: str = "none_available"):
        self.ended, self.verified = Ended(ended), Verified(verified)
        return self.emit(events.End, ended=self.ended, verified=self.verified)

    def oracle(self, output: str = "FAILED test_app.py::test_x\n", reward: float | None = 0.0):
        return self.emit(events.Oracle, phase="run", exit=1, reward=reward, output=output)

    def write(self, status: str | None = "failed", **fields) -> Result | None:
        """Put the files down; without a status there is no result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in self.lines))
        if status is None:
            return None
        given = {"ended": self.ended or Ended.ENV_ERROR, "turns": self.turn, "arm": "a" * 16}
        given |= {"task": "fix-bug", "arm_name": "dinghy", **fields}
        given["ended"] = Ended(given["ended"])
        result = Result(
            schema_version=RESULT_VERSION,
            task_digest="d" * 16,
            seed=1,
            attempt=1,
            verified=self.verified,
            oracle=OracleResult(status),
            **given,
        )
        (self.folder / "result.json").write_bytes(msgspec.json.encode(result))
        return result

    def diagnosis(self, status: str | None = "failed", **fields) -> TrialDiagnosis:
        """Write, diagnose, and check that every quote stands where it says."""
        result = self.write(status, **fields)
        found = diagnose_trial(self.folder, result)
        check_quotes(self.folder, found)
        return found


def check_quotes(folder: Path, diagnosis: TrialDiagnosis) -> None:
    for finding in diagnosis.modes:
        assert finding.evidence, finding.id
        assert finding.scope == finding.id.partition(".")[0]
        for item in finding.evidence:
            place = Place.parse(item.where)
            line = (folder / item.file).read_text(encoding="utf-8").split("\n")[place.line - 1]
            assert item.quote, finding.id
            assert resolve(line, place) == item.quote


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """A trial in which nothing has happened yet."""
    return Story(tmp_path / "attempt-1")


@pytest.fixture(scope="session")
def new_story() -> type[Story]:
    """The class, for tests that tell several trials."""
    return Story
