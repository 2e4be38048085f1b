"""The house rules hold for the tree, and each of them can be broken."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import seatrial

ROOT = Path(__file__).parent.parent
RULES = ["import_direction", "file_sizes", "function_sizes", "missing_docstrings", "exports"]


@pytest.fixture
def check():
    spec = importlib.util.spec_from_file_location("check_tree", ROOT / "scripts" / "check_tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def planted(check, monkeypatch, tmp_path):
    """The rules on a small tree: `planted(rule, {path: text})`."""
    package = tmp_path / "src" / "seatrial"
    monkeypatch.setattr(check, "ROOT", tmp_path)
    monkeypatch.setattr(check, "PACKAGE", package)

    def run(rule, files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return getattr(check, rule)()

    return run


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_keeps_the_rule(check, rule):
    assert getattr(check, rule)() == []


def test_every_rule_is_run_by_make_check(check, monkeypatch, capsys):
    for rule in RULES:
        monkeypatch.setattr(check, rule, lambda rule=rule: [f"broken: {rule}"])
    assert check.main() == 1
    assert capsys.readouterr().out.splitlines() == [f"broken: {rule}" for rule in RULES]


CORE = "src/seatrial/core/x.py"


@pytest.mark.parametrize(
    "line",
    [
        "from seatrial.cli.main import main",
        "from seatrial import cli",
        "import seatrial.cli",
        "import seatrial.cli.main as m",
        "from ..cli import main",
        "from .. import cli",
        "def f():\n    from seatrial.store import RunDir",
        "if TYPE_CHECKING:\n    from seatrial.stats import wilson",
    ],
)
def test_an_import_against_the_order_is_found(planted, line):
    (problem,) = planted("import_direction", {CORE: f'"""X."""\n{line}\n'})
    assert problem.startswith("src/seatrial/core/x.py:")
    assert "core may not import" in problem


@pytest.mark.parametrize(
    "line",
    [
        "import msgspec",
        "from seatrial.core.errors import UserError",
        "import seatrial",
        "from seatrial import __version__",
    ],
)
def test_an_import_in_order_is_not(planted, line):
    assert planted("import_direction", {CORE: line}) == []


def test_a_package_without_a_place_is_found(planted):
    assert planted("import_direction", {"src/seatrial/utils/x.py": ""})
    assert planted("import_direction", {CORE: "from seatrial.utils import x"})


@pytest.mark.parametrize(
    ("name", "limit"),
    [("src/seatrial/core/x.py", 400), ("tests/test_x.py", 600), ("recipes/x.py", 400)],
)
def test_a_long_file_is_found(planted, name, limit):
    assert planted("file_sizes", {name: "x = 1\n" * limit}) == []
    (problem,) = planted("file_sizes", {name: "x = 1\n" * (limit + 1)})
    assert f"{limit + 1} lines" in problem


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_long_function_is_found(planted, kind):
    assert planted("function_sizes", {CORE: f"{kind} f():\n" + "    x = 1\n" * 59}) == []
    text = f"class A:\n    {kind} f(self):\n" + "        x = 1\n" * 60
    (problem,) = planted("function_sizes", {CORE: text})
    assert "f has 61 lines" in problem


def test_a_module_without_a_docstring_is_found(planted):
    assert planted("missing_docstrings", {CORE: "# only a comment\nx = 1\n"})


@pytest.mark.parametrize(
    "text",
    [
        "from seatrial.core.errors import UserError\n__all__ = ['UserErr']",
        "__all__ = ['x']",
        "from seatrial.core.errors import UserError",
    ],
)
def test_exports_that_are_not_there_are_found(planted, text):
    (problem,) = planted("exports", {"src/seatrial/core/__init__.py": f'"""C."""\n{text}\n'})
    assert "__all__" in problem


def test_exports_that_are_there_are_not(planted):
    text = "from seatrial.core.errors import UserError\nX = 1\n__all__ = ['UserError', 'X']\n"
    assert planted("exports", {"src/seatrial/core/__init__.py": text}) == []


MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(seatrial.__path__, "seatrial.")
    if not name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert [each for each in exported if not hasattr(module, each)] == []
    assert len(set(exported)) == len(exported)
