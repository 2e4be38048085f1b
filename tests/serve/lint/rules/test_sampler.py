"""Rules S01 to S11: each fires on its fault, and not just beside it."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.serve.facts import Fact
from seatrial.serve.lint.rule import Finding
from seatrial.serve.lint.subject import ServerConfig, Subject, Value
from tests.serve.lint.clean import client, facts, fires, header, server, setting

CODER = "Qwen3-Coder-30B-A3B-Instruct"
QWEN36 = "Qwen3.6-35B-A3B"
CODER_CARD: dict[str, Value] = {"temp": 0.7, "top-p": 0.8, "top-k": 20}
FILE = "start.sh"


def llama(options: dict[str, Value] | None = None, name: str = CODER, **rest: Any) -> ServerConfig:
    return server(options, name=name, source=FILE, **rest)


def only(subject: Subject, id_: str) -> Finding:
    found = fires(subject, id_)
    assert len(found) == 1, found
    return found[0]


def seen(id_: str, *servers: ServerConfig, **parts: Any) -> list[Finding]:
    return fires(Subject(servers=servers, **parts), id_)


def test_s01_a_long_answer_that_nothing_stops() -> None:
    found = only(Subject(servers=(llama({"n-predict": 8193}),)), "S01")
    assert "8193 tokens (`--n-predict 8193`)" in found.seen
    assert "--dry-penalty-last-n 4096" in found.fix


@pytest.mark.parametrize(
    "options",
    [
        {"n-predict": 8192},
        {"n-predict": 16384, "repeat-penalty": 1.05},
        {"n-predict": 16384, "dry-multiplier": 0.8},
        {"n-predict": 16384, "presence-penalty": 0.5},
        {},
    ],
)
def test_s01_not_with_a_penalty_or_a_low_limit(options: dict[str, Value]) -> None:
    assert not seen("S01", llama(options))


def test_s01_not_behind_a_guard() -> None:
    assert not seen("S01", llama({"n-predict": 16384}), extra={"guarded": True})


def test_s01_not_where_the_penalties_are_unknown() -> None:
    vllm = server({"model": CODER}, family="vllm", name=CODER)
    talker = client(None, 16384, model=CODER)
    assert not seen("S01", vllm, clients=(talker,))


def test_s01_does_not_advise_dry_for_gpt_oss() -> None:
    found = only(Subject(servers=(llama({"n-predict": 16384}, "gpt-oss-20b"),)), "S01")
    assert "--dry" not in found.fix


def test_s02_the_default_window_is_too_short() -> None:
    found = only(Subject(servers=(llama({"dry-multiplier": 0.8}),)), "S02")
    assert "looks back 64 tokens" in found.seen
    assert found.edit is not None
    assert found.edit.before == "--dry-multiplier 0.8"
    assert found.edit.after == ("--dry-multiplier 0.8 --dry-penalty-last-n 4096",)


def test_s02_a_window_that_somebody_set_too_short() -> None:
    options: dict[str, Value] = {"dry-multiplier": 0.8, "dry-penalty-last-n": 1023}
    found = only(Subject(servers=(llama(options),)), "S02")
    assert found.edit is not None
    assert (found.edit.line, found.edit.after) == (2, ("--dry-penalty-last-n 4096",))
    assert found.place is not None
    assert (found.place.source, found.place.line) == (FILE, 2)


@pytest.mark.parametrize(
    "options",
    [
        {"dry-multiplier": 0.8, "dry-penalty-last-n": 1024},
        {"dry-multiplier": 0.0, "dry-penalty-last-n": 64},
        {"dry-multiplier": 0.8, "dry-penalty-last-n": -1},
        {},
    ],
)
def test_s02_not_with_a_long_window_or_without_dry(options: dict[str, Value]) -> None:
    assert not seen("S02", llama(options))


def test_s02_not_on_a_build_that_looks_at_everything() -> None:
    old = facts(version="b10469-abc")
    assert not seen("S02", llama({"dry-multiplier": 0.8}), facts=old)
    assert seen("S02", llama({"dry-multiplier": 0.8}), facts=facts(version="b10470-abc"))


def test_s02_reads_what_the_server_says_of_itself() -> None:
    sampler = {"dry_multiplier": Fact(0.8, "/props"), "dry_penalty_last_n": Fact(64, "/props")}
    found = only(Subject(facts=facts(sampler=sampler)), "S02")
    assert "dry_penalty_last_n = 64 by /props" in found.seen


def test_s03_minus_one_is_refused() -> None:
    found = only(Subject(servers=(llama({"dry-penalty-last-n": -1}),)), "S03")
    assert found.edit is not None
    assert found.edit.after == ("--dry-penalty-last-n 4096",)
    sent = client(sampling={"repeat_last_n": -1}, model=CODER)
    assert seen("S03", llama(), clients=(sent,))


def test_s03_not_on_an_old_build_and_not_for_a_number() -> None:
    bad = llama({"dry-penalty-last-n": -1})
    assert not seen("S03", bad, facts=facts(version="b10469"))
    assert seen("S03", bad, facts=facts(version="b11549-0c1e"))
    assert not seen("S03", llama({"dry-penalty-last-n": 0, "repeat-last-n": 64}))


def test_s04_dry_for_prose() -> None:
    found = only(Subject(servers=(llama({"dry-multiplier": 0.8}),)), "S04")
    assert "allowed length of 2 tokens, the default" in found.seen
    wide: dict[str, Value] = {"dry-multiplier": 0.8, "dry-allowed-length": 8}
    assert not seen("S04", llama(wide))
    assert seen("S04", llama({**wide, "dry-sequence-breaker": "none"}))
    assert not seen("S04", llama({"dry-allowed-length": 2}))


def test_s05_the_defaults_of_llama_cpp_are_no_card() -> None:
    found = only(Subject(servers=(llama(),)), "S05")
    assert "temperature is 0.8 (llama.cpp's own 0.8), the card says 0.7" in found.seen
    assert "top_k is 40" in found.seen
    assert found.place is not None
    assert found.place.source == FILE
    assert "https://huggingface.co/Qwen/Qwen3-Coder-30B-A3B-Instruct" in found.fix


def test_s05_one_wrong_value_can_be_edited() -> None:
    found = only(Subject(servers=(llama({**CODER_CARD, "temp": 0.3}),)), "S05")
    assert found.edit is not None
    assert found.edit.after == ("--temp 0.7",)
    assert "top_k" not in found.seen


def test_s05_not_with_the_values_of_the_card() -> None:
    assert not seen("S05", llama(CODER_CARD))
    nearly = facts(model=CODER, sampler={"temperature": Fact(0.699999988079071, "/props")})
    rest = {key: value for key, value in CODER_CARD.items() if key != "temp"}
    assert not seen("S05", llama(rest), facts=nearly)


@pytest.mark.parametrize(
    ("temperature", "fires_here"), [(0.6, False), (1.0, False), (0.8, True), (0.0, True)]
)
def test_s05_either_mode_of_a_card_is_right(temperature: float, fires_here: bool) -> None:
    options: dict[str, Value] = {"temp": temperature, "top-p": 0.95, "top-k": 20, "min-p": 0.0}
    # Temperature 0 is an error of its own (S06), and nothing else is wrong here.
    expected = fires_here and temperature != 0.0
    assert bool(seen("S05", llama(options, QWEN36))) is expected


def test_s05_without_thinking_only_where_the_card_says_so() -> None:
    options: dict[str, Value] = {"temp": 0.5, "top-p": 0.8, "top-k": 20, "min-p": 0.0}
    options["reasoning"] = "off"
    assert not seen("S05", llama(options, QWEN36))
    found = only(Subject(servers=(llama(options, "Qwen3.5-35B-A3B"),)), "S05")
    assert "the card says 0.7" in found.seen


def test_s05_not_for_a_finetune_under_the_name_of_its_base() -> None:
    tuned = llama({"model": "/m/harbour-tuned.gguf"}, CODER)
    assert not seen("S05", tuned)
    assert seen("S05", llama({"model": "/m/model.gguf"}, CODER))
    other = header({"general.architecture": "qwen3moe", "general.name": "Harbour"})
    assert not seen("S05", llama(), header=other)


def test_s05_what_the_client_sends_comes_first() -> None:
    right = client(sampling={"temperature": 0.7, "top_p": 0.8, "top_k": 20}, model=CODER)
    assert not seen("S05", llama(), clients=(right,))
    stripped = llama(strips=("temperature", "top_p", "top_k"))
    assert seen("S05", stripped, clients=(right,))
    forced = {"temperature": setting(0.2, "temperature: 0.2", source="swap.yaml", line=7)}
    found = only(Subject(servers=(llama(CODER_CARD, sets=forced),), clients=(right,)), "S05")
    assert found.place is not None
    assert found.place.line == 7


def test_s05_a_field_that_the_endpoint_ignores_does_not_count() -> None:
    talker = client(sampling={"top_k": 20}, model=CODER)
    ollama = server({"temperature": 0.7, "top_p": 0.8, "top_k": 64}, family="ollama", name=CODER)
    found = only(Subject(servers=(ollama,), clients=(talker,), facts=facts("ollama")), "S05")
    assert "top_k is 64" in found.seen


def test_s05_the_file_speaks_where_no_flag_does() -> None:
    metadata: dict[str, Any] = {
        "general.architecture": "qwen3moe",
        "general.name": CODER,
        "general.sampling.temp": 0.7,
        "general.sampling.top_p": 0.8,
        "general.sampling.top_k": 20,
    }
    assert not seen("S05", llama(), header=header(metadata))
    assert seen("S05", llama({"temp": 0.3}), header=header(metadata))


def test_s06_greedy_qwen() -> None:
    found = only(Subject(servers=(llama({**CODER_CARD, "temp": 0}),)), "S06")
    assert found.edit is not None
    assert found.edit.after == ("--temp 0.7",)
    assert seen("S06", llama({"temp": 0}, "harbour-qwen3-8b"))
    mlx = server({"model": "mlx-community/Qwen3.6-27B-4bit"}, family="mlx", name="q")
    assert "mlx_lm's own 0" in only(Subject(servers=(mlx,)), "S06").seen


def test_s06_not_for_other_models_or_temperatures() -> None:
    assert not seen("S06", llama({"temp": 0.01}))
    assert not seen("S06", llama({"temp": 0}, "Devstral-Small-2-24B-Instruct-2512"))
    assert not seen("S06", llama({"temp": 0}, "Qwen3-30B-A3B-Instruct-2507"))


def test_s07_presence_penalty_of_chat() -> None:
    found = only(Subject(servers=(llama({"presence-penalty": 1.5}, QWEN36),)), "S07")
    assert found.edit is not None
    assert found.edit.after == ("--presence-penalty 0.0",)
    assert not seen("S07", llama({"presence-penalty": 0.0}, QWEN36))
    assert not seen("S07", llama({"presence-penalty": 1.5}, "harbour"))
    assert not seen("S07", llama({"presence-penalty": 1.5, "reasoning": "off"}, QWEN36))


def test_s08_heavy_penalties() -> None:
    found = only(Subject(servers=(llama({"repeat-penalty": 1.2}),)), "S08")
    assert found.edit is not None
    assert found.edit.after == ("--repeat-penalty 1.05",)
    assert not seen("S08", llama({"repeat-penalty": 1.1}))
    assert not seen("S08", llama({"repeat-penalty": 1.05}))


def test_s08_gpt_oss_takes_none() -> None:
    assert seen("S08", llama({"repeat-penalty": 1.05}, "gpt-oss-20b"))
    assert seen("S08", llama({"dry-multiplier": 0.8}, "gpt-oss-20b"))
    assert not seen("S08", llama({"repeat-penalty": 1.0, "presence-penalty": 0}, "gpt-oss-20b"))


def test_s09_two_places() -> None:
    sender = client(sampling={"temperature": 0.2}, model=CODER)
    found = only(Subject(servers=(llama({"temp": 0.7}),), clients=(sender,)), "S09")
    assert "pi sends `temperature: 0.2`" in found.seen
    assert "`--temp 0.7`: the client's holds" in found.seen


def test_s09_not_when_they_agree_or_are_stripped() -> None:
    sender = client(sampling={"temperature": 0.7}, model=CODER)
    assert not seen("S09", llama({"temp": 0.7}), clients=(sender,))
    assert not seen("S09", llama({"temp": 0.2}, strips=("temperature",)), clients=(sender,))
    assert not seen("S09", llama(), clients=(sender,))


def test_s09_the_proxy_overwrites() -> None:
    forced = {"temperature": setting(0.2, "temperature: 0.2", source="swap.yaml", line=7)}
    sender = client(sampling={"temperature": 0.7}, model=CODER)
    found = only(Subject(servers=(llama(sets=forced),), clients=(sender,)), "S09")
    assert "the proxy overwrites it with `temperature: 0.2`" in found.seen


def test_s09_nobody_sets_anything_on_vllm() -> None:
    silent = client(model=CODER)
    vllm = server({"model": CODER}, family="vllm", name=CODER)
    assert "generation_config.json" in only(Subject(servers=(vllm,), clients=(silent,)), "S09").seen
    told = server({"model": CODER, "generation-config": "vllm"}, family="vllm", name=CODER)
    assert not seen("S09", told, clients=(silent,))
    assert not seen("S09", vllm, clients=(client(sampling={"top_p": 0.8}, model=CODER),))


def test_s10_values_of_the_file() -> None:
    carried = header({"general.architecture": "qwen3moe", "general.sampling.temp": 0.6})
    found = only(Subject(servers=(llama(),), header=carried), "S10")
    assert "general.sampling.temp = 0.6" in found.seen
    assert not seen("S10", llama({"temp": 0.6}), header=carried)
    assert not seen("S10", llama(), header=header({"general.architecture": "qwen3moe"}))


def test_s11_random_seed_in_an_experiment() -> None:
    assert seen("S11", llama(), extra={"experiment": True})
    assert not seen("S11", llama())
    assert not seen("S11", llama({"seed": 7}), extra={"experiment": True})


def test_s11_a_seed_beside_speculation() -> None:
    found = only(Subject(servers=(llama({"seed": 7, "spec-type": "draft-mtp"}),)), "S11")
    assert "`--spec-type draft-mtp` guesses ahead" in found.seen
    assert not seen("S11", llama({"seed": -1, "spec-type": "draft-mtp"}))
    assert not seen("S11", llama({"seed": 7, "spec-type": "none"}))
