"""Headers of the model files that settings name: which are read, and which never fail a lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.serve.lint.load import read_command, read_config
from seatrial.serve.lint.model_files import MAX_FILES, read_headers
from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject
from tests.serve.lint.clean import fires
from tests.serve.tiny_gguf import F32, STRING, U32, gguf_bytes

KEYS: dict[str, tuple[int, object]] = {
    "general.architecture": (STRING, "llama"),
    "llama.context_length": (U32, 32_768),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf_bytes(KEYS | {"general.sampling.temp": (F32, 0.3)}))
    return path


def found(id_: str, *servers: ServerConfig, here: Path | None = None) -> list[Finding]:
    headers, _ = read_headers(servers, here=here)
    return fires(Subject(servers=servers, headers=headers), id_)


def test_of_a_command_line(model: Path) -> None:
    big = read_command(f"llama-server -m {model} -c 131072")
    assert "trained for 32,768" in found("W04", big)[0].seen
    assert "general.sampling.temp" in found("S10", big)[0].seen
    relative = read_command("llama-server -m m.gguf -c 131072")
    assert found("W04", relative, here=model.parent)
    assert read_headers([relative]) == ({}, [])


def test_each_model_of_a_file_has_its_own(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(gguf_bytes(KEYS | {"llama.context_length": (U32, 262_144)}))
    path = tmp_path / "config.yaml"
    cmd = "    cmd: llama-server --port ${PORT} -c 131072 -m"
    path.write_text(f"models:\n  a:\n{cmd} {model}\n  b:\n{cmd} {other}\n  c:\n{cmd} /no/c.gguf\n")
    servers = [one for one in read_config(path) if isinstance(one, ServerConfig)]
    (one,) = found("W04", *servers)
    assert "; a was trained for 32,768" in one.seen


def test_a_template_beside_the_model(model: Path) -> None:
    model.write_bytes(gguf_bytes(KEYS | {"tokenizer.chat_template": (STRING, "{{ old }}")}))
    (model.parent / "chat_template.jinja").write_text("{{ new }}")
    assert found("T10", read_command(f"llama-server -m {model} -c 4096"))


def test_what_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03")
    folder = tmp_path / "folder.gguf"
    folder.mkdir()
    servers = [
        read_command(f"llama-server -m {path}")
        for path in (broken, folder, tmp_path / "none.gguf", "~nobody/x.gguf", "a" * 5000 + ".gguf")
    ]
    headers, notes = read_headers(servers, here=tmp_path)
    assert headers == {}
    assert len(notes) == 1 and "broken.gguf" in notes[0] and "left out" in notes[0]


def test_not_more_than_a_lint_can_afford(tmp_path: Path) -> None:
    servers = []
    for number in range(MAX_FILES + 3):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(gguf_bytes(KEYS))
        servers.append(read_command(f"llama-server -m {path}"))
    headers, notes = read_headers(servers)
    assert len(headers) == MAX_FILES and "more model files" in notes[0]
