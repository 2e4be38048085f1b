"""Become another program that dies with us: `python -m …trampoline PARENT PROGRAM [ARG…]`.

A program that knows nothing of us would live on when we are killed. This process asks the
system to be killed with its parent, checks that the parent is still there, and then becomes the
program: the process id stays, and so does the wish. Linux only; elsewhere just the program. Not
a supervisor: nothing of it is left once the program runs. In: argv. Out: the program.
"""

from __future__ import annotations

import os
import sys

from seatrial.core.errors import EngineError
from seatrial.serve.embedded import die_with

EXIT_NOT_STARTED = 127


def main(argv: list[str]) -> int:
    """Become `argv[1:]`, which dies with process `argv[0]`."""
    try:
        die_with(int(argv[0]))
        os.execv(argv[1], argv[1:])
    except EngineError as error:
        sys.stderr.write(f"error: {error.message}\n")
    except OSError as error:
        sys.stderr.write(f"error: {argv[1]}: {error.strerror}\n")
    return EXIT_NOT_STARTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
