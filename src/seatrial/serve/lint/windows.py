"""How many tokens one request has by a configuration, and which client talks to which server.

Reads settings only: what the server itself says stands in the facts and is worth more. An
arithmetic of llama.cpp, not a measurement: `-c` is divided by an explicit `-np` and rounded up
to 256 (checked against build b11549). In: parts of a `Subject`. Out: windows and pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import msgspec

from seatrial.serve.facts import ServerFacts
from seatrial.serve.lint.subject import (
    MAX_NUMBER,
    ClientConfig,
    Place,
    ServerConfig,
    Setting,
    Subject,
    Value,
)
from seatrial.serve.memory import STEP_TOKENS

AUTO_SLOTS = 4
"""Slots of llama-server when `-np` is not given; they share one pool."""
MARGIN_TOKENS = 4096
MARGIN_SHARE = 0.02

_LLAMA = frozenset({"llama.cpp", "llama.cpp-router", "llama-swap"})
_WINDOW_OPTIONS = {
    "vllm": "max-model-len",
    "sglang": "context-length",
    "lm-studio": "context-length",
    "ollama": "num_ctx",
}
_DIGITS = re.compile(r"[0-9]{1,18}")
_LOOPBACK = frozenset(
    {"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal", "host.containers.internal"}
)
_EVERYWHERE = frozenset({"0.0.0.0", "::", "*", "", "[::]"})
_USUAL_PORTS: dict[str, tuple[int, ...]] = {
    "llama.cpp": (8080, 9931),
    "llama.cpp-router": (8080, 9931),
    "llama-swap": (8080,),
    "ollama": (11434,),
    "lm-studio": (1234,),
    "vllm": (8000,),
    "sglang": (30000,),
    "mlx": (8080,),
}
_SERVICES = tuple(
    f".{host}"
    for host in (
        "anthropic.com", "openai.com", "openai.azure.com", "openrouter.ai", "deepseek.com",
        "googleapis.com", "groq.com", "mistral.ai", "x.ai", "together.xyz", "together.ai",
        "fireworks.ai", "cerebras.ai", "moonshot.ai", "moonshot.cn", "z.ai", "bigmodel.cn",
        "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "githubcopilot.com",
        "router.huggingface.co", "api.nvidia.com", "deepinfra.com", "opencode.ai", "minimax.io",
    )
)  # fmt: skip
"""Ends of the hosts of services on the internet: none of them is a server of the files."""


class Window(msgspec.Struct, frozen=True):
    """What one request has, and how that is known."""

    tokens: int
    known_by: str
    """For a person: `/props`, or the settings as written."""
    place: Place | None = None


def is_llama(server: ServerConfig) -> bool:
    """Whether the options are those of llama-server."""
    return server.family in _LLAMA


def writes_text(server: ServerConfig) -> bool:
    """Whether it holds conversations; one that gives embeddings or ranks does not."""
    if any(server.get(name) for name in ("embeddings", "reranking", "is-embedding")):
        return False
    said = {str(server.get(name)) for name in ("task", "runner", "convert")}
    return said <= {"None", "auto", "none", "generate"}


def slots_of(server: ServerConfig) -> int | None:
    """The number of slots that was asked for; None = the program decides."""
    asked = server.number("parallel")
    return int(asked) if asked is not None and asked >= 1 else None


def shares_pool(server: ServerConfig) -> bool:
    """Whether several slots of llama-server draw from one pool without a bound of their own."""
    if (server.number("kv-unified-per-slot") or 0) > 0:
        return False
    slots = slots_of(server)
    if slots is None:
        return server.get("kv-unified") is not False
    return slots > 1 and server.get("kv-unified") is True


def configured_window(server: ServerConfig) -> Window | None:
    """Tokens of one request as the settings have it; None = they leave it to the program."""
    if is_llama(server):
        return _llama_window(server)
    name = _WINDOW_OPTIONS.get(server.family)
    setting = server.options.get(name) if name else None
    if setting is None and server.family == "ollama":
        setting = server.env.get("OLLAMA_CONTEXT_LENGTH")
    tokens = whole(setting)
    if setting is None or tokens is None or tokens <= 0:
        return None
    return Window(tokens, f"`{setting.written}`", setting.place)


def _llama_window(server: ServerConfig) -> Window | None:
    size = server.options.get("ctx-size")
    tokens = whole(size)
    if size is None or tokens is None or tokens <= 0:
        return None
    slots = slots_of(server)
    cap = server.number("kv-unified-per-slot") or 0
    written = size.written
    if cap > 0:
        tokens = min(tokens, int(cap))
        written += f" {server.options['kv-unified-per-slot'].written}"
    elif slots is not None and slots > 1 and server.get("kv-unified") is not True:
        tokens = -(-tokens // slots)
        written += f" {server.options['parallel'].written}"
    return Window(-(-tokens // STEP_TOKENS) * STEP_TOKENS, f"`{written}`", size.place)


def whole(setting: Setting | None) -> int | None:
    """The value as a whole number; environment variables and Modelfiles give digits as text."""
    value = None if setting is None else setting.value
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if abs(value) <= MAX_NUMBER else None


def margin(window_tokens: int) -> int:
    """What an estimate of the client may be wrong by: 2 %, at most 4,096 tokens."""
    return min(MARGIN_TOKENS, int(window_tokens * MARGIN_SHARE))


def servers_of(client: ClientConfig, subject: Subject) -> list[ServerConfig]:
    """The servers that this client means: those that its address can be, and of these the one
    that has the model's id, or the only one that is left. None is better than a wrong one."""
    sure: list[ServerConfig] = []
    maybe: list[ServerConfig] = []
    for server in subject.servers:
        can = _can_be(client, server)
        if can is not False:
            (sure if can else maybe).append(server)
    possible = sure or maybe
    named = [one for one in possible if client.model in names_of(one)]
    if named:
        return named
    if len(possible) != 1 or (not sure and _is_contested(client, possible[0], subject)):
        return []
    return possible


def calls_service(client: ClientConfig) -> bool:
    """Whether it calls a service on the internet, which is none of our servers."""
    mine = endpoint(url_of(client))
    return client.hosted if mine is None else f".{mine[0]}".endswith(_SERVICES)


def _can_be(client: ClientConfig, server: ServerConfig) -> bool | None:
    """Whether the address of the client is that of the server; None = nobody knows."""
    mine = endpoint(url_of(client))
    if calls_service(client):
        return False
    if mine is None:  # nothing is written here, or nothing that is a URL
        return None
    host, port = mine
    bound = server.get("host") if not server.proxy else None
    if not _reaches(host, bound):
        return False
    listens = None if server.proxy else whole(server.options.get("port"))
    return None if listens is None else listens == port


def _is_contested(client: ClientConfig, server: ServerConfig, subject: Subject) -> bool:
    """Whether clients of several addresses may mean a server whose address nobody knows, and
    this one does not call where such a server usually listens."""
    mine = endpoint(url_of(client))
    others = {
        where
        for one in subject.clients
        if (where := endpoint(url_of(one))) is not None and _can_be(one, server) is None
    }
    usual = _USUAL_PORTS.get(server.family, ())
    if len({*others, mine} - {None}) < 2:
        return False
    return mine is None or mine[1] not in usual or sum(one[1] in usual for one in others) > 1


def _reaches(host: str, bound: Value) -> bool:
    """Whether a server that is bound to an address can be reached by this host name."""
    if not isinstance(bound, str) or bound in _EVERYWHERE or "$" in bound:
        return True
    if bound in _LOOPBACK or host == "localhost":
        return bound in _LOOPBACK and host == "localhost"
    named = not (_is_ip(host) and _is_ip(bound))  # nobody here knows what a name stands for
    return named or host == bound


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdecimal()


def names_of(server: ServerConfig) -> set[str]:
    """Every id that the server answers to."""
    words = {server.name}
    for setting in (server.options.get("alias"), server.proxy.get("aliases")):
        if setting is not None and isinstance(setting.value, str):
            words |= {word.strip() for word in setting.value.split(",")}
    return words


def facts_for(client: ClientConfig, subject: Subject) -> ServerFacts | None:
    """The facts, if they are of the server and the model that this client uses."""
    facts = subject.facts
    if facts is None or not _same_address(client, facts.url):
        return None
    many = facts.family.loads_on_request or facts.family.id in ("llama-swap", "llama.cpp-router")
    if many and subject.asked is not None and client.model != subject.asked:
        return None
    return facts


def facts_are_of(server: ServerConfig, subject: Subject) -> bool:
    """Whether the facts can only be of this server and not of another one of the files."""
    if subject.facts is None:
        return False
    return len(subject.servers) == 1 or subject.asked in names_of(server)


def windows_of(client: ClientConfig, subject: Subject) -> Iterator[tuple[Window, str]]:
    """The windows that this client really has, each with the family of its server.

    The server's own word, if it is there; otherwise one for each server of the files that the
    client may mean.
    """
    facts = facts_for(client, subject)
    if facts is not None and facts.window is not None:
        yield Window(facts.window.value, f"{facts.url}, {facts.window.source}"), facts.family.id
        return
    for server in servers_of(client, subject):
        window = configured_window(server)
        if window is not None:
            yield window, server.family


def address(url: str | None) -> SplitResult | None:
    """The parts of a URL; None = not one."""
    try:
        parts = urlsplit(url or "")
        _ = parts.port  # raises where the port is no number
    except ValueError:
        return None
    return parts if parts.hostname else None


def endpoint(url: str | None) -> tuple[str, int] | None:
    """Host and port; every name of this machine is the same one."""
    parts = address(url)
    if parts is None or parts.hostname is None:
        return None
    host = "localhost" if parts.hostname in _LOOPBACK else parts.hostname
    return host, parts.port or (443 if parts.scheme == "https" else 80)


def url_of(client: ClientConfig) -> str | None:
    """The address that the client calls, if it is written there."""
    value = None if client.base_url is None else client.base_url.value
    return value if isinstance(value, str) else None


def _same_address(client: ClientConfig, url: str) -> bool:
    mine = endpoint(url_of(client))
    return not client.hosted if mine is None else mine == endpoint(url)
