"""Overflow shapes and finish words."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.overflow import ContextOverflowError, finish_of, normalised, read_overflow
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
        ("length", 508, 0, 400, 512, Finish.CONTEXT),
        ("length", 500, 0, 400, 512, Finish.LENGTH),
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


# The fifteen messages, each with what may be read of it: prompt, window, output asked for.
SAYINGS = {
    "llama.cpp": (LLAMA_CPP["error"]["message"], 1671, 512, None),
    "llama.cpp before 2025-09": (
        "the request exceeds the available context size. try increasing the context size or "
        "enable context shift",
        None,
        None,
        None,
    ),
    "vLLM up to 0.14": (OPENAI, 4000, 4096, 1096),
    "vLLM from 0.15": (
        "This model's maximum context length is 131072 tokens. However, you requested 128000 "
        "output tokens and your prompt contains at least 3073 input tokens, for a total of at "
        "least 131073 tokens. Please reduce the length of the input prompt or the number of "
        "requested output tokens. (parameter=input_tokens, value=3073)",
        3073,
        131072,
        128000,
    ),
    "vLLM, the other way round": (
        "You passed 5000 input tokens and requested 1024 output tokens. However, the model's "
        "context length is only 4096 tokens, resulting in a maximum input length of 3072 tokens.",
        5000,
        4096,
        1024,
    ),
    "SGLang, prompt": (
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        5000,
        4096,
        None,
    ),
    "SGLang, sum": (
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
        "requested a total of 4500 tokens: 4000 tokens from the input messages and 500 tokens "
        "for the completion. Please reduce the number of tokens in the input messages or the "
        "completion to fit within the limit.",
        4000,
        4096,
        500,
    ),
    "LM Studio": (
        "The number of tokens to keep from the initial prompt is greater than the context length "
        "(n_keep: 41859>= n_ctx: 35072). Try to load the model with a larger context length, or "
        "provide a shorter input.",
        41859,
        35072,
        None,
    ),
    "LM Studio, keep the first": (
        "Trying to keep the first 111490 tokens when context the overflows. However, the model is "
        "loaded with context length of only 32768 tokens, which is not enough. Try to load the "
        "model with a larger context length, or provide a shorter input.",
        111490,
        32768,
        None,
    ),
    "LM Studio 0.4": (
        "Cannot truncate prompt with n_keep (9000) >= n_ctx (8192)",
        9000,
        8192,
        None,
    ),
    "Ollama": ("prompt too long; exceeded max context length by 812 tokens", None, None, None),
    "llama-cpp-python": ("Requested tokens (5000) exceed context window of 4096", 5000, 4096, None),
    "TGI": (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 "
        "`inputs` tokens and 1024 `max_new_tokens`",
        5000,
        4096,
        1024,
    ),
    "DS4": (
        "Prompt has 5000 tokens, but the configured context size is 4096 tokens",
        5000,
        4096,
        None,
    ),
    "LiteLLM around llama.cpp": (
        "litellm.BadRequestError: OpenAIException - Error code: 400 - {'error': {'code': 400, "
        "'message': 'request (1671 tokens) exceeds the available context size (512 tokens), try "
        "increasing it', 'type': 'exceed_context_size_error', 'n_prompt_tokens': 1671, 'n_ctx': "
        "512}}. Received Model Group=local\nAvailable Model Group Fallbacks=None LiteLLM Retried: "
        "2 times, LiteLLM Max Retries: 3",
        1671,
        512,
        None,
    ),
}
MORE_SAYINGS = [
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt or increase the context length",
    "prompt is too long: 202609 tokens > 200000 maximum",
    "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
    "This model's maximum context length is 4097 tokens, however you requested 4116 tokens (3860 "
    "in your prompt; 256 for the completion). Please reduce your prompt; or completion length.",
    "'max_tokens' or 'max_completion_tokens' is too large: 32768. This model's maximum context "
    "length is 40960 tokens and your request has 9519 input tokens (32768 > 40960 - 9519).",
    "prompt is 9000 tokens; the model's context window is 8192, which leaves no room to generate.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
]
LOOK_ALIKES = [
    "Rate limit reached: too many tokens per minute (limit 6000, requested 7200)",
    "Number of images exceeds the limit of 4",
    "max_tokens must be at least 1, got 0",
    "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    "input is too large to process. increase the physical batch size (current batch size: 512)",
    "ThrottlingException: Too many tokens, please wait before trying again.",
    # and some more
    "input (9000 tokens) is too large to process. increase the physical batch size",
    "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000, "
    "please reduce your message size and try again",
    "the request timed out: prompt is too long for this machine, context 4096",
    "Context size has been exceeded.",
    "max_completion_tokens=131072 cannot be greater than max_model_len=65536",
    "Too many requests: the prompt is too long a queue for the context server",
    "model 'context' not found",
    "slot unavailable",
    "Failed to parse tool call arguments: request (9 tokens) exceeds the available context size "
    "(8 tokens)",
]


def shapes(message):
    """One message in every shape in which servers and proxies send it."""
    error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
    wrapped = {"message": json.dumps({"error": error}), "code": 502}
    stream = 'data: {"choices":[{"index":0,"delta":{"content":"hm"}}]}\n\n'
    return {
        "text": message,
        "openai": json.dumps({"error": error}),
        "string": json.dumps({"error": message}),
        "flat": json.dumps({"object": "error", **error}),
        "detail": json.dumps({"detail": message}),
        "anthropic": json.dumps({"type": "error", "error": error}),
        "list": json.dumps([{"error": error}]),
        "nested": json.dumps({"error": wrapped}),
        "litellm": json.dumps({"error": {"message": f"litellm.BadRequestError: {message}"}}),
        "stream": f"{stream}data: {json.dumps({'error': error})}\n\ndata: [DONE]\n\n",
        "stream event": f"event: error\ndata: {json.dumps(error)}\n\n",
        "old llama.cpp stream": f"error: {json.dumps(error)}\n\n",
    }


@pytest.mark.parametrize("shape", shapes(""))
@pytest.mark.parametrize("server", SAYINGS)
def test_every_server_in_every_shape(server, shape):
    message, prompt, window, completion = SAYINGS[server]
    error = read_overflow(shapes(message)[shape].encode(), 400)
    assert error is not None
    read = (error.prompt_tokens, error.window_tokens, error.completion_tokens)
    assert read == (prompt, window, completion)


@pytest.mark.parametrize("message", MORE_SAYINGS)
def test_further_sayings(message):
    assert read_overflow(message) is not None


@pytest.mark.parametrize("shape", shapes(""))
@pytest.mark.parametrize("message", LOOK_ALIKES)
def test_look_alikes(message, shape):
    assert read_overflow(shapes(message)[shape]) is None


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 504])
def test_a_status_that_speaks_of_something_else(status):
    assert read_overflow(json.dumps(LLAMA_CPP), status) is None
    assert read_overflow(json.dumps(LLAMA_CPP), 500) is not None


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"type": "string_type", "loc": ["body"], "msg": "bad", "input": OPENAI}]},
        {"error": {"message": "x" * 3000 + OPENAI}},
        {"choices": [{"message": {"content": OPENAI}}]},
    ],
)
def test_what_a_person_or_a_model_wrote_is_no_overflow(body):
    assert read_overflow(json.dumps(body)) is None


def test_text_of_a_stream_is_no_overflow():
    frame = {"choices": [{"index": 0, "delta": {"content": OPENAI}}]}
    assert read_overflow(f"data: {json.dumps(frame)}\n\n") is None


def test_a_prompt_that_was_not_counted_to_its_end():
    error = read_overflow(SAYINGS["vLLM from 0.15"][0])
    assert error.at_least
    assert error.needed_tokens == 131073
    assert error.message == (
        "a prompt of at least 3073 tokens and 128000 for the answer do not fit the window of 131072"
    )


def test_characters_are_no_tokens():
    error = read_overflow(
        "This model's maximum context length is 8192 tokens. However, you requested 64 output "
        "tokens and your prompt contains 100000 characters (more than 81280 characters, which is "
        "the upper bound for 8128 input tokens)."
    )
    assert (error.prompt_tokens, error.window_tokens, error.completion_tokens) == (None, 8192, 64)


# What clients look for, from their sources: pi-ai 0.73 utils/overflow, opencode provider/error,
# qwen-code utils/contextLengthError, LiteLLM exception_mapping_utils, Claude Code, codex.
CLIENTS = {
    "pi": r"prompt is too long|exceeds the available context size|maximum context length is \d+",
    "opencode": r"prompt is too long|exceeds the available context size|context[_ ]length[_ ]exc",
    "qwen-code": r"\bmaximum context length\b|\bprompt\s+(?:is\s+)?too long\b",
    "litellm": r"this model's maximum context length is",
    "claude code": r"prompt is too long",
    "llama.cpp's own": r"exceeds the available context size",
    "openai": r"exceeds the context window",
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("server", SAYINGS)
def test_normalised_is_known_to_every_client(server, client):
    error = read_overflow(SAYINGS[server][0])
    body = normalised(error)["error"]
    assert re.search(CLIENTS[client], body["message"], re.IGNORECASE)
    assert body["code"] == "context_length_exceeded"


@pytest.mark.parametrize("server", SAYINGS)
def test_normalised_says_no_number_that_nobody_told(server):
    error = read_overflow(SAYINGS[server][0])
    body = normalised(error)["error"]
    told = {error.window_tokens, error.needed_tokens}
    assert {int(number) for number in re.findall(r"\d+", body["message"])} <= told
    again = read_overflow(json.dumps(normalised(error)))
    assert again.window_tokens == error.window_tokens
    assert again.prompt_tokens == error.needed_tokens


def test_normalised_never_names_a_prompt_that_would_fit():
    fits = ContextOverflowError("x", prompt_tokens=10, window_tokens=4096)
    assert "10" not in normalised(fits)["error"]["message"]


@given(st.binary(max_size=400))
def test_any_bytes(body):
    read_overflow(body)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "type", "code", "n_ctx", "x"]),
            inner,
            max_size=4,
        )
    ),
)


@given(_json, st.sampled_from(["", "data: ", "error: ", "event: error\ndata: "]))
def test_any_json(value, before):
    found = read_overflow(before + json.dumps(value) + "\n\n")
    if found is not None:
        normalised(found)


@given(st.sampled_from(sorted(SAYINGS)), st.text(max_size=60), st.text(max_size=200))
def test_a_saying_in_any_surroundings(server, before, after):
    if not before.lstrip().startswith(("data:", "event:", "error:", "id:", ":", "\ufeff")):
        read_overflow(json.dumps({"error": {"message": before + SAYINGS[server][0] + after}}))
        assert read_overflow(SAYINGS[server][0] + "\n" + after) is not None


def test_hostile_messages_take_linear_time():
    for piece in ("maximum context length is 1 tokens ", "request (", "input too long ", "9" * 50):
        read_overflow(piece * 100_000)
