"""Rules S05 to S07 and S09 to S11: sampler values, and who has the last word on them.

In: a subject. Out: problems. What holds for a request comes from `lint.effective`; what the
makers of a model recommend comes from `cards`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.edits import swap
from seatrial.serve.lint.effective import (
    SPELLINGS,
    Held,
    Route,
    as_number,
    flag_of,
    once,
    plain,
    routes,
    served,
    setting_of,
)
from seatrial.serve.lint.named import called, card_of, thinking_off
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Subject

RANDOM_SEEDS = (-1, 2**32 - 1)

_GREEDY = re.compile(r"qwen-?3(?!.*instruct.?2507)|qwen.*coder|qwq")


@rule(
    "S05",
    Severity.WARNING,
    "sampler differs from what the makers of the model recommend",
    ("config",),
    ("client",),
    ("facts",),
    why="A model is trained and tested with certain sampler values. With others it makes more "
    "mistakes or loops, and nobody else's results can be compared with yours.",
    source="the model card that is named",
)
@once
def not_the_card(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        card, off = card_of(route), thinking_off(route) is not None
        if card is None or (off and card.thinks != "never" and "no_thinking" not in card.modes):
            continue
        held = {name: route.held(name) for name in _CARD_KNOBS}
        if any(not _differing(mode, held) for mode in card.modes.values()):
            continue
        mode = card.modes["no_thinking"] if off and "no_thinking" in card.modes else card.coding
        # A temperature of 0 is S06 where it is an error.
        looped = called(route, _GREEDY)
        wrong = [(n, one) for n, one in _differing(mode, held) if one.number or not looped]
        if not wrong:
            continue
        first = next((one for _, one in wrong if one.setting is not None), wrong[0][1])
        only = wrong[0][0] if len(wrong) == 1 else None
        yield Problem(
            seen=f"{route.named}: "
            + ", ".join(
                f"{name} is {plain(one.value)} ({one.said}), the card says {plain(mode[name])}"
                for name, one in wrong
            ),
            fix=" ".join(f"--{flag_of(n)} {plain(mode[n])}" for n, _ in wrong)
            + f" on the server, or the same fields in every request; {card.url}, {card.date}",
            place=first.place or route.place,
            edit=swap(first.setting, plain(mode[only])) if only else None,
        )


_CARD_KNOBS = ("temperature", "top_p", "top_k", "min_p")


def _differing(mode: dict[str, float], held: dict[str, Held | None]) -> list[tuple[str, Held]]:
    return [
        (name, one)
        for name, one in held.items()
        if one is not None
        and one.number is not None
        and name in mode
        and abs(one.number - mode[name]) > 1e-4
    ]


@rule(
    "S06",
    Severity.ERROR,
    "temperature 0 with a model that loops when it is greedy",
    ("config",),
    ("client",),
    ("facts",),
    why="At temperature 0 the model always takes the likeliest token. Qwen's thinking and coder "
    "models then fall into loops that end only at the token limit; their makers forbid it.",
    source="Qwen3 model cards (do not use greedy decoding); mlx_lm.server's default is 0.0",
)
@once
def greedy(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        name = called(route, _GREEDY)
        held = route.held("temperature")
        if name is None or held is None or held.number != 0:
            continue
        card = card_of(route)
        value = plain(card.coding["temperature"]) if card else None
        yield Problem(
            seen=f"{name}: temperature is 0 ({held.said})",
            fix=f"set --temp {value} ({card.url})"
            if card
            else "set the temperature of the model's card, 0.6 or more",
            place=held.place or route.place,
            edit=swap(held.setting, value) if value else None,
        )


@rule(
    "S07",
    Severity.WARNING,
    "presence penalty of general chat in coding",
    ("config",),
    ("client",),
    ("facts",),
    why="The presence penalty pushes the model away from every word it has used. Code needs the "
    "same names again; the makers recommend 0.0 for coding and 1.5 only for general chat.",
    source="Qwen3.5-35B-A3B, Qwen3.6-35B-A3B and Qwen3.6-27B model cards (they differ)",
)
@once
def presence_in_coding(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        card, held = card_of(route), route.held("presence_penalty")
        if card is None or held is None or thinking_off(route):
            continue
        if card.modes.get("coding", {}).get("presence_penalty") == 0 < (held.number or 0):
            yield Problem(
                seen=f"{route.named}: presence_penalty is {plain(held.value)} ({held.said})",
                fix=f"set --presence-penalty 0.0 for coding ({card.url})",
                place=held.place or route.place,
                edit=swap(held.setting, "0.0"),
            )


@rule(
    "S09",
    Severity.WARNING,
    "sampler set in two places, or in none",
    ("client", "config"),
    why="If client and server both set a value, only one of them holds, and the other is believed "
    "by whoever reads it. If nobody sets one, a file that came with the model decides.",
    source="llama-swap config.example.yaml (filters); vLLM documentation of --generation-config",
)
@once
def two_places(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        if route.client is None or route.server is None:
            continue
        for name in SPELLINGS:
            if name not in ("max_tokens", "stop"):
                yield from _clash(route, name)
        if route.family in ("vllm", "sglang") and not _is_sampling_set(route):
            yield Problem(
                seen=f"{route.client.client} sends no sampler value, and the server of "
                f"{route.named} sets none: the model's generation_config.json decides",
                fix="set them in the client, or start the server with "
                "--override-generation-config '{\"temperature\": …}'"
                if route.family == "vllm"
                else "set temperature, top_p and top_k in the client",
                place=route.client.place,
            )


def _clash(route: Route, name: str) -> Iterator[Problem]:
    assert route.client is not None and route.server is not None
    mine = setting_of(route.client.sampling, name)
    forced, flag = setting_of(route.server.sets, name), setting_of(route.server.options, name)
    stripped = set(SPELLINGS[name]) & set(route.server.strips)
    other = forced or (None if stripped else flag)
    if mine is None or other is None or as_number(mine.value) == as_number(other.value):
        return
    yield Problem(
        seen=f"{name}: {route.client.client} sends `{mine.written}`, the "
        + (f"proxy overwrites it with `{other.written}`" if forced else "")
        + ("" if forced else f"server was started with `{other.written}`: the client's holds"),
        fix=f"keep one of them; llama-swap takes the client's away with stripParams: {name}",
        place=mine.place,
    )


def _is_sampling_set(route: Route) -> bool:
    assert route.client is not None and route.server is not None
    options = route.server.options
    if "override-generation-config" in options or "generation-config" in options:
        return True
    names = [n for n in SPELLINGS if n not in ("max_tokens", "stop", "seed")]
    return any(setting_of(s, n) for n in names for s in (route.client.sampling, route.server.sets))


@rule(
    "S10",
    Severity.INFO,
    "the model file brings sampler values of its own",
    ("gguf",),
    why="A GGUF file can carry sampler values. llama.cpp takes them for every value that no flag "
    "sets, so the command line alone does not tell what holds.",
    source="llama.cpp common/common.cpp:1122-1170",
)
def values_in_file(subject: Subject) -> Iterator[Problem]:
    for route in served(subject) if subject.servers or subject.facts else ():
        if route.header is None or not route.is_llama:
            continue
        fields = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "repeat_last_n")
        found = [one for name in fields if (one := route.held(name)) and one.origin == "gguf"]
        if found:
            yield Problem(
                seen=f"{route.header.path.name}: " + ", ".join(one.said for one in found),
                fix="read what holds from /props (default_generation_settings.params), or give "
                "the flags that you mean",
                place=route.place,
            )


@rule(
    "S11",
    Severity.INFO,
    "runs that cannot be repeated",
    ("config",),
    ("client",),
    ("facts",),
    why="With a random seed every run differs. With a fixed seed runs still differ a little "
    "while a draft model guesses ahead or a prompt comes from the cache.",
    source="llama.cpp tools/server/README.md (cache_prompt); vLLM with speculation differs too",
)
@once
def not_repeatable(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        seed = route.held("seed")
        fixed = seed is not None and seed.number is not None and seed.number not in RANDOM_SEEDS
        if seed is not None and not fixed and subject.extra.get("experiment") is True:
            yield Problem(
                seen=f"{route.named}: the seed is random ({seed.said})",
                fix="record a seed for each trial, and run at least 3 seeds",
                place=seed.place or route.place,
            )
        draft = next((one for name in _DRAFTS if (one := route.option(name))), None)
        if fixed and seed is not None and draft is not None and draft.value != "none":
            yield Problem(
                seen=f"{seed.said} fixes the seed, and `{draft.written}` guesses ahead",
                fix="do not expect equal text: compare rates over at least 3 seeds",
                place=seed.place or route.place,
            )


_DRAFTS = ("spec-type", "spec-draft-model", "draft-model", "speculative-config")
