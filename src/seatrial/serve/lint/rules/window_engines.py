"""Rules W09-W15, W17: the window as Ollama, LM Studio, MLX, vLLM and SGLang have it, and a floor.

Each of them hides it in its own way: a default by the size of the card, an ignored field, a
silent cut, no bound at all, a bound that counts the answer. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.serve.lint.replacement import with_value
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.rules.window import AGENT_TOKENS, SMALL_TOKENS
from seatrial.serve.lint.subject import ClientConfig, Setting, Subject
from seatrial.serve.lint.windows import (
    Window,
    address,
    configured_window,
    endpoint,
    facts_are_of,
    facts_for,
    servers_of,
    url_of,
    whole,
    windows_of,
    writes_text,
)

OLLAMA_TOKENS = 64_000
"""What the documentation of Ollama asks for agents."""
OLLAMA_PORT = 11434
BIG_CARD_BYTES = 48 << 30
CUT_SHARE = 0.95

PROMPT_TOKENS = {
    "qwen-code": 19_100,
    "opencode": 7_700,
    "codex": 4_400,
    "pi": 1_400,
    "mini-swe-agent": 830,
    "aider": 760,
}
"""First request of each client, measured as characters / 4: the tax before any work."""
HEAVY_PROMPT_TOKENS = 15_000
TINY_TOKENS = 4_096


@rule(
    "W09",
    Severity.ERROR,
    "Ollama's window is too small for an agent",
    ("config",),
    ("facts",),
    why=(
        "Ollama picks the window by the size of the card: 4,096 tokens below 24 GB, 32,768 below "
        "48 GB. What does not fit is cut away without a word, and an agent forgets its task."
    ),
    source="ollama docs/context-length.mdx; server/routes.go:2050",
)
def ollama_default(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is not None and facts.family.id == "ollama" and facts.window is not None:
        if facts.window.value < OLLAMA_TOKENS:
            yield Problem(
                seen=f"{facts.url} has {facts.window.value:,} tokens for one request "
                f"({facts.window.source})",
                fix=_OLLAMA_FIX,
            )
        return
    for server in subject.servers:
        if server.family != "ollama":
            continue
        window = configured_window(server)
        if window is not None and window.tokens < OLLAMA_TOKENS:
            seen = f"{server.name} has {window.tokens:,} tokens for one request: {window.known_by}"
            yield Problem(seen=seen, fix=_OLLAMA_FIX, place=window.place)
        elif window is None and not _big_card(subject):
            seen = f"{server.name} sets no window: Ollama takes its default for the card"
            yield Problem(seen=seen, fix=_OLLAMA_FIX, place=server.place)


_OLLAMA_FIX = (
    f"set OLLAMA_CONTEXT_LENGTH={AGENT_TOKENS} in the environment of the server, or "
    f"`PARAMETER num_ctx {AGENT_TOKENS}` in the Modelfile"
)


def _big_card(subject: Subject) -> bool:
    card = subject.extra.get("gpu_bytes")
    return isinstance(card, int) and card >= BIG_CARD_BYTES


@rule(
    "W10",
    Severity.ERROR,
    "num_ctx is sent where Ollama ignores it",
    ("client",),
    why=(
        "Ollama's OpenAI-compatible address (/v1) has no field for the window and drops this one "
        "silently; a first request through the native API does not make it stick either."
    ),
    source="ollama docs/openai-compatibility.mdx:343; quodeq#1122; hermes-agent#43900",
)
def ignored_num_ctx(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        setting = _num_ctx(client)
        if setting is None or not _is_ollama(client, subject):
            continue
        parts = address(url_of(client))
        if parts is None or parts.path.rstrip("/").rpartition("/")[2] != "v1":
            continue
        yield Problem(
            seen=f"{client.client} sends `{setting.written}` to {url_of(client)}",
            fix=f"bake it into a model: a Modelfile with `FROM {client.model}` and "
            f"`PARAMETER num_ctx {setting.value}`, then `ollama create NAME -f Modelfile`",
            place=setting.place,
        )


def _num_ctx(client: ClientConfig) -> Setting | None:
    every = {**client.sampling, **client.options}
    return next((one for name, one in every.items() if name.split(".")[-1] == "num_ctx"), None)


def _is_ollama(client: ClientConfig, subject: Subject) -> bool:
    facts = facts_for(client, subject)
    if facts is not None:
        return facts.family.id == "ollama"
    where = endpoint(url_of(client))
    known = servers_of(client, subject)
    if known:
        return any(server.family == "ollama" for server in known)
    return where is not None and where[1] == OLLAMA_PORT


@rule(
    "W11",
    Severity.ERROR,
    "the server cuts prompts without a word",
    ("turns", "facts"),
    ("turns", "config"),
    why=(
        "By default Ollama drops the oldest messages when a prompt does not fit. Nobody is told: "
        "the model answers without the task, and it looks like a stupid model."
    ),
    source="ollama server/prompt.go; pi-ai 0.73.1 dist/utils/overflow.js",
)
def cut_prompt(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    cuts = facts.family.overflow == "truncates" if facts is not None else None
    if cuts is None:
        cuts = any(server.family == "ollama" for server in subject.servers)
    if not cuts:
        return
    for turn in subject.turns:
        # A server that counts only what it evaluated says less than was sent, and cut nothing.
        read = None if turn.prompt is None else turn.prompt + (turn.cached or 0)
        if turn.own_prompt is None or read is None or read >= turn.own_prompt * CUT_SHARE:
            continue
        yield Problem(
            seen=f"turn {turn.number}: about {turn.own_prompt:,} tokens were sent, the server "
            f"counted {turn.prompt:,}",
            fix="use the native API with `truncate: false` and `shift: false`, so that a prompt "
            "that does not fit is refused; and raise OLLAMA_CONTEXT_LENGTH",
        )
        return


@rule(
    "W12",
    Severity.ERROR,
    "LM Studio loaded a smaller window than is needed",
    ("facts",),
    why=(
        "LM Studio loads a model on the first request with its own default, not with the "
        "settings that were saved for it, and may lower the window to what fits."
    ),
    source="lmstudio-bug-tracker#1463, #1902; docs api/v1 list",
)
def lm_studio_window(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.family.id != "lm-studio" or facts.window is None:
        return
    needs: list[tuple[int, str]] = [(SMALL_TOKENS, f"an agent needs {SMALL_TOKENS:,} or more")]
    for server in subject.servers:
        window = configured_window(server)
        if window is not None and facts_are_of(server, subject):
            needs.append((window.tokens, f"{window.known_by} asked for {window.tokens:,}"))
    for client in subject.clients:
        tokens = whole(client.window)
        if tokens is not None and client.window is not None and facts_for(client, subject):
            needs.append((tokens, f"{client.client} believes in `{client.window.written}`"))
    need, said = max(needs)
    if facts.window.value < need:
        yield Problem(
            seen=f"{facts.url} loaded {facts.window.value:,} tokens ({facts.window.source}); "
            f"{said}",
            fix=f'load it before the first request: POST {facts.url}/api/v1/models/load {{"model": '
            f'ID, "context_length": {need}, "echo_load_config": true}}, and read the answer: it '
            "says what was really loaded",
        )


@rule(
    "W13",
    Severity.WARNING,
    "nothing bounds the conversation",
    ("client", "facts"),
    ("client", "config"),
    why=(
        "mlx_lm.server has no limit and gives no error: its memory grows with the conversation "
        "until the machine swaps or the process is killed. The client must stop in time."
    ),
    source="ml-explore/mlx-lm mlx_lm/server.py (no check of the length)",
)
def no_bound(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        if client.window is not None or not _has_family(client, subject, "mlx"):
            continue
        yield Problem(
            seen=f"{client.client} has no window for {client.model}, and mlx_lm.server has none",
            fix="set a window in the client, at most max_position_embeddings of the model's "
            "config.json, and watch the memory of the server during the first long run",
            place=client.place,
        )


def _has_family(client: ClientConfig, subject: Subject, *ids: str) -> bool:
    facts = facts_for(client, subject)
    if facts is not None:
        return facts.family.id in ids
    return any(server.family in ids for server in servers_of(client, subject))


@rule(
    "W14",
    Severity.ERROR,
    "prompt and longest answer together exceed the window",
    ("client", "facts"),
    ("client", "config"),
    why=(
        "vLLM and SGLang count the answer that was asked for as if it had been given: a prompt "
        "that would fit is refused because max_tokens does not fit beside it."
    ),
    source="vLLM: `maximum context length is M tokens. However, you requested O output tokens`",
)
def answer_counts(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        if not _has_family(client, subject, "vllm", "sglang"):
            continue
        believed, answer = whole(client.window), whole(client.max_tokens)
        if client.window is None or believed is None:
            continue
        for window, _ in windows_of(client, subject):
            most = window.tokens - (answer or 0)
            if believed <= most:
                continue
            yield _answer_problem(client, client.window, window, most)


def _answer_problem(client: ClientConfig, setting: Setting, window: Window, most: int) -> Problem:
    seen = f"{client.client} has `{setting.written}`"
    seen += f" and `{client.max_tokens.written}`" if client.max_tokens else ""
    seen += f"; prompt and answer together have {window.tokens:,} tokens ({window.known_by})"
    if most <= 0:
        fix = f"lower max_tokens of {client.client}: it takes the whole window"
        return Problem(seen=seen, fix=fix, place=setting.place)
    return Problem(
        seen=seen,
        fix=f"set the window of {client.client} to {most} (window less max_tokens)",
        place=setting.place,
        edit=with_value(setting, most),
    )


@rule(
    "W15",
    Severity.ERROR,
    "window is too small for this client",
    ("client", "facts"),
    ("client", "config"),
    ("turns", "facts"),
    ("turns", "config"),
    why=(
        "Before any work is done the client sends its instructions and tools. Where they fill "
        "half of the window, it summarises again and again and forgets what it was doing."
    ),
    source="oh-my-pi#556; first requests of the clients, measured",
)
def small_window(subject: Subject) -> Iterator[Problem]:
    first = [turn.prompt for turn in subject.turns if turn.number == 1 and turn.prompt]
    for client in subject.clients:
        tax = PROMPT_TOKENS.get(client.client)
        for window, _ in windows_of(client, subject):
            if tax is not None and _fills(tax, window.tokens):
                yield _small(client.client, tax, window)
    if not subject.clients and first:
        for window in _windows(subject):
            if _fills(min(first), window.tokens):
                yield _small("the client", min(first), window)


def _fills(prompt_tokens: int, window_tokens: int) -> bool:
    heavy = prompt_tokens >= HEAVY_PROMPT_TOKENS and window_tokens < SMALL_TOKENS
    return heavy or prompt_tokens > window_tokens / 2


def _small(who: str, tax: int, window: Window) -> Problem:
    need = max(AGENT_TOKENS if tax >= HEAVY_PROMPT_TOKENS else SMALL_TOKENS, tax * 3)
    return Problem(
        seen=f"{who} begins with about {tax:,} tokens; one request has {window.tokens:,} "
        f"({window.known_by})",
        fix=f"give one request {need} tokens or more (llama-server: -c {need} -np 1), or take a "
        "client with shorter instructions",
        place=window.place,
    )


def _windows(subject: Subject) -> Iterator[Window]:
    facts = subject.facts
    if facts is not None and facts.window is not None:
        yield Window(facts.window.value, f"{facts.url}, {facts.window.source}")
        return
    for server in subject.servers:
        window = configured_window(server)
        if window is not None:
            yield window


@rule(
    "W17",
    Severity.INFO,
    "window is too small for a conversation with tools",
    ("config",),
    ("facts",),
    why=(
        "The instructions of the smallest agent, one file and one answer already take a few "
        "thousand tokens. With less than that, requests are refused, or the beginning is lost."
    ),
    source="first requests of the clients, measured: 760 to 19,100 tokens",
)
def tiny_window(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if not subject.servers or (facts is not None and facts.window is not None):
        for window in _windows(subject) if facts is not None else ():
            if window.tokens < TINY_TOKENS:
                yield _tiny(f"{window.tokens:,} tokens for one request ({window.known_by})", window)
        return
    for server in subject.servers:
        own = configured_window(server)
        if own is not None and own.tokens < TINY_TOKENS and writes_text(server):
            said = f"{server.name}: {own.known_by} gives one request {own.tokens:,} tokens"
            yield _tiny(said, own)


def _tiny(said: str, window: Window) -> Problem:
    return Problem(
        seen=said,
        fix=f"for an agent {AGENT_TOKENS} tokens for one request, for short questions 4096 or more "
        "(llama-server: -c, with -np 1)",
        place=window.place,
    )
