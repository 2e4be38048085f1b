"""The repairs that concern the wrapper of a call, shared by the dialects.

Ids only: where each is applied is decided by the dialect that reads the envelope.
"""

from __future__ import annotations

from seatrial.toolcalls.repairs import EXAMPLE_CALL, declare

OPENER_MISSING = declare(
    "opener_missing",
    "envelope",
    "The opening tag is missing; the body and its closing tag leave no doubt.",
    f"{EXAMPLE_CALL}\n</tool_call>",
)
CLOSER_MISSING = declare(
    "closer_missing",
    "envelope",
    "The closing tag is missing where the model ended the turn, or before another call.",
    f"<tool_call>\n{EXAMPLE_CALL}",
)
OPENER_DOUBLED = declare(
    "opener_doubled",
    "envelope",
    "The opening tag stands twice.",
    f"<tool_call>\n<tool_call>\n{EXAMPLE_CALL}\n</tool_call>",
)
CLOSER_DOUBLED = declare(
    "closer_doubled",
    "envelope",
    "A closing tag stands twice.",
    f"<tool_call>\n{EXAMPLE_CALL}\n</tool_call>\n</tool_call>",
)
CLOSER_FOREIGN = declare(
    "closer_foreign",
    "envelope",
    "The envelope ends with the opening tag or with another dialect's closing tag.",
    f"<tool_call>\n{EXAMPLE_CALL}\n<tool_call>",
)
TAG_VARIANT = declare(
    "tag_variant",
    "envelope",
    "The wrapper is a known variant of the canonical tag.",
    f"<function_call>\n{EXAMPLE_CALL}\n</function_call>",
)
NAME_IN_WRAPPER = declare(
    "name_in_wrapper",
    "envelope",
    "The name of the tool stands in the wrapper, the body holds the arguments alone.",
    '<tool_call name="view">\n{"file": "a.py"}\n</tool_call>',
)
FENCE_IN_WRAPPER = declare(
    "fence_in_wrapper",
    "envelope",
    "A code fence inside the wrapper is taken off.",
    f"<tool_call>\n```json\n{EXAMPLE_CALL}\n```\n</tool_call>",
)
SEVERAL_IN_WRAPPER = declare(
    "several_in_wrapper",
    "envelope",
    "Several calls stand in one wrapper; each is taken, in order.",
    f'<tool_call>\n{EXAMPLE_CALL}\n{{"name": "status", "arguments": {{}}}}\n</tool_call>',
)
TEXT_IN_ENVELOPE = declare(
    "text_in_envelope",
    "envelope",
    "Text between the body and the closing tag is dropped.",
    f"<tool_call>\n{EXAMPLE_CALL}\nLet me look.\n</tool_call>",
)
TAG_SPELLING = declare(
    "tag_spelling",
    "envelope",
    "Blanks or quotes inside a tag are ignored, or its closing bracket is missing.",
    '<tool_call>\n<function="view">\n<parameter=file>\na.py\n</parameter>\n</function>\n</tool_call>',
)
ZERO_WIDTH = declare(
    "zero_width",
    "envelope",
    "A byte-order mark or a character without width next to a tag is ignored.",
    f"\ufeff<tool_call>\n{EXAMPLE_CALL}\n</tool_call>",
)
