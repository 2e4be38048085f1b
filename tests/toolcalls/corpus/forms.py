"""The canonical form of each dialect: calls in, text out. It writes; it reads nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Args = dict[str, Any]
Want = tuple[str, Args]


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def call_object(name: str, args: Args, key: str = "arguments") -> str:
    return dumps({"name": name, key: args})


def bare(value: Any) -> str:
    """A value without quotes of its own: text as it is, all else as JSON."""
    return value if isinstance(value, str) else dumps(value)


def hermes(*calls: Want) -> str:
    return "\n".join(f"<tool_call>\n{call_object(*call)}\n</tool_call>" for call in calls)


def function(name: str, args: Args) -> str:
    """Qwen3-Coder without the wrapper."""
    rows = "".join(f"<parameter={k}>\n{bare(v)}\n</parameter>\n" for k, v in args.items())
    return f"<function={name}>\n{rows}</function>"


def xml(*calls: Want) -> str:
    return "\n".join(f"<tool_call>\n{function(*call)}\n</tool_call>" for call in calls)


def llama_json(*calls: Want) -> str:
    return "<|python_tag|>" + "; ".join(call_object(n, a, "parameters") for n, a in calls)


def literal(value: Any) -> str:
    """A Python literal."""
    if isinstance(value, str):
        return dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dumps(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def python(name: str, args: Args) -> str:
    return f"{name}({', '.join(f'{k}={literal(v)}' for k, v in args.items())})"


def pythonic(*calls: Want) -> str:
    inner = ", ".join(python(*call) for call in calls)
    return f"<|python_start|>[{inner}]<|python_end|>"


def mistral_list(*calls: Want) -> str:
    return f"[TOOL_CALLS][{', '.join(call_object(*call) for call in calls)}]"


def mistral_args(*calls: Want) -> str:
    return "".join(f"[TOOL_CALLS]{n}[ARGS]{dumps(a)}" for n, a in calls)


def mistral_name(*calls: Want) -> str:
    return "".join(f"[TOOL_CALLS]{n}{dumps(a)}" for n, a in calls)


def _deepseek(bodies: list[str]) -> str:
    inner = "\n".join(f"<｜tool▁call▁begin｜>{body}<｜tool▁call▁end｜>" for body in bodies)
    return f"<｜tool▁calls▁begin｜>{inner}<｜tool▁calls▁end｜>"


def deepseek_v3(*calls: Want) -> str:
    return _deepseek([f"function<｜tool▁sep｜>{n}\n```json\n{dumps(a)}\n```" for n, a in calls])


def deepseek_v31(*calls: Want) -> str:
    return _deepseek([f"{n}<｜tool▁sep｜>{dumps(a)}" for n, a in calls])


def dsml_invoke(name: str, args: Args) -> str:
    rows = ""
    for key, value in args.items():
        flag = "true" if isinstance(value, str) else "false"
        head = f'<｜DSML｜parameter name="{key}" string="{flag}">'
        rows += f"{head}{bare(value)}</｜DSML｜parameter>\n"
    return f'<｜DSML｜invoke name="{name}">\n{rows}</｜DSML｜invoke>'


def dsml(*calls: Want, block: str = "tool_calls") -> str:
    inner = "\n".join(dsml_invoke(*call) for call in calls)
    return f"<｜DSML｜{block}>\n{inner}\n</｜DSML｜{block}>"


def dsml_v32(*calls: Want) -> str:
    return dsml(*calls, block="function_calls")


def kimi_call(name: str, args: Args, index: int = 0) -> str:
    head = f"<|tool_call_begin|>functions.{name}:{index}<|tool_call_argument_begin|>"
    return f"{head}{dumps(args)}<|tool_call_end|>"


def kimi(*calls: Want) -> str:
    inner = "".join(kimi_call(n, a, i) for i, (n, a) in enumerate(calls))
    return f"<|tool_calls_section_begin|>{inner}<|tool_calls_section_end|>"


def glm(*calls: Want) -> str:
    rows = []
    for name, args in calls:
        pairs = "".join(
            f"<arg_key>{k}</arg_key>\n<arg_value>{bare(v)}</arg_value>\n" for k, v in args.items()
        )
        rows.append(f"<tool_call>{name}\n{pairs}</tool_call>")
    return "\n".join(rows)


def glm_tight(*calls: Want) -> str:
    """GLM 4.7: no newlines between the parts."""
    return "\n".join(
        f"<tool_call>{name}"
        + "".join(
            f"<arg_key>{k}</arg_key><arg_value>{bare(v)}</arg_value>" for k, v in args.items()
        )
        + "</tool_call>"
        for name, args in calls
    )


def harmony(*calls: Want) -> str:
    heads = [
        f"<|channel|>commentary to=functions.{n} <|constrain|>json<|message|>{dumps(a)}<|call|>"
        for n, a in calls
    ]
    return "<|start|>assistant".join(heads)


def gemma_value(value: Any, quote: str = '<|"|>') -> str:
    if isinstance(value, str):
        return f"{quote}{value}{quote}"
    if isinstance(value, list):
        return "[" + ",".join(gemma_value(each, quote) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{gemma_value(v, quote)}" for k, v in value.items()) + "}"
    return dumps(value)


def gemma(*calls: Want) -> str:
    return "".join(f"<|tool_call>call:{n}{gemma_value(a)}<tool_call|>" for n, a in calls)


def function_gemma(*calls: Want) -> str:
    return "".join(
        f"<start_function_call>call:{n}{gemma_value(a, '<escape>')}<end_function_call>"
        for n, a in calls
    )


def tool_code(*calls: Want) -> str:
    return "```tool_code\n" + "\n".join(python(*call) for call in calls) + "\n```"


def granite(*calls: Want) -> str:
    return f"<|tool_call|>[{', '.join(call_object(*call) for call in calls)}]"


def invoke(name: str, args: Args) -> str:
    rows = "".join(f'<parameter name="{k}">{bare(v)}</parameter>\n' for k, v in args.items())
    return f'<invoke name="{name}">\n{rows}</invoke>'


def anthropic(*calls: Want) -> str:
    return "<function_calls>\n" + "\n".join(invoke(*c) for c in calls) + "\n</function_calls>"


def minimax(*calls: Want) -> str:
    inner = "\n".join(invoke(*call) for call in calls)
    return f"<minimax:tool_call>\n{inner}\n</minimax:tool_call>"


def tags(*calls: Want) -> str:
    return "\n".join(
        f"<{n}>\n" + "".join(f"<{k}>{bare(v)}</{k}>\n" for k, v in a.items()) + f"</{n}>"
        for n, a in calls
    )


def fence(*calls: Want) -> str:
    return "```json\n" + "\n".join(call_object(*call) for call in calls) + "\n```"


def bare_json(*calls: Want) -> str:
    return "\n".join(call_object(*call) for call in calls)


def python_lines(*calls: Want) -> str:
    return "\n".join(python(*call) for call in calls)


def react(name: str, args: Args) -> str:
    return f"Action: {name}\nAction Input: {dumps(args)}"


QUOTED: dict[str, Callable[..., str]] = {
    "hermes": hermes,
    "llama-json": llama_json,
    "pythonic": pythonic,
    "mistral-list": mistral_list,
    "mistral-args": mistral_args,
    "deepseek-v3": deepseek_v3,
    "deepseek-v3.1": deepseek_v31,
    "kimi": kimi,
    "harmony": harmony,
    "granite": granite,
}
"""Values stand in quotes: any payload fits."""

INLINE: dict[str, Callable[..., str]] = {
    "dsml": dsml,
    "dsml-v3.2": dsml_v32,
    "glm": glm,
    "glm-tight": glm_tight,
    "gemma": gemma,
    "function-gemma": function_gemma,
    "minimax": minimax,
}
"""Values stand raw between markers: payloads without those markers."""
