"""What lint looks at: settings of servers and clients with their places, facts, a survey, turns.

The readers of `lint.readers` make these from command lines and files; the rules of `lint.rules`
judge them. Names of settings are the long ones of the program's own command line without
dashes, so `-c`, `--ctx-size` and `LLAMA_ARG_CTX_SIZE` are all `ctx-size`. In: nothing. Out: a
`Subject`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from seatrial.serve.facts import ServerFacts
from seatrial.serve.gguf import GgufHeader
from seatrial.serve.survey.survey import Survey

MAX_NUMBER = 10**18
"""What is larger is no number of tokens, slots or seconds, whatever it was meant to be."""
Value = str | int | float | bool | None


class Place(msgspec.Struct, frozen=True):
    """Where something is written."""

    source: str
    """Path of a file, `command line`, or `/running of URL`."""
    line: int | None = None
    """From 1; None = not a file of lines."""


class Setting(msgspec.Struct, frozen=True):
    """One setting as somebody wrote it."""

    value: Value
    place: Place
    written: str
    """The flag or key with its value, as it stands there: `-c 32768`."""


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How one served model is started, defaults not filled in."""

    family: str
    """Id of a family: `llama.cpp`, `llama.cpp-router`, `llama-swap`, `ollama`, `lm-studio`,
    `vllm`, `sglang`, `mlx`, `apr`."""
    name: str
    """The id that clients ask for; the file's name where there is none."""
    place: Place
    options: dict[str, Setting] = {}
    """By canonical name. A switch is True or False: `--no-mmproj` is `mmproj` = False."""
    env: dict[str, Setting] = {}
    unknown: tuple[Setting, ...] = ()
    """Flags that no version known to us has, or that were removed; `value` is the flag."""
    strips: tuple[str, ...] = ()
    """Request fields that a proxy in front takes away (llama-swap stripParams)."""
    sets: dict[str, Setting] = {}
    """Request fields that it sets (setParams)."""
    sets_by_id: dict[str, dict[str, Setting]] = {}
    """Another name of the model -> the fields that are set for who asks by it (setParamsByID)."""
    proxy: dict[str, Setting] = {}
    """Keys of a proxy that hold for this model: `ttl`, `concurrencyLimit`, `capabilities.context`,
    `aliases`, `group.swap`, `group.persistent`, `healthCheckTimeout`, `timeouts.connect`,
    `profile.NAME`, `selector.NAME`, …; with `kind` if there is a proxy at all."""

    def get(self, name: str) -> Value:
        """The value of an option; None = not set."""
        setting = self.options.get(name)
        return None if setting is None else setting.value

    def number(self, name: str) -> float | None:
        """The value of an option if it is a number."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        return float(value) if abs(value) <= MAX_NUMBER else None


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What one client believes of one model and sends to it."""

    client: str
    """`pi`, `opencode`, `qwen-code`, `aider`."""
    model: str
    place: Place
    base_url: Setting | None = None
    hosted: bool = False
    """Whether its provider is a service on the internet whose address it knows by itself."""
    window: Setting | None = None
    """Tokens that it believes it has."""
    max_tokens: Setting | None = None
    """Cap of one answer that it sends."""
    sampling: dict[str, Setting] = {}
    """By OpenAI or llama.cpp name."""
    timeout_seconds: Setting | None = None
    options: dict[str, Setting] = {}
    """Everything else, by the dotted path in its file."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded request and its answer, as far as rules need it. Tokens unless said."""

    number: int
    """From 1, in its session."""
    session: str = ""
    prompt: int | None = None
    """By the server."""
    own_prompt: int | None = None
    """By our own count of what was sent."""
    cached: int | None = None
    completion: int | None = None
    max_tokens: int | None = None
    finish: str | None = None
    """As the server wrote it."""
    seconds: float | None = None
    timeout_seconds: float | None = None
    drafted: int | None = None
    draft_accepted: int | None = None
    tool_calls: int = 0
    executed: bool | None = None
    """Whether a call of this turn was executed."""
    status: int | None = None
    """HTTP status."""
    error: str | None = None
    fault_boundary: str | None = None
    """Whom the client blamed: `infra`, `engine`, `format`, …"""
    text: str = ""
    """Beginning of the visible text."""
    thought: str = ""
    """Beginning of the reasoning."""


Ground = Literal["config", "client", "facts", "survey", "turns", "log", "gguf", "concurrency"]
"""What a rule can stand on: server settings, client settings, facts, a survey, recorded turns,
the server's log, the header of the model file, how many requests are meant to run at a time."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known; any part may be missing."""

    servers: tuple[ServerConfig, ...] = ()
    clients: tuple[ClientConfig, ...] = ()
    facts: ServerFacts | None = None
    survey: Survey | None = None
    turns: tuple[Turn, ...] = ()
    log: tuple[str, ...] = ()
    """Lines of the server's own log."""
    header: GgufHeader | None = None
    """Of the model file that is served."""
    headers: dict[str, GgufHeader] = {}
    """Of the model files that settings name: by the value of `model`, as it is written there."""
    asked: str | None = None
    """The model id that the person's client asks for."""
    expected: str | None = None
    """The model that the person means to run: a path, a digest or an id."""
    extra: dict[str, Any] = {}
    """`gpu_bytes`, `platform`, … where known."""

    def header_of(self, server: ServerConfig) -> GgufHeader | None:
        """The header of the model file that this server serves, if it was read."""
        named = self.headers.get(str(server.get("model")))
        return named or (self.header if len(self.servers) == 1 else None)

    def concurrency(self) -> int | None:
        """How many requests are meant to run at a time, if somebody said it."""
        stated = self.extra.get("concurrency")
        return stated if isinstance(stated, int) and not isinstance(stated, bool) else None

    def grounds(self) -> frozenset[Ground]:
        """The kinds of ground that are there."""
        there: dict[Ground, bool] = {
            "config": bool(self.servers),
            "client": bool(self.clients),
            "facts": self.facts is not None,
            "survey": self.survey is not None,
            "turns": bool(self.turns),
            "log": bool(self.log),
            "gguf": self.header is not None or bool(self.headers),
            "concurrency": self.concurrency() is not None,
        }
        return frozenset(name for name, present in there.items() if present)
