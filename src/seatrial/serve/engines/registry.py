"""The programs that can be started, and which one a word on the command line means.

Adding a program is one module beside this one and one line here. The embedded engine is none of
them: it is our own child and has its own way in. In: an id or a path. Out: a `Program` and the
file to run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.engines.llama_server import LlamaServer
from seatrial.serve.engines.mlx import MlxServer
from seatrial.serve.engines.program import Program
from seatrial.serve.engines.spec import EMBEDDED
from seatrial.serve.engines.vllm import Vllm

PROGRAMS: tuple[Program, ...] = (LlamaServer(), MlxServer(), Vllm())


class Choice(msgspec.Struct, frozen=True):
    """What a person meant with a word."""

    program: str
    executable: Path | None
    """None = the one on the PATH, or the embedded engine."""
    has_own_sizes: bool


def choose(word: str) -> Choice:
    """The program that `word` (an id, or the path of a file) means.

    Raises:
        UserError: no program that we know.
    """
    if word == EMBEDDED:
        return Choice(EMBEDDED, None, has_own_sizes=False)
    for program in PROGRAMS:
        if word == program.id:
            return Choice(program.id, None, program.has_own_sizes)
    path = Path(word)
    if path.is_file():
        for program in PROGRAMS:
            if path.name.removesuffix(".exe").startswith(program.id):
                return Choice(program.id, path, program.has_own_sizes)
    raise UserError(
        f"no such program: {word}",
        hint=f"{', '.join(ids())}, or the path of a file of one of these names",
    )


def ids() -> tuple[str, ...]:
    """Every word that `choose` knows."""
    return (EMBEDDED, *(program.id for program in PROGRAMS))


def find_program(id_: str) -> Program:
    """The program of that id; the embedded engine is none.

    Raises:
        UserError: there is none.
    """
    for program in PROGRAMS:
        if program.id == id_:
            return program
    raise UserError(f"no such program: {id_}", hint=", ".join(ids()))


def find_executable(program: Program, given: Path | None) -> Path:
    """The file to run.

    Raises:
        UserError: it is not installed, or cannot be run.
    """
    found = shutil.which(given or program.id)
    if found is None and given is not None:
        raise UserError(f"{given}: not a program that can be run", hint="chmod +x, or another path")
    if found is None:
        raise UserError(f"{program.id} is not installed", hint=program.hint)
    return Path(found).absolute()
