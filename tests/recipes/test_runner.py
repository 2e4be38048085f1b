"""The recipe's test runner starts wherever it is started: it belongs to no test suite."""

import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).parents[2] / "recipes" / "dinghy"


def test_a_conftest_where_it_is_started_is_not_read(tmp_path):
    (tmp_path / "conftest.py").write_text("import a_package_that_the_recipe_does_not_have\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("raise RuntimeError('read')\n")
    done = subprocess.run(
        [sys.executable, "-c", "import runner"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(RECIPE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
