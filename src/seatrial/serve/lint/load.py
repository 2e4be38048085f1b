"""Finds out what a file is and reads it; reads a command line.

The kind is decided by what the file holds, and by its name where that is not enough. Everything is
bounded, and every way in which a file can be wrong is one line with a hint. In: paths and text.
Out: `ServerConfig`s and `ClientConfig`s.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers import aider, clients, services
from seatrial.serve.lint.readers.document import MAX_BYTES, Item
from seatrial.serve.lint.readers.json_file import parse_json
from seatrial.serve.lint.readers.llama_swap import is_llama_swap, read_llama_swap
from seatrial.serve.lint.readers.lm_studio import is_lm_studio, read_lm_studio
from seatrial.serve.lint.readers.ollama import is_modelfile, read_modelfile
from seatrial.serve.lint.readers.presets import is_presets, own_options, read_presets
from seatrial.serve.lint.readers.programs import environment, read_command_words
from seatrial.serve.lint.readers.shell import read_shell
from seatrial.serve.lint.readers.words import Word
from seatrial.serve.lint.readers.yaml_file import parse_yaml
from seatrial.serve.lint.subject import ClientConfig, Place, ServerConfig

Config = ServerConfig | ClientConfig

COMMAND_LINE = "command line"
KINDS = (
    "a llama-swap file, a Modelfile, the INI presets of a router, a shell script, a systemd unit, "
    "a Compose file, NAME=value lines, a load request of LM Studio, pi's models.json, "
    "opencode.json, settings of qwen-code or aider"
)
_UNIT_SUFFIXES = (".service", ".container", ".conf")
_GGUF = b"GGUF"


def read_command(
    command: str | Sequence[str], env: Mapping[str, str] | None = None
) -> ServerConfig:
    """What a command line starts: text as a shell reads it, or the words of a process with the
    environment that it has.

    Raises:
        UserError: it starts no server that is known.
    """
    if isinstance(command, str):
        found = read_shell(command, COMMAND_LINE, None)
        config = found[0] if found else None
    else:
        around = environment(env or {}, Place("environment"))
        words = [Word(text, text) for text in command]
        config = read_command_words(words, COMMAND_LINE, env=around)
    if config is None:
        shown = command if isinstance(command, str) else " ".join(command)
        raise UserError(
            f"no server is started by: {shown[:120]}",
            hint="known: llama-server, llama-swap's cmd, vllm serve, sglang, mlx_lm.server, "
            "ollama serve, lms load, apr serve",
        )
    return config


def read_config(path: Path, env: Mapping[str, str] | None = None) -> list[Config]:
    """What one file says; `env` = variables that the file may use, such as `${env.HOME}`.

    Raises:
        UserError: it cannot be read, or it is nothing that lint knows.
    """
    text = _text(path)
    found = _read(text, path, env or {})
    if not found:
        raise UserError(
            f"cannot tell what {path} is, or it starts no server that is known",
            hint=f"lint reads {KINDS}",
        )
    return found


def read_configs(paths: Iterable[Path], env: Mapping[str, str] | None = None) -> list[Config]:
    """What several files say together: Ollama's environment goes to its models, a router's
    command line to its presets, and aider's files become one.

    Raises:
        UserError: one of them cannot be read.
    """
    found: list[Config] = []
    for path in paths:
        found += read_config(path, env)
    servers = [one for one in found if isinstance(one, ServerConfig)]
    return [
        *_with_environment(_with_presets(servers)),
        *aider.joined([one for one in found if isinstance(one, ClientConfig)]),
    ]


def _read(text: str, path: Path, env: Mapping[str, str]) -> list[Config]:
    name, source = path.name.lower(), str(path)
    if name.endswith((".json", ".jsonc")) or text.lstrip()[:1] == "{":
        return _json(parse_json(text, source), path)
    if name.endswith((".yml", ".yaml")):
        return _yaml(parse_yaml(text, source), path, env)
    if name.endswith((".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1")) or text.startswith("#!"):
        return list(read_shell(text, source))
    if name.endswith(_UNIT_SUFFIXES) or "\n[Service]" in f"\n{text}":
        return list(services.read_unit(text, source))
    if is_modelfile(text) or name.split(".")[-1] == "modelfile":
        return list(read_modelfile(text, source, path.name))
    if name.endswith(".ini") or is_presets(text):
        return list(read_presets(text, source))
    if services.are_variables(text):
        return list(services.read_variables(text, source))
    return _unnamed(text, path, env)


def _unnamed(text: str, path: Path, env: Mapping[str, str]) -> list[Config]:
    """A file whose name says nothing: a script where it starts a server, else YAML."""
    try:
        found: list[Config] = list(read_shell(text, str(path)))
        if found:
            return found
    except UserError:
        pass  # an apostrophe in prose is no quote: it may still be YAML
    try:
        return _yaml(parse_yaml(text, str(path)), path, env)
    except UserError:
        return []


def _json(root: Item, path: Path) -> list[Config]:
    source = str(path)
    if clients.is_pi(root):
        return list(clients.none_found("pi", source, clients.read_pi(root, source)))
    if clients.is_opencode(root):
        return list(clients.none_found("opencode", source, clients.read_opencode(root, source)))
    if clients.is_qwen(root):
        return list(clients.none_found("qwen-code", source, clients.read_qwen(root, source)))
    if is_lm_studio(root):
        return list(read_lm_studio(root, source, path.name))
    if aider.is_metadata(root):
        return list(aider.read_metadata(root, source))
    return []


def _yaml(root: Item, path: Path, env: Mapping[str, str]) -> list[Config]:
    source = str(path)
    if is_llama_swap(root):
        return list(read_llama_swap(root, source, env))
    if services.is_compose(root):
        return list(services.read_compose(root, source))
    if aider.is_settings(root):
        return list(aider.read_settings(root, source))
    if aider.is_conf(root) or path.name.startswith(".aider.conf"):
        return list(aider.read_conf(root, source))
    return []


def _text(path: Path) -> str:
    data = _bytes(path)
    if data.startswith(_GGUF):
        raise UserError(
            f"{path} is a model", hint="lint reads settings; give the command that serves it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text", hint=f"lint reads {KINDS}") from None
    if "\0" in text:
        raise UserError(f"{path} is not text", hint=f"lint reads {KINDS}")
    return text


def _bytes(path: Path) -> bytes:
    """The bytes of a file; a pipe or a device is not opened, it might never end."""
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise UserError(f"{path} is a folder", hint="name the file in it")
        if not stat.S_ISREG(info.st_mode):
            raise UserError(f"{path} is no plain file", hint="save what it gives, and name that")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", hint="check the path") from None
    except ValueError as error:
        raise UserError(f"{str(path)!r} is no path: {error}") from None
    if len(data) > MAX_BYTES:
        raise UserError(
            f"{path} has more than {MAX_BYTES:,} bytes, which lint does not read",
            hint="is this the configuration? lint reads settings, not logs or data",
        )
    return data


def _with_presets(servers: list[ServerConfig]) -> list[ServerConfig]:
    """The command line of a router is stronger than its file: one answer for each model."""
    routers = [one for one in servers if "models-preset" in one.options]
    found = []
    for server in servers:
        named = server.family == "llama.cpp-router" and server not in routers
        router = next((one for one in routers if named and _is_file_of(one, server)), None)
        if router is None:
            found.append(server)
        else:
            changed = server.options | own_options(router.options)
            found.append(msgspec.structs.replace(server, options=changed))
    return found


def _is_file_of(router: ServerConfig, preset: ServerConfig) -> bool:
    """Whether this preset stands in the file that the router's command line names."""
    named = router.get("models-preset")
    return isinstance(named, str) and Path(named).name == Path(preset.place.source).name


def _with_environment(servers: list[ServerConfig]) -> list[ServerConfig]:
    """What Ollama's environment says holds for every model that a Modelfile makes."""
    models = [one for one in servers if one.family == "ollama" and "from" in one.options]
    daemons = [one for one in servers if one.family == "ollama" and "from" not in one.options]
    if not models or not daemons:
        return servers
    env = {name: setting for one in daemons for name, setting in one.env.items()}
    return [
        msgspec.structs.replace(one, env=env | one.env) if one in models else one
        for one in servers
        if one not in daemons
    ]
