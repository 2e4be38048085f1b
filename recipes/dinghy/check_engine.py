"""Do the trainer and the engine read a conversation alike?

Two comparisons over many conversations: the engine's chat template against `render.py`, byte
by byte, and the engine's token ids against the trainer's. A difference in either would train
the network on something that it is never shown. In: a GGUF file and data. Out: counts.

Usage: python check_engine.py MODEL.gguf TOKENIZER.json DATA.jsonl
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batches import read_jsonl
from engine import Engine
from render import openai_messages, openai_tools, render_text
from tokenizer import load_tokenizer
from tokenizers import Tokenizer

ODD_TEXT = "if a < b & c > d: x = \"q's \\n \\\\ \\\" é 漢 🙂\"\n\t<tag a='1'/>\r\n\\d+ </b>  \n"
"""What escaping goes wrong on."""


def odd_conversations() -> list[dict[str, Any]]:
    """Shapes and bytes that the training data lacks but clients send."""
    call = {"name": "write_file", "arguments": {"path": "a/ü.py", "content": ODD_TEXT}}
    say = {"role": "assistant", "content": "I write it."}
    return [
        {
            "tools": tools,
            "messages": [
                *([{"role": "system", "content": ODD_TEXT}] if system else []),
                {"role": "user", "content": ODD_TEXT},
                {**say, "call": call} if both else {"role": "assistant", "call": call},
                {"role": "tool", "content": ODD_TEXT},
                *([say, {"role": "user", "content": " again\n"}] if both else []),
            ],
        }
        for tools in (True, False)
        for system in (True, False)
        for both in (True, False)
    ]


def _openai_body(record: dict[str, Any], as_object: bool) -> dict[str, Any]:
    messages = openai_messages(record["messages"])
    if as_object:
        for message in messages:
            for call in message.get("tool_calls", []):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return {"messages": messages, **({"tools": openai_tools()} if record["tools"] else {})}


def check(
    engine: Engine, tokenizer: Tokenizer, records: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """How many conversations there are, and how many differ in text or in ids."""
    counts = {"conversations": 0, "texts_differ": 0, "ids_differ": 0}
    for index, record in enumerate([*records, *odd_conversations()]):
        messages = record["messages"]
        if messages[-1]["role"] == "assistant":
            messages = messages[:-1]
        record = {**record, "messages": messages}
        tools = openai_tools() if record["tools"] else []
        mine = render_text(messages, tools, add_generation_prompt=True)
        theirs = engine.post("/apply-template", _openai_body(record, index % 2 == 0))["prompt"]
        ids = engine.post("/tokenize", {"content": mine, "parse_special": True})["tokens"]
        counts["conversations"] += 1
        if mine != theirs:
            counts["texts_differ"] += 1
            print(f"text:\n{mine!r}\n{theirs!r}", file=sys.stderr)
        if ids != tokenizer.encode(mine, add_special_tokens=False).ids:
            counts["ids_differ"] += 1
    return counts


def main() -> int:
    model, tokenizer, data = (Path(argument) for argument in sys.argv[1:4])
    with Engine(model) as engine:
        counts = check(engine, load_tokenizer(tokenizer), read_jsonl(data)[:100])
    print(json.dumps(counts))
    return 1 if counts["texts_differ"] or counts["ids_differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
