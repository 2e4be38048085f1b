"""One command to a `ServerConfig`: which program it starts, and what its words say.

Wrappers (`nohup`, `env`, `docker run`, `bash -c`) are looked through; a command that starts no
server that is known is no error here, it is None. In: words. Out: `ServerConfig`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath

import msgspec

from seatrial.serve.lint.readers import other_flags
from seatrial.serve.lint.readers.flags import (
    HIDDEN,
    Flags,
    Table,
    read_environment,
    read_flags,
)
from seatrial.serve.lint.readers.llama_flags import LLAMA_SERVER, REMOVED
from seatrial.serve.lint.readers.words import Word, plain_words
from seatrial.serve.lint.subject import Place, ServerConfig, Setting

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD", re.IGNORECASE)
_LLAMA = re.compile(r"llama-server(?:[-_.][\w.-]*)?", re.IGNORECASE)
_WRAPPERS = frozenset(
    "exec nohup env sudo doas time nice ionice taskset numactl stdbuf setsid chrt unbuffer uv uvx "
    "run pipx poetry conda mamba micromamba python python3 py systemd-run screen tmux command "
    "caffeinate gdb strace catchsegv docker podman nerdctl bash sh zsh dash prime-run proxychains4 "
    "start nixglhost nixgl steam-run torchrun accelerate rocm-run mangohud".split()
)
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
_PYTHON = re.compile(r"(?:python|py)[0-9.]*")
_IMAGES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:.*/)?llama\.cpp:(?:server|full)\S*"), "llama.cpp"),
    (re.compile(r"(?:.*/)?vllm-openai(?:-\w+)?(?::\S*)?"), "vllm"),
    (re.compile(r"(?:.*/)?sglang(?::\S*)?"), "sglang"),
    (re.compile(r"(?:.*/)?ollama(?::\S*)?"), "ollama"),
)
_MODULES = {
    "vllm.entrypoints.openai.api_server": "vllm",
    "vllm.entrypoints.cli.main": "vllm",
    "sglang.launch_server": "sglang",
    "mlx_lm.server": "mlx",
    "mlx_lm": "mlx",
    "mlx_vlm.server": "mlx",
}
_TABLES: dict[str, Table] = {
    "llama.cpp": LLAMA_SERVER,
    "vllm": other_flags.VLLM,
    "sglang": other_flags.SGLANG,
    "mlx": other_flags.MLX,
    "lm-studio": other_flags.LM_STUDIO,
    "apr": other_flags.APR,
    "ollama": other_flags.NO_FLAGS,
}
_MODEL_OPTION = {"vllm": "model", "sglang": "model-path", "lm-studio": "model", "apr": "model"}
_NAMES = ("alias", "served-model-name", "identifier")
_MODELS = ("hf-repo", "model", "model-path", "docker-repo", "model-url")
_MAX_SHELLS = 3

Env = Mapping[str, Setting]


class Found(msgspec.Struct, frozen=True):
    """A program that serves, in the words of a command."""

    family: str
    word: Word
    rest: Sequence[Word]
    """The words behind it."""


def read_command_words(
    words: Sequence[Word], source: str, *, env: Env | None = None, name: str | None = None
) -> ServerConfig | None:
    """What the command starts; None where it starts no server that we know.

    `env` = what stands in the environment anyway; assignments in front of the command win.
    """
    own, words = _assignments(words, source)
    found = find_program(words)
    if found is None:
        return None
    around = dict(env or {}) | own | _container_env(words, found, source)
    return _config(found, around, source, name)


def find_program(words: Sequence[Word], depth: int = 0) -> Found | None:
    """The program that serves; wrappers in front of it are looked through."""
    if not words:
        return None
    found = _program(words, 0)
    if found is not None:
        return found
    first = _basename(words[0].text)
    if first not in _WRAPPERS and not _PYTHON.fullmatch(first):
        return None
    if first in ("sudo", "doas"):
        return find_program(_without_options(words[1:]), depth)
    if first in _CONTAINERS:
        return _contained(words)
    for at in range(1, len(words)):
        if words[at].text == "-c" and first in _SHELLS and depth < _MAX_SHELLS:
            inner = words[at + 1] if at + 1 < len(words) else None
            return find_program(_inner(inner), depth + 1) if inner else None
        found = _program(words, at)
        if found is not None:
            return found
    return None


def _without_options(words: Sequence[Word]) -> Sequence[Word]:
    """What stands behind the options of sudo, of which `-u` and `-g` have a value."""
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        at += 2 if words[at].text in ("-u", "-g", "-p", "-C") else 1
    return words[at:]


def _contained(words: Sequence[Word]) -> Found | None:
    """What a container starts: by its image, else by a program that is no option's value."""
    if not any(word.text in ("run", "create", "exec") for word in words[1:3]):
        return None
    for at in range(2, len(words)):
        found = _image(words, at)
        if found is not None:
            return found
    for at in range(2, len(words)):
        found = None if words[at - 1].text.startswith("-") else _program(words, at)
        if found is not None:
            return found
    return None


def environment(pairs: Mapping[str, str], place: Place) -> dict[str, Setting]:
    """Environment variables as settings, secrets hidden."""
    return {name: _variable(name, value, place) for name, value in pairs.items()}


def assignment(word: Word, source: str) -> tuple[str, Setting] | None:
    """`NAME=value` as a setting."""
    match = ASSIGNMENT.fullmatch(word.text)
    if match is None:
        return None
    setting = _variable(match[1], match[2], Place(source, word.line))
    if setting.value != HIDDEN:
        setting = Setting(setting.value, setting.place, word.raw)
    return match[1], setting


def _variable(name: str, value: str, place: Place) -> Setting:
    hidden = _SECRET_NAME.search(name) is not None
    shown = HIDDEN if hidden else value
    return Setting(shown, place, f"{name}={shown}")


def _assignments(words: Sequence[Word], source: str) -> tuple[dict[str, Setting], Sequence[Word]]:
    """The variables that stand in front of a command, and the rest."""
    env: dict[str, Setting] = {}
    at = 0
    while at < len(words):
        pair = assignment(words[at], source)
        if pair is None and words[at].text not in ("env", "export"):
            break
        if pair is not None:
            env[pair[0]] = pair[1]
        at += 1
    return env, words[at:]


def _container_env(words: Sequence[Word], found: Found, source: str) -> dict[str, Setting]:
    """What `docker run -e NAME=value` hands in."""
    env: dict[str, Setting] = {}
    if _basename(words[0].text) not in _CONTAINERS | {"sudo"}:
        return env
    for flag, word in pairwise(words):
        if word is found.word:
            break
        if flag.text in ("-e", "--env"):
            pair = assignment(word, source)
            if pair is not None:
                env[pair[0]] = pair[1]
    return env


def _program(words: Sequence[Word], at: int) -> Found | None:
    """The server that begins with word `at`."""
    word, base = words[at], _basename(words[at].text)
    following = words[at + 1].text if at + 1 < len(words) else ""
    if _LLAMA.fullmatch(base) or (base == "llama" and following == "serve"):
        return Found("llama.cpp", word, words[at + (2 if base == "llama" else 1) :])
    if base in ("vllm", "sglang", "apr", "ollama") and following == "serve":
        return Found(base, word, words[at + 2 :])
    if base in ("mlx_lm.server", "mlx_lm", "mlx_vlm.server"):
        return _mlx(words, at)
    if base == "lms" and following in ("load", "server"):
        skip = 3 if following == "server" else 2
        return Found("lm-studio", word, words[at + skip :])
    if word.text == "-m" and following in _MODULES:
        if following == "mlx_lm":
            return _mlx(words, at + 1)
        rest = words[at + 2 :]
        serve = 1 if following == "vllm.entrypoints.cli.main" else 0
        return Found(_MODULES[following], word, rest[serve:])
    return None


def _mlx(words: Sequence[Word], at: int) -> Found | None:
    """`mlx_lm.server …` and `mlx_lm server …`, but not `mlx_lm generate …`."""
    if words[at].text.endswith(".server"):
        return Found("mlx", words[at], words[at + 1 :])
    if at + 1 < len(words) and words[at + 1].text == "server":
        return Found("mlx", words[at], words[at + 2 :])
    return None


def _image(words: Sequence[Word], at: int) -> Found | None:
    for pattern, family in _IMAGES:
        if pattern.fullmatch(words[at].text):
            rest = words[at + 1 :]
            inner = find_program(rest)
            if inner is not None:
                return inner
            skip = 1 if rest and rest[0].text in ("--server", "-s") and family == "llama.cpp" else 0
            return Found(family, words[at], rest[skip:])
    return None


def _inner(word: Word) -> list[Word]:
    """The words of a command that stands quoted in one word; they lie on its line."""
    return plain_words(word.text, word.line)


def _basename(text: str) -> str:
    path = PureWindowsPath(text) if "\\" in text else PurePosixPath(text)
    return path.name.removesuffix(".exe")


def _config(found: Found, env: dict[str, Setting], source: str, name: str | None) -> ServerConfig:
    table = _TABLES[found.family]
    flags = read_flags(found.rest, table, source)
    options = {**read_environment(env, table).options, **flags.options}
    unknown = flags.unknown
    if found.family in _MODEL_OPTION and flags.positional:
        options.setdefault(_MODEL_OPTION[found.family], flags.positional[0])
    elif table.strict:
        removed = tuple(
            Setting(key, setting.place, setting.written)
            for key, setting in env.items()
            if key in REMOVED
        )
        unknown = (*unknown, *flags.positional, *removed)
    family = found.family
    if family == "llama.cpp" and ("models-dir" in options or "models-preset" in options):
        family = "llama.cpp-router"
    return ServerConfig(
        family=family,
        name=name or _name(options) or _basename(found.word.text),
        place=Place(source, found.word.line),
        options=options,
        env=env,
        unknown=unknown,
    )


def _name(options: Mapping[str, Setting]) -> str | None:
    for key in (*_NAMES, *_MODELS):
        setting = options.get(key)
        if setting is not None and isinstance(setting.value, str) and setting.value:
            if key == "alias":
                return setting.value.partition(",")[0].strip() or None
            if key == "model" and setting.value.endswith(".gguf"):
                return _basename(setting.value)
            return setting.value
    return None


__all__ = [
    "ASSIGNMENT",
    "Flags",
    "assignment",
    "environment",
    "find_program",
    "read_command_words",
]
