"""What really holds for one request: which of client, proxy, server, file and default wins.

The order is written here and nowhere else. A proxy's `sets` win over everything, because they
overwrite what the client sends; then the client's own value, unless the proxy strips it or the
server's endpoint ignores it; then the server's flag; then `general.sampling.*` of the model file
(llama.cpp); then what the server said of itself; then the default that its program is known to
have. What no one knows is None. In: a `Subject`. Out: `Route`s and `Held` values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Literal

import msgspec

from seatrial.serve.facts import ServerFacts
from seatrial.serve.gguf import GgufHeader
from seatrial.serve.lint.rule import Check, Problem
from seatrial.serve.lint.subject import (
    MAX_NUMBER,
    ClientConfig,
    Place,
    ServerConfig,
    Setting,
    Subject,
    Value,
)
from seatrial.serve.lint.windows import calls_service, facts_are_of, facts_for, is_llama, servers_of

Origin = Literal["client", "proxy", "server", "gguf", "facts", "default"]

SPELLINGS: dict[str, tuple[str, ...]] = {
    "temperature": ("temperature", "temp"),
    "top_k": ("top_k", "topK"),
    "top_p": ("top_p", "topP"),
    "min_p": ("min_p", "minP"),
    "repeat_penalty": ("repeat_penalty", "repetition_penalty"),
    "repeat_last_n": ("repeat_last_n", "penalty_last_n"),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "dry_multiplier": ("dry_multiplier",),
    "dry_base": ("dry_base",),
    "dry_allowed_length": ("dry_allowed_length",),
    "dry_penalty_last_n": ("dry_penalty_last_n",),
    "dry_sequence_breakers": ("dry_sequence_breakers", "dry_sequence_breaker"),
    "seed": ("seed",),
    "stop": ("stop", "reverse_prompt"),
    "max_tokens": ("max_tokens", "max_completion_tokens", "n_predict", "num_predict"),
}
"""Our name of a sampler field -> what requests, flags and files call it."""

_GGUF_KEYS = {
    "temperature": "temp",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repeat_penalty": "penalty_repeat",
    "repeat_last_n": "penalty_last_n",
}
"""`general.sampling.*` (llama.cpp, common/common.cpp)."""

_NEUTRAL: dict[str, float] = {
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
}
_LLAMA_DEFAULTS: dict[str, float] = {
    **_NEUTRAL,
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "repeat_last_n": 64,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 64,
    "seed": -1,
    "max_tokens": -1,
}
"""Read from build b11549."""
_MLX_DEFAULTS: dict[str, float] = {**_NEUTRAL, "temperature": 0.0, "max_tokens": 512}
"""mlx_lm/server.py, main()."""
_VLLM_NEUTRAL: dict[str, float] = {
    **_NEUTRAL, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0
}  # fmt: skip
"""vLLM with `--generation-config vllm`; otherwise a file of the model decides."""

CLIENT_CAPS: dict[str, int] = {"pi": 16_384, "opencode": 32_000, "qwen-code": 32_000}
"""`max_tokens` that a client sends when its settings name none."""


_KEY_ONLY = re.compile(r"[\w.\-\"']+:?")


class Held(msgspec.Struct, frozen=True):
    """A value that holds and who says so."""

    value: Value
    said: str
    """As evidence: `--temp 0.8`, or `llama.cpp's own 0.8`."""
    origin: Origin
    setting: Setting | None = None

    @property
    def place(self) -> Place | None:
        return None if self.setting is None else self.setting.place

    @property
    def number(self) -> float | None:
        return as_number(self.value)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One way of a request: a client, a served model, or both."""

    server: ServerConfig | None = None
    client: ClientConfig | None = None
    facts: ServerFacts | None = None
    """Only if they are of this server."""
    header: GgufHeader | None = None

    @property
    def is_llama(self) -> bool:
        """Whether llama-server runs the model."""
        if self.server is not None:
            return is_llama(self.server)
        known = ("llama.cpp", "llama.cpp-router", "llama-swap")
        return self.facts is not None and self.facts.family.id in known

    @property
    def family(self) -> str | None:
        """Id of the family of the program that runs the model."""
        if self.server is not None:
            return self.server.family
        return None if self.facts is None else self.facts.family.id

    @property
    def place(self) -> Place | None:
        """Where the server is configured, or else the client."""
        one = self.server or self.client
        return None if one is None else one.place

    @property
    def named(self) -> str:
        """The model, for a sentence."""
        one = self.server.name if self.server is not None else None
        facts = self.facts.model.value if self.facts and self.facts.model else None
        return one or (self.client.model if self.client else None) or facts or "the model"

    def option(self, name: str) -> Setting | None:
        """A setting of the server."""
        return None if self.server is None else self.server.options.get(name)

    @property
    def sets(self) -> dict[str, Setting]:
        """What a proxy sets for the name that the client asks for."""
        if self.server is None:
            return {}
        mine = self.server.sets_by_id.get(self.client.model, {}) if self.client else {}
        return self.server.sets | mine

    def held(self, name: str) -> Held | None:
        """What holds for a sampler field or `max_tokens`; None = nobody knows."""
        found = self._sent(name) or self._flag(name)
        return found or self._in_file(name) or self._of_facts(name) or self._default(name)

    def cap(self) -> Held | None:
        """The bound of one answer; negative = none. None = nobody knows."""
        sent = self._sent("max_tokens")
        flag = self._flag("max_tokens")
        if sent is None and self.client is not None and self.client.max_tokens is not None:
            sent = _of(self.client.max_tokens, "client")
        if sent is None and self.client is not None and self.client.client in CLIENT_CAPS:
            value = CLIENT_CAPS[self.client.client]
            sent = Held(value, f"{self.client.client}'s own limit of {value}", "default")
        if sent is None and self.client is not None and self.client.client != "aider":
            # What an unknown client sends is not known, so neither is what holds.
            return flag if _is_bound(flag) else None
        if sent is None:
            return flag or self._of_facts("max_tokens") or self._default("max_tokens")
        # llama-server cuts a request down to its own -n.
        both = [one for one in (sent, flag) if _is_bound(one)] if self.is_llama else [sent]
        return min(both, key=lambda one: one.number or 0) if both else sent

    def _sent(self, name: str) -> Held | None:
        words = SPELLINGS[name]
        server = self.server
        setting = setting_of(self.sets, name)
        if setting is not None:
            return _of(setting, "proxy")
        if self.client is None or (server and set(words) & set(server.strips)):
            return None
        knobs = self.facts.family.knobs if self.facts else frozenset()
        if knobs and name != "max_tokens" and not knobs & set(words):
            return None
        setting = setting_of(self.client.sampling, name)
        return None if setting is None else _of(setting, "client")

    def _flag(self, name: str) -> Held | None:
        setting = setting_of(self.server.options, name) if self.server else None
        return None if setting is None or setting.value is None else _of(setting, "server")

    def _in_file(self, name: str) -> Held | None:
        key = _GGUF_KEYS.get(name)
        if self.header is None or key is None or not self.is_llama:
            return None
        value = self.header.metadata.get(f"general.sampling.{key}")
        if not isinstance(value, (int, float)):
            return None
        return Held(value, f"general.sampling.{key} = {plain(value)} of the model file", "gguf")

    def _of_facts(self, name: str) -> Held | None:
        sampler = self.facts.sampler if self.facts else {}
        for word in SPELLINGS[name]:
            fact = sampler.get(word)
            if fact is not None:
                return Held(fact.value, f"{word} = {plain(fact.value)} by {fact.source}", "facts")
        return None

    def _default(self, name: str) -> Held | None:
        program, table = "llama.cpp", _LLAMA_DEFAULTS
        if self.family == "mlx":
            program, table = "mlx_lm", _MLX_DEFAULTS
        elif self.family == "vllm" and self._is_neutral_vllm():
            program, table = "vLLM", _VLLM_NEUTRAL
        elif not self.is_llama:
            return None
        value = table.get(name)
        return None if value is None else Held(value, f"{program}'s own {plain(value)}", "default")

    def _is_neutral_vllm(self) -> bool:
        config = self.option("generation-config")
        override = self.option("override-generation-config")
        return config is not None and config.value == "vllm" and override is None


def routes(subject: Subject) -> Iterator[Route]:
    """Every pair of a client and the server that it means, and whatever stands alone.

    What a client sends to a service on the internet is not judged by what holds for llama.cpp.
    """
    met: set[int] = set()
    for client in subject.clients:
        servers = servers_of(client, subject)
        for server in servers:
            met.add(id(server))
            yield _route(subject, server, client)
        if not servers and not calls_service(client):
            yield Route(client=client, facts=facts_for(client, subject), header=_header(subject))
    for server in subject.servers:
        if id(server) not in met:
            yield _route(subject, server, None)
    if not subject.servers and not subject.clients:
        yield Route(facts=subject.facts, header=subject.header)


def served(subject: Subject) -> Iterator[Route]:
    """Every server once, without clients; the facts alone where there is no configuration."""
    for server in subject.servers:
        yield _route(subject, server, None)
    if not subject.servers and subject.facts is not None:
        yield Route(facts=subject.facts, header=subject.header)


def once(check: Callable[[Subject], Iterable[Problem]]) -> Check:
    """A check that tells the same thing of the same place only once."""

    @wraps(check)
    def distinct(subject: Subject) -> Iterator[Problem]:
        told: set[tuple[str, str, Place | None]] = set()
        for problem in check(subject):
            key = (problem.seen, problem.fix, problem.place)
            if key not in told:
                told.add(key)
                yield problem

    return distinct


def guarded(subject: Subject) -> bool:
    """Whether requests are known to go through a guard that stops loops and rescues calls."""
    return subject.extra.get("guarded") is True


def as_number(value: Value) -> float | None:
    """A number, also one that stands as text; anything else is None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return float(value) if abs(value) <= MAX_NUMBER else None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) <= MAX_NUMBER else None


def plain(value: Value) -> str:
    """A value as a person would write it: 32-bit floats lose their tail."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def shown(setting: Setting) -> str:
    """A setting as evidence; the value beside it where only its key stands on the line."""
    value = plain(setting.value)
    bare = isinstance(setting.value, str) and _KEY_ONLY.fullmatch(setting.written)
    return f"`{setting.written}`" + (f" = {value}" if bare and value not in setting.written else "")


def setting_of(settings: dict[str, Setting], name: str) -> Setting | None:
    """The setting of a sampler field, whatever it is called there."""
    for word in SPELLINGS[name]:
        found = settings.get(word) or settings.get(word.replace("_", "-"))
        if found is not None:
            return found
    return None


def flag_of(name: str) -> str:
    """The field as a flag of llama-server, without dashes."""
    return "temp" if name == "temperature" else name.replace("_", "-")


def build_of(route: Route) -> int | None:
    """The build number of llama.cpp, if the server told it."""
    version = route.facts.version.value if route.facts and route.facts.version else ""
    match = re.search(r"\bb?(\d{4,6})\b", version) if route.is_llama else None
    return int(match[1]) if match else None


def _route(subject: Subject, server: ServerConfig, client: ClientConfig | None) -> Route:
    mine = facts_are_of(server, subject)
    header = subject.header_of(server) or (subject.header if mine else None)
    return Route(server=server, client=client, facts=subject.facts if mine else None, header=header)


def _header(subject: Subject) -> GgufHeader | None:
    """Of a client whose server is not among the files: the only one that there is."""
    alone = len(subject.clients) == 1 and not subject.servers
    return subject.header if alone else None


def _of(setting: Setting, origin: Origin) -> Held:
    return Held(setting.value, shown(setting), origin, setting)


def _is_bound(held: Held | None) -> bool:
    return held is not None and (held.number or -1) >= 0
