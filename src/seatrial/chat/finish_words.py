"""The words by which servers say why an answer ended, and what they mean.

In: a word. Out: a `Finish`; whether the answer came to an end of its own. Which of two meanings
`length` has, token counts decide: see `overflow.finish_of`.
"""

from __future__ import annotations

from seatrial.core.generation import Finish

_STOPS = (
    "stop eos eos_token end_token end_turn end_of_turn stop_sequence stop_token stop_str word"
    " complete completed finished"
)
_CALLS = "tool_calls tool_call tool_use function_call function_calls"
_LENGTHS = "length limit max_tokens max_length max_output_tokens model_length"
_FULL = "model_context_window_exceeded"
_MEANING = {
    **dict.fromkeys(_STOPS.split(), Finish.STOP),
    **dict.fromkeys(_CALLS.split(), Finish.TOOL_CALLS),
    **dict.fromkeys(_LENGTHS.split(), Finish.LENGTH),
    _FULL: Finish.CONTEXT,
}
_BROKEN_OFF = frozenset(
    "error abort aborted cancelled canceled timeout network_error failed"
    " insufficient_system_resource".split()
)
_FILTERED = frozenset({"content_filter", "refusal", "sensitive", "safety"})


def meaning_of(word: str) -> Finish:
    """What `word` says of an end; `OTHER` where nobody knows it, or where it is no ordinary end."""
    return _MEANING.get(word.casefold(), Finish.OTHER)


def is_broken_off(word: str | None) -> bool:
    """Whether the server says that the answer came to no end of its own."""
    return word is not None and word.casefold() in _BROKEN_OFF


def is_filtered(word: str | None) -> bool:
    """Whether the server says that it withheld the rest."""
    return word is not None and word.casefold() in _FILTERED
