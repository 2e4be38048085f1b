"""Rules N01-N05: patience of clients, and more requests than a server takes at a time.

A local model reads a long prompt for minutes. Who gives up earlier pays for it again, and who
asks for more at a time than there are slots waits unseen. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.serve.lint.replacement import with_value
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject, Turn
from seatrial.serve.lint.windows import (
    is_llama,
    slots_of,
    whole,
    windows_of,
)

IMPATIENT_SECONDS = 300.0
LONG_PREFILL_SECONDS = 60.0
LONG_PROMPT_TOKENS = 2048
"""A shorter prompt does not fill the batches of a card."""
SHORT_PROMPT_ALLOWANCE = 4
"""How much faster a long prompt may be read than a short one, before we raise an alarm."""
SWAP_LIMIT = 10
"""Requests at a time that llama-swap lets through to a model when its file says nothing."""
SWAP_HEALTH_SECONDS = 120
SLOW_DISK_BYTES_PER_SECOND = 100e6
"""A spinning disk; a model that takes longer than this to load is not slow, it is broken."""
MIN_SPEED_TOKENS = 50
"""Shorter answers say more about the prompt than about the speed."""


@rule(
    "N01",
    Severity.ERROR,
    "client gives up before the prompt is read",
    ("client", "survey"),
    ("turns",),
    why=(
        "A local server says nothing while it reads a long prompt. A client that waits less than "
        "that takes the silence for a dead server, and the work is lost."
    ),
    source="earendil-works/pi#3715; opencode#49044; remnic#2148; ggml-org/llama.cpp#22997",
)
def impatient(subject: Subject) -> Iterator[Problem]:
    for turn in subject.turns:
        if _gave_up(turn) and (turn.timeout_seconds or 0) <= IMPATIENT_SECONDS:
            yield Problem(
                seen=f"turn {turn.number} ended after {turn.seconds:.0f} s, the patience of the "
                f"client ({turn.timeout_seconds:.0f} s), without an answer",
                fix=_PATIENCE_FIX,
            )
            break
    speed, said = _prompt_speed(subject)
    for client in subject.clients:
        setting, patience = client.timeout_seconds, _seconds(client)
        tokens = min((window.tokens for window, _ in windows_of(client, subject)), default=0)
        tokens = min(tokens, whole(client.window) or tokens)
        if setting is None or patience is None or speed <= 0 or patience > IMPATIENT_SECONDS:
            continue
        prefill = tokens / speed
        if prefill <= LONG_PREFILL_SECONDS or prefill < patience:
            continue
        yield Problem(
            seen=f"{client.client} waits {patience:.0f} s (`{setting.written}`); a prompt of "
            f"{tokens:,} tokens takes {prefill:.0f} s {said}",
            fix=f"{_PATIENCE_FIX}; here at least {int(prefill * 2)} s",
            place=setting.place,
        )


def _prompt_speed(subject: Subject) -> tuple[float, str]:
    """Tokens per second of long prompts, and how that is known; 0 = it is not."""
    measured = [
        (float(speed), one.values.get("context_tokens") or 0)
        for one in (subject.survey.observations if subject.survey is not None else ())
        if isinstance(speed := one.values.get("prompt_tokens_per_second"), (int, float))
    ]
    long = [speed for speed, tokens in measured if tokens >= LONG_PROMPT_TOKENS]
    if long:
        return min(long), f"at the measured {min(long):,.0f} tokens/s"
    if not measured:
        return 0.0, ""
    best = max(speed for speed, _ in measured)
    return (
        best * SHORT_PROMPT_ALLOWANCE,
        f"or more: a short one was read at {best:,.0f} tokens/s, and long ones were taken to be "
        f"read {SHORT_PROMPT_ALLOWANCE} times as fast",
    )


_PATIENCE_FIX = "let the client stream (stream: true) and raise its timeout above 300 s"


def _gave_up(turn: Turn) -> bool:
    if turn.status is not None or turn.seconds is None or turn.timeout_seconds is None:
        return False
    return turn.finish is None and turn.seconds >= turn.timeout_seconds * 0.98


def _seconds(client: ClientConfig) -> float | None:
    value = client.timeout_seconds.value if client.timeout_seconds else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _generation_speeds(subject: Subject) -> Iterator[float]:
    """Measured tokens per second of answers, of every depth."""
    for one in subject.survey.observations if subject.survey is not None else ():
        value = one.values.get("generated_tokens_per_second")
        if isinstance(value, (int, float)) and value > 0:
            yield float(value)


@rule(
    "N02",
    Severity.ERROR,
    "a request is sent again while the first one still runs",
    ("turns",),
    why=(
        "After a timeout the server often goes on with the first request. The second one waits "
        "behind it, or reads the whole prompt again, and times out as well."
    ),
    source="openhanako#2517",
)
def blind_retry(subject: Subject) -> Iterator[Problem]:
    before: dict[str, Turn] = {}
    for turn in subject.turns:
        last = before.get(turn.session)
        before[turn.session] = turn
        if last is None or not (_gave_up(last) or _timed_out(last)):
            continue
        sent, again = last.own_prompt or last.prompt, turn.own_prompt or turn.prompt
        if sent is None or sent != again:
            continue
        yield Problem(
            seen=f"turn {last.number} timed out; turn {turn.number} sends the same {sent:,} tokens "
            "again",
            fix="close the connection of the first request (llama-server stops it then) and wait "
            "longer, with stream: true; no retry on a timeout",
        )
        return


def _timed_out(turn: Turn) -> bool:
    text = (turn.error or "").lower()
    return turn.status is None and ("timeout" in text or "timed out" in text)


@rule(
    "N03",
    Severity.WARNING,
    "llama-swap gives up before the model is loaded",
    ("config", "gguf"),
    ("config", "log"),
    why=(
        "llama-swap kills a server that does not answer in time. A big model on a slow disk is "
        "killed and started again for ever."
    ),
    source="mostlygeek/llama-swap#92, #289",
)
def early_health_check(subject: Subject) -> Iterator[Problem]:
    timed_out = next((line for line in subject.log if _is_health_failure(line)), None)
    for server in subject.servers:
        if not server.proxy:
            continue
        setting = server.proxy.get("healthCheckTimeout")
        seconds = whole(setting) or SWAP_HEALTH_SECONDS
        written = f"`{setting.written}`" if setting else f"{SWAP_HEALTH_SECONDS} s by default"
        said = f'log: "{timed_out.strip()}"' if timed_out else _slow_load(subject, server, seconds)
        if said is None:
            continue
        yield Problem(
            seen=f"healthCheckTimeout is {written}; {said}",
            fix="set healthCheckTimeout: 600 at the top of the llama-swap file",
            place=setting.place if setting else server.place,
            edit=with_value(setting, 600) if setting else None,
        )
        return


def _is_health_failure(line: str) -> bool:
    lower = line.lower()
    return "health check" in lower and ("timed out" in lower or "timeout" in lower)


def _slow_load(subject: Subject, server: ServerConfig, seconds: int) -> str | None:
    measured = subject.extra.get("load_seconds")
    if isinstance(measured, (int, float)):
        return f"the model took {measured:.0f} s to load" if measured >= seconds else None
    header = subject.header_of(server)
    size = header.file_bytes if header is not None else 0
    if header is None or size / SLOW_DISK_BYTES_PER_SECOND < seconds:
        return None
    return (
        f"{header.path.name} has {size / 1e9:.0f} GB: "
        f"{size / SLOW_DISK_BYTES_PER_SECOND:.0f} s from a disk that reads 100 MB/s"
    )


@rule(
    "N04",
    Severity.WARNING,
    "more requests at a time than the server takes",
    ("config", "concurrency"),
    ("facts", "concurrency"),
    ("turns",),
    why=(
        "Whatever is over the limit waits in a queue and looks like a slow model, or is refused "
        "with HTTP 429 and looks like a failed run."
    ),
    source="mostlygeek/llama-swap PR #123; llama.cpp /metrics requests_deferred",
)
def too_many_at_a_time(subject: Subject) -> Iterator[Problem]:
    refused = [turn for turn in subject.turns if turn.status == 429]
    if refused:
        yield Problem(
            seen=f"{len(refused)} of {len(subject.turns)} requests were refused with HTTP 429, the "
            f"first in turn {refused[0].number}",
            fix="ask for fewer at a time, or raise concurrencyLimit of the model in llama-swap",
        )
    stated, facts = subject.concurrency(), subject.facts
    if stated is None:
        return
    limits = [limit for server in subject.servers for limit in _limits(server)]
    if len(subject.servers) > 1:
        limits = []  # nobody knows which of them is meant
    if facts is not None and facts.slots is not None:
        limits.append((facts.slots.value, f"{facts.url} has {facts.slots.value} slots"))
    if limits and stated > min(limits)[0]:
        most, said = min(limits)
        yield Problem(
            seen=f"{stated} requests at a time are planned; {said}",
            fix=f"lower the concurrency to {most}, or raise -np (each slot needs its own window)",
        )


def _limits(server: ServerConfig) -> Iterator[tuple[int, str]]:
    slots = slots_of(server)
    if slots is not None and is_llama(server):
        yield slots, f"{server.name} is started with `{server.options['parallel'].written}`"
    limit = server.proxy.get("concurrencyLimit")
    tokens = whole(limit)
    if limit is not None and tokens is not None and tokens > 0:
        yield tokens, f"llama-swap lets `{limit.written}` through"
    elif server.proxy:
        yield SWAP_LIMIT, f"llama-swap lets {SWAP_LIMIT} through when its file says nothing"


@rule(
    "N05",
    Severity.WARNING,
    "the longest answer takes longer than the client waits",
    ("client", "survey"),
    ("turns",),
    why=(
        "An answer of that length cannot arrive in time at the measured speed: the turn is lost "
        "after having cost all of it."
    ),
    source="arithmetic: max_tokens / measured tokens per second, against the timeout",
)
def answer_too_long(subject: Subject) -> Iterator[Problem]:
    speed = max(_generation_speeds(subject), default=0.0) or _recorded_speed(subject)
    if speed <= 0:
        return
    for who, answer, patience in {*_client_bounds(subject), *_turn_bounds(subject)}:
        if answer / speed > patience:
            yield Problem(
                seen=f"{who}: {answer:,} tokens at the measured {speed:.1f} tokens/s take "
                f"{answer / speed:.0f} s; the limit is {patience:.0f} s",
                fix=f"lower max_tokens to {int(speed * patience * 0.8)}, or raise the timeout to "
                f"{int(answer / speed * 1.25) + 1} s",
            )


def _recorded_speed(subject: Subject) -> float:
    """The best turn, so that time spent on prompts raises no alarm; 0 = none was long enough."""
    speeds = [
        turn.completion / turn.seconds
        for turn in subject.turns
        if turn.completion is not None and turn.completion >= MIN_SPEED_TOKENS and turn.seconds
    ]
    return max(speeds, default=0.0)


def _client_bounds(subject: Subject) -> Iterator[tuple[str, int, float]]:
    for client in subject.clients:
        answer, patience = whole(client.max_tokens), _seconds(client)
        if answer and patience:
            yield client.client, answer, patience


def _turn_bounds(subject: Subject) -> Iterator[tuple[str, int, float]]:
    for turn in subject.turns:
        if turn.max_tokens and turn.timeout_seconds:
            yield "recorded turns", turn.max_tokens, turn.timeout_seconds
