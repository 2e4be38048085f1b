"""Rules G01 to G08: how long an answer may be, and what ends it.

In: a subject. Out: problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.edits import rewrite
from seatrial.serve.lint.effective import Route, guarded, once, plain, routes, served
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Subject, Turn

GOOD_TOKENS = 8192
"""Nearly every turn that ended well was shorter."""
HUGE_TOKENS = 32_000
MLX_TOKENS = 512
"""mlx_lm.server's default."""

_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<turn|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|endofassistant|>",
    "<|end_of_role|>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "</s>",
)
"""What closes a turn in the templates of the families that are known."""
_LLAMA_ENDS = frozenset(_ENDS[:10]) - {"<|call|>"}
"""llama.cpp ends at these whatever the file calls its eos (llama-vocab.cpp, eog by text)."""
_ROLES = re.compile(
    r"<\|im_start\|>(?:user|system|tool)\b|<\|start_header_id\|>(?:user|system)\b"
    r"|<start_of_turn>user\b|^Human: ",
    re.MULTILINE,
)
"""The beginning of somebody else's turn."""


@rule(
    "G01",
    Severity.ERROR,
    "no limit for the length of an answer",
    ("config", "client"),
    ("client", "facts"),
    why="A model that loops never stops by itself. If neither client nor server sets a limit, one "
    "answer goes on until the whole window is full, for many minutes.",
    source="llama.cpp tools/server/README.md (-n -1); PR #26039 (a loop of 30k tokens)",
)
@once
def no_limit(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        if route.client is None or route.family is None:
            continue
        cap = route.cap()
        unlimited = cap is not None and (cap.number or 0) < 0
        # vLLM and SGLang give an answer the rest of the window unless the request says less.
        rest = cap is None and route.client.client == "aider" and route.family != "lm-studio"
        if unlimited or rest:
            flag = {
                "ollama": f"PARAMETER num_predict {GOOD_TOKENS} in the Modelfile",
                "mlx": f"--max-tokens {GOOD_TOKENS} on the server",
            }.get(route.family, f"-n {GOOD_TOKENS} on the server" if route.is_llama else "")
            yield Problem(
                seen=f"{route.named}: {route.client.client} names no max_tokens"
                + (f", and the server has {cap.said}" if cap else ", and the server has no limit"),
                fix=f"set max_tokens {GOOD_TOKENS} to {2 * GOOD_TOKENS} in "
                f"{route.client.client}" + (f", or {flag}" if flag else ""),
                place=route.client.place,
            )


@rule(
    "G02",
    Severity.WARNING,
    "limit of an answer so high that a loop costs many minutes",
    ("config",),
    ("client",),
    why="Good turns of an agent are short. A limit of 32,000 tokens only decides how long a "
    "looping answer runs before it is cut.",
    source="recorded runs: most turns that passed had fewer than 6,000 tokens",
)
@once
def huge_limit(subject: Subject) -> Iterator[Problem]:
    if guarded(subject):
        return
    for route in routes(subject):
        cap = route.cap()
        if cap is not None and (cap.number or 0) >= HUGE_TOKENS:
            yield Problem(
                seen=f"{route.named}: an answer may have {plain(cap.value)} tokens ({cap.said})",
                fix="lower it to 12288 to 16384, and stop loops with `seatrial gateway`",
                place=cap.place or (route.client.place if route.client else route.place),
            )


@rule(
    "G03",
    Severity.ERROR,
    "answers of mlx_lm.server end after 512 tokens",
    ("config",),
    why="mlx_lm.server cuts every answer after 512 tokens unless it is told otherwise: a file or "
    "a tool call breaks off in the middle, and it looks as if the model could not write it.",
    source="mlx_lm/server.py main() (--max-tokens 512; mlx-vlm 256); mlx-openai-server#78",
)
@once
def mlx_default(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        if route.family != "mlx":
            continue
        cap = route.cap()
        if cap is not None and 0 < (cap.number or 0) <= MLX_TOKENS:
            yield Problem(
                seen=f"{route.named}: an answer ends after {plain(cap.value)} tokens ({cap.said})",
                fix=f"start mlx_lm.server with --max-tokens {GOOD_TOKENS}",
                place=cap.place or route.place,
            )


@rule(
    "G04",
    Severity.ERROR,
    "tool call that was cut off by the limit was executed",
    ("turns",),
    ("survey",),
    why="The limit hit inside the tool call, so its arguments are not what the model meant: half "
    "a file is written and reported as a success.",
    source="humux#85 (more than 30 repeats of one cut call)",
)
def cut_call(subject: Subject) -> Iterator[Problem]:
    cut = [
        turn
        for turn in subject.turns
        if turn.finish in ("length", "max_tokens") and turn.tool_calls and turn.executed is True
    ]
    if cut:
        yield Problem(
            seen=f"{_where(cut[0])}: finish is {cut[0].finish!r} and the call was executed"
            + (f"; {len(cut)} such turns" if len(cut) > 1 else ""),
            fix="treat a call of an answer that ended by its limit as no call, and ask for smaller "
            "pieces; `seatrial gateway` does",
        )
    healed = subject.survey.bad("tools.healed_truncation") if subject.survey else None
    if healed is not None:
        yield Problem(
            seen=healed.seen or healed.said,
            fix="trust no call whose answer has finish_reason `length`; `seatrial gateway` refuses "
            "them",
        )


@rule(
    "G05",
    Severity.ERROR,
    "end of a turn is not the token that the server stops at",
    ("facts",),
    ("survey",),
    why="The template teaches the model to end a turn with one mark, and the server waits for "
    "another. The model never stops, or writes the user's next message itself.",
    source="unslothai/unsloth#5386 (12 times slower after a merge changed eos)",
)
def wrong_end(subject: Subject) -> Iterator[Problem]:
    mismatch = _mismatch(subject)
    if mismatch is not None:
        yield mismatch
    endless = subject.survey.bad("stops.ends") if subject.survey else None
    if endless is not None:
        yield Problem(
            seen=endless.seen or endless.said,
            fix="compare eos_token_id of the model file with the mark that ends a turn in its "
            "template, and send that mark as stop until it is mended",
        )


def _mismatch(subject: Subject) -> Problem | None:
    facts = subject.facts
    if facts is None or facts.template is None or facts.eos is None:
        return None
    template, eos = facts.template.value, facts.eos.value
    ends = [one for one in _ENDS if one in template]
    if not ends or not eos or eos in template or "eos_token" in template:
        return None
    route = next(served(subject), None)
    if route is not None and route.is_llama and set(ends) & _LLAMA_ENDS:
        return None
    if _has_own_end(subject):
        return None
    return Problem(
        seen=f"eos is {eos!r} ({facts.eos.source}); the template ends a turn with {ends[0]!r}",
        fix=f"set eos_token_id to the id of {ends[0]!r} in the model file, or send it as stop, and "
        "look again after every merge and conversion",
    )


def _has_own_end(subject: Subject) -> bool:
    """A GGUF may name the end of a turn apart from the end of the text."""
    return subject.header is not None and "tokenizer.ggml.eot_token_id" in subject.header.metadata


@rule(
    "G06",
    Severity.WARNING,
    "context shift throws away the middle of the conversation",
    ("config",),
    why="When the window is full, the server silently drops the oldest half of what stands behind "
    "the first tokens. An agent then forgets its task and nobody is told.",
    source="llama.cpp tools/server/README.md (--context-shift; off by default)",
)
def context_shift(subject: Subject) -> Iterator[Problem]:
    for route in served(subject):
        setting = route.option("context-shift")
        if setting is not None and setting.value is True:
            yield Problem(
                seen=f"`{setting.written}`",
                fix="take it away (or --no-context-shift), and let the client compact",
                place=setting.place,
                edit=rewrite(setting, "--no-context-shift")
                if setting.written == "--context-shift"
                else None,
            )


@rule(
    "G07",
    Severity.WARNING,
    "marks of the chat template come out in the answer",
    ("turns",),
    ("survey",),
    why="The model runs past the end of its turn and writes the next speaker's part. The client "
    "takes that for the answer, or for a tool result that never happened.",
    source="recorded runs on servers that know no end-of-turn tokens",
)
def role_leak(subject: Subject) -> Iterator[Problem]:
    stops = {mark for route in routes(subject) for mark in _stops(route)}
    leaks = [(turn, m) for turn in subject.turns if (m := _ROLES.search(turn.text))]
    open_leaks = [(t, m.group()) for t, m in leaks if not any(s in m.group() for s in stops)]
    if open_leaks:
        turn, mark = open_leaks[0]
        yield Problem(
            seen=f"{_where(turn)}: the text holds {mark!r}"
            + (f"; {len(open_leaks)} such turns" if len(open_leaks) > 1 else ""),
            fix=f'send "stop": ["{mark.strip()}"] with every request, or mend the end-of-turn '
            "token of the model file",
        )
    seen = subject.survey.bad("leaks.roles") if subject.survey else None
    if seen is not None:
        yield Problem(
            seen=seen.seen or seen.said,
            fix="send the marks as stop strings, or mend the end-of-turn token of the model file",
        )


@rule(
    "G08",
    Severity.WARNING,
    "stop string that ends the answer where thinking begins",
    ("config",),
    ("client",),
    why="Stopping at <think> hides that the model thinks although it should not, and returns "
    "empty answers when it may.",
    source="recorded runs: empty answers after a stop at <think>",
)
@once
def stop_at_think(subject: Subject) -> Iterator[Problem]:
    for route in routes(subject):
        held = route.held("stop")
        if held is not None and "<think>" in str(held.value):
            yield Problem(
                seen=held.said,
                fix="take <think> out of the stop strings; to switch thinking off, send "
                '"chat_template_kwargs": {"enable_thinking": false}',
                place=held.place,
            )


def _stops(route: Route) -> list[str]:
    held = route.held("stop")
    text = str(held.value) if held is not None else ""
    return [mark for mark in (*_ENDS, "<|im_start|>", "Human:", "<start_of_turn>") if mark in text]


def _where(turn: Turn) -> str:
    return f"turn {turn.number}" + (f" of {turn.session}" if turn.session else "")
