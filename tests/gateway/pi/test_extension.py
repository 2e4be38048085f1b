"""Installing and removing the extension, without pi."""

import os
from pathlib import Path

import pytest

from seatrial.core.errors import SeatrialError, UserError
from seatrial.gateway.pi import FACTORS, home_of, install, look, remove
from seatrial.gateway.pi.extension import text_of


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "agent"
    folder.mkdir()
    return folder


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def setup(home, factors=FACTORS, *, force=False, dry_run=False):
    return install(home, factors, force=force, dry_run=dry_run)


def test_it_is_installed_and_removed_and_nothing_is_left(home):
    assert look(home).state == "absent"
    change = setup(home)
    assert (change.action, tree(home)) == ("written", ["extensions", "extensions/seatrial.ts"])
    assert (look(home).state, look(home).factors) == ("current", FACTORS)
    assert remove(home, force=False, dry_run=False).action == "removed"
    assert tree(home) == []
    assert remove(home, force=False, dry_run=False).action == "nothing"


def test_a_second_time_changes_nothing(home):
    path = setup(home).path
    before = path.stat()
    assert setup(home).action == "nothing"
    after = path.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize("off", FACTORS)
def test_each_factor_can_be_off(home, off):
    setup(home)
    on = tuple(name for name in FACTORS if name != off)
    assert setup(home, on).action == "replaced"
    assert (look(home).state, look(home).factors) == ("current", on)
    text = look(home).path.read_text("utf-8")
    assert f"{off}: false" in text
    assert text.count("true") >= text_of(()).count(b"true") + 2


def test_the_text_holds_one_line_of_switches():
    assert text_of(FACTORS).count(b"\nconst FACTORS = {") == 1
    assert text_of(FACTORS) != text_of(())


def test_an_edited_file_is_kept(home):
    path = setup(home).path
    edited = path.read_bytes() + b"// mine\n"
    path.write_bytes(edited)
    assert look(home).state == "edited"
    for change in (setup, lambda home: remove(home, force=False, dry_run=False)):
        with pytest.raises(UserError, match="was edited") as caught:
            change(home)
        assert "--force" in caught.value.hint
    assert path.read_bytes() == edited
    assert setup(home, force=True).note == "it was edited"
    assert look(home).state == "current"


@pytest.mark.parametrize("text", [b"", b"export default () => {};\n", b"\xff\xfe\x00"])
def test_a_file_of_somebody_else_is_kept(home, text):
    path = home / "extensions" / "seatrial.ts"
    path.parent.mkdir()
    path.write_bytes(text)
    assert look(home).state == "foreign"
    with pytest.raises(UserError, match="not written by Seatrial"):
        setup(home)
    with pytest.raises(UserError, match="not written by Seatrial"):
        remove(home, force=False, dry_run=False)
    assert path.read_bytes() == text
    assert remove(home, force=True, dry_run=False).action == "removed"


def test_a_link_is_not_followed(home, tmp_path):
    other = tmp_path / "theirs.ts"
    other.write_bytes(text_of(FACTORS))
    path = home / "extensions" / "seatrial.ts"
    path.parent.mkdir()
    path.symlink_to(other)
    assert look(home).state == "foreign"
    assert setup(home, force=True).action == "replaced"
    assert not path.is_symlink()
    assert other.read_bytes() == text_of(FACTORS)


def test_what_an_older_seatrial_wrote_is_replaced(home, monkeypatch):
    path = setup(home).path
    plain = path.read_text("utf-8")
    older = plain.partition("\n")[2].replace("Seatrial for pi", "Seatrial for pi, older")
    monkeypatch.setattr("seatrial.gateway.pi.extension._digest", lambda body: "0" * 64)
    path.write_text(f"{plain[:-1].partition('sha256 ')[0]}sha256 {'0' * 64}\n{older}", "utf-8")
    assert look(home).state == "other version"
    assert setup(home).action == "replaced"


def test_a_dry_run_touches_nothing(home):
    assert setup(home, dry_run=True).action == "written"
    assert tree(home) == []
    setup(home)
    assert remove(home, force=False, dry_run=True).action == "removed"
    assert look(home).state == "current"


def test_other_extensions_stay(home):
    other = home / "extensions" / "other.ts"
    other.parent.mkdir()
    other.write_text("export default () => {};\n")
    setup(home)
    remove(home, force=False, dry_run=False)
    assert tree(home) == ["extensions", "extensions/other.ts"]


def test_two_homes_are_apart(tmp_path):
    homes = [tmp_path / name for name in ("one", "two")]
    for each in homes:
        each.mkdir()
    setup(homes[0])
    assert [look(each).state for each in homes] == ["current", "absent"]
    setup(homes[1], ("pin",))
    remove(homes[0], force=False, dry_run=False)
    assert [look(each).factors for each in homes] == [(), ("pin",)]


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(UserError, match="no folder of pi") as caught:
        home_of(tmp_path / "nowhere", {})
    assert "--home" in caught.value.hint


def test_the_folder_is_found_as_pi_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".pi" / "agent").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    assert home_of(None, {}) == tmp_path / ".pi" / "agent"
    assert home_of(None, {"PI_CODING_AGENT_DIR": ""}) == tmp_path / ".pi" / "agent"
    assert home_of(None, {"PI_CODING_AGENT_DIR": "~/mine"}) == tmp_path / "mine"
    given = home_of(tmp_path, {"PI_CODING_AGENT_DIR": "~/mine"})
    assert given == tmp_path


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_is_said(home):
    home.chmod(0o500)
    with pytest.raises(SeatrialError, match="Permission denied"):
        setup(home)
    home.chmod(0o700)
    assert tree(home) == []


def test_a_folder_in_which_nothing_can_be_made_is_said():
    with pytest.raises(UserError, match="write /proc/self/extensions") as caught:
        setup(Path("/proc/self"))
    assert "--home" in caught.value.hint


def test_a_file_in_the_place_of_the_folder_is_said(home):
    (home / "extensions").write_text("")
    with pytest.raises(UserError, match="write "):
        setup(home)
    assert tree(home) == ["extensions"]
