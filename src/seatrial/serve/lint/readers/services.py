"""Files that start servers for somebody else: systemd units, Compose files, lists of variables.

In: text or YAML as items. Out: `ServerConfig`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.readers.programs import (
    assignment,
    read_command_words,
)
from seatrial.serve.lint.readers.words import Word, plain_words
from seatrial.serve.lint.subject import Place, ServerConfig, Setting

_ENTRY = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(.*)")
_UNIT_KEY = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*=(.*)")


def read_unit(text: str, source: str) -> list[ServerConfig]:
    """The server of a systemd unit, or what an override hands to one."""
    env: dict[str, Setting] = {}
    commands: list[list[Word]] = []
    for line, key, value in _unit_lines(text):
        if key == "Environment":
            env |= _pairs(plain_words(value, line, source), source)
        elif key == "ExecStart" and value.strip():
            # `-`, `@`, `+`, `!` and `:` in front say how systemd runs it.
            commands.append(plain_words(_without_marks(value), line, source))
    found = [read_command_words(words, source, env=env) for words in commands]
    started = [config for config in found if config is not None]
    return started or from_variables(env, source)


def read_variables(text: str, source: str) -> list[ServerConfig]:
    """A file of `NAME=value` lines."""
    env: dict[str, Setting] = {}
    for line, content in enumerate(text.split("\n"), 1):
        match = _ENTRY.fullmatch(content.strip())
        if match is None:
            continue
        raw = f"{match[1]}={match[2]}"
        value = match[2].strip()
        if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
            value = value[1:-1]
        pair = assignment(Word(f"{match[1]}={value}", raw, line), source)
        if pair is not None:
            env[pair[0]] = pair[1]
    return from_variables(env, source)


def are_variables(text: str) -> bool:
    """Whether every line is `NAME=value`, a comment or empty, and one is the first of these."""
    lines = [line.strip() for line in text.split("\n")]
    said = [line for line in lines if line and not line.startswith("#")]
    return bool(said) and all(_ENTRY.fullmatch(line) for line in said)


def from_variables(env: Mapping[str, Setting], source: str) -> list[ServerConfig]:
    """What variables alone say of Ollama and of llama-server."""
    found = []
    groups = {"ollama": "OLLAMA_", "llama.cpp": "LLAMA_ARG_"}
    for family, prefix in groups.items():
        mine = {name: setting for name, setting in env.items() if name.startswith(prefix)}
        if not mine:
            continue
        name = "ollama" if family == "ollama" else "llama-server"
        word = Word("ollama" if family == "ollama" else "llama-server", "", _line(mine))
        words = [word, Word("serve", "")] if family == "ollama" else [word]
        config = read_command_words(words, source, env=env, name=name)
        if config is not None:
            found.append(config)
    return found


def is_compose(root: Item) -> bool:
    """Whether this YAML has services with images or commands."""
    services = root.get("services")
    return services is not None and any(
        one.get("image") is not None or one.get("command") is not None
        for one in services.fields().values()
    )


def read_compose(root: Item, source: str) -> list[ServerConfig]:
    """The servers among the services of a Compose file."""
    services = root.get("services")
    found = []
    for name, service in services.fields().items() if services is not None else ():
        env = _service_env(service, source)
        command = list(_service_words(service.get("command"), source))
        entry = list(_service_words(service.get("entrypoint"), source))
        image = service.get("image")
        line = image.line if image is not None else service.line
        around = [
            Word("docker", "", line),
            Word("run", "", line),
            Word(image.text if image else "", "", line),
        ]
        for words in ([*entry, *command], [*around, *command]):
            config = read_command_words(words, source, env=env) if words else None
            if config is not None:
                place = Place(source, service.line)
                found.append(_placed(config, place, name))
                break
    return found


def _placed(config: ServerConfig, place: Place, service: str) -> ServerConfig:
    named = config.name
    if config.family == "llama.cpp" and not {"alias", "model", "hf-repo"} & set(config.options):
        named = service
    return msgspec.structs.replace(config, place=place, name=named)


def _service_words(item: Item | None, source: str) -> Iterator[Word]:
    if item is None:
        return
    if isinstance(item.value, list):
        for entry in item.value:
            yield Word(entry.text, entry.written or entry.text, entry.line, ", ")
    elif item.lines:
        text = "\n".join(line for _, line in item.lines)
        yield from plain_words(text, item.lines[0][0], source)
    else:
        yield from plain_words(item.text, item.line, source)


def _service_env(service: Item, source: str) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    item = service.get("environment")
    if item is None:
        return found
    for entry in item.entries():
        found |= _pairs([Word(entry.text, entry.written or entry.text, entry.line)], source)
    for name, value in item.fields().items():
        pair = assignment(Word(f"{name}={value.text}", value.written, value.line), source)
        if pair is not None:
            found[pair[0]] = pair[1]
    return found


def _unit_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, key and value; a continued value keeps its line ends."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        match = _UNIT_KEY.fullmatch(lines[at])
        first = at + 1
        value = [match[2]] if match is not None else []
        while lines[at].rstrip().endswith("\\") and at + 1 < len(lines):
            at += 1
            value.append(lines[at])
        if match is not None:
            yield first, match[1], "\n".join(value)
        at += 1


def _without_marks(value: str) -> str:
    bare = value.lstrip(" \t")
    return bare.lstrip("-@+!:")


def _pairs(words: list[Word], source: str) -> dict[str, Setting]:
    pairs = (assignment(word, source) for word in words)
    return dict(pair for pair in pairs if pair is not None)


def _line(env: Mapping[str, Setting]) -> int | None:
    return min((s.place.line for s in env.values() if s.place.line is not None), default=None)
