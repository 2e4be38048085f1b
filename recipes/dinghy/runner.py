"""The agent's tools in memory, with pytest's own words: 24,000 runs in a minute, not in a day.

An imitation: it runs only workspaces of the suite (one test file at the root, plain asserts) and
prints what real pytest prints for them at 80 columns; `check_runner.py` proves it byte for byte.
It is built from pytest's own assertion rewriting. In: files and calls. Out: result texts.
"""

from __future__ import annotations

import ast
import builtins
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import contract
import pytest
from _pytest import assertion
from _pytest.assertion import truncate, util
from _pytest.assertion.rewrite import rewrite_asserts
from _pytest.config import get_config
from _pytest.terminal import _format_trimmed

WIDTH = 80
SUMMARY = " short test summary info ".center(WIDTH, "=")
INTERRUPTED = " Interrupted: 1 error during collection ".center(WIDTH, "!")


class Workspace:
    """Files, and the five tools upon them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    def call(self, name: str, arguments: Mapping[str, str]) -> str:
        method = getattr(self, name)
        return str(method(**arguments))

    def read_file(self, path: str) -> str:
        return self.files.get(path, contract.missing(path))

    def write_file(self, path: str, content: str) -> str:
        self.files[path] = content
        return contract.wrote(path)

    def edit_file(self, path: str, old: str, new: str) -> str:
        if path not in self.files:
            return contract.missing(path)
        count = self.files[path].count(old)
        if count != 1:
            return contract.ambiguous(path, count) if count else contract.not_found(path)
        self.files[path] = self.files[path].replace(old, new)
        return contract.edited(path)

    def run_command(self, command: str) -> str:
        assert command == contract.TEST_COMMAND
        return contract.ran(*run_tests(self.files))

    def passes(self) -> bool:
        return run_tests(self.files)[1] == 0


def run_tests(files: Mapping[str, str]) -> tuple[str, int]:
    """What pytest prints for the workspace, and its exit code."""
    (test,) = [path for path in sorted(files) if path.startswith("test_") and "/" not in path]
    if "Path(" in files[test] or ".read(" in files[test]:
        _materialise(files)
    loader = _Loader(files)
    try:
        space = loader.run(_rewritten(files[test]), test)
    except (ImportError, SyntaxError):
        return f"\n{SUMMARY}\nERROR {test}\n{INTERRUPTED}\n", 2
    except Exception as error:
        line = _line("ERROR", test, error)
        return f"\n{SUMMARY}\n{line}\n{INTERRUPTED}\n", 2
    names = [name for name in space if name.startswith("test_")]
    return _report(test, [(name, _failure(space[name])) for name in names])


def _report(test: str, results: Sequence[tuple[str, Exception | None]]) -> tuple[str, int]:
    marks = "".join("F" if error else "." for _, error in results)
    lines = [_line("FAILED", f"{test}::{name}", error) for name, error in results if error]
    if not lines:
        return f"{marks}\n", 0
    return "\n".join([marks, SUMMARY, *lines, ""]), 1


def _failure(function: Callable[[], object]) -> Exception | None:
    try:
        function()
    except Exception as error:
        return error
    return None


def _line(word: str, node: str, error: Exception) -> str:
    message = pytest.ExceptionInfo.from_exception(error).exconly(tryshort=True)
    line = f"{word} {node}"
    trimmed = _format_trimmed(" - {}", message, WIDTH - len(line))
    return line + (trimmed or "")


class _Loader:
    """Imports of workspace modules out of memory; everything else is imported for real."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.loaded: dict[str, ModuleType] = {}
        self.builtins = {**vars(builtins), "__import__": self.load}

    def run(self, code: CodeType, name: str) -> dict[str, Any]:
        space: dict[str, Any] = {"__builtins__": self.builtins, "__name__": name}
        exec(code, space)
        return space

    def load(self, name: str, *rest: Any) -> ModuleType:  # noqa: ANN401
        path = name.replace(".", "/") + ".py"
        if path not in self.files:
            return __import__(name, *rest)
        if name not in self.loaded:
            module = ModuleType(name)
            vars(module)["__builtins__"] = self.builtins
            exec(compile(self.files[path], path, "exec"), vars(module))
            self.loaded[name] = module
        return self.loaded[name]


@lru_cache(maxsize=64)
def _rewritten(source: str) -> CodeType:
    tree = ast.parse(source)
    rewrite_asserts(tree, source.encode())
    return compile(tree, "test.py", "exec", dont_inherit=True)


@lru_cache(maxsize=1)
def _folder() -> Path:
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="dinghy-", dir=base))


def _materialise(files: Mapping[str, str]) -> None:
    """Put files on disk and stand there: tests read configuration by relative path."""
    folder = _folder()
    os.chdir(folder)
    for path, text in files.items():
        if not path.endswith(".py"):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


def _install() -> None:
    """Explain comparisons as a real session at this verbosity would."""
    # The caller's folder may hold a conftest that needs packages that the recipe does not have.
    options = ["-qq", "--tb=no", "-p", "no:cacheprovider", "--noconftest"]
    config = get_config(options)
    config.parse([*options, "-c", os.devnull, "--rootdir=/tmp"])

    def explain(op: str, left: object, right: object) -> str | None:
        found = assertion.pytest_assertrepr_compare(config, op, left, right)
        if not found:
            return None
        lines = list(truncate.materialize_with_truncation(found, config))
        return "\n~".join(line.replace("\n", "\\n") for line in lines).replace("%", "%%")

    util._reprcompare = explain
    util._config = config


_install()
