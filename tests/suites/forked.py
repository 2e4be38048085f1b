"""Real pytest over many workspaces from one process: imported once, forked for each.

In: folders, as arguments; a folder holds `app/` (where pytest runs) and perhaps `tests/`. Out: one
JSON line per folder, `{"visible": [exit, output], "hidden": exit}`.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile

import pytest


def forked(cwd: str, arguments: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            os.chdir(cwd)
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            sys.path.insert(0, cwd)
            code = pytest.main(arguments)
            sys.stdout.flush()
            os._exit(int(code))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode()


def main() -> None:
    gc.freeze()
    for folder in sys.argv[1:]:
        app, tests = f"{folder}/app", f"{folder}/tests"
        visible = forked(app, [])
        options = ["-q", "-c", "/dev/null", f"--rootdir={tests}", "--noconftest"]
        hidden, _ = forked(app, [*options, "-p", "no:cacheprovider", tests])
        print(json.dumps({"visible": visible, "hidden": hidden}), flush=True)


if __name__ == "__main__":
    main()
