"""Rules S01 to S04 and S08: what keeps a model from repeating itself, and what that breaks.

In: a subject. Out: problems. What holds for a request comes from `lint.effective`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.edits import append, swap
from seatrial.serve.lint.effective import (
    Held,
    Route,
    as_number,
    build_of,
    flag_of,
    guarded,
    once,
    plain,
    routes,
    setting_of,
)
from seatrial.serve.lint.named import called, card_of
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Setting, Subject

LONG_TOKENS = 8192
"""An answer that may be longer than this can loop for minutes before anything stops it."""
DRY_TOKENS = 4096
MIN_DRY_TOKENS = 1024
"""A paragraph that repeats is longer than less than this."""
WINDOW_BUILD = 10470
"""First llama.cpp build known to look back 64 tokens by default and to refuse -1."""

_DRY = f"--dry-multiplier 0.8 --dry-allowed-length 8 --dry-penalty-last-n {DRY_TOKENS}"
_GPT_OSS = re.compile(r"gpt.?oss")
_OFF_AT = {
    "dry_multiplier": 0.0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


@rule(
    "S01",
    Severity.WARNING,
    "nothing keeps long answers from repeating themselves",
    ("config",),
    ("client",),
    ("facts",),
    why="Small models sometimes write the same paragraph again and again until the limit stops "
    "them. With no penalty for repeats and a high limit, one such answer eats the whole turn.",
    source="ggml-org/llama.cpp PR #26039 (closed: no stop for text loops; a 30k-token loop)",
)
@once
def no_repeat_stop(subject: Subject) -> Iterator[Problem]:
    if guarded(subject):
        return
    for route in routes(subject):
        cap = route.cap()
        if cap is None or (cap.number or 0) <= LONG_TOKENS:
            continue
        known = {name: route.held(name) for name in _OFF_AT}
        if any(held is None or not _is_off(name, held) for name, held in known.items()):
            continue
        card = card_of(route)
        dry = route.is_llama and not (card is not None and card.no_penalties)
        yield Problem(
            seen=f"{route.named}: an answer may have {plain(cap.value)} tokens ({cap.said}), and "
            "no repetition penalty and no DRY is set",
            fix="stop loops in front of the server: `seatrial gateway --upstream URL`"
            + (f"; or add {_DRY} to the server and compare" if dry else "")
            + f"; or lower max_tokens to {LONG_TOKENS}",
            place=cap.place or route.place,
        )


def _is_off(name: str, held: Held) -> bool:
    return held.number is not None and held.number <= _OFF_AT[name]


@rule(
    "S02",
    Severity.ERROR,
    "DRY looks back too few tokens to see a paragraph that repeats",
    ("config",),
    ("client",),
    ("facts",),
    why="DRY punishes a model for repeating what it wrote, but only within the tokens it looks "
    "back. llama.cpp looks back 64 tokens unless told otherwise; loops are longer than that.",
    source="ggml-org/llama.cpp PR #26524 and its objection; default read from build b11549",
)
@once
def short_dry_window(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        dry, back = route.held("dry_multiplier"), route.held("dry_penalty_last_n")
        if dry is None or back is None or not route.is_llama or (dry.number or 0) <= 0:
            continue
        unset = back.origin == "default"
        if back.number is None or not 0 <= back.number < MIN_DRY_TOKENS:
            continue
        if unset and (build_of(route) or WINDOW_BUILD) < WINDOW_BUILD:
            continue
        flag = f"--dry-penalty-last-n {DRY_TOKENS}"
        edit = append(dry.setting, flag) if unset else swap(back.setting, DRY_TOKENS)
        yield Problem(
            seen=f"{dry.said} switches DRY on, and it looks back {plain(back.value)} tokens "
            f"({back.said if not unset else 'the default: nothing sets it'})",
            fix=f"set {flag} (dry_penalty_last_n in a request)",
            place=back.place or dry.place,
            edit=edit,
        )


@rule(
    "S03",
    Severity.ERROR,
    "-1 as the number of tokens to look back",
    ("config",),
    ("client",),
    why="-1 once meant the whole context. llama.cpp now refuses it: the server does not start, "
    "or every request that holds it fails with error 400.",
    source="llama.cpp common/arg.cpp:2078,2151 and tools/server/server-schema.cpp (since b10470)",
)
@once
def negative_window(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        build = build_of(route)
        if not route.is_llama or (build or WINDOW_BUILD) < WINDOW_BUILD:
            continue
        for setting in _settings(route, ("dry_penalty_last_n", "repeat_last_n")):
            if (as_number(setting.value) or 0) < 0:
                since = f"build b{build}" if build else f"llama.cpp since b{WINDOW_BUILD}"
                yield Problem(
                    seen=f"`{setting.written}`, which {since} refuses",
                    fix=f"give a positive number, such as {DRY_TOKENS}",
                    place=setting.place,
                    edit=swap(setting, DRY_TOKENS),
                )


@rule(
    "S04",
    Severity.WARNING,
    "DRY as it is meant for prose punishes what tool calls must repeat",
    ("config",),
    ("client",),
    ("facts",),
    why="An agent must repeat: the same path, the same JSON keys, the line it wants to edit. DRY "
    "that already punishes the third equal token makes the model write them wrong.",
    source="reasoned from llama.cpp's DRY sampler, not measured: try it both ways",
)
@once
def dry_for_prose(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        dry, length = route.held("dry_multiplier"), route.held("dry_allowed_length")
        if dry is None or not route.is_llama or (dry.number or 0) <= 0:
            continue
        breakers = route.held("dry_sequence_breakers")
        if length is not None and length.number is not None and length.number <= 2:
            unset = length.origin == "default"
            yield Problem(
                seen=f"{dry.said} with an allowed length of {plain(length.value)} tokens"
                + (", the default" if unset else ""),
                fix="set --dry-allowed-length 8, and compare with and without DRY",
                place=length.place or dry.place,
                edit=append(dry.setting, "--dry-allowed-length 8")
                if unset
                else swap(length.setting, 8),
            )
        elif breakers is not None and breakers.setting is not None:
            yield Problem(
                seen=f"{dry.said} with {breakers.said}: the default breaks at newline, colon, "
                "quote and star are gone",
                fix="leave --dry-sequence-breaker away, and compare with and without DRY",
                place=breakers.place,
            )


@rule(
    "S08",
    Severity.WARNING,
    "repetition penalty that damages code",
    ("config",),
    ("client",),
    ("facts",),
    why="The repetition penalty makes every token that was used less likely, brackets and names "
    "included. Above 1.1 code and tool calls break; gpt-oss takes no penalty at all.",
    source="llama.cpp discussion #15396 (gpt-oss: no repetition penalties)",
)
@once
def heavy_penalty(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        oss = called(route, _GPT_OSS)
        for name, off in _OFF_AT.items():
            held = route.held(name)
            if held is None or held.number is None:
                continue
            limit = off if oss else 1.1 if name == "repeat_penalty" else None
            if limit is None or held.number <= limit + 1e-6:
                continue
            card = card_of(route)
            right = plain(card.coding.get(name, off) if card is not None else off)
            yield Problem(
                seen=f"{oss or route.named}: {name} is {plain(held.value)} ({held.said})",
                fix=f"set --{flag_of(name)} {right}",
                place=held.place or route.place,
                edit=swap(held.setting, right),
            )


def _settings(route: Route, names: tuple[str, ...]) -> Iterator[Setting]:
    groups = [route.server.options, route.server.sets] if route.server else []
    groups += [route.client.sampling] if route.client else []
    for group in groups:
        for name in names:
            found = setting_of(group, name)
            if found is not None:
                yield found
