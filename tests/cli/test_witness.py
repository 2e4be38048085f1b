"""`seatrial witness`: started for real, asked, and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import seatrial
from seatrial.cli import main
from seatrial.serve import sockets

pytestmark = pytest.mark.skipif(not sockets.available(), reason="no /proc/net on this system")
SOURCE = str(Path(seatrial.__file__).parents[1])


def started(*words: str, **environment: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "seatrial", "witness", "--port", "0", "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE, **environment},
        # A shell lets its background jobs ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("", "stopped\n", 0)


def asked(url: str, port: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{url}/v1/witness?port={port}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_on_loopback_without_a_token() -> None:
    process, row = started()
    try:
        assert (row["token"], row["token_wanted"]) == (None, False)
        port = row["url"].rpartition(":")[2]
        status, body = asked(row["url"], port)
        assert (status, body["pid"], body["models"]) == (200, process.pid, [])
    finally:
        stopped(process)


def test_at_an_open_address_a_token_is_made() -> None:
    process, row = started("--host", "0.0.0.0")
    try:
        url = f"http://127.0.0.1:{row['url'].rpartition(':')[2]}"
        assert len(row["token"]) > 30
        assert asked(url, "1")[0] == 401
        assert asked(url, "1", row["token"])[0] == 404
    finally:
        stopped(process)


def test_a_token_of_the_environment_is_not_printed() -> None:
    token = "a token nobody can guess"
    process, row = started("--token-env", "WITNESS", WITNESS=token)
    try:
        assert (row["token"], row["token_wanted"]) == (None, True)
        assert asked(row["url"], "1")[0] == 401
        assert asked(row["url"], "1", token)[0] == 404
    finally:
        stopped(process)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token", "short"], "too short to be a secret"),
        (["--token-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
        (["--host", "192.0.2.1", "--token", "a token nobody can guess"], "192.0.2.1"),
    ],
)
def test_usage(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["witness", "--port", "0", *words]) == 64
    assert said in capsys.readouterr().err
