"""A llama-swap file to one `ServerConfig` for each model, as llama-swap would start it.

Macros are replaced as llama-swap does it (`internal/config/load.go`), filters applied, groups and
the matrix found. Nothing is started and no variable is guessed. In: YAML as items. Out:
`ServerConfig`s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.readers.flags import number
from seatrial.serve.lint.readers.macros import Expander, declared
from seatrial.serve.lint.readers.programs import assignment, read_command_words
from seatrial.serve.lint.readers.words import Word
from seatrial.serve.lint.subject import Place, ServerConfig, Setting, Value

_START_PORT = 5800
_GLOBAL_KEYS = ("healthCheckTimeout", "globalTTL", "sendLoadingState", "includeAliasesInList")
_MODEL_KEYS = (
    "ttl",
    "checkEndpoint",
    "concurrencyLimit",
    "useModelName",
    "unlisted",
    "sendLoadingState",
    "unloadTimeout",
)
_NESTED_KEYS = ("timeouts", "capabilities")
_VARIABLE = re.compile(r"[A-Za-z0-9_-]+")


def is_llama_swap(root: Item) -> bool:
    """Whether this YAML is a llama-swap file: it has models, and they have commands or it is
    said how they swap."""
    models = root.get("models")
    if models is None or not isinstance(models.value, dict):
        return False
    if any(model.get("cmd") is not None for model in models.value.values()):
        return True
    return any(key in root.fields() for key in ("healthCheckTimeout", "startPort", "matrix"))


def read_llama_swap(
    root: Item, source: str, env: Mapping[str, str] | None = None
) -> list[ServerConfig]:
    """Every model of the file.

    Raises:
        UserError: llama-swap would not start with it.
    """
    models = root.get("models")
    if models is None or not models.fields():
        raise UserError(
            f"{source}: no models", hint="a llama-swap file has `models:` with a `cmd` for each"
        )
    ports = _ports(root, models)
    routes = _routes(root, source)
    found = []
    for name, model in models.fields().items():
        where = f"{source}, line {model.line}: model {name}"
        if not isinstance(model.value, dict):
            raise UserError(f"{where} is no mapping", hint="it needs at least a `cmd`")
        fixed = {"MODEL_ID": name, "PORT": str(ports[name])}
        macros = declared(root.get("macros"), model.get("macros"))
        expand = Expander(macros, fixed, env or {}, where, source)
        found.append(_Model(root, name, model, source, expand).config(routes.get(name, {})))
    return found


class _Model:
    """One model of the file."""

    def __init__(self, root: Item, name: str, model: Item, source: str, expand: Expander) -> None:
        self._root = root
        self._name = name
        self._model = model
        self._source = source
        self._expand = expand

    def config(self, route: Mapping[str, Setting]) -> ServerConfig:
        started = read_command_words(
            self._command(), self._source, env=self._environment(), name=self._name
        )
        family = "openai" if started is None else started.family
        return ServerConfig(
            family="llama-swap" if family == "llama.cpp" else family,
            name=self._name,
            place=Place(self._source, self._model.line),
            options=started.options if started is not None else {},
            env=started.env if started is not None else self._environment(),
            unknown=started.unknown if started is not None else (),
            strips=self._strips(),
            sets=self._sets(),
            sets_by_id=self._sets_by_id(),
            proxy={**self._proxy(), **route},
        )

    def _command(self) -> list[Word]:
        cmd = self._model.get("cmd")
        words = self._expand.words(cmd) if cmd is not None and cmd.text else []
        if not words:
            raise UserError(
                f"{self._source}, line {self._model.line}: model {self._name} has no cmd",
                hint="`cmd` is the command that starts its server",
            )
        return words

    def _environment(self) -> dict[str, Setting]:
        env: dict[str, Setting] = {}
        listed = self._model.get("env")
        for item in listed.entries() if listed is not None else ():
            text = self._expand.text(item.text)
            pair = assignment(Word(text, item.written, item.line), self._source)
            if pair is not None:
                env[pair[0]] = pair[1]
        return env

    def _strips(self) -> tuple[str, ...]:
        """Fields that are taken out of a request; `model` never is."""
        text = self._expand.text(self._model.string("filters", "stripParams") or "")
        names = [name.strip() for name in text.split(",")]
        return tuple(dict.fromkeys(name for name in names if name and name != "model"))

    def _sets(self) -> dict[str, Setting]:
        """Fields that are set for whoever asks for the model by its own id."""
        shared = self._group(self._model.get("filters", "setParams"))
        return shared | self._group(self._by_id().get(self._name))

    def _sets_by_id(self) -> dict[str, dict[str, Setting]]:
        by_id = self._by_id().items()
        return {name: self._group(one) for name, one in by_id if name != self._name}

    def _group(self, group: Item | None) -> dict[str, Setting]:
        found: dict[str, Setting] = {}
        for key, item in group.fields().items() if group is not None else ():
            setting = self._setting(item)
            if setting is not None:
                found[key] = setting
        return found

    def _by_id(self) -> dict[str, Item]:
        group = self._model.get("filters", "setParamsByID")
        fields = group.fields() if group is not None else {}
        return {self._expand.text(key): item for key, item in fields.items()}

    def _setting(self, item: Item) -> Setting | None:
        """A value with macros; a macro that is the whole value keeps its type."""
        setting = item.setting(self._source)
        if setting is None or not isinstance(setting.value, str) or "${" not in setting.value:
            return setting
        words = self._expand.words(Item(setting.value, item.line, item.written, setting.value))
        if len(words) == 1 and not isinstance(item.value, (dict, list)):
            return Setting(_typed(words[0].text), setting.place, setting.written)
        return Setting(self._expand.text(setting.value), setting.place, setting.written)

    def _proxy(self) -> dict[str, Setting]:
        place = Place(self._source, self._model.line)
        found = {"kind": Setting("llama-swap", place, "")}
        if self._root.get("matrix") or self._root.get("routing", "router", "settings", "matrix"):
            found["matrix"] = Setting(True, place, "matrix")
        for key in _GLOBAL_KEYS:
            self._take(found, key, self._root.get(key))
        for key in _MODEL_KEYS:
            self._take(found, key, self._model.get(key))
        for key in _NESTED_KEYS:
            group = self._model.get(key)
            for path, item in group.leaves() if group is not None else ():
                self._take(found, f"{key}.{path}", item)
        aliases = self._aliases()
        if aliases:
            listed = self._model.get("aliases")
            line = listed.line if listed is not None else self._model.line
            found["aliases"] = Setting(",".join(aliases), Place(self._source, line), "aliases")
        return found

    def _aliases(self) -> list[str]:
        listed = self._model.get("aliases")
        names = []
        for item in listed.entries() if listed is not None else ():
            name = item.string("id") if isinstance(item.value, dict) else item.text
            if name:
                names.append(self._expand.text(name))
        return list(dict.fromkeys([*names, *(key for key in self._by_id() if key != self._name)]))

    def _take(self, found: dict[str, Setting], key: str, item: Item | None) -> None:
        setting = self._setting(item) if item is not None else None
        if setting is not None:
            found[key] = setting


def _typed(text: str) -> Value:
    return {"true": True, "false": False}.get(text.lower(), number(text))


def _ports(root: Item, models: Item) -> dict[str, int]:
    """The port that `${PORT}` is for each model: counted up in the order of their names.

    Which models use it is only known after replacement; one that never does gets a number that
    nobody sees.
    """
    start = root.get("startPort")
    first = start.value if start is not None and type(start.value) is int else _START_PORT
    shared = root.get("macros")
    texts = {key: item.text for key, item in shared.fields().items()} if shared else {}
    ports, following = {}, first
    for name in sorted(models.fields()):
        model = models.fields()[name]
        own = model.get("macros")
        mine = texts | {key: item.text for key, item in (own.fields() if own else {}).items()}
        ports[name] = following
        following += _uses_port(model.string("cmd") or "", mine)
    return ports


def _uses_port(cmd: str, macros: Mapping[str, str]) -> bool:
    waiting, seen = [cmd], set[str]()
    while waiting:
        text = waiting.pop()
        if "${PORT}" in text:
            return True
        for name in re.findall(r"\$\{([A-Za-z0-9_-]+)\}", text):
            if name not in seen:
                seen.add(name)
                waiting.append(macros.get(name, ""))
    return False


def _routes(root: Item, source: str) -> dict[str, dict[str, Setting]]:
    """For each model, what decides which others may run beside it."""
    router = root.get("routing", "router")
    settings = router.get("settings") if router is not None else None
    groups = root.get("groups") or (settings.get("groups") if settings is not None else None)
    matrix = root.get("matrix") or (settings.get("matrix") if settings is not None else None)
    if router is not None and router.string("use") == "matrix":
        groups = None
    found: dict[str, dict[str, Setting]] = {}
    for name, group in groups.fields().items() if groups is not None else ():
        for member in _members(group):
            found.setdefault(member, {}).update(_group(name, group, source))
    if matrix is not None and groups is None:
        for member, sets in _matrix(matrix).items():
            place = Place(source, matrix.line)
            found.setdefault(member, {})["matrix.sets"] = Setting(",".join(sets), place, "matrix")
    for member, key, setting in _other_names(root, source):
        found.setdefault(member, {})[key] = setting
    return found


def _other_names(root: Item, source: str) -> Iterator[tuple[str, str, Setting]]:
    """Model, key and setting of what gives a name another meaning while the proxy runs.

    A pin of a profile counts for the name that loses its meaning and for the model that gets it, a
    selector for each of its targets.
    """
    profiles = root.get("profiles")
    for name, profile in profiles.fields().items() if profiles is not None else ():
        pins = profile.get("pins")
        for asked, target in pins.fields().items() if pins is not None else ():
            if asked != target.text:
                place = Place(source, target.line)
                said = Setting(f"{asked} -> {target.text}", place, target.written)
                yield asked, f"profile.{name}", said
                yield target.text, f"profile.{name}", said
    selectors = root.get("selectors")
    for name, selector in selectors.fields().items() if selectors is not None else ():
        targets = selector.get("targets")
        place = Place(source, selector.line)
        for target in targets.entries() if targets is not None else ():
            said = Setting(selector.string("strategy") or "", place, selector.written)
            yield target.text, f"selector.{name}", said


def _members(group: Item) -> Iterator[str]:
    listed = group.get("members")
    for item in listed.entries() if listed is not None else ():
        if item.text:
            yield item.text


def _group(name: str, group: Item, source: str) -> dict[str, Setting]:
    found = {"group": Setting(name, Place(source, group.line), group.written)}
    for key in ("swap", "exclusive", "persistent"):
        item = group.get(key)
        setting = item.setting(source) if item is not None else None
        if setting is not None:
            found[f"group.{key}"] = setting
    return found


def _matrix(matrix: Item) -> dict[str, list[str]]:
    """Model -> names of the sets that mention it, `+ref` followed."""
    named = matrix.get("vars")
    models = {key: item.text for key, item in named.fields().items()} if named else {}
    listed = matrix.get("sets")
    texts = {key: item.text for key, item in listed.fields().items()} if listed else {}
    found: dict[str, list[str]] = {}
    for name in texts:
        waiting, seen = [name], {name}
        while waiting:
            for word in _VARIABLE.findall(texts.get(waiting.pop(), "")):
                if word in models and name not in found.setdefault(models[word], []):
                    found[models[word]].append(name)
                elif word in texts and word not in seen:
                    seen.add(word)
                    waiting.append(word)
    return found
