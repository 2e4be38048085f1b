"""The doctor against every family and every fault of the fakes, and against the real engine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import msgspec
import pytest

from seatrial.core.errors import EngineError, SeatrialError, UserError
from seatrial.fakes.personalities import FAMILIES, FAULTS, personality
from seatrial.models import model_path
from seatrial.serve import LaunchSpec, launch
from seatrial.serve.doctor import EXIT_CODES, Examination, Visit, examine
from seatrial.serve.lint.load import read_command
from seatrial.serve.lint.rule import Severity

QUICK = {
    "alias_lies": "D31",
    "ignores_temperature": "D24",
    "ignores_seed": "D15",
    "ignores_top_k": "D24",
    "ignores_min_p": "D24",
    "ignores_repeat_penalty": "D24",
    "nondeterministic_greedy": "D14",
    "500_on_parse_failure": "D09",
    "missing_eos": "G05",
    "no_finish": "D10",
    "no_done": "D10",
    "role_leak": "G07",
    "control_token_leak": "D13",
    "one_path_without_stop": "D11",
    "system_prompt_replaced": "D04",
    "tools_dropped": "D05",
    "mock_backend": "D02",
    "thinks_in_content": "R05",
    "cache_never_hits": "D20",
    "echoes_model": "D22",
    "template_missing": "D05",
}
"""Fault -> the rule that names it, on a llama.cpp server."""

DEEP = {
    "wrong_window": ("overflow", "D17"),
    "silent_truncation": ("full", "D16"),
    "overflow_500_pool": ("overflow", "D37"),
    "healed_truncation": ("full", "G04"),
}


def rules(found: Examination) -> list[str]:
    return [one.rule for one in found.report.findings]


async def visited(family: str, *faults: str, **visit: object) -> Examination:
    async with personality(family, *faults) as server:
        return await examine(Visit(url=server.url, **visit))


@pytest.mark.parametrize("depth", ["quick", "overflow"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_a_sound_server_of_any_family_gives_no_error(family, depth):
    found = await visited(family, depth=depth)
    assert found.verdict == "sound", found.line
    assert EXIT_CODES[found.verdict] == 0
    assert found.failed == {}
    assert not [one for one in found.report.findings if one.severity is Severity.ERROR]


@pytest.mark.parametrize("fault", sorted(QUICK))
async def test_each_fault_is_named(fault):
    found = await visited("llama.cpp", fault)
    assert QUICK[fault] in rules(found)
    named = next(one for one in found.report.findings if one.rule == QUICK[fault])
    assert named.seen and named.why and named.fix
    errors = any(one.severity is Severity.ERROR for one in found.report.findings)
    assert found.verdict == ("faulty" if errors else "sound")


@pytest.mark.parametrize("fault", sorted(DEEP))
async def test_what_needs_a_deeper_look_is_named_by_it(fault):
    depth, rule = DEEP[fault]
    found = await visited("llama.cpp", fault, depth=depth)
    assert rule in rules(found) and found.verdict == "faulty"


async def test_both_ways_in_which_llama_cpp_overflows_are_told_apart():
    clean = await visited("llama.cpp", "overflow_400", depth="overflow")
    pool = await visited("llama.cpp", "overflow_500_pool", depth="overflow")
    assert clean.verdict == "sound" and pool.verdict == "faulty"


@pytest.mark.parametrize(("family", "rule"), [("ollama", "D35"), ("sglang", "D35"), ("apr", "D18")])
async def test_a_fall_back_to_the_cpu_is_named_where_the_server_shows_it(family, rule):
    assert rule in rules(await visited(family, "cpu_fallback"))


async def test_a_log_without_gpu_is_named(tmp_path):
    async with personality("llama.cpp", "cpu_fallback") as server:
        log = tmp_path / "server.log"
        log.write_text("\n".join(server.log))
        found = await examine(Visit(url=server.url, log=log))
    assert "D36" in rules(found)


def every_fault() -> list[str]:
    slow = {"hangs_forever", "slow_prefill", "not_an_llm", "big_body", "needs_key"}
    deep = {"overflow_400", "rejects_unknown_fields", "cpu_fallback"}
    moved = {"lists_cache_first", "answers_with_other_model_after"}
    return sorted(set(FAULTS) - slow - deep - moved)


def test_every_fault_of_the_fakes_is_tried():
    assert set(every_fault()) == QUICK.keys() | DEEP.keys()


@pytest.mark.parametrize("family", ["llama.cpp", "vllm", "ollama"])
async def test_another_model_from_the_third_request_on_voids_the_visit(family):
    found = await visited(family, "answers_with_other_model_after")
    assert found.verdict == "unattested" and EXIT_CODES[found.verdict] == 3
    assert "changed during the examination" in found.line


# The situation of a tuned model that is never asked: a cache with two others, listed first.


async def listed(url: str) -> list[str]:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"{url}/v1/models") as answer:
        return [row["id"] for row in (await answer.json())["data"]]


async def test_a_client_that_asks_for_the_first_id_is_refused_and_told_why():
    async with personality("mlx", "lists_cache_first") as server:
        ids = await listed(server.url)
        found = await examine(Visit(url=server.url, model=ids[0]))
        asked = server.bodies("/v1/chat/completions") + server.bodies("/v1/completions")
    assert found.verdict == "unattested" and EXIT_CODES[found.verdict] == 3
    assert ids[0] in found.line and ids[-1] in found.line
    assert "loads whatever a request names" in found.line
    assert found.hint is not None and ids[-1] in found.hint
    assert found.survey is None and asked == []


async def test_the_listing_alone_is_a_warning_and_an_expectation_stays_open():
    async with personality("mlx", "lists_cache_first") as server:
        ids = await listed(server.url)
        plain = await examine(Visit(url=server.url))
        meant = await examine(Visit(url=server.url, expected=ids[-1]))
    assert "D30" in rules(plain)
    assert meant.verdict == "inconclusive" and EXIT_CODES[meant.verdict] == 2


# Bad input


async def test_a_page_of_html_a_closed_port_and_a_wanted_key_are_one_line_each():
    async with personality("openai", "not_an_llm") as page:
        with pytest.raises(SeatrialError, match="web page") as html:
            await examine(Visit(url=page.url))
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(EngineError) as closed:
            await examine(Visit(url=f"http://127.0.0.1:{held.getsockname()[1]}"))
    async with personality("llama.cpp", "needs_key") as locked:
        with pytest.raises(EngineError, match="wants a key") as key:
            await examine(Visit(url=locked.url))
    for error in (html.value, closed.value, key.value):
        assert "\n" not in error.message and error.hint
    assert closed.value.exit_code == key.value.exit_code == 69


async def test_the_right_key_opens():
    async with personality("llama.cpp", "needs_key", key="sesame") as locked:
        found = await examine(Visit(url=locked.url, api_key="sesame"))
    assert found.verdict == "sound"


async def test_an_answer_without_end_is_left():
    async with personality("llama.cpp", "big_body") as server:
        with contextlib.suppress(SeatrialError):
            async with asyncio.timeout(30):
                await examine(Visit(url=server.url))


def test_a_what_if_without_a_model_file_says_what_is_missing():
    command = read_command("llama-server -m /nowhere/model.gguf -c 8192")
    with pytest.raises(UserError, match="needs the model file"):
        asyncio.run(examine(Visit(configs=(command,), what_if="c=4096")))


def test_a_what_if_without_a_server(tmp_path):
    command = read_command(f"llama-server -m {model_path('dinghy')} -c 4096 -np 1")
    found = asyncio.run(examine(Visit(configs=(command,), what_if="c=2048,ctk=q8_0")))
    assert found.estimate is not None and found.estimate.setup.ctx_size == 2048
    assert found.estimate.memory.likely("cache") > 0


# The real engine


@pytest.mark.engine
async def test_the_embedded_engine_is_sound_and_every_fact_is_right(tmp_path: Path):
    path = model_path("dinghy")
    spec = LaunchSpec(model=path, window_tokens=2048, slots=2, log=tmp_path / "log")
    async with launch(spec) as engine:
        found = await examine(Visit(url=engine.url, expected=str(path), depth="overflow"))
        assert found.facts is not None and found.attestation is not None
        assert found.facts.pid is not None and found.facts.pid.value == engine.pid
    assert found.verdict == "sound", found.line
    facts = found.facts
    assert facts.model is not None and Path(facts.model.value) == path
    assert facts.window is not None and facts.window.value == 2048
    assert facts.slots is not None and facts.slots.value == 2
    assert found.attestation.grade == "process"
    assert found.attestation.expectation is not None and found.attestation.expectation.met
    assert msgspec.json.decode(msgspec.json.encode(found), type=dict)["verdict"] == "sound"


@pytest.mark.engine
async def test_another_file_than_the_expected_one_is_refused(tmp_path: Path):
    spec = LaunchSpec(model=model_path("dinghy"), log=tmp_path / "log")
    async with launch(spec) as engine:
        found = await examine(Visit(url=engine.url, expected=str(model_path("dinghy-coder"))))
    assert found.verdict == "unattested"
    assert "dinghy-coder.gguf is expected" in found.line
