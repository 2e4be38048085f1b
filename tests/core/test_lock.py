"""The arm id: what counts changes it, what does not count does not."""

import copy
import hashlib

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seatrial.core.lock import arm_id, lock_difference, make_lock
from seatrial.core.schema import canonical_json

FEW = settings(max_examples=30)

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=6), st.floats(-9, 9)
)
trees = st.recursive(
    leaves,
    lambda t: st.dictionaries(st.text(max_size=4), t, max_size=4) | st.lists(t, max_size=3),
    max_leaves=10,
)
parts = st.dictionaries(st.text(max_size=4), trees, min_size=1, max_size=4)


def shuffled(value, random):
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(v, random) for v in value] if isinstance(value, list) else value


def paths(value, at=()):
    """Where the leaves are; an empty container is one."""
    if isinstance(value, dict) and value:
        return [p for key in value for p in paths(value[key], (*at, key))]
    if isinstance(value, list) and value:
        return [p for i, inner in enumerate(value) for p in paths(inner, (*at, i))]
    return [at]


@FEW
@given(parts, parts, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(spec, served, random):
    code = {"prompt": "p", "tools": "t"}
    assert arm_id(spec, served, code) == arm_id(
        shuffled(spec, random), shuffled(served, random), dict(reversed(code.items()))
    )


@FEW
@given(st.data(), parts, parts, leaves)
def test_any_changed_leaf_changes_the_id_and_is_named(data, spec, served, leaf):
    side = data.draw(st.sampled_from(["spec", "served"]))
    changed = copy.deepcopy({"spec": spec, "served": served})
    path = data.draw(st.sampled_from(paths(changed[side])))
    holder = changed[side]
    for key in path[:-1]:
        holder = holder[key]
    assume(canonical_json(holder[path[-1]]) != canonical_json(leaf))
    holder[path[-1]] = leaf
    old, new = make_lock("a", spec, served, {}, {}), make_lock("a", **changed, code={}, volatile={})
    assert old.arm != new.arm
    (named,) = lock_difference(old, new)
    assert named.startswith(f"{side}.{path[0]}")


@FEW
@given(parts, parts)
def test_the_difference_is_empty_exactly_when_the_ids_agree(left, right):
    one, other = make_lock("a", left, {}, {}, {}), make_lock("a", right, {}, {}, {})
    assert (lock_difference(one, other) == []) == (one.arm == other.arm)


def test_a_number_of_another_kind_and_a_null_are_differences():
    """`1 == 1.0 == True` in Python, and not in the id."""
    for left, right in (({"x": 1}, {"x": 1.0}), ({"x": 1}, {"x": True}), ({"x": None}, {})):
        one, other = make_lock("a", left, {}, {}, {}), make_lock("a", right, {}, {}, {})
        assert one.arm != other.arm
        assert lock_difference(one, other) == ["spec.x"]


@FEW
@given(parts, st.text(), st.text())
def test_name_and_volatile_do_not_count(volatile, name, other):
    assert (
        make_lock(name, {"a": 1}, {}, {}, volatile).arm
        == make_lock(other, {"a": 1}, {}, {}, {}).arm
    )


def test_a_value_moved_to_another_part_is_another_arm():
    assert arm_id({"x": "1"}, {}, {}) != arm_id({}, {"x": "1"}, {}) != arm_id({}, {}, {"x": "1"})


def test_the_id_stays_what_it_was():
    """Results on disk are found by it: a change of the recipe is a change of format."""
    form = '{"code":{"p":"0"},"served":{"w":"é"},"spec":{"a":null,"b":1}}'
    known = hashlib.sha256(form.encode()).hexdigest()[:16]
    assert arm_id({"b": 1, "a": None}, {"w": "é"}, {"p": "0"}) == known
