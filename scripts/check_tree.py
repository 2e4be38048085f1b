"""House rules that no linter knows: import direction, file sizes, function sizes, exports.

In: the tree. Out: exit code 1 and one line for each broken rule. `make check` runs it.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "seatrial"

_ORDER = """
    core stats toolcalls chat store fakes models serve guard gateway sandbox readers diagnose
    agent suites bench experiment tune refit drill report web cli
"""
ORDER = _ORDER.split()
"""A package imports only packages to its left."""

MAX_LINES = 400
MAX_TEST_LINES = 600
MAX_FUNCTION_LINES = 60


def main() -> int:
    problems = [
        *import_direction(),
        *file_sizes(),
        *function_sizes(),
        *missing_docstrings(),
        *exports(),
    ]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


def import_direction() -> list[str]:
    """Imports that go against the order of the house."""
    found = []
    for path in sources():
        package = path.relative_to(PACKAGE).parts[0]
        if package not in ORDER:
            if path.parent != PACKAGE:
                found.append(f"{short(path)}: package {package} has no place in the order")
            continue
        for line, target in imported_packages(path):
            if target not in ORDER:
                found.append(f"{short(path)}:{line}: imports seatrial.{target}, which has no place")
            elif ORDER.index(target) > ORDER.index(package):
                found.append(f"{short(path)}:{line}: {package} may not import {target}")
    return found


def imported_packages(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = _imported_from(node, path)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "seatrial" and len(parts) > 1:
                found.append((node.lineno, parts[1]))
    return found


def _imported_from(node: ast.ImportFrom, path: Path) -> list[str]:
    """Full module names of `from x import y`, relative ones resolved."""
    module = node.module or ""
    if node.level:
        parts = ["seatrial", *path.relative_to(PACKAGE).parts]
        module = ".".join([*parts[: len(parts) - node.level], *filter(None, [module])])
    if module != "seatrial":
        return [module]
    # `from seatrial import chat` names a package; `from seatrial import __version__` does not.
    return [f"seatrial.{alias.name}" for alias in node.names if alias.name in ORDER]


def exports() -> list[str]:
    """Names in `__all__` that are not there, and packages that re-export without one."""
    found = []
    for path in sources():
        body = parsed(path.read_text(encoding="utf-8")).body
        bound = {name for node in body for name in _bound(node)}
        listed = [name for node in body for name in _listed(node)]
        found += [f"{short(path)}: __all__ names {n}: not there" for n in listed if n not in bound]
        imports = any(_is_ours(node) for node in body)
        if path.name == "__init__.py" and imports and not listed:
            found.append(f"{short(path)}: imports, and has no __all__")
    return found


def _bound(node: ast.stmt) -> list[str]:
    """Names that a statement of a module binds."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.If(body=body, orelse=orelse):
            return [name for inner in [*body, *orelse] for name in _bound(inner)]
    return []


def _listed(node: ast.stmt) -> list[str]:
    match node:
        case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
            return [str(name) for name in ast.literal_eval(value)]
    return []


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seatrial")


def file_sizes() -> list[str]:
    found = []
    for folder, limit in (("src", MAX_LINES), ("recipes", MAX_LINES), ("tests", MAX_TEST_LINES)):
        for path in sorted((ROOT / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > limit:
                found.append(f"{short(path)}: {lines} lines, at most {limit}")
    return found


def function_sizes() -> list[str]:
    found = []
    for path in sources():
        for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    found.append(f"{short(path)}:{node.lineno}: {node.name} has {lines} lines")
    return found


def missing_docstrings() -> list[str]:
    return [
        f"{short(path)}: no module docstring"
        for path in sources()
        if ast.get_docstring(parsed(path.read_text(encoding="utf-8"))) is None
    ]


@cache
def parsed(text: str) -> ast.Module:
    """Each file is looked at by several rules and parsed once."""
    return ast.parse(text)


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())
