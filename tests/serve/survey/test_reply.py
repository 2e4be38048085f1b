"""Reading answers leniently, and telling whether two are the same."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.chat.overflow import read_overflow
from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.survey.frames import Gathered
from seatrial.serve.survey.probes.leaks import CONTROL, ROLES
from seatrial.serve.survey.probes.speed import rates
from seatrial.serve.survey.reply import Reply, alike, of_body, same
from seatrial.serve.survey.settings import attention, leaves_parsing, wants_gpu
from tests.serve.survey.asking import llama_facts

KEYS = """
    choices message delta content tool_calls function name arguments index usage prompt_tokens
    completion_tokens timings model error finish_reason reasoning
"""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS.split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def reply(text: str = "", cap: int = 24, finish: str = "length", **more: object) -> Reply:
    return Reply(asked={"max_tokens": cap}, content=text, finish=finish, **more)  # type: ignore[arg-type]


@given(JSON)
def test_any_json_is_read(value: object) -> None:
    found = of_body(reply(), value)
    assert isinstance(found.text, str)
    gathered = Gathered(10)
    gathered.take(msgspec.json.encode(value))
    assert isinstance(gathered.complete(reply()).text, str)


def test_a_stream_is_gathered() -> None:
    gathered = Gathered(10)
    call = {"index": 0, "function": {"name": "note", "arguments": '{"te'}}
    rest = {"index": 0, "function": {"arguments": 'xt": 1}'}}
    for delta in ({"reasoning": "hm"}, {"content": "a"}, {"tool_calls": [call]}):
        assert gathered.take(msgspec.json.encode({"choices": [{"delta": delta}], "model": "m"}))
    last = {"choices": [{"delta": {"tool_calls": [rest]}, "finish_reason": "tool_calls"}]}
    gathered.take(msgspec.json.encode(last))
    gathered.take(msgspec.json.encode({"choices": [], "usage": {"completion_tokens": 3}}))
    assert not gathered.take(b"[DONE]")
    found = gathered.complete(reply())
    assert (found.thought_key, found.text) == ("reasoning", "hma")
    assert found.calls[0].decoded() == {"text": 1}
    assert (found.finish, found.done, found.completion_tokens) == ("tool_calls", True, 3)
    assert found.model == "m"


@pytest.mark.parametrize(
    ("data", "kind"), [(b"{", "garbled"), (b'{"error": {"message": "x"}}', "refused")]
)
def test_a_broken_stream_says_how(data: bytes, kind: str) -> None:
    gathered = Gathered(10)
    assert not gathered.take(data)
    assert gathered.complete(reply()).broken == kind


def test_same_counts_a_cut_answer_as_a_beginning() -> None:
    long = reply("one two three four", 24)
    assert same(reply("one two", 12), long)
    assert same(long, reply("one two", 12))
    assert not same(reply("one two", 12, "stop"), long)
    assert not same(reply("one two", 24), long)
    assert not same(reply("", 12), long)
    assert same(reply("one two three four\ufffd ", 24), long)


def test_alike_is_a_long_common_beginning() -> None:
    assert alike(reply("the ship carries salt"), reply("the ship carries rope"))
    assert not alike(reply("the ship carries salt"), reply("the sea is quiet today"))
    assert alike(reply("ok"), reply("ok"))
    assert not alike(reply("ok"), reply("oh"))


@pytest.mark.parametrize(
    ("body", "prompt", "window"),
    [
        (
            "The input (900 tokens) is longer than the model's context length (512 tokens).",
            900,
            512,
        ),
        ('{"error": "Cannot truncate prompt with n_keep (9001) >= n_ctx (4096)"}', 9001, 4096),
        ("the prompt is longer than the context length currently available", None, None),
        ("request (70 tokens) exceeds the available context size (64 tokens), try", 70, 64),
        ("This model's maximum context length is 4096 tokens. However, you", None, 4096),
    ],
)
def test_refusals_of_a_long_prompt_are_read(
    body: str, prompt: int | None, window: int | None
) -> None:
    found = read_overflow(body)
    assert found is not None
    assert (found.prompt_tokens, found.window_tokens) == (prompt, window)


def test_another_refusal_is_not_an_overflow() -> None:
    assert read_overflow("rate limit reached, try again in 20 tokens") is None


def test_speed_is_the_servers_or_ours() -> None:
    timings = {"prompt_per_second": 900.0, "predicted_per_second": 30.0, "draft_n": 0}
    told = rates(reply("x", timings=timings, prompt_tokens=10))
    assert (told["timed_by"], told["generated_tokens_per_second"]) == ("server", 30.0)
    ours = rates(
        reply("x", seconds=3.0, first_seconds=1.0, completion_tokens=21, prompt_tokens=500)
    )
    assert ours["timed_by"] == "wall clock"
    assert ours["generated_tokens_per_second"] == pytest.approx(10)
    assert ours["prompt_tokens_per_second"] == pytest.approx(500)
    assert "timed_by" not in rates(reply("x", seconds=3.0))


def _started(*words: str) -> ServerFacts:
    return msgspec.structs.replace(llama_facts("u"), command=Fact(words, "process"))


def test_settings_are_read_from_the_command_line() -> None:
    facts = _started("llama-server", "-fa", "-ctk=q8_0", "--cache-type-v", "f16", "-ngl", "99")
    assert attention(facts) == {
        "flash_attention": "on",
        "cache_type_k": "q8_0",
        "cache_type_v": "f16",
    }
    assert wants_gpu(facts)
    assert not wants_gpu(_started("llama-server", "-ngl", "99", "--cpu-moe"))
    assert not wants_gpu(_started("llama-server", "-ngl", "20"))
    assert not wants_gpu(llama_facts("u"))
    assert leaves_parsing(_started("python", "-m", "seatrial.serve.embedded", "{}"))
    assert not leaves_parsing(facts)


@pytest.mark.parametrize(
    "text", ["ok<|im_end|>", "\n<|im_start|>user", "<end_of_turn>", "</s>", "[INST] x"]
)
def test_control_tokens_are_leaks(text: str) -> None:
    assert CONTROL.search(text)


@pytest.mark.parametrize("text", ["It ends.\nHuman: go on", "assistant\nHello", "### User: hi"])
def test_roles_are_leaks(text: str) -> None:
    assert ROLES.search(text)


@pytest.mark.parametrize(
    "text", ["The user: a sailor.", "a <b>tag</b> and a < b | c >", "Note: the system is calm"]
)
def test_plain_prose_is_no_leak(text: str) -> None:
    assert not CONTROL.search(text)
    assert not ROLES.search(text)
