"""Rules C01 to C06: whether a prompt that was read once has to be read again.

In: a subject. Out: problems. What turns show is arithmetic over `cached` and `prompt`, by the
server's own count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import msgspec

from seatrial.serve.lint.edits import swap
from seatrial.serve.lint.effective import Route, as_number, once, plain, served
from seatrial.serve.lint.named import card_of
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import ClientConfig, ServerConfig, Subject, Turn
from seatrial.serve.lint.windows import servers_of

GOOD_SHARE = 0.8
"""Of the prompt before, at least this much should come from the cache."""
FROM_TURN = 3
MIN_PROMPT_TOKENS = 1024
NEAR_START_TOKENS = 4096
NEAR_START_SHARE = 0.5
SMALL_CACHE_MIB = 2048
DEFAULT_CACHE_MIB = 8192
SHORT_TTL_SECONDS = 300

_SLIDING = frozenset({"gemma2", "gemma3", "gemma3n", "gemma4", "gpt-oss", "cohere2"})
_LOGGED = "cache_reuse is not supported"


@rule(
    "C01",
    Severity.ERROR,
    "prompt changes near its beginning with every request",
    ("turns",),
    why="A server keeps what it read and only reads what is new, up to the first difference. A "
    "date, a folder or a changing header near the start makes it read everything in every turn.",
    source="claude-code-router#1217, #1220; ggml-org/llama.cpp PR #20623; tale#3400 "
    "(74 to 93 s per turn at 28k)",
)
def volatile_start(subject: Subject) -> Iterator[Problem]:
    for name, turns in _sessions(subject).items():
        broken = [
            later
            for before, later in _pairs(turns)
            if 0 < (later.cached or 0) <= NEAR_START_TOKENS
            and (later.cached or 0) < NEAR_START_SHARE * (before.prompt or 0)
        ]
        same = [turn for turn in broken if turn.cached == broken[0].cached]
        if len(same) < 2:
            continue
        numbers = ", ".join(str(turn.number) for turn in same[:5])
        yield Problem(
            seen=f"turns {numbers}{f' of {name}' if name else ''} each reuse the first "
            f"{same[0].cached} tokens and read the rest again ({same[-1].prompt} tokens)",
            fix="look at what stands behind these tokens and keep it the same: no date or folder "
            "in the system prompt; for Claude Code CLAUDE_CODE_ATTRIBUTION_HEADER=0",
        )


@rule(
    "C02",
    Severity.WARNING,
    "--cache-reuse does nothing with this model",
    ("config",),
    ("log",),
    why="--cache-reuse moves parts of a stored prompt to another place. Models with recurrent "
    "layers or sliding windows, and models that see images, cannot; the server switches it off.",
    source="llama.cpp tools/server/server-context.cpp:1158-1175; #22746, #20153, #24714",
)
def useless_reuse(subject: Subject) -> Iterator[Problem]:
    told = False
    for route in served(subject):
        reuse = route.option("cache-reuse")
        if reuse is None or (as_number(reuse.value) or 0) <= 0 or not route.is_llama:
            continue
        reason = _cannot_shift(route)
        if reason is not None:
            told = True
            yield Problem(
                seen=f"`{reuse.written}`, and {reason}",
                fix="take it away; checkpoints do the work here: a smaller --checkpoint-min-step",
                place=reuse.place,
                edit=swap(reuse, 0),
            )
    line = next((one for one in subject.log if _LOGGED in one), None)
    if line is not None and not told:
        yield Problem(
            seen=line.strip()[:160],
            fix="take --cache-reuse away; a smaller --checkpoint-min-step does the work here",
        )


def _cannot_shift(route: Route) -> str | None:
    images = route.option("mmproj") or route.option("mmproj-url")
    if images is not None and images.value is not False:
        return f"`{images.written}` makes it a model that sees images"
    full = route.option("swa-full")
    header = route.header
    if header is not None:
        if any(".ssm." in key for key in header.metadata):
            return f"{header.path.name} has recurrent layers"
        slides = (header.number(f"{header.architecture}.attention.sliding_window") or 0) > 0
        if slides and header.architecture in _SLIDING and not (full and full.value is True):
            return f"{header.path.name} has sliding windows"
        return None
    card = card_of(route)
    if card is not None and card.memory == "hybrid":
        return f"{card.title} has recurrent layers"
    if card is not None and card.memory == "sliding" and not (full and full.value is True):
        return f"{card.title} has sliding windows"
    return None


@rule(
    "C03",
    Severity.WARNING,
    "side requests push the conversation out of the cache",
    ("config",),
    why="With one slot every side request (a title, a subagent) takes the place of the "
    "conversation. The copy in main memory brings it back; here it is off or too small.",
    source="ggml-org/llama.cpp#22746, PR #23340",
)
def small_cache(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        cache, slots = route.option("cache-ram"), route.option("parallel")
        size = as_number(cache.value) if cache is not None else None
        if cache is None or size is None or not route.is_llama:
            continue
        if 0 <= size < SMALL_CACHE_MIB and slots is not None and slots.value == 1:
            yield Problem(
                seen=f"`{slots.written}` and `{cache.written}` (MiB)",
                fix=f"set --cache-ram {DEFAULT_CACHE_MIB}, or give side requests a slot of their "
                "own: -np 2 with a doubled -c, and id_slot in the requests",
                place=cache.place,
                edit=swap(cache, DEFAULT_CACHE_MIB),
            )


@rule(
    "C04",
    Severity.WARNING,
    "llama-swap unloads the model in the middle of a run",
    ("config",),
    why="An unloaded model has forgotten the conversation. Loading it and reading the whole prompt "
    "again costs minutes, in every turn that comes after a pause or a request to another model.",
    source="ggml-org/llama.cpp#20225 (comment); llama-swap config.example.yaml (ttl, groups)",
)
@once
def swapped_out(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        ttl = server.proxy.get("ttl")
        if ttl is None or ttl.value == -1:  # the value of the whole file holds
            ttl = server.proxy.get("globalTTL")
        seconds = as_number(ttl.value) if ttl is not None else None
        if ttl is not None and seconds is not None and 0 < seconds < SHORT_TTL_SECONDS:
            yield Problem(
                seen=f"{server.name}: `{ttl.written}` unloads it after {plain(ttl.value)} s",
                fix="set ttl: 0 for a model that an agent uses; tests and builds take longer",
                place=ttl.place,
                edit=swap(ttl, 0),
            )
    for first, second, reason in _taking_turns(subject):
        setting = first.proxy.get("group.swap")
        yield Problem(
            seen=f"clients use {first.name} and {second.name}, and {reason} lets only one of them "
            "be loaded",
            fix="put models of one run into a group with swap: false and persistent: true, or use "
            "one model for everything",
            place=setting.place if setting is not None else first.place,
        )
        return


def _taking_turns(subject: Subject) -> Iterator[tuple[ServerConfig, ServerConfig, str]]:
    """Pairs of models that clients use and llama-swap never has loaded together."""
    used = {
        id(server): server
        for client in subject.clients
        for server in (*servers_of(client, subject), *_side_models(client, subject))
        if server.proxy
    }
    for one, other in combinations(used.values(), 2):
        reason = _excluded(one, other) if one.place.source == other.place.source else None
        if reason is not None:
            yield one, other, reason


def _side_models(client: ClientConfig, subject: Subject) -> list[ServerConfig]:
    """What opencode asks for titles and summaries, where it is not the model itself."""
    setting = client.options.get("small_model")
    if client.client != "opencode" or setting is None or not isinstance(setting.value, str):
        return []
    name = setting.value.partition("/")[2]
    return servers_of(msgspec.structs.replace(client, model=name), subject) if name else []


def _excluded(one: ServerConfig, other: ServerConfig) -> str | None:
    """Why two models of one llama-swap file are never loaded together; None = they may be."""
    if "matrix" in one.proxy or "matrix" in other.proxy:
        return None
    groups = [_text_of(server, "group") for server in (one, other)]
    if groups[0] == groups[1]:
        both = [server.proxy.get("group.swap") for server in (one, other)]
        if any(setting is not None and setting.value is False for setting in both):
            return None
        if both[0] is not None:
            return f"`{both[0].written}`"
        named = f"group {groups[0]}" if groups[0] else "llama-swap's default group"
        return f"{named} (swap: true by default)" if "kind" in one.proxy else None
    for server, kept in ((one, other), (other, one)):
        if not _is_off(server, "group.exclusive") and not _is_on(kept, "group.persistent"):
            return f"{_text_of(server, 'group') or 'the default group'} (exclusive)"
    return None


def _text_of(server: ServerConfig, key: str) -> str:
    setting = server.proxy.get(key)
    return "" if setting is None else str(setting.value)


def _is_on(server: ServerConfig, key: str) -> bool:
    setting = server.proxy.get(key)
    return setting is not None and setting.value is True


def _is_off(server: ServerConfig, key: str) -> bool:
    setting = server.proxy.get(key)
    return setting is not None and setting.value is False


@rule(
    "C05",
    Severity.ERROR,
    "prompt is read again in every turn",
    ("turns",),
    why="From the second turn on nearly all of the prompt has been read before. If the server "
    "reads it again, every turn of a long run takes minutes longer than it must.",
    source="recorded runs: 98 % of the prompt came from the cache when all was well",
)
def cold_turns(subject: Subject) -> Iterator[Problem]:
    for name, turns in _sessions(subject).items():
        late = [(b, t) for b, t in _pairs(turns) if t.number >= FROM_TURN]
        prompts = sum(turn.prompt or 0 for _, turn in late)
        before = sum(turn.prompt or 0 for turn, _ in late)
        cached = sum(turn.cached or 0 for _, turn in late)
        # A long tool result is new text: what counts is what was already there.
        if len(late) < 2 or cached >= GOOD_SHARE * min(prompts, before):
            continue
        yield Problem(
            seen=f"from turn {late[0][1].number}{f' of {name}' if name else ''} on, {cached} of "
            f"{prompts} prompt tokens came from the cache ({cached / prompts:.0%})",
            fix="compare /apply-template of two following requests and look for the first "
            "difference; check that no other request uses the same slot in between",
        )


@rule(
    "C06",
    Severity.INFO,
    "SGLang does not report what came from its cache",
    ("config",),
    why="Without it usage says nothing of cached tokens, so nobody can see whether prompts are "
    "read again.",
    source="sglang/srt/entrypoints/openai/protocol.py (prompt_tokens_details)",
)
def no_cache_report(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        setting = server.options.get("enable-cache-report")
        if server.family == "sglang" and (setting is None or setting.value is not True):
            yield Problem(
                seen=f"{server.name}: no --enable-cache-report",
                fix="start SGLang with --enable-cache-report",
                place=server.place,
            )


def _sessions(subject: Subject) -> dict[str, list[Turn]]:
    found: dict[str, list[Turn]] = {}
    for turn in sorted(subject.turns, key=lambda one: one.number):
        if turn.prompt is not None and turn.cached is not None:
            found.setdefault(turn.session, []).append(turn)
    return found


def _pairs(turns: list[Turn]) -> Iterator[tuple[Turn, Turn]]:
    """Turns of a growing conversation, each with the one before; compaction starts anew."""
    for before, turn in pairwise(turns):
        if MIN_PROMPT_TOKENS <= (before.prompt or 0) <= (turn.prompt or 0):
            yield before, turn
