"""Rules R01 to R09: thinking before the answer, its limits, and what becomes of it.

In: a subject. Out: problems. Whether a model thinks comes from its card or from settings that
switch it; where nobody knows, no rule fires.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.edits import swap
from seatrial.serve.lint.effective import Route, guarded, once, plain, routes, served, shown
from seatrial.serve.lint.named import (
    arguments,
    called,
    card_of,
    template_arguments,
    thinking_off,
    thinks,
)
from seatrial.serve.lint.rule import Edit, Problem, Severity, rule
from seatrial.serve.lint.subject import Setting, Subject

ROOM_TOKENS = 16_384
"""Below this, thinking without a budget can leave nothing for the answer."""
REARMS = 4
"""A limit of so many budgets lets a model think in block after block."""
BUDGET_TOKENS = 4096

_QWEN35 = re.compile(r"qwen-?3\.[5-9]")
_QWEN36 = re.compile(r"qwen-?3\.6")
_TOGGLED = re.compile(r"qwen-?3(\.5)?(?![.\d])(?!.*(coder|instruct|thinking|next))")
_SOFT_SWITCH = re.compile(r"(?<![^\s\"'])/no_?think\b(?!/)")
_SAYS_STRING = re.compile(
    r'(\\?["\']enable_thinking\\?["\']\s*:\s*)\\?["\'](true|false)\\?["\']', re.I
)
_PRESERVE = ("preserve_thinking", "preserve_reasoning")
_NOT_KEPT = "supports preserving reasoning, consider enabling it"


@rule(
    "R01",
    Severity.WARNING,
    "thinking can use up the whole answer",
    ("config",),
    ("client",),
    ("facts",),
    why="The tokens of thinking count against the limit of the answer. Without a budget of its "
    "own the model may think until the limit, and the answer comes back empty.",
    source="fakoli.github.io/anvil-serving, MODEL-SETTINGS-EXAMPLE (empty content)",
)
@once
def no_budget(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        cap, reason = route.cap(), thinks(route)
        if reason is None or cap is None or not 0 < (cap.number or 0) < ROOM_TOKENS:
            continue
        if _budget(route) is not None or _effort(route) is not None:
            continue
        yield Problem(
            seen=f"{route.named}: {reason}, no budget is set, and an answer may have "
            f"{plain(cap.value)} tokens ({cap.said})",
            fix=f"start llama-server with --reasoning-budget {BUDGET_TOKENS} and a "
            "--reasoning-budget-message"
            if route.is_llama
            else "bound thinking: thinking_token_budget (vLLM) or reasoning_effort in the request",
            place=cap.place or route.place,
        )


@rule(
    "R02",
    Severity.WARNING,
    "thinking is cut off without a word",
    ("config",),
    why="When the budget is used up, thinking stops in the middle of a sentence, and the answer "
    "starts from there. One sentence that says so makes the answer much better.",
    source="ggml-org/llama.cpp PR #20297; janhq/jan#7918",
)
def no_message(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        budget = _budget(route)
        if budget is None or route.option("reasoning-budget-message") is not None:
            continue
        if not route.is_llama or "reasoning_budget_message" in _sets(route):
            continue
        yield Problem(
            seen=f"`{budget.written}` and no --reasoning-budget-message",
            fix="add --reasoning-budget-message 'I have thought enough; I answer now.'",
            place=budget.place,
        )


@rule(
    "R03",
    Severity.WARNING,
    "thinking budget starts again with every block",
    ("config",),
    why="The budget holds for one block of thinking. A model that opens a second block has the "
    "whole budget again; six blocks have eaten 32,000 tokens in one turn.",
    source="ollama/ollama#17566",
)
@once
def rearming(subject: Subject) -> Iterator[Problem]:
    if guarded(subject):
        return
    for route in routes(subject):
        budget, cap = _budget(route), route.cap()
        if budget is None or cap is None or not route.is_llama:
            continue
        tokens, limit = _number(budget), cap.number or 0
        if limit < 0 or (limit > ROOM_TOKENS and limit >= REARMS * tokens):
            yield Problem(
                seen=f"{route.named}: `{budget.written}` for each block, and the whole answer "
                + (f"may have {plain(cap.value)} tokens" if limit > 0 else "has no limit")
                + f" ({cap.said})",
                fix=f"lower max_tokens to {ROOM_TOKENS}, or bound thinking per turn with "
                "`seatrial gateway`",
                place=budget.place,
            )


@rule(
    "R04",
    Severity.INFO,
    "thinking budget does not bound the answer itself",
    ("config",),
    why="The budget counts only what stands inside the marks of thinking. A model that reasons in "
    "plain text, or loops there, is not bounded by it.",
    source="recorded runs: loops moved from thinking into the text",
)
def plain_text_unbounded(subject: Subject) -> Iterator[Problem]:
    if guarded(subject):
        return
    for route in served(subject):
        budget = _budget(route)
        if budget is not None:
            yield Problem(
                seen=f"`{budget.written}`",
                fix="keep max_tokens low as well, and stop loops with `seatrial gateway`",
                place=budget.place,
            )


@rule(
    "R05",
    Severity.ERROR,
    "thinking comes out inside the answer",
    ("config",),
    ("survey",),
    ("turns",),
    why="The client takes the thoughts for the answer, shows them, searches them for tool calls "
    "and sends them back with the next request.",
    source="llama.cpp tools/server/README.md (--reasoning-format); vLLM --reasoning-parser",
)
def thoughts_in_text(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        reason = thinks(route)
        parsing = route.option("skip-chat-parsing")
        if reason is None or (parsing is not None and parsing.value is True):
            continue
        setting = route.option("reasoning-format")
        if route.is_llama and setting is not None and setting.value == "none":
            yield Problem(
                seen=f"`{setting.written}`, and {reason}",
                fix="set --reasoning-format auto, or leave it away",
                place=setting.place,
                edit=swap(setting, "auto"),
            )
        if _has_parsers(route) and route.option("reasoning-parser") is None:
            yield Problem(
                seen=f"{route.named}: no --reasoning-parser, and {reason}",
                fix="start the server with --reasoning-parser "
                + ("qwen3" if called(route, _QWEN35) else "and the parser of its family"),
                place=route.place,
            )
    # Further on it may be what the text is about.
    turns = [turn for turn in subject.turns if turn.text.lstrip().startswith("<think>")]
    if turns:
        yield Problem(
            seen=f"turn {turns[0].number}: the text begins with <think>"
            + (f"; {len(turns)} such turns" if len(turns) > 1 else ""),
            fix=_PARSE,
        )
    tagged = subject.survey.bad("reasoning.key") if subject.survey else None
    if tagged is not None:
        yield Problem(seen=tagged.seen or tagged.said, fix=_PARSE)


_PARSE = "llama-server: --reasoning-format auto; vLLM and SGLang: --reasoning-parser"


@rule(
    "R06",
    Severity.ERROR,
    "enable_thinking is a word instead of true or false",
    ("config",),
    ("client",),
    why='llama-server refuses a request with "false" in quotes (error 400), and templates of '
    "other servers take any word for true: thinking stays on.",
    source="llama.cpp tools/server/server-common.cpp:1363",
)
@once
def thinking_as_word(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        server = route.server
        others = server.sets_by_id.values() if server is not None else ()
        given = [*template_arguments(route), *(one for sets in others for one in arguments(sets))]
        for name, value, setting in given:
            if name == "enable_thinking" and isinstance(value, str):
                yield Problem(
                    seen=shown(setting),
                    fix=f"write {value.lower()} without quotes",
                    place=setting.place,
                    edit=_unquoted(setting),
                )


@rule(
    "R07",
    Severity.WARNING,
    "/no_think with a model that does not know it",
    ("config",),
    ("client",),
    why="Qwen3 could be told /no_think in a message. Qwen3.5 and later do not know it: the model "
    "thinks as before and the words only disturb.",
    source="Qwen3.5 model cards; fakoli.github.io/anvil-serving, MODEL-SETTINGS-EXAMPLE",
)
@once
def soft_switch(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        name = called(route, _QWEN35)
        if name is None:
            continue
        for setting in _all_settings(route):
            found = _SOFT_SWITCH.search(str(setting.value))
            if found is not None:
                yield Problem(
                    seen=f"{name} is told {found.group()} ({_short(shown(setting))})",
                    fix='send "chat_template_kwargs": {"enable_thinking": false} instead',
                    place=setting.place,
                )


@rule(
    "R08",
    Severity.WARNING,
    "thoughts of earlier turns are thrown away",
    ("config",),
    ("log", "facts"),
    why="Qwen3.6 is trained to see what it thought before. Without that it thinks the same again "
    "in every turn, and the changed history makes the server read the prompt anew.",
    source="Qwen3.6 model cards (preserve_thinking); oh-my-pi#3549; omlx#814; "
    "ggml-org/llama.cpp#22615 (does not by itself revive checkpoints)",
)
@once
def thoughts_lost(subject: Subject) -> Iterator[Problem]:
    line = next((one.strip() for one in subject.log if _NOT_KEPT in one), None)
    for route in routes(subject):
        name = called(route, _QWEN36)
        if name is None or thinking_off(route) is not None:
            continue
        given = {key: (value, one) for key, value, one in template_arguments(route)}
        kept = next((given[key] for key in _PRESERVE if key in given), None)
        flag = route.option("reasoning-preserve")
        if kept is not None and kept[0] is True:
            continue
        off = kept[1] if kept is not None else flag if flag and flag.value is False else None
        if off is not None:
            yield Problem(seen=f"{name}: {shown(off)}", fix=_KEEP, place=off.place)
        elif line is not None:
            yield Problem(seen=f"{name}: {_short(line)}", fix=_KEEP)
        elif _has_parsers(route):
            yield Problem(
                seen=f"{name}: neither server nor client gives preserve_thinking",
                fix='send "chat_template_kwargs": {"preserve_thinking": true} with every request, '
                "and send reasoning_content back",
                place=route.place,
            )


_KEEP = (
    "start llama-server with --reasoning-preserve (older builds: --chat-template-kwargs "
    "'{\"preserve_thinking\": true}'), and let the client send reasoning_content back"
)


@rule(
    "R09",
    Severity.WARNING,
    "thinking switched off with a template that then forgets the prompt",
    ("config",),
    why="With thinking off, the stock template of Qwen3 and Qwen3.5 puts an empty block of "
    "thoughts before the answer and leaves it out of the history. The prompt differs from turn to "
    "turn, so the server reads it all again: about 90 times slower at 16,000 tokens.",
    source="QwenLM/Qwen3#1826",
)
@once
def asymmetric_history(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        name, off = called(route, _TOGGLED), thinking_off(route)
        own = route.option("chat-template-file") or route.option("chat-template")
        if name is None or off is None or own is not None:
            continue
        card = card_of(route)
        if card is not None and card.thinks == "never":
            continue
        yield Problem(
            seen=f"{name}: {shown(off)} with the template of the model file",
            fix="give a template that keeps the empty block in the history "
            "(--chat-template-file), or leave thinking on with a budget",
            place=off.place,
        )


def _has_parsers(route: Route) -> bool:
    return route.server is not None and route.family in ("vllm", "sglang")


def _budget(route: Route) -> Setting | None:
    """The budget that is really one: 0 is off, -1 is none."""
    setting = route.option("reasoning-budget")
    return setting if setting is not None and _number(setting) > 0 else None


def _number(setting: Setting) -> float:
    value = setting.value
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def _effort(route: Route) -> Setting | None:
    """Where an effort or a budget is asked for in another way."""
    for setting_name in ("reasoning-effort", "thinking-token-budget"):
        found = route.option(setting_name)
        if found is not None:
            return found
    words = ("reasoning_effort", "thinking_token_budget", "reasoning_budget_tokens")
    for name, _, setting in template_arguments(route):
        if name in words:
            return setting
    client = {**route.client.sampling, **route.client.options} if route.client else {}
    for name, setting in {**_sets(route), **client}.items():
        if any(word in name.replace("-", "_") for word in (*words, "thinking_budget_tokens")):
            return setting
    return None


def _sets(route: Route) -> dict[str, Setting]:
    return route.server.sets if route.server is not None else {}


def _all_settings(route: Route) -> Iterator[Setting]:
    server, client = route.server, route.client
    for group in (
        *((server.options, server.sets) if server else ()),
        *((client.options, client.sampling) if client else ()),
    ):
        yield from group.values()


def _unquoted(setting: Setting) -> Edit | None:
    match = _SAYS_STRING.search(setting.written)
    if match is None or setting.place.line is None or "\n" in setting.written:
        return None
    after = _SAYS_STRING.sub(lambda found: found[1] + found[2].lower(), setting.written)
    return Edit(setting.place.source, setting.place.line, setting.written, (after,))


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "…"
