"""The config tree: a value arrives as it was meant, or a person is told in one line."""

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.core.config import ArmSpec, RunSpec, convert_config, override, read_config
from seatrial.core.errors import UserError
from seatrial.core.generation import Caps
from seatrial.core.schema import canonical_json


def resolved(*settings: str) -> RunSpec:
    tree: dict = {}
    override(tree, list(settings))
    return convert_config(tree)


def test_an_empty_tree_is_the_defaults():
    assert resolved() == RunSpec()


def test_settings_reach_their_leaf():
    spec = resolved(
        "suite.count=40", "arms.0.sampling.temperature=0.7", "arms.0.name=a b", "seeds=[1, 2]"
    )
    assert (spec.suite.count, spec.seeds) == (40, (1, 2))
    assert spec.arms == (ArmSpec(name="a b", sampling=spec.arms[0].sampling),)
    assert spec.arms[0].sampling.temperature == 0.7


def test_the_later_one_wins_and_siblings_stay():
    spec = resolved("suite.count=40", "suite.seed=7", "suite.count=2")
    assert (spec.suite.count, spec.suite.seed) == (2, 7)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["suite.cuont=4"], "cuont"),
        (["suite.count=many"], "suite.count"),
        (["suite.count=0"], "suite.count"),
        (["arms.0.engine.slots=0"], "slots"),
        (["arms.0.guard.loop_chars=1"], "loop_chars"),
        (["arms.0.sampling.temperature=nan"], "temperature"),
        (["arms.0.adapter_scale=inf"], "adapter_scale"),
        (["arms.0.sampling.temperature=-1"], "temperature"),
        (["arms.0.caps.max_tokens=0"], "max_tokens"),
        (["arms.0.caps.wall_seconds=-5.0"], "wall_seconds"),
        (["arms.0.name="], "name is empty"),
        (["seeds=[1, 1]"], "twice"),
        (["seeds=[1000000000000000000]"], "digits"),
        (["count"], "key=value"),
        (["=3"], "key=value"),
        (["suite=3", "suite.count=4"], "suite"),
        (["arms=[]", "arms.0.name=x"], "no entry 0"),
        (["arms=[{}]", "arms.²=x"], "no entry"),
        (["arms=[{}]", f"arms.{'9' * 5000}=x"], "no entry"),
        (["suite.count=1\nx=2"], "suite.count"),
    ],
)
def test_what_is_wrong_is_named(settings, says):
    with pytest.raises(UserError, match=says):
        resolved(*settings)


keys = st.one_of(
    st.text(max_size=12),
    st.lists(
        st.sampled_from(
            ["suite", "arms", "0", "1", "count", "sampling", "seeds", "caps", "", "-1"]
        ),
        max_size=4,
    ).map(".".join),
)
values = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["nan", "[" * 3000, "9" * 5000, "1e999", "{a=1}", "[{}]", '"\\ud800"', "\x00"]),
    st.integers().map(str),
    st.floats().map(str),
)


@settings(max_examples=60)
@given(st.lists(st.tuples(keys, values), max_size=4))
def test_anything_on_the_command_line_is_taken_or_told(pairs):
    try:
        spec = resolved(*(f"{key}={value}" for key, value in pairs))
    except UserError as error:
        assert error.message
    else:
        assert_no_null_was_a_number(spec)


def assert_no_null_was_a_number(spec):
    """What was accepted reads back as itself: nothing turns into null on the way to disk."""
    again = msgspec.json.decode(canonical_json(spec))
    temperature = spec.arms[0].sampling.temperature if spec.arms else None
    if temperature is not None:
        assert math.isfinite(temperature)
        assert again["arms"][0]["sampling"]["temperature"] == temperature


def test_files_merge_left_to_right(tmp_path: Path):
    (tmp_path / "a.toml").write_text("[suite]\ncount = 3\nseed = 5\n")
    (tmp_path / "b.toml").write_text("[suite]\ncount = 4\n")
    spec = convert_config(read_config([tmp_path / "a.toml", tmp_path / "b.toml"]))
    assert (spec.suite.count, spec.suite.seed) == (4, 5)


@pytest.mark.parametrize(
    "data", [b"x = ", b"\xff\xfe", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000]
)
def test_a_file_that_is_not_toml_is_told(tmp_path: Path, data):
    (tmp_path / "bad.toml").write_bytes(data)
    with pytest.raises(UserError, match=r"bad\.toml"):
        read_config([tmp_path / "bad.toml"])


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="No such file"):
        read_config([tmp_path / "none.toml"])


def test_the_resolved_form_spells_the_caps_out():
    """A default that is left out would change a locked arm when the default changes."""
    assert msgspec.to_builtins(Caps()) == msgspec.structs.asdict(Caps())
