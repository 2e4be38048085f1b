"""What only the kind without isolation does: host paths, and finding its own processes."""

from seatrial.sandbox import Bind, Limits, open_sandbox

LIMITS = Limits(wall_seconds=20.0)


async def test_paths_are_those_of_the_host(tmp_path):
    for name in ("app", "tests"):
        (tmp_path / name).mkdir()
    binds = [Bind(tmp_path / "tests", "/tests"), Bind(tmp_path / "tests", "/other")]
    sandbox = open_sandbox("process", tmp_path / "app", binds=binds)
    done = await sandbox.run('pwd; echo "$SEATRIAL_WORKDIR $SEATRIAL_TESTS_DIR"', limits=LIMITS)
    app = str(tmp_path / "app")
    assert sandbox.workdir == app
    assert done.output == f"{app}\n{app} {tmp_path / 'tests'}\n"


async def test_home_is_private_and_removed(tmp_path):
    sandbox = open_sandbox("process", tmp_path)
    done = await sandbox.run('touch "$HOME/x"; mktemp -u; echo "$HOME"', limits=LIMITS)
    inner, home = done.output.split()
    assert inner.startswith(home)
    assert (await sandbox.run(f"ls {home}", limits=LIMITS)).exit == 2
