"""Runs one peer over cases: JSON lines in, JSON lines out; started inside the peers' environment.

`python -m peers.worker NAME FOLDER`, with the folder of unpacked files.
"""

from __future__ import annotations

import importlib
import json
import logging
import signal
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from peers import stand_ins
from peers.turn import Parse, Turn

SECONDS = 20
"""For one case; a parser that takes longer has failed."""


def main() -> None:
    name, folder = sys.argv[1:]
    sys.path[:0] = [str(path) for path in Path(folder).iterdir()]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    lines = sys.stdout
    with redirect_stdout(sys.stderr):
        parse = importlib.import_module(f"peers.{name}_adapter").load()
        signal.signal(signal.SIGALRM, _late)
        for line in sys.stdin:
            stand_ins.CALLED.clear()
            result = _read(parse, Turn(**json.loads(line)))
            if stand_ins.CALLED:
                raise SystemExit(f"{name} called a stand-in: {stand_ins.CALLED[0]}: {line[:200]}")
            lines.write(f"{json.dumps(result)}\n")


def _read(parse: Parse, turn: Turn) -> dict[str, Any] | None:
    signal.alarm(SECONDS)
    try:
        reading = parse(turn)
    except Exception as error:
        return {"calls": [], "text": None, "error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.alarm(0)
    if reading is None:
        return None
    return {"calls": reading.calls, "text": reading.text, "error": None}


def _late(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


if __name__ == "__main__":
    main()
