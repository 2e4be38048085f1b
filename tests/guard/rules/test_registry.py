"""Which rules run where, and in which mode."""

from __future__ import annotations

import msgspec
import pytest

from seatrial.core.config import GuardSpec
from seatrial.core.errors import UserError
from seatrial.core.schema import digest
from seatrial.diagnose.modes import MODES
from seatrial.guard import RULES, check_modes, gateway_rules, rules_from


def modes(rules: list) -> dict[str, str]:
    return {rule.id: rule.mode for rule in rules}


def test_the_agent_has_its_loop_rules_and_no_more() -> None:
    assert modes(rules_from(GuardSpec())) == {"call_loop": "enforce", "text_loop": "enforce"}


def test_every_rule_has_its_id() -> None:
    for id, entry in RULES.items():
        assert entry.make(GuardSpec(), "observe").id == id


def test_observe_is_the_most_there_is() -> None:
    assert set(modes(gateway_rules(GuardSpec(), "observe")).values()) == {"observe"}
    assert gateway_rules(GuardSpec(), "off") == []


def test_a_mode_can_be_set_by_id() -> None:
    spec = GuardSpec(modes={"rescue": "off", "leaks": "observe", "call_loop": "enforce"})
    made = modes(gateway_rules(spec))
    assert "rescue" not in made and made["leaks"] == "observe" and made["call_loop"] == "enforce"
    assert modes(rules_from(GuardSpec(modes={"rescue": "enforce"})))["rescue"] == "enforce"


def test_an_unknown_rule_is_one_line() -> None:
    check_modes(GuardSpec(modes={"rescue": "off"}))
    with pytest.raises(UserError, match="rescu"):
        check_modes(GuardSpec(modes={"rescu": "off"}))


def test_what_is_not_set_does_not_change_the_digest() -> None:
    written = msgspec.to_builtins(GuardSpec())
    assert set(written) == {"repeat_calls", "cycle_calls", "loop_chars", "loop_repeats"}
    assert digest(GuardSpec()) == digest(written)
    assert digest(GuardSpec(modes={"leaks": "off"})) != digest(GuardSpec())


def test_findings_name_modes_of_the_register() -> None:
    named = {
        "claim.false_success.unverified",
        "config.think_budget",
        "config.max_tokens.text",
        "config.max_tokens.tool_args",
        "config.slow_server",
        "format.malformed_call",
        "format.no_tool_call",
        "harness.compaction",
        "harness.length_ignored",
        "stack.control_token_leak",
        "stack.role_leak",
        "stack.think_truncated",
        "stack.tool_not_parsed",
        "stack.tool_parse_error",
    }
    assert named <= set(MODES)
