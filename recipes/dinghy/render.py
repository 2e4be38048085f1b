"""A conversation as text, with the training weight of every piece.

This is the Python twin of `chat_template.jinja`, which the engine runs at serving time: both
must give the same bytes, or the model would be trained on a prompt that it never sees.
In: records of the data files (`system`, `user`, `tool`, and `assistant` with `call` or
`content` and a `weight`) or OpenAI messages. Out: `(text, weight)` segments, or one string.

It is not a parser and it reads no file.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
Segment = tuple[str, float]

TOOL_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "read_file": ("path",),
    "write_file": ("path", "content"),
    "edit_file": ("path", "old", "new"),
    "run_command": ("command",),
    "finish": ("summary",),
}
"""What the training prompts offer: names and argument names in the order of the prompt."""

CONTEXT_WEIGHT = 0.1
"""A little loss on what the model only reads teaches it the words it will have to copy."""


def dump_json(value: object) -> str:
    """Spell JSON as the template's `tojson` does: spaces after separators, no ASCII escapes."""
    return json.dumps(value, ensure_ascii=False)


def openai_tools() -> list[dict[str, Any]]:
    """The offered tools in the form in which a client sends them."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "",
                "parameters": {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in keys},
                    "required": list(keys),
                },
            },
        }
        for name, keys in TOOL_ARGUMENTS.items()
    ]


def openai_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Data records as OpenAI messages; call ids are invented and never rendered."""
    result: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        item: dict[str, Any] = {"role": message["role"], "content": message.get("content")}
        if call := message.get("call"):
            arguments = dump_json(call["arguments"])
            function = {"name": call["name"], "arguments": arguments}
            item["tool_calls"] = [
                {"id": f"call{number:028d}", "type": "function", "function": function}
            ]
        elif message["role"] == "tool":
            item["tool_call_id"] = f"call{number - 1:028d}"
        result.append(item)
    return result


def _tool_lines(tools: Sequence[Mapping[str, Any]]) -> str:
    lines = ["Tools:"]
    for tool in tools:
        spec = tool.get("function") or tool
        properties = (spec.get("parameters") or {}).get("properties") or {}
        lines.append(f"{spec['name']}({', '.join(properties)})")
    return "\n".join(lines)


def _calls(message: Message) -> list[Mapping[str, Any]]:
    if call := message.get("call"):
        return [call]
    return [call.get("function") or call for call in message.get("tool_calls") or []]


def call_text(call: Mapping[str, Any]) -> str:
    """One call as the model writes it."""
    arguments = call["arguments"]
    body = arguments if isinstance(arguments, str) else dump_json(arguments)
    return f'<tool_call>\n{{"name": "{call["name"]}", "arguments": {body}}}\n</tool_call>'


def _assistant_text(message: Message) -> str:
    content = message.get("content")
    parts = [content] if content else []
    parts.extend(call_text(call) for call in _calls(message))
    return "\n".join(parts)


def _head(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    has_system = bool(messages) and messages[0]["role"] == "system"
    parts = [messages[0]["content"]] if has_system and messages[0]["content"] else []
    if tools:
        parts.append(_tool_lines(tools))
    if not has_system and not tools:
        return ""
    return "<|im_start|>system\n" + "\n\n".join(parts) + "<|im_end|>\n"


def render(
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    add_generation_prompt: bool = False,
) -> list[Segment]:
    """Segments in order; weight 0 on the constant head, 1 on turns worth imitating."""
    head = _head(messages, tools)
    segments: list[Segment] = [(head, 0.0)] if head else []
    has_system = bool(messages) and messages[0]["role"] == "system"
    for message in messages[has_system:]:
        role = message["role"]
        opening = f"<|im_start|>{role}\n"
        if role == "assistant":
            segments.append((opening, 0.0))
            body = _assistant_text(message) + "<|im_end|>"
            segments.append((body, float(message.get("weight", 1.0))))
            segments.append(("\n", 0.0))
        else:
            body = f"{opening}{message.get('content') or ''}<|im_end|>\n"
            segments.append((body, CONTEXT_WEIGHT))
    if add_generation_prompt:
        segments.append(("<|im_start|>assistant\n", 0.0))
    return segments


def render_record(record: Mapping[str, Any]) -> list[Segment]:
    """Segments of one line of a data file."""
    return render(record["messages"], openai_tools() if record["tools"] else ())


def render_text(
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    add_generation_prompt: bool = False,
) -> str:
    """The same conversation as one string."""
    return "".join(text for text, _ in render(messages, tools, add_generation_prompt))
