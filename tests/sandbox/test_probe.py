"""A missing or forbidden sandbox is named with what to do about it."""

import sys

import pytest

from seatrial.core.errors import InfraError, UserError
from seatrial.sandbox import probe, require


def script(path, body):
    path.mkdir()
    program = path / "bwrap"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_process_works_here():
    assert probe("process").works
    require("process")


@pytest.mark.bwrap
def test_bwrap_works_or_says_why():
    found = probe("bwrap")
    assert found.works or found.reason


def test_not_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe("bwrap").cause == "not_installed"
    with pytest.raises(UserError, match="bubblewrap is not installed") as caught:
        require("bwrap")
    assert caught.value.hint == ("apt-get install bubblewrap, or --sandbox process (no isolation)")


def test_not_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserError, match="needs Linux"):
        require("bwrap")


@pytest.mark.skipif("sys.platform != 'linux'", reason="Linux only")
@pytest.mark.parametrize(
    ("says", "cause", "error"),
    [
        (
            "bwrap: No permissions to create new namespace, likely because the kernel does not"
            " allow non-privileged user namespaces.",
            "forbidden",
            InfraError,
        ),
        ("bwrap: setting up uid map: Permission denied", "forbidden", InfraError),
        ("bwrap: Unknown option --disable-userns", "too_old", UserError),
        ("bwrap: something else", "broken", InfraError),
    ],
)
def test_a_failure_is_told_apart(monkeypatch, tmp_path, says, cause, error):
    script(tmp_path / "bin", f"echo '{says}' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    found = probe("bwrap")
    assert (found.works, found.cause) == (False, cause)
    assert says in found.reason
    with pytest.raises(error):
        require("bwrap")
