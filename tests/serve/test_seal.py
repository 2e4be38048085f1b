"""Seals on files: what breaks them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.seal import broken, seal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_an_untouched_file_keeps_its_seal(path: Path) -> None:
    before = seal(path)
    path.read_bytes()
    assert broken(before, strict=True) is None


def test_replaced_by_another_file(path: Path) -> None:
    before = seal(path)
    other = path.with_name("other.gguf")
    other.write_bytes(b"weights")
    other.replace(path)
    assert broken(before, strict=False) == "was replaced"


def test_written_to(path: Path) -> None:
    before = seal(path)
    path.write_bytes(b"heights")
    assert broken(before, strict=False) == "was written to"


def test_written_to_with_its_time_set_back(path: Path) -> None:
    before = seal(path)
    path.write_bytes(b"heights")
    os.utime(path, ns=(before.modified_ns, before.modified_ns))
    assert broken(before, strict=True) == "was touched"


def test_a_backup_that_links_the_file_breaks_only_a_strict_seal(path: Path) -> None:
    before = seal(path)
    path.with_name("backup").hardlink_to(path)
    assert broken(before, strict=True) == "was touched"
    assert broken(before, strict=False) is None


def test_gone(path: Path) -> None:
    before = seal(path)
    path.unlink()
    assert broken(before, strict=True) == "is gone"
    with pytest.raises(UserError, match="No such file"):
        seal(path)


def test_a_link_is_followed_once(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    before = seal(link)
    assert before.path == path
    link.unlink()
    assert broken(before, strict=True) is None
