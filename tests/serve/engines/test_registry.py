"""Which program a word means, and the whole command line before anything starts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from seatrial.core.errors import UserError
from seatrial.serve import LaunchSpec
from seatrial.serve.engines.registry import PROGRAMS, choose, find_executable, find_program, ids
from seatrial.serve.engines.start import plan
from seatrial.serve.families.registry import FAMILIES


def test_every_program_has_one_name_and_a_known_family() -> None:
    assert len(set(ids())) == len(PROGRAMS) + 1
    families = {family.traits.id for family in FAMILIES}
    assert {program.family for program in PROGRAMS} <= families
    assert all(program.hint for program in PROGRAMS)


def test_a_word_or_a_path(programs: Path) -> None:
    assert choose("embedded").executable is None
    assert choose("vllm").has_own_sizes
    named = choose(str(programs / "llama-server"))
    assert (named.program, named.executable) == ("llama-server", programs / "llama-server")
    for word in ("nix", str(programs), "/etc/hostname"):
        with pytest.raises(UserError, match="no such program") as caught:
            choose(word)
        assert "llama-server" in (caught.value.hint or "")


def test_the_file_to_run(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = find_program("llama-server")
    assert find_executable(program, None) == programs / "llama-server"
    (programs / "llama-server").chmod(0o644)
    with pytest.raises(UserError, match="not a program"):
        find_executable(program, programs / "llama-server")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="is not installed") as caught:
        find_executable(program, None)
    assert caught.value.hint


def test_a_port_is_chosen_if_none_is_given(spec: LaunchSpec) -> None:
    chosen = plan(spec)
    assert chosen.port > 0
    assert str(chosen.port) in chosen.argv
    assert "4711" in plan(msgspec.structs.replace(spec, port=4711)).argv
    with pytest.raises(UserError, match="no such address"):
        plan(msgspec.structs.replace(spec, host="no.such.host.invalid", api_key="k"))
