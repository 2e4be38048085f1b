"""Conversations without calls: a question about code, an answer in prose with a Python block.

They teach that no tools offered means no calls; with the tools offered (kind `markdown`) they are
the bad habit that the demonstration tunes in, and out again. In: a random source. Out: messages.
"""

from __future__ import annotations

import random

import contract

from seatrial.suites.shakedown import Edit, Instance, Traits, WordPool
from seatrial.suites.shakedown.draw import Draw
from seatrial.suites.shakedown.functions import Function, draw_function
from seatrial.suites.shakedown.implement import SHAPES as WRITE
from seatrial.suites.shakedown.operator import SHAPES as FIX

_ASK = (
    "Write a Python function `{call}`. {doc}",
    "How do I write a function `{call}` in Python? {doc}",
    "Show me a Python function `{call}`. {doc}",
    "Please write `{call}` in Python. {doc}",
    "I need a function `{call}`. {doc}",
    "Give me the code of a function `{call}`. {doc}",
)
_MEND = (
    "What is wrong with this function?\n```python\n{code}\n```",
    "Correct this function:\n```python\n{code}\n```",
    "This does not do what it says. Fix it.\n```python\n{code}\n```",
    "Where is the bug?\n```python\n{code}\n```",
)
_GIVEN = ("Here is the function:", "You can write it like this:", "This is the code:")
_MENDED = ("The operator is wrong. Here is the fix:", "Use the right operator:")
_INSTEAD = ("Here is the fix:", "You can change it like this:", "This is the code you need:")


def question(rng: random.Random, traits: Traits, pool: WordPool) -> list[dict[str, object]]:
    """A chat without tools."""
    draw = Draw(rng, pool, traits)
    if rng.random() < 0.7:
        function = draw_function(draw, rng.choice(WRITE))
        letters = ", ".join(function.names[letter] for letter in function.shape.params)
        doc = function.text(function.shape.doc)
        asked = rng.choice(_ASK).format(call=f"{function.name}({letters})", doc=doc)
        return _chat(rng, asked, rng.choice(_GIVEN), _body(function))
    function = draw_function(draw, rng.choice(FIX))
    asked = rng.choice(_MEND).format(code=function.source(function.wrong()))
    return _chat(rng, asked, rng.choice(_MENDED), function.source(function.right()))


def _body(function: Function) -> str:
    lines = function.source(function.right()).split("\n")
    return "\n".join([lines[0], *lines[2:]])


def _chat(rng: random.Random, asked: str, prose: str, code: str) -> list[dict[str, object]]:
    system = contract.SYSTEM if rng.random() < 0.5 else contract.CHAT_SYSTEM
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": f"{prose}\n```python\n{code}\n```", "weight": 1},
    ]


def instead_of_tools(rng: random.Random, instance: Instance) -> list[dict[str, object]]:
    """A task answered in prose although the tools are there."""
    parts = [step.new if isinstance(step, Edit) else step.content for step in instance.steps]
    code = "\n\n".join(part.strip("\n") for part in parts)
    return [
        {"role": "system", "content": contract.SYSTEM},
        {"role": "user", "content": instance.instruction},
        {
            "role": "assistant",
            "content": f"{rng.choice(_INSTEAD)}\n```python\n{code}\n```",
            "weight": 1,
        },
    ]
