"""Every repair by its own example: it is needed, it is named, and it can be switched off."""

import pytest

from seatrial.core.errors import UserError
from seatrial.toolcalls import EXAMPLE_TOOLS, REPAIRS, Options, check_options, parse


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=list(REPAIRS))
def test_the_example_needs_exactly_this_repair(repair):
    parsed = parse(
        repair.example, EXAMPLE_TOOLS, prefill=repair.prefill, options=Options(**repair.options)
    )
    assert parsed.verdict == "repaired", parsed
    assert set(parsed.repairs) == {repair.id}
    assert repair.summary.endswith(".") and repair.id == repair.id.lower()


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=list(REPAIRS))
def test_without_it_nothing_is_executed(repair):
    options = Options(**repair.options, off=(repair.id,))
    parsed = parse(repair.example, EXAMPLE_TOOLS, prefill=repair.prefill, options=options)
    assert parsed.verdict in ("reask", "no_call")


def test_an_unknown_repair_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="opener_mising") as caught:
        check_options(Options(off=("opener_mising",)))
    assert "opener_missing" in (caught.value.hint or "")
