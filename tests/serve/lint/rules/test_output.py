"""Rules G01 to G08: each fires on its fault, and not just beside it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject, Turn
from seatrial.serve.survey.survey import Observation, Survey
from tests.serve.lint.clean import client, facts, fires, header, server, setting

FILE = "start.sh"
IM = "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}<|im_end|>{% endfor %}"


def seen(id_: str, *servers: ServerConfig, **parts: Any) -> list[Finding]:
    return fires(Subject(servers=servers, **parts), id_)


def only(id_: str, *servers: ServerConfig, **parts: Any) -> Finding:
    found = seen(id_, *servers, **parts)
    assert len(found) == 1, found
    return found[0]


def surveyed(id_: str, verdict: Any = "bad") -> Survey:
    one = Observation(id=id_, verdict=verdict, said="it was seen", seen="bytes")
    return Survey(depth="quick", observations=(one,), requests=1, seconds=1.0)


def test_g01_no_limit_anywhere() -> None:
    found = only("G01", server(), clients=(client(name="aider"),))
    assert "aider names no max_tokens, and the server has llama.cpp's own -1" in found.seen
    assert "-n 8192" in found.fix


@pytest.mark.parametrize("family", ["ollama", "vllm", "sglang"])
def test_g01_on_other_servers(family: str) -> None:
    assert seen("G01", server(family=family), clients=(client(name="aider"),))


def test_g01_not_with_a_limit_on_either_side() -> None:
    aider = (client(name="aider"),)
    assert not seen("G01", server({"n-predict": 8192}), clients=aider)
    assert not seen("G01", server(family="mlx"), clients=aider)
    assert not seen("G01", server({"num_predict": 8192}, family="ollama"), clients=aider)
    assert not seen("G01", server(), clients=(client(None, 8192, name="aider"),))
    forced = {"max_tokens": setting(4096, "max_tokens: 4096")}
    assert not seen("G01", server(sets=forced), clients=aider)


def test_g01_not_where_the_client_has_a_limit_of_its_own() -> None:
    """pi sends 16,384 when its file says nothing; what an unknown client sends is unknown."""
    assert not seen("G01", server(), clients=(client(name="pi"),))
    assert not seen("G01", server(), clients=(client(name="harbour"),))


def test_g02_a_huge_limit() -> None:
    found = only("G02", server(), clients=(client(None, 32_000),))
    assert '`"maxTokens": 32000`' in found.seen
    assert "opencode's own limit of 32000" in only("G02", clients=(client(name="opencode"),)).seen
    assert seen("G02", server({"n-predict": 65536}))


def test_g02_not_below_or_where_the_server_cuts_or_a_guard_stops() -> None:
    assert not seen("G02", server(), clients=(client(None, 31_999),))
    assert not seen("G02", server({"n-predict": 8192}), clients=(client(None, 65_536),))
    assert not seen("G02", server({"n-predict": 65536}), extra={"guarded": True})


def test_g03_the_default_of_mlx() -> None:
    assert "mlx_lm's own 512" in only("G03", server(family="mlx")).seen
    assert seen("G03", server({"max-tokens": 256}, family="mlx"))
    assert not seen("G03", server({"max-tokens": 513}, family="mlx"))
    assert not seen("G03", server(family="mlx"), clients=(client(None, 8192),))
    assert not seen("G03", server({"n-predict": 256}))


def test_g04_a_cut_call_was_executed() -> None:
    cut = Turn(number=4, session="a", finish="length", tool_calls=1, executed=True)
    assert "turn 4 of a" in only("G04", turns=(cut, cut)).seen
    assert not seen("G04", turns=(Turn(number=1, finish="length", tool_calls=1, executed=False),))
    assert not seen("G04", turns=(Turn(number=1, finish="length", tool_calls=1),))
    assert not seen("G04", turns=(Turn(number=1, finish="stop", tool_calls=1, executed=True),))
    assert seen("G04", survey=surveyed("tools.healed_truncation"))
    assert not seen("G04", survey=surveyed("tools.healed_truncation", "good"))


def test_g05_the_server_waits_for_another_mark() -> None:
    tuned = facts("mlx", template="{{ m }}<|im_end|>", eos="</s>")
    found = only("G05", facts=tuned)
    assert "eos is '</s>' (test); the template ends a turn with '<|im_end|>'" in found.seen
    assert seen("G05", facts=facts(template="[INST]{{ m }}[/INST]{{ a }}</s>", eos="<|im_end|>"))


@pytest.mark.parametrize(
    ("family", "template", "eos"),
    [
        ("mlx", IM, "<|im_end|>"),
        ("mlx", "{{ m }}{{ eos_token }}<|im_end|>", "</s>"),
        ("mlx", "{{ m }}", "</s>"),
        # llama.cpp knows these marks by their text, whatever the file calls its eos.
        ("llama.cpp", IM, "<|endoftext|>"),
        ("llama.cpp", "<start_of_turn>{{ m }}<end_of_turn>", "<eos>"),
    ],
)
def test_g05_not_where_the_mark_is_known(family: str, template: str, eos: str) -> None:
    assert not seen("G05", facts=facts(family, template=template, eos=eos))


def test_g05_not_where_the_file_names_the_end_of_a_turn_apart() -> None:
    known = header({"tokenizer.ggml.eot_token_id": 106})
    tuned = facts("mlx", template="{{ m }}<|im_end|>", eos="</s>")
    assert not seen("G05", facts=tuned, header=known)


def test_g05_a_model_that_was_seen_not_to_end() -> None:
    assert seen("G05", survey=surveyed("stops.ends"))
    assert not seen("G05", survey=surveyed("stops.ends", "unknown"))


def test_g06_context_shift() -> None:
    on = server({"context-shift": True}, source=FILE)
    found = only("G06", on)
    assert found.edit is not None
    assert found.edit.after == ("--no-context-shift",)
    assert not seen("G06", server({"context-shift": False}))
    assert not seen("G06", server())


def test_g07_marks_in_the_answer() -> None:
    leak = Turn(number=2, text="Done.\nHuman: now the other one")
    found = only("G07", turns=(leak,))
    assert "turn 2: the text holds 'Human: '" in found.seen
    assert not seen("G07", turns=(Turn(number=2, text="a Human: in the middle"),))
    assert seen("G07", survey=surveyed("leaks.roles"))


def test_g07_not_where_the_mark_is_a_stop_string() -> None:
    leak = Turn(number=2, text="Done.<|im_start|>user")
    stopped = client(sampling={"stop": '["<|im_start|>"]'})
    assert seen("G07", turns=(leak,))
    assert not seen("G07", server(), clients=(stopped,), turns=(leak,))


def test_g08_stop_at_think() -> None:
    assert seen("G08", server(), clients=(client(sampling={"stop": '["<think>"]'}),))
    assert seen("G08", server({"reverse-prompt": "<think>"}))
    assert not seen("G08", server(), clients=(client(sampling={"stop": '["</tool_call>"]'}),))
