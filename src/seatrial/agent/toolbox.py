"""The agent's tools: read_file, write_file, edit_file, run_command, finish.

Each takes the decoded arguments of a call and gives the text that the model is shown. What a
model does wrong (a missing file, an old text that occurs twice) is an answer in words, not an
exception. Files are touched on the host through confined paths; commands run in the sandbox.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from seatrial.agent.changes import ChangeWatch
from seatrial.core.errors import MACHINE_ERRNOS
from seatrial.core.message import Call
from seatrial.core.profile import Operation, Profile
from seatrial.core.result import Verified
from seatrial.core.trace import FileChange
from seatrial.sandbox import ConfinementError, Limits, Sandbox, confined
from seatrial.toolcalls import arguments_of


class ToolOutcome(msgspec.Struct, frozen=True):
    """What one call did."""

    operation: Operation
    exit: int | None
    """Exit status of a command; 0 or 1 for the other tools; None = killed."""
    output: str
    """What the model is shown."""
    cut_bytes: int = 0
    seconds: float = 0.0
    files: tuple[FileChange, ...] = ()


class Toolbox:
    """The tools of one trial, bound to its workspace and sandbox."""

    def __init__(
        self,
        profile: Profile,
        workspace: Path,
        sandbox: Sandbox,
        *,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        verifier: str | None = None,
        result_chars: int | None = None,
    ) -> None:
        """`verifier` is the command by which the task lets the agent check its own work."""
        self._texts = profile.texts
        self._operations = {tool.name: tool.operation for tool in profile.tools}
        self._workspace = workspace
        self._sandbox = sandbox
        self._limits = limits or Limits()
        self._env = env or {}
        self._watch = ChangeWatch(workspace)
        self._verifier = verifier
        self._verifier_passed = False
        self._result_chars = result_chars or profile.caps.result_chars
        self._handlers: dict[Operation, Callable[[dict[str, Any]], Awaitable[ToolOutcome]]] = {
            "read_file": self._read_file,
            "write_file": self._write_file,
            "edit_file": self._edit_file,
            "run_command": self._run_command,
            "finish": self._finish,
        }

    @property
    def verified(self) -> Verified:
        """Whether the task's verifier passed after the last change."""
        if self._verifier is None:
            return Verified.NONE_AVAILABLE
        return Verified.YES if self._verifier_passed else Verified.NO

    async def run(self, call: Call) -> ToolOutcome:
        """Execute one call; its arguments were checked against the schema before."""
        arguments = arguments_of(call)
        started = time.monotonic()
        try:
            outcome = await self._handlers[self._operations[call.name]](arguments)
        except ConfinementError:
            outcome = self._refuse(call, self._texts.outside.format(path=arguments["path"]))
        output, cut = _shorten(outcome.output, self._result_chars, self._texts.cut)
        changed = outcome.operation in ("write_file", "edit_file", "run_command")
        files = self._watch.changes() if changed else ()
        if files:
            self._verifier_passed = False
        if outcome.operation == "run_command" and self._is_verifier(arguments):
            self._verifier_passed = outcome.exit == 0
        return msgspec.structs.replace(
            outcome,
            output=output,
            cut_bytes=outcome.cut_bytes + cut,
            seconds=time.monotonic() - started,
            files=files,
        )

    def _is_verifier(self, arguments: dict[str, Any]) -> bool:
        return self._verifier is not None and arguments["command"].strip() == self._verifier

    def _refuse(self, call: Call, words: str) -> ToolOutcome:
        return ToolOutcome(self._operations[call.name], 1, words)

    def _path(self, arguments: dict[str, Any]) -> Path:
        return confined(self._workspace, arguments["path"], workdir=self._sandbox.workdir)

    async def _read_file(self, arguments: dict[str, Any]) -> ToolOutcome:
        text, error = self._text_of(arguments)
        return ToolOutcome("read_file", 1 if error else 0, error or text)

    async def _write_file(self, arguments: dict[str, Any]) -> ToolOutcome:
        if problem := self._write(arguments, arguments["content"]):
            return ToolOutcome("write_file", 1, problem)
        return ToolOutcome("write_file", 0, self._texts.wrote.format(path=arguments["path"]))

    async def _edit_file(self, arguments: dict[str, Any]) -> ToolOutcome:
        shown, old = arguments["path"], arguments["old"]
        text, error = self._text_of(arguments)
        if error:
            return ToolOutcome("edit_file", 1, error)
        # An empty old text would "occur" between any two characters: it names no place.
        count = text.count(old) if old else 0
        if count == 1 and text.find(old, text.find(old) + 1) >= 0:
            count = 2  # the places overlap, and `count` steps over that
        if count == 0:
            return ToolOutcome("edit_file", 1, self._texts.old_missing.format(path=shown))
        if count > 1:
            words = self._texts.old_repeated.format(path=shown, count=count)
            return ToolOutcome("edit_file", 1, words)
        if problem := self._write(arguments, text.replace(old, arguments["new"])):
            return ToolOutcome("edit_file", 1, problem)
        return ToolOutcome("edit_file", 0, self._texts.edited.format(path=shown))

    async def _run_command(self, arguments: dict[str, Any]) -> ToolOutcome:
        done = await self._sandbox.run(arguments["command"], limits=self._limits, env=self._env)
        output = done.output
        if output and not output.endswith("\n"):
            output += "\n"
        if done.exit is None:
            output += self._texts.killed.format(why=done.killed_by or "killed")
        else:
            output += self._texts.exit.format(exit=done.exit)
        return ToolOutcome("run_command", done.exit, output, cut_bytes=done.cut_bytes)

    async def _finish(self, arguments: dict[str, Any]) -> ToolOutcome:
        return ToolOutcome("finish", 0, "")

    def _text_of(self, arguments: dict[str, Any]) -> tuple[str, str]:
        """The text of the file, or the words that say why there is none."""
        shown = arguments["path"]
        try:
            return self._path(arguments).read_bytes().decode("utf-8"), ""
        except (FileNotFoundError, NotADirectoryError):
            return "", self._texts.no_file.format(path=shown)
        except UnicodeDecodeError:
            return "", self._texts.not_text.format(path=shown)
        except OSError as error:
            return "", self._unusable(arguments, error)

    def _write(self, arguments: dict[str, Any], text: str) -> str:
        """Put `text` into the file; the words that say why not, empty when it is done."""
        path = self._path(arguments)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Bytes, not text mode: a carriage return that the model means must stay one.
            path.write_bytes(text.encode("utf-8"))
        except OSError as error:
            return self._unusable(arguments, error)
        return ""

    def _unusable(self, arguments: dict[str, Any], error: OSError) -> str:
        """What a model is told of a file that is a folder or closed to it; raises the machine's."""
        if error.errno in MACHINE_ERRNOS:
            raise error
        return self._texts.not_text.format(path=arguments["path"])


def _shorten(text: str, limit: int, notice: str) -> tuple[str, int]:
    """Keep the head and the tail of a long result; also the number of bytes left out."""
    if len(text) <= limit:
        return text, 0
    head = limit * 2 // 3
    tail = limit - head
    left_out = text[head : len(text) - tail]
    words = notice.format(cut=len(left_out))
    return f"{text[:head]}\n{words}\n{text[-tail:]}", len(left_out.encode("utf-8", "replace"))
