"""The environment of the peers: a virtual environment and the few source files that matter.

The servers are large and their parsers are not: one archive of each is fetched with pip, checked
against the digest below, and only the files that read tool calls are unpacked. No code of a
package runs while it is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

LIBRARIES = {
    "ijson": "3.6.0",
    "jinja2": "3.1.6",
    "json-repair": "0.64.5",
    "lxml": "6.1.3",
    "msgspec": "0.22.0",
    "openai": "3.54.0",
    "orjson": "3.13.0",
    "partial-json-parser": "0.2.1.1.post7",
    "pydantic": "2.14.3",
    "regex": "2026.11.15",
}
"""What the parsers import; json-repair is a peer itself."""

_WHEEL = ("--only-binary=:all:",)
_SOURCE = ("--no-build-isolation", "--no-binary=:all:")


@dataclass(frozen=True)
class Archive:
    """A package of which only some files are wanted."""

    name: str
    version: str
    sha256: str
    keep: tuple[str, ...]
    """Files and folders, as paths inside the package."""
    how: tuple[str, ...] = _WHEEL
    """Which of its archives: options of pip."""


ARCHIVES = (
    Archive(
        "vllm",
        "0.33.0",
        "f4c33c2503d52bb411146afa9618a4f48bed68912f617e6803ac8d76e4c74112",
        (
            "vllm/entrypoints/generate/base/protocol.py",
            "vllm/entrypoints/openai/chat_completion/protocol.py",
            "vllm/entrypoints/openai/responses/protocol.py",
            "vllm/entrypoints/serve/engine/protocol.py",
            "vllm/envs.py",
            "vllm/exceptions.py",
            "vllm/parser/",
            "vllm/reasoning/",
            "vllm/tool_parsers/",
            "vllm/utils/__init__.py",
            "vllm/utils/collection_utils.py",
            "vllm/utils/import_utils.py",
            "vllm/utils/mistral.py",
        ),
        _SOURCE,
    ),
    Archive(
        "sglang",
        "0.5.23",
        "00b3cd5b265ac76c64185fbb6b95424f324ddd9f428d0306b77bc9db9d859937",
        (
            "sglang/srt/entrypoints/openai/protocol.py",
            "sglang/srt/environ.py",
            "sglang/srt/function_call/",
            "sglang/srt/parser/",
        ),
        (
            *_WHEEL,
            "--python-version=3.11",
            "--implementation=cp",
            "--abi=cp311",
            "--platform=manylinux_2_34_x86_64",
        ),
    ),
    Archive(
        "mlx-lm",
        "0.32.2",
        "5c0991248cfff5872503d74f466d2532dd8cb7fb3670cb9be7a06d7305dadc04",
        ("mlx_lm/generate.py", "mlx_lm/server.py", "mlx_lm/tool_parsers/"),
    ),
    Archive(
        "forge-guardrails",
        "0.9.5",
        "230b27fe39eefea6e9e28b7689d921c7d666f61d53f1b6564ec662fd2147afe9",
        (
            "forge/clients/llamafile.py",
            "forge/prompts/templates.py",
            "forge/prompts/think_tags.py",
        ),
        (*_WHEEL, "--python-version=3.12"),
    ),
)

BACKEND = '''\
"""Names the package and builds nothing, so that pip only downloads the source archive."""

from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    fields = [line.split(": ", 1) for line in Path("PKG-INFO").read_text().splitlines()[:9]]
    known = {field[0]: field[1] for field in fields if len(field) == 2}
    folder = Path(metadata_directory, f"{known['Name']}-{known['Version']}.dist-info")
    folder.mkdir()
    text = f"Metadata-Version: 2.1\\nName: {known['Name']}\\nVersion: {known['Version']}\\n"
    (folder / "METADATA").write_text(text)
    return folder.name
'''
"""Takes the place of setuptools while a source archive is fetched."""


@dataclass(frozen=True)
class Environment:
    """Where the peers live; `prepare` makes it."""

    folder: Path
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def sources(self) -> Path:
        return self.folder / "peers"


def prepare(folder: Path) -> Environment:
    """The environment in `folder`, built if it is missing or was built from other versions.

    Raises:
        SystemExit: pip failed, or an archive is not the one that was pinned.
    """
    made = Environment(
        folder.resolve(), {**LIBRARIES, **{each.name: each.version for each in ARCHIVES}}
    )
    stamp = made.folder / "peers.json"
    wanted = json.dumps([LIBRARIES, [asdict(each) for each in ARCHIVES]], indent=1)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return made
    if not made.python.is_file():
        _run(sys.executable, "-m", "venv", str(made.folder))
    _pip(made, "install", *(f"{name}=={version}" for name, version in LIBRARIES.items()))
    shutil.rmtree(made.sources, ignore_errors=True)
    for archive in ARCHIVES:
        _fetch(made, archive)
    stamp.write_text(wanted, encoding="utf-8")
    return made


def _fetch(made: Environment, archive: Archive) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        backend = scratch / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build_meta.py").write_text(BACKEND, encoding="utf-8")
        into = scratch / "archive"
        wanted = f"{archive.name}=={archive.version}"
        options = ("--no-deps", f"--dest={into}", *archive.how)
        _pip(made, "download", *options, wanted, path=backend.parent)
        (packed,) = into.iterdir()
        digest = hashlib.sha256(packed.read_bytes()).hexdigest()
        if digest != archive.sha256:
            raise SystemExit(f"{wanted}: {packed.name} has sha256 {digest}, not the pinned one")
        for path, content in _members(packed):
            if path.endswith(".py") and path.startswith(archive.keep):
                target = made.sources / archive.name / PurePosixPath(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


def _members(packed: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a wheel or a source archive: path inside the package, content."""
    if packed.suffix == ".whl":
        with zipfile.ZipFile(packed) as wheel:
            for name in wheel.namelist():
                if ".." not in name and not name.endswith("/"):
                    yield name, wheel.read(name)
        return
    with tarfile.open(packed) as source:
        for member in source:
            stream = source.extractfile(member)
            if stream is not None and ".." not in member.name:
                yield member.name.partition("/")[2], stream.read()


def _pip(made: Environment, command: str, *arguments: str, path: Path | None = None) -> None:
    quiet = ("-qq", "--disable-pip-version-check", "--no-input")
    _run(str(made.python), "-m", "pip", command, *quiet, *arguments, path=path)


def _run(*command: str, path: Path | None = None) -> None:
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise SystemExit(f"failed: {' '.join(command[2:])}")
