"""What a command in bubblewrap can see, touch and keep; nothing here holds for `process`."""

import asyncio
import os
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from seatrial.core.errors import HarnessError, InfraError
from seatrial.sandbox import Bind, Limits, open_sandbox

pytestmark = pytest.mark.bwrap

LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10.0, memory_bytes=512 << 20, processes=64)
REPOSITORY = Path(__file__).parents[2]


async def test_it_runs_in_the_workdir_and_the_workspace_persists(bwrap):
    first = await bwrap.run("pwd; echo kept > note; touch /tmp/gone", limits=LIMITS)
    assert (first.exit, first.output) == (0, "/app\n")
    assert (bwrap.workspace / "note").read_text() == "kept\n"
    second = await bwrap.run("cat note; ls /tmp/gone", limits=LIMITS)
    assert second.output.startswith("kept\n")
    assert second.exit == 2


async def test_there_is_no_network(bwrap):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        done = await bwrap.run(f'python -c "{script}"', limits=LIMITS)
    assert done.exit == 1
    assert "ConnectionRefused" in done.output
    done = await bwrap.run("cat /proc/net/dev", limits=LIMITS)
    names = [line.split(":")[0].strip() for line in done.output.splitlines() if ":" in line]
    assert names == ["lo"]


async def test_network_on_request(tmp_path, bwrap):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        sandbox = open_sandbox("bwrap", tmp_path, network=True)
        assert (await sandbox.run(f'python -c "{script}"', limits=LIMITS)).exit == 0


@pytest.mark.parametrize(
    "place", ["/x", "/usr/x", "/etc/x", "/dev/x", "/srv/x", "/root/x", sys.prefix + "/x"]
)
async def test_it_cannot_write_outside(bwrap, place):
    done = await bwrap.run(f"mkdir -p $(dirname {place}); echo x > {place}", limits=LIMITS)
    assert done.exit == 1
    assert not Path(place).exists()


async def test_it_cannot_change_the_kernel(bwrap):
    done = await bwrap.run(
        "f=/proc/sys/vm/swappiness; cat $f > $f; echo h > /proc/sysrq-trigger", limits=LIMITS
    )
    assert done.exit != 0
    assert "swappiness: Read-only file system" in done.output


async def test_it_has_no_privileges_and_gets_none(bwrap):
    done = await bwrap.run(
        "grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status; unshare -U true || echo no",
        limits=LIMITS,
    )
    values = [line.split()[-1] for line in done.output.splitlines() if ":\t" in line]
    assert values == ["0" * 16, "0" * 16, "1"]
    assert done.output.endswith("no\n")


async def test_it_cannot_read_homes_or_the_repository(bwrap, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("host secret")
    places = [secret, REPOSITORY / "pyproject.toml", REPOSITORY / "src", Path("/etc/shadow")]
    places += [Path("/root/.bashrc"), Path("/root/.ssh"), Path("/var"), Path("/opt"), Path("/run")]
    places += [home / ".bashrc" for home in Path("/home").iterdir()]
    for place in places:
        assert (await bwrap.run(f"ls {place}", limits=LIMITS)).exit == 2, place


async def test_it_sees_no_other_process(bwrap):
    done = await bwrap.run("ls -d /proc/[0-9]* | wc -l; kill -9 -1; echo", limits=LIMITS)
    assert int(done.output.split()[0]) <= 6
    os.kill(os.getpid(), 0)


async def test_no_descriptor_of_ours_is_inherited(bwrap):
    done = await bwrap.run("ls /proc/$$/fd; true", limits=LIMITS)
    assert set(done.output.split()) <= {"0", "1", "2", "255"}


async def test_binds_are_read_only_unless_said_otherwise(tmp_path, bwrap):
    for name in ("app", "tests", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "tests" / "t").write_text("hidden")
    sandbox = open_sandbox(
        "bwrap",
        tmp_path / "app",
        binds=[
            Bind(tmp_path / "tests", "/tests"),
            Bind(tmp_path / "logs", "/logs", writable=True),
        ],
    )
    done = await sandbox.run(
        'cat "$SEATRIAL_TESTS_DIR"/t; echo; echo 1 > /logs/reward; echo x > /tests/t;'
        "echo $SEATRIAL_WORKDIR $SEATRIAL_LOGS_DIR",
        limits=LIMITS,
    )
    assert done.output.splitlines()[0] == "hidden"
    assert done.output.splitlines()[-1] == "/app /logs"
    assert (tmp_path / "logs" / "reward").read_text() == "1\n"
    assert (tmp_path / "tests" / "t").read_text() == "hidden"


async def test_tmp_and_shm_have_a_size(bwrap):
    limits = Limits(file_bytes=4 << 20)
    done = await bwrap.run(
        "for i in 1 2 3; do head -c 3000000 /dev/zero > /tmp/$i || echo full; done;"
        "df --output=size -B1 /tmp /dev/shm | tail -2",
        limits=limits,
    )
    assert "full" in done.output
    assert [int(size) for size in done.output.split()[-2:]] == [4 << 20, 64 << 20]


async def test_four_at_once(tmp_path, bwrap):
    sandboxes = []
    for name in "abcd":
        (tmp_path / name).mkdir()
        sandboxes.append(open_sandbox("bwrap", tmp_path / name))
    done = await asyncio.gather(
        *(box.run("sleep 0.3; echo $PPID; ls | wc -l", limits=LIMITS) for box in sandboxes)
    )
    assert [result.exit for result in done] == [0] * 4
    assert {result.output.split()[1] for result in done} == {"0"}
    # One after the other it would take at least 1.2 s.
    assert max(result.seconds for result in done) < 1.1


async def test_a_sandbox_that_cannot_be_set_up_is_an_infra_error(tmp_path, bwrap):
    with pytest.raises(InfraError, match="does not exist"):
        await open_sandbox("bwrap", tmp_path / "absent").run("true", limits=LIMITS)
    (tmp_path / "file").write_text("")
    sandbox = open_sandbox("bwrap", tmp_path, binds=[Bind(tmp_path, "/usr/bin/env/x")])
    with pytest.raises(InfraError, match="could not be set up"):
        await sandbox.run("true", limits=LIMITS)


@pytest.mark.parametrize("inside", ["tests", "/a/../b", "/", "/a/"])
def test_an_inside_path_must_be_plain(tmp_path, inside):
    with pytest.raises(HarnessError):
        open_sandbox("bwrap", tmp_path, binds=[Bind(tmp_path, inside)])


def test_an_environment_below_tmp_works(tmp_path):
    """A clone in a temporary folder has its virtual environment below /tmp, which is private."""
    venv.create(tmp_path / "venv", with_pip=False)
    (tmp_path / "workspace").mkdir()
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from seatrial.sandbox import Limits, open_sandbox\n"
        "box = open_sandbox('bwrap', Path(sys.argv[1]))\n"
        "done = asyncio.run(box.run('python -c \"print(6 * 7)\"', limits=Limits()))\n"
        "print(done.exit, done.output.strip())"
    )
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-c", code, tmp_path / "workspace"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0 42\n"
