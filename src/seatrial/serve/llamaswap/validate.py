"""What llama-swap would refuse in its file, or silently do otherwise than it seems to say.

Macros and commands are read by the lint reader; here is the structure around them: names,
aliases, groups, routing, ports. (llama-swap internal/config/load.go) Not lint: whether the
settings are wise is for the rules. In: the text of a file. Out: `Fault`s, by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import MAX_BYTES, Item
from seatrial.serve.lint.readers.llama_swap import read_llama_swap
from seatrial.serve.lint.readers.yaml_file import parse_yaml

_LINE = re.compile(r"line (\d+)")
_PORT = "${PORT}"
_LEAST_HEALTH_SECONDS = 15


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    line: int | None
    said: str
    fatal: bool = True
    """Whether llama-swap does not start with it; else it starts and does something else."""


def validate_file(path: Path, env: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    """The faults of a file.

    Raises:
        UserError: it cannot be read, or is no YAML.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{path}: larger than {MAX_BYTES:,} bytes", hint="is this the right file?"
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text in UTF-8", hint="is this the right file?") from None
    return validate(text, str(path), env)


def validate(text: str, source: str, env: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    """The faults of a text, by line.

    Raises:
        UserError: it is no YAML.
    """
    root = parse_yaml(text, source)
    faults = [
        *_read(root, source, env),
        *_numbers(root),
        *_aliases(root),
        *_ports(root),
        *_routing(root),
        *_preload(root),
    ]
    return tuple(sorted(faults, key=lambda fault: (fault.line or 0, fault.said)))


def _read(root: Item, source: str, env: Mapping[str, str] | None) -> Iterator[Fault]:
    """What the reader of commands and macros stumbles over."""
    try:
        read_llama_swap(root, source, env)
    except UserError as error:
        line = _LINE.search(error.message)
        hint = f" ({error.hint})" if error.hint else ""
        yield Fault(int(line[1]) if line else None, error.message + hint)


def _numbers(root: Item) -> Iterator[Fault]:
    for key, least in (("startPort", 1), ("globalTTL", 0), ("unloadTimeout", 0)):
        item = root.get(key)
        if item is not None and not _is_number(item, least):
            yield Fault(item.line, f"{key} must be a whole number from {least}")
    timeout = root.get("healthCheckTimeout")
    if timeout is not None and not _is_number(timeout, 0):
        yield Fault(timeout.line, "healthCheckTimeout must be a whole number of seconds")
    elif timeout is not None and not _is_number(timeout, _LEAST_HEALTH_SECONDS):
        said = f"healthCheckTimeout below {_LEAST_HEALTH_SECONDS} is taken as that"
        yield Fault(timeout.line, said, fatal=False)


def _aliases(root: Item) -> Iterator[Fault]:
    """Names under which a model can be asked for, each of which must mean one."""
    models = _models(root)
    meant: dict[str, str] = {}
    for name, model in models.items():
        for alias in _entries(model.get("aliases")):
            word = alias.text
            if word in models and word != name:
                yield Fault(
                    alias.line, f"alias {word} of {name} is the name of another model", fatal=False
                )
            if word in meant:
                yield Fault(alias.line, f"alias {word} of {name} means {meant[word]} already")
            meant.setdefault(word, name)
    for name, model in models.items():
        by_id = model.get("filters", "setParamsByID")
        for key, item in by_id.fields().items() if by_id is not None else ():
            word = key.replace("${MODEL_ID}", name)
            if word != name and word in models:
                yield Fault(item.line, f"setParamsByID of {name}: {word} is another model")
            elif meant.get(word, name) != name:
                yield Fault(item.line, f"setParamsByID of {name}: {word} means {meant[word]}")
            meant.setdefault(word, name)


def _ports(root: Item) -> Iterator[Fault]:
    for name, model in _models(root).items():
        cmd, proxy = model.string("cmd") or "", model.string("proxy")
        if "${" in cmd.replace(_PORT, ""):
            continue  # the port may stand in a macro
        if _PORT in cmd:
            if proxy is not None and _PORT not in proxy and "localhost" in proxy:
                said = f"{name}: the command gets {_PORT}, but proxy names a port of its own"
                yield Fault(model.line, said, fatal=False)
        elif proxy is None or _PORT in proxy:
            said = f"{name}: proxy uses {_PORT} and cmd does not: add --port {_PORT} to cmd"
            yield Fault(model.line, said)
        # What a model says is overwritten with that of the file (internal/config/load.go).
        own = model.get("healthCheckTimeout")
        if own is not None:
            said = f"{name}: healthCheckTimeout of one model is ignored; set it for the whole file"
            yield Fault(own.line, said, fatal=False)


def _routing(root: Item) -> Iterator[Fault]:
    groups, matrix = root.get("groups"), root.get("matrix")
    router = root.get("routing", "router")
    settings = router.get("settings") if router is not None else None
    inner = (settings.get("groups"), settings.get("matrix")) if settings is not None else ()
    use = router.get("use") if router is not None else None
    if (groups or matrix) and (any(inner) or use):
        item = groups or matrix
        yield Fault(
            item.line if item else None,
            "groups or matrix stand both at the top and in routing.router: move them there",
        )
        return
    if groups is not None and matrix is not None:
        yield Fault(matrix.line, "groups and matrix cannot be used together: keep one")
    if use is not None and use.value not in ("group", "matrix"):
        yield Fault(use.line, f"routing.router.use is {use.text}: it must be group or matrix")
    if use is not None and use.value == "matrix" and not (inner and inner[1]):
        yield Fault(use.line, "routing.router.use is matrix, and there is no matrix")
    yield from _groups(root, groups or (inner[0] if inner else None))
    yield from _matrix(root, matrix or (inner[1] if inner else None))


def _groups(root: Item, groups: Item | None) -> Iterator[Fault]:
    models, used = _models(root), dict[str, str]()
    for group, item in groups.fields().items() if groups is not None else ():
        listed = _entries(item.get("members"))
        if not listed:
            yield Fault(item.line, f"group {group} has no members", fatal=False)
        for member in listed:
            name = member.text
            if used.get(name) == group:
                yield Fault(member.line, f"group {group} names {name} twice")
            elif name in used:
                yield Fault(member.line, f"{name} is in two groups: {used[name]} and {group}")
            used.setdefault(name, group)
            if name not in models:
                hint = " (an alias is no name here)" if name in _all_aliases(root) else ""
                said = f"group {group} names {name}, which is no model{hint}"
                yield Fault(member.line, said, fatal=False)


def _matrix(root: Item, matrix: Item | None) -> Iterator[Fault]:
    models = _models(root)
    named = matrix.get("vars") if matrix is not None else None
    for word, item in named.fields().items() if named is not None else ():
        if item.text not in models and item.text not in _all_aliases(root):
            yield Fault(item.line, f"matrix: {word} stands for {item.text}, which is no model")


def _preload(root: Item) -> Iterator[Fault]:
    known = _models(root).keys() | _all_aliases(root)
    for item in _entries(root.get("hooks", "on_startup", "preload")):
        if item.text not in known:
            said = f"hooks.on_startup.preload names {item.text}, which is no model: it is skipped"
            yield Fault(item.line, said, fatal=False)
    first = root.get("routing", "scheduler", "settings", "fifo", "priority")
    for name, item in first.fields().items() if first is not None else ():
        if name not in known:
            yield Fault(item.line, f"the scheduler's priority names {name}, which is no model")


def _models(root: Item) -> dict[str, Item]:
    models = root.get("models")
    return models.fields() if models is not None else {}


def _all_aliases(root: Item) -> set[str]:
    return {
        alias.text for model in _models(root).values() for alias in _entries(model.get("aliases"))
    }


def _entries(item: Item | None) -> list[Item]:
    return item.entries() if item is not None else []


def _is_number(item: Item, least: int) -> bool:
    value = item.value
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
