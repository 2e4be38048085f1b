"""What holds for both kinds: exit codes, environment, limits, and that nothing stays alive."""

import asyncio
import sys
import threading
import uuid

import pytest

from seatrial.sandbox import Limits

LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10.0, memory_bytes=512 << 20, processes=64)


def put(sandbox, name, text):
    (sandbox.workspace / name).write_text(text)


@pytest.mark.parametrize(
    ("command", "exit_status"),
    [("true", 0), ("exit 7", 7), ("no-such-program", 127), ("kill -9 $$", 137), ("kill $$", 143)],
)
async def test_exit_statuses(sandbox, command, exit_status):
    done = await sandbox.run(command, limits=LIMITS)
    assert (done.exit, done.killed_by) == (exit_status, None)


async def test_output_interleaves_and_survives_bad_utf8(sandbox):
    done = await sandbox.run(r"echo a; echo b >&2; echo c; printf '\xff\xc3\xa9'", limits=LIMITS)
    assert done.output == "a\nb\nc\n\ufffdé"
    assert done.cut_bytes == 0


async def test_shell_messages_name_bash(sandbox):
    done = await sandbox.run("no-such-program", limits=LIMITS)
    assert done.output == "bash: line 1: no-such-program: command not found\n"


@pytest.mark.parametrize("command", ["echo \0", "echo \ud800", "echo " + "x" * 200_000])
async def test_a_command_that_no_shell_can_take(sandbox, command):
    done = await sandbox.run(command, limits=LIMITS)
    assert done.exit == 126
    assert done.output.startswith("bash: ")


async def test_the_environment_is_clean(sandbox, monkeypatch):
    monkeypatch.setenv("SEATRIAL_TEST_TOKEN", "host-secret")
    done = await sandbox.run("env; cat /proc/*/environ 2>/dev/null", limits=LIMITS, env={"A": "b"})
    if sandbox.kind == "bwrap":
        assert "host-secret" not in done.output
    names = {line.split("=")[0] for line in done.output.split("\0")[0].splitlines()}
    assert "SEATRIAL_TEST_TOKEN" not in names
    assert {"A", "PATH", "HOME", "SEATRIAL_WORKDIR"} <= names


async def test_python_and_pytest_of_this_environment_work(sandbox):
    put(sandbox, "test_it.py", "import sys\ndef test():\n    print(sys.prefix)\n    assert 0\n")
    done = await sandbox.run("python -m pytest -q -p no:cacheprovider", limits=LIMITS)
    assert done.exit == 1
    assert sys.prefix in done.output
    assert "1 failed" in done.output
    assert (await sandbox.run("pytest --version", limits=LIMITS)).exit == 0


async def test_stdin_is_empty(sandbox):
    done = await sandbox.run("cat; read x || echo eof", limits=LIMITS)
    assert done.output == "eof\n"


async def test_the_wall_limit_keeps_what_was_printed(sandbox):
    limits = Limits(wall_seconds=0.5)
    done = await sandbox.run(
        'python -c "print(1); input; import time; time.sleep(60)"', limits=limits
    )
    assert (done.exit, done.killed_by, done.output) == (None, "wall", "1\n")
    assert done.seconds < 3


@pytest.mark.parametrize(
    "daemon",
    [
        "sleep {m} & echo started",
        "setsid sleep {m} >/dev/null 2>&1 & echo started",
        "(setsid bash -c 'trap \"\" TERM; sleep {m} & wait' >/dev/null 2>&1 &) ; echo started",
    ],
)
async def test_a_daemon_dies_with_its_command(sandbox, daemon, alive):
    marker = f"3{uuid.uuid4().int % 10**12}"
    done = await sandbox.run(daemon.format(m=marker), limits=LIMITS)
    assert (done.exit, done.output) == (0, "started\n")
    assert done.seconds < 3
    assert alive(marker) == []


async def test_the_wall_limit_kills_daemons_too(sandbox, alive):
    marker = f"3{uuid.uuid4().int % 10**12}"
    limits = Limits(wall_seconds=0.5)
    done = await sandbox.run(f"setsid sleep {marker} & sleep {marker}", limits=limits)
    assert done.killed_by == "wall"
    assert alive(marker) == []


async def test_cancellation_leaves_nothing_behind(sandbox, alive, await_alive):
    marker = f"3{uuid.uuid4().int % 10**12}"
    command = f"setsid sleep {marker} & sleep {marker}"
    task = asyncio.create_task(sandbox.run(command, limits=LIMITS))
    assert await asyncio.to_thread(await_alive, f"sleep\0{marker}")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert alive(marker) == []


async def test_cancellation_before_the_sandbox_stands(sandbox, alive):
    marker = f"3{uuid.uuid4().int % 10**12}"
    for milliseconds in range(0, 20, 2):
        task = asyncio.create_task(sandbox.run(f"sleep {marker}", limits=LIMITS))
        await asyncio.sleep(milliseconds / 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert alive(marker) == []
    left = [thread for thread in threading.enumerate() if thread.name == "sandbox"]
    for thread in left:
        thread.join(5)  # the last one may be on its way out
    assert not any(thread.is_alive() for thread in left)


async def test_a_long_output_keeps_head_and_tail(sandbox):
    done = await sandbox.run("seq 100000", limits=Limits(output_bytes=1000))
    assert done.exit == 0
    assert done.output.startswith("1\n2\n3\n")
    assert done.output.endswith("\n99999\n100000\n")
    assert f"[... {done.cut_bytes} bytes cut ...]" in done.output
    assert len(done.output) < 1100


async def test_a_flood_is_stopped(sandbox):
    done = await sandbox.run("yes", limits=Limits(flood_bytes=10 << 20))
    assert (done.exit, done.killed_by) == (None, "output")
    assert done.output.startswith("y\ny\n")
    assert done.seconds < 5


async def test_one_process_runs_out_of_memory_and_can_say_so(sandbox):
    limits = Limits(memory_bytes=100 << 20)
    done = await sandbox.run('python -c "x = bytearray(300 << 20)"; echo on', limits=limits)
    assert (done.exit, done.killed_by) == (0, None)
    assert "MemoryError" in done.output


async def test_many_processes_together_run_out_of_memory(sandbox):
    put(sandbox, "eat.py", "import time\nx = b'x' * (50 << 20)\ntime.sleep(30)\n")
    limits = Limits(memory_bytes=100 << 20, wall_seconds=20)
    done = await sandbox.run("for i in 1 2 3 4; do python eat.py & done; wait", limits=limits)
    assert (done.exit, done.killed_by) == (None, "memory")
    assert done.seconds < 10


async def test_pages_that_workers_share_count_once(sandbox):
    put(
        sandbox,
        "share.py",
        "import os, time\nx = b'x' * (60 << 20)\n"
        "for _ in range(4):\n    if not os.fork():\n        time.sleep(0.5); os._exit(0)\n"
        "for _ in range(4):\n    os.wait()\n",
    )
    done = await sandbox.run("python share.py", limits=Limits(memory_bytes=160 << 20))
    assert (done.exit, done.killed_by) == (0, None)


@pytest.mark.parametrize("spinners", [1, 3])
async def test_the_cpu_limit_counts_all_processes(sandbox, spinners):
    put(sandbox, "spin.py", "while True: pass\n")
    limits = Limits(cpu_seconds=1.0, wall_seconds=20)
    command = f"for i in $(seq {spinners}); do python spin.py & done; wait"
    done = await sandbox.run(command, limits=limits)
    assert (done.exit, done.killed_by) == (None, "cpu")


async def test_children_that_ended_count_too(sandbox):
    put(sandbox, "spin.py", "import time\nwhile time.process_time() < 0.3: pass\n")
    limits = Limits(cpu_seconds=1.0, wall_seconds=20)
    done = await sandbox.run("for i in $(seq 20); do python spin.py; done", limits=limits)
    assert (done.exit, done.killed_by) == (None, "cpu")
    assert done.seconds < 5


def _unique(name):
    """Told apart on the host from what a test beside this one runs."""
    return f"{name}-{uuid.uuid4().hex}.py"


async def test_too_many_processes(sandbox, alive):
    # Bounded by itself, should the limit fail: 200 sleepers.
    script = _unique("fork")
    put(
        sandbox,
        script,
        "import os, time\nfor _ in range(200):\n"
        "    if not os.fork():\n        time.sleep(5); os._exit(0)\n"
        "    time.sleep(0.001)\nprint('all there'); time.sleep(5)\n",
    )
    done = await sandbox.run(f"python {script}", limits=Limits(processes=40))
    assert (done.exit, done.killed_by) == (None, "processes")
    assert alive(script) == []


async def test_a_bomb_that_doubles_is_contained(sandbox, alive):
    # 2**9 processes at most.
    script = _unique("bomb")
    put(
        sandbox,
        script,
        "import os, time\nfor _ in range(9):\n    os.fork()\n    time.sleep(0.02)\ntime.sleep(5)\n",
    )
    done = await sandbox.run(f"python {script}", limits=Limits(processes=40))
    assert done.killed_by == "processes"
    assert alive(script) == []


async def test_too_many_threads(sandbox):
    put(
        sandbox,
        "threads.py",
        "import threading, time\nthreading.stack_size(65536)\n"
        "for _ in range(300):\n    threading.Thread(target=time.sleep, args=(5,)).start()\n",
    )
    done = await sandbox.run("python threads.py", limits=Limits(processes=20))
    # Where there is a hard bound it refuses the thread before a sample sees too many.
    assert done.killed_by == "processes" or "can't start new thread" in done.output


async def test_a_large_file_is_refused(sandbox):
    limits = Limits(file_bytes=1 << 20)
    done = await sandbox.run("head -c 3000000 /dev/zero > big", limits=limits)
    assert done.exit != 0
    assert (sandbox.workspace / "big").stat().st_size == 1 << 20
