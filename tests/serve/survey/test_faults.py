"""Every fault that a survey can see is seen, and an honest server of any family is not accused."""

from __future__ import annotations

import pytest

from seatrial.fakes.personalities import FAMILIES, FAULTS
from seatrial.serve.facts import ServerFacts
from seatrial.serve.survey.probes import OBSERVATIONS
from seatrial.serve.survey.run import FAILED
from tests.serve.survey.asking import honest_facts, surveyed, verdicts

NOT_FAKED = {"sampler.knob.mirostat"}
"""The toy model has no mirostat; the real engine is tested with it."""

SIGNS: dict[str, tuple[set[str], str]] = {
    "echoes_model": ({"identity"}, "identity.made_up_name"),
    "ignores_temperature": ({"sampler"}, "sampler.knob.temperature"),
    "ignores_seed": ({"sampler"}, "sampler.seed_repeats"),
    "ignores_top_k": ({"sampler"}, "sampler.knob.top_k"),
    "ignores_min_p": ({"knobs"}, "sampler.knob.min_p"),
    "ignores_repeat_penalty": ({"knobs"}, "sampler.knob.rep"),
    "nondeterministic_greedy": ({"sampler"}, "sampler.greedy_repeats"),
    "500_on_parse_failure": ({"tools"}, "tools.parse_failure"),
    "wrong_window": ({"overflow"}, "overflow.window"),
    "silent_truncation": ({"depth"}, "window.whole_prompt"),
    "overflow_500_pool": ({"overflow"}, "overflow.shape"),
    "missing_eos": ({"stops"}, "stops.ends"),
    "no_finish": ({"stops"}, "stops.stream_finish"),
    "no_done": ({"stops"}, "stops.stream_done"),
    "role_leak": ({"leaks"}, "leaks.roles"),
    "control_token_leak": ({"leaks"}, "leaks.control_tokens"),
    "one_path_without_stop": ({"stops"}, "stops.paths_agree"),
    "system_prompt_replaced": ({"system"}, "system.reaches_model"),
    "tools_dropped": ({"tools"}, "tools.reach_model"),
    "template_missing": ({"answers", "tools"}, ""),
    "cpu_fallback": ({"device"}, "speed.device"),
    "mock_backend": ({"identity"}, "identity.answers_depend"),
    "healed_truncation": ({"truncation"}, "tools.healed_truncation"),
    "thinks_in_content": ({"reasoning"}, "reasoning.key"),
    "cache_never_hits": ({"cache"}, "cache.prefix"),
    "answers_with_other_model_after": (
        {"answers", "system", "stops", "steady"},
        "identity.same_model",
    ),
}
"""Fault -> the probes that ask, and how the id of the finding begins."""

ELSEWHERE = {
    "lists_cache_first": "a matter of listings: families and lint",
    "alias_lies": "a matter of names: attestation",
    "overflow_400": "no fault by itself: the honest shape",
    "hangs_forever": "test_run",
    "slow_prefill": "below, because it takes time",
    "rejects_unknown_fields": "below, because it is honest about what it does not take",
    "needs_key": "test_run",
    "not_an_llm": "families refuse it before a survey begins",
    "big_body": "families",
}

BLIND: dict[str, frozenset[str]] = {
    # Without numbers from the server there is nothing to see.
    "cache_never_hits": frozenset({"ollama", "lm-studio", "vllm", "sglang", "apr", "openai"}),
    # The device stands in facts, or nowhere; a survey sees speed only where size is known.
    "cpu_fallback": FAULTS["cpu_fallback"].families - {"llama-swap", "apr"},
    # No window is stated, so no depth can be chosen.
    "silent_truncation": frozenset({"mlx", "apr", "openai"}),
    # LM Studio's min_p cannot be opened, so heat may hide behind it.
    "ignores_temperature": frozenset({"lm-studio", "apr", "openai"}),
    # Honest ones of these echo as well, or would load whatever is named.
    "echoes_model": frozenset({"mlx", "lm-studio", "sglang", "apr", "openai"}),
    # No window is stated.
    "wrong_window": frozenset({"apr", "openai"}),
    # It is not known whether an honest one of these takes reasoning out of the text.
    "thinks_in_content": frozenset({"lm-studio", "apr", "openai"}),
}


_FILE = {"wrong_window": frozenset({"llama-swap"})}
"""The false number stands in a file of the proxy; the server behind it tells the truth."""


def test_every_fault_has_its_sign_or_its_reason() -> None:
    assert set(FAULTS) == set(SIGNS) | set(ELSEWHERE)
    assert not set(SIGNS) & set(ELSEWHERE)


async def _facts(fault: str, family: str) -> ServerFacts | None:
    """None where the fault shows in what the server says of itself."""
    return None if fault in ("wrong_window", "cpu_fallback") else await honest_facts(family)


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_honest_server_is_not_accused(family: str) -> None:
    found = await surveyed(family, depth="overflow")
    accused = [
        one
        for one in found.observations
        if one.verdict == "bad" and not one.values.get("documented")
    ]
    assert [one for one in accused if one.id not in NOT_FAKED] == []
    assert not [reason for reason in found.skipped.values() if reason.startswith(FAILED)]
    assert {one.id for one in found.observations} <= set(OBSERVATIONS)
    assert all(len(one.seen) <= 500 for one in found.observations)


@pytest.mark.parametrize("fault", SIGNS)
async def test_the_fault_is_seen_on_every_family(fault: str) -> None:
    only, sign = SIGNS[fault]
    families = (
        FAULTS[fault].families - BLIND.get(fault, frozenset()) - _FILE.get(fault, frozenset())
    )
    assert families
    missed = {}
    for family in sorted(families):
        found = await surveyed(family, fault, only=only, facts=await _facts(fault, family))
        seen = verdicts(found, "bad")
        if not any(id_.startswith(sign) for id_ in seen):
            missed[family] = found.observations or found.skipped
    assert missed == {}


@pytest.mark.parametrize("fault", BLIND)
async def test_where_a_fault_cannot_be_seen_nothing_is_called_good(fault: str) -> None:
    only, sign = SIGNS[fault]
    for family in sorted(FAULTS[fault].families & BLIND[fault]):
        found = await surveyed(family, fault, only=only, facts=await _facts(fault, family))
        good = verdicts(found, "good")
        assert not [id_ for id_ in good if id_.startswith(sign)], family


async def test_a_knob_that_is_refused_is_told_from_one_that_is_ignored() -> None:
    refused = (await surveyed("vllm", "rejects_unknown_fields", only={"more-knobs"})).bad(
        "sampler.knob.dry_multiplier"
    )
    ignored = (await surveyed("vllm", only={"more-knobs"})).bad("sampler.knob.dry_multiplier")
    assert refused is not None and ignored is not None
    assert (refused.values["accepted"], ignored.values["accepted"]) == (False, True)
    assert refused.values["documented"] and ignored.values["documented"]


async def test_a_wait_that_nothing_explains_is_seen() -> None:
    found = await surveyed(
        "llama.cpp", "slow_prefill", only={"speed"}, settings={"prefill_seconds": 1.6}
    )
    assert "speed.first_token" in verdicts(found, "bad")


async def test_the_first_request_of_another_model_is_named() -> None:
    found = await surveyed("llama.cpp", "answers_with_other_model_after(3)")
    same = found.bad("identity.same_model")
    assert same is not None
    assert "another model answers" in same.said


async def test_thinking_is_switched_off_and_said_to_be() -> None:
    found = await surveyed("llama.cpp", only={"reasoning"}, settings={"thinks": "always"})
    key, off = found.find("reasoning.key"), found.find("reasoning.off")
    assert key is not None and off is not None
    assert (key.verdict, key.values["key"]) == ("good", "reasoning_content")
    assert (off.verdict, off.values["off"]) == ("good", True)


async def test_speed_comes_with_the_settings_that_decide_it() -> None:
    found = await surveyed(
        "llama-swap",
        only={"speed", "depth"},
        settings={"draft_acceptance": 0.75, "command": ("-fa", "on", "-ctk", "q8_0")},
    )
    shallow, deep = found.find("speed.shallow"), found.find("speed.50")
    assert shallow is not None and deep is not None
    assert deep.values["context_tokens"] > 30_000
    assert shallow.values["timed_by"] == "server"
    assert shallow.values["draft_acceptance"] == pytest.approx(0.75, abs=0.1)
    assert shallow.values["flash_attention"] == "on"
    assert shallow.values["cache_type_k"] == "q8_0"
