"""Rules W01-W08: the window that a client believes in, and the one that llama.cpp gives.

The window is what prompt and answer of one request share. A client that believes in a larger
one runs into an error, or loses the beginning of the conversation, in the middle of its work.
Other engines have their own ways: `window_engines`. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.serve.lint.replacement import with_value
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.rules.unusable import not_usable
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import (
    AUTO_SLOTS,
    Window,
    configured_window,
    endpoint,
    facts_are_of,
    facts_for,
    is_llama,
    margin,
    servers_of,
    shares_pool,
    slots_of,
    url_of,
    whole,
    windows_of,
    writes_text,
)

AGENT_TOKENS = 65_536
"""What a coding agent should have for one request."""
SMALL_TOKENS = 32_768

_BY_CAP = ("vllm", "sglang")
_STRETCH = ("rope-scaling", "rope-scale", "rope-freq-base", "rope-freq-scale", "yarn-orig-ctx")


@rule(
    "W01",
    Severity.ERROR,
    "window of the client is larger than what the server has for one request",
    ("client", "facts"),
    ("client", "config"),
    why=(
        "Prompt and answer share the window. A client that believes in more never shortens the "
        "conversation in time: the server refuses the request, or cuts the answer short."
    ),
    source="llama.cpp tools/server/server-context.cpp:4008 (window of a slot) and :3188 (refusal)",
)
def client_window(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        believed = whole(client.window)
        for window, family in windows_of(client, subject):
            if client.window is None or believed is None or family in _BY_CAP:
                continue
            answer = whole(client.max_tokens) or 0
            most = window.tokens - answer - margin(window.tokens)
            if believed > most:
                yield _too_large(client, client.window, believed, window, most)


def _too_large(
    client: ClientConfig, setting: Setting, believed: int, window: Window, most: int
) -> Problem:
    answer = whole(client.max_tokens) or 0
    seen = (
        f"{client.client} believes in {believed:,} tokens (`{setting.written}`); "
        f"one request has {window.tokens:,} ({window.known_by})"
    )
    if believed <= window.tokens:
        seen += f", of which an answer may take {answer:,}: {most:,} are left for the prompt"
    if most <= 0:
        fix = f"lower the answer of the client below {answer:,} tokens, or give the server more"
        return Problem(seen=seen, fix=fix, place=setting.place)
    return Problem(
        seen=seen,
        fix=f"set the window of {client.client} to {most} (what is left for a prompt)",
        place=setting.place,
        edit=with_value(setting, most),
    )


@rule(
    "W02",
    Severity.ERROR,
    "slots divide the window",
    ("config",),
    why=(
        "llama-server divides the window by the number of slots (-np): each request gets only "
        "its share, and the number behind -c is what all of them have together."
    ),
    source="ggml-org/llama.cpp#11681, #17767; janhq/jan#8534",
)
def divided_window(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        slots, window = slots_of(server), configured_window(server)
        size = server.options.get("ctx-size")
        if slots is None or slots < 2 or size is None or window is None or not is_llama(server):
            continue
        if server.get("kv-unified") is True or server.options.get("kv-unified-per-slot"):
            continue
        if not writes_text(server):
            continue
        wanted = max([AGENT_TOKENS, *_believed(server, subject)])
        if window.tokens >= wanted:
            continue
        parallel, total = server.options["parallel"], whole(size) or 0
        yield Problem(
            seen=f"`{parallel.written}` divides `{size.written}`: each request of "
            f"{server.name} has {window.tokens:,} tokens, not {total:,}",
            fix=f"-np 1 gives {total:,} to one request; -c {total * slots} gives that to each of "
            f"{slots}, for {slots} times the memory; -kvu lets them share one pool",
            place=parallel.place,
            edit=with_value(parallel, 1),
        )


def _believed(server: ServerConfig, subject: Subject) -> Iterator[int]:
    for client in subject.clients:
        tokens = whole(client.window)
        if tokens is not None and server in servers_of(client, subject):
            yield tokens


@rule(
    "W03",
    Severity.ERROR,
    "several streams draw from one pool that is too small for them",
    ("config", "client"),
    ("config", "turns"),
    ("facts", "client"),
    ("facts", "turns"),
    why=(
        "Without -np llama-server opens four slots on one pool of memory and tells each of them "
        "that it may have all of it. When the pool is full, every request under way fails at "
        "once, with HTTP 500."
    ),
    source="ggml-org/llama.cpp#23652, #23694; lemonade#3276",
)
def crowded_pool(subject: Subject) -> Iterator[Problem]:
    full = next(
        (t for t in subject.turns if "Context size has been exceeded" in (t.error or "")), None
    )
    for server in subject.servers:
        if not is_llama(server) or not shares_pool(server) or not server.options:
            continue
        streams = _streams(subject, sum(server in servers_of(c, subject) for c in subject.clients))
        if streams < 2 and full is None:
            continue
        parallel, size = server.options.get("parallel"), server.options.get("ctx-size")
        said = f"`{parallel.written}`" if parallel else f"no -np (so {AUTO_SLOTS} slots)"
        pool = f"all of `{size.written}`" if size else "the whole window"
        seen = f"{server.name}: {said}; each slot may take {pool}, which they share"
        seen += f"; turn {full.number} failed: {full.error}" if full else f", for {streams} streams"
        yield Problem(seen=seen, fix=_POOL_FIX, place=(parallel or size or _first(server)).place)
    if not subject.servers:
        yield from _crowded_by_facts(subject, full is not None)


_POOL_FIX = (
    "set -np 1 (requests wait for each other), or bound each slot: --kv-unified-per-slot N with "
    "N = window / streams"
)


def _crowded_by_facts(subject: Subject, failed: bool) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.shared_pool is None or not facts.shared_pool.value:
        return
    streams = _streams(subject, sum(facts_for(c, subject) is not None for c in subject.clients))
    if facts.slots is None or facts.slots.value < 2 or (streams < 2 and not failed):
        return
    seen = f"{facts.url}: {facts.slots.value} slots share one pool ({facts.shared_pool.source})"
    seen += '; a request failed with "Context size has been exceeded"' if failed else ""
    yield Problem(seen=seen + (f", for {streams} streams" if streams > 1 else ""), fix=_POOL_FIX)


def _streams(subject: Subject, clients: int) -> int:
    stated = subject.concurrency()
    return clients if stated is None else stated


def _first(server: ServerConfig) -> Setting:
    return next(iter(server.options.values()))


@rule(
    "W04",
    Severity.WARNING,
    "window is larger than the model was trained for",
    ("config", "gguf"),
    ("config", "facts"),
    why=(
        "llama-server gives a request no more than the model was trained for and says so only in "
        "its log; the memory for the rest is taken all the same."
    ),
    source="llama.cpp tools/server/server-context.cpp:1213,4015; seen on build b11549",
)
def beyond_training(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        size, window = server.options.get("ctx-size"), configured_window(server)
        trained = _trained(server, subject)
        if size is None or window is None or trained is None or not is_llama(server):
            continue
        stretched = any(server.options.get(name) for name in _STRETCH)
        if window.tokens <= trained or stretched:
            continue
        slots = slots_of(server) or 1
        divided = slots > 1 and server.get("kv-unified") is not True
        most = trained * slots if divided else trained
        yield Problem(
            seen=f"`{size.written}` asks for {window.tokens:,} tokens a request; {server.name} was "
            f"trained for {trained:,} and gets no more",
            fix=f"set -c {most}, or stretch the model on purpose: --rope-scaling yarn "
            f"--rope-scale {-(-window.tokens // trained)} --yarn-orig-ctx {trained}",
            place=size.place,
            edit=with_value(size, most),
        )


def _trained(server: ServerConfig, subject: Subject) -> int | None:
    header = subject.header_of(server)
    if header is not None:
        return header.trained_window_tokens
    if subject.facts is None or subject.facts.trained_window is None:
        return None
    return subject.facts.trained_window.value if facts_are_of(server, subject) else None


@rule(
    "W05",
    Severity.WARNING,
    "window is left to chance",
    ("config",),
    why=(
        "Without -c llama-server takes the largest window for which it finds memory at that "
        "moment, down to 4,096 tokens: the same command gives another window tomorrow."
    ),
    source="llama.cpp tools/server/README.md, --fit and --fit-ctx",
)
def unset_window(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        model = next((server.options[n] for n in _MODELS if n in server.options), None)
        if model is None or not is_llama(server) or server.get("fit") == "off":
            continue
        floor = server.number("fit-ctx")
        if (server.number("ctx-size") or 0) > 0 or (floor is not None and floor >= SMALL_TOKENS):
            continue
        if not_usable(server, "ctx-size"):  # one is meant: D50 says what is wrong with it
            continue
        size = server.options.get("ctx-size")
        said = f"`{size.written}`" if size else "no -c"
        yield Problem(
            seen=f"{server.name}: {said}, and --fit is on: it may start with as little as "
            f"{int(floor or 4096):,} tokens",
            fix=f"set -c {AGENT_TOKENS} (or what fits), or a floor: --fit-ctx {AGENT_TOKENS}",
            place=(size or model).place,
        )


_MODELS = ("model", "hf-repo", "model-url", "docker-repo")


@rule(
    "W06",
    Severity.ERROR,
    "client took a number that is not the window",
    ("client", "facts"),
    why=(
        "Servers also report what the model was trained for, or what a file declares. That is "
        "not what was loaded: requests fail long before the client expects it."
    ),
    source="oh-my-pi#3752; copilot-llm-gateway#55",
)
def wrong_number(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        facts, believed = facts_for(client, subject), whole(client.window)
        if facts is None or facts.window is None or client.window is None:
            continue
        window = facts.window
        others = [
            *facts.declared_windows,
            *([facts.trained_window] if facts.trained_window else []),
        ]
        like = next((fact for fact in others if fact.value == believed), None)
        if like is None or like.value <= window.value:
            continue
        yield Problem(
            seen=f"{client.client} has `{client.window.written}`: that is the number of "
            f"{like.source}; one request has {window.value:,} tokens ({window.source})",
            fix=f"take the loaded window, {window.value}, less the longest answer",
            place=client.window.place,
        )


@rule(
    "W07",
    Severity.WARNING,
    "several models behind one address, and none was named",
    ("facts",),
    why=(
        "A router answers for itself unless the request names a model: what it then says of "
        "window, template and sampling belongs to no model."
    ),
    source="llama.cpp tools/server/README.md, routing requests",
)
def unnamed_model(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.family.id not in ("llama.cpp-router", "llama-swap"):
        return
    if facts.window is not None or subject.asked is not None:
        return
    names = ", ".join(facts.listed[:5]) or "none"
    yield Problem(
        seen=f"{facts.url} is a {facts.family.title}; no model was named, its window is unknown "
        f"(models: {names})",
        fix=f"name the model: {facts.url}/props?model=ID"
        + (f", with ID one of {names}" if facts.listed else ""),
    )


@rule(
    "W08",
    Severity.WARNING,
    "declared window is not the real one",
    ("config",),
    why=(
        "llama-swap passes the number of its own file on as the window of the model. Clients "
        "that read it there believe in a window that the server does not have."
    ),
    source="mostlygeek/llama-swap internal/server/api.go (meta.n_ctx)",
)
def declared_window(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        declared = server.proxy.get("capabilities.context")
        tokens = whole(declared)
        real = _real_window(server, subject)
        if declared is None or tokens is None or real is None or tokens == real.tokens:
            continue
        divided = (slots_of(server) or 1) > 1
        yield Problem(
            seen=f"{server.name} declares `{declared.written}`; one request has {real.tokens:,} "
            f"tokens ({real.known_by})",
            fix=f"set capabilities.context to {real.tokens}" + (_FIRST if divided else ""),
            place=declared.place,
            edit=None if divided else with_value(declared, real.tokens),
        )


_FIRST = ", after you have decided on -c and -np"


def _real_window(server: ServerConfig, subject: Subject) -> Window | None:
    facts = subject.facts
    if facts is not None and facts.window is not None and facts_are_of(server, subject):
        return Window(facts.window.value, f"{facts.url}, {facts.window.source}")
    return configured_window(server)


@rule(
    "W16",
    Severity.WARNING,
    "clients of one server believe in different windows",
    ("client",),
    why="At most one of them is right; the others waste the window or run into its end.",
    source="seen in practice: a client declared 131,072 tokens of a server with 262,144",
)
def different_windows(subject: Subject) -> Iterator[Problem]:
    first: dict[tuple[tuple[str, int], str], tuple[ClientConfig, Setting, int]] = {}
    for client in subject.clients:
        where, tokens = endpoint(url_of(client)), whole(client.window)
        if where is None or tokens is None or client.window is None:
            continue
        other = first.setdefault((where, client.model), (client, client.window, tokens))
        if other[2] == tokens:
            continue
        yield Problem(
            seen=f"{client.client} has `{client.window.written}`, {other[0].client} has "
            f"`{other[1].written}` ({_where(other[1])}), both for {client.model} at "
            f"{where[0]}:{where[1]}",
            fix=f"take one number for both; {min(tokens, other[2])}, the smaller, is the safe one",
            place=client.window.place,
        )


def _where(setting: Setting) -> str:
    line = setting.place.line
    return setting.place.source + (f":{line}" if line else "")
