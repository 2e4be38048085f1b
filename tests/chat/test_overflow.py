"""Overflow shapes and finish words."""

import json

import pytest

from seatrial.chat.overflow import finish_of, read_overflow
from seatrial.core.generation import Finish, Usage

LLAMA_CPP = {
    "error": {
        "code": 400,
        "message": "request (1671 tokens) exceeds the available context size (512 tokens), "
        "try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 1671,
        "n_ctx": 512,
    }
}
OPENAI = (
    "This model's maximum context length is 4096 tokens. However, you requested 5096 tokens "
    "(4000 in the messages, 1096 in the completion). Please reduce the length."
)
VLLM = (
    "This model's maximum context length is 4096 tokens. However, your request has 5000 input "
    "tokens. Please reduce the length of the input messages."
)


@pytest.mark.parametrize(
    ("body", "prompt", "window"),
    [
        (json.dumps(LLAMA_CPP), 1671, 512),
        (LLAMA_CPP["error"]["message"], 1671, 512),
        (json.dumps({"error": LLAMA_CPP["error"]["message"]}), 1671, 512),
        ("the request exceeds the available context size. try increasing it", None, None),
        (json.dumps({"error": {"message": OPENAI, "code": "context_length_exceeded"}}), 4000, 4096),
        (json.dumps({"message": VLLM, "object": "error"}), 5000, 4096),
        (json.dumps({"error": {"code": "context_length_exceeded"}}), None, None),
    ],
)
def test_overflow_shapes(body, prompt, window):
    error = read_overflow(body.encode())
    assert error is not None
    assert (error.prompt_tokens, error.window_tokens) == (prompt, window)
    assert "\n" not in error.message and error.hint


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"\xff\xfe", b'{"error": {"message": "slot unavailable"}}']
)
def test_what_is_no_overflow(body):
    assert read_overflow(body) is None


@pytest.mark.parametrize(
    ("raw", "prompt", "completion", "cap", "window", "finish"),
    [
        ("length", 343, 169, 400, 512, Finish.CONTEXT),
        ("limit", 440, 72, 400, 512, Finish.CONTEXT),
        ("length", 343, 100, 100, 512, Finish.LENGTH),
        ("length", 412, 100, 100, 512, Finish.LENGTH),
        ("length", 343, 169, 400, None, Finish.LENGTH),
        ("stop", 343, 169, 400, 512, Finish.STOP),
        ("eos", 1, 1, 9, None, Finish.STOP),
        ("tool_calls", 1, 1, 9, None, Finish.TOOL_CALLS),
        ("content_filter", 1, 1, 9, None, Finish.OTHER),
        (None, 1, 1, 9, None, Finish.MISSING),
    ],
)
def test_finish(raw, prompt, completion, cap, window, finish):
    usage = Usage(prompt=prompt, completion=completion)
    assert finish_of(raw, usage, cap, window) is finish


def test_finish_without_usage():
    assert finish_of("length", None, 10, 512) is Finish.LENGTH
