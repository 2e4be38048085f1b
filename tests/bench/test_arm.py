"""Arm ids: one configuration, one id; another configuration, another id."""

from __future__ import annotations

import msgspec
import pytest

from seatrial.bench.arm import ResolvedArm, harness_digest, lock_arm, resolve
from seatrial.core.config import ArmSpec, EngineSpec, GuardSpec
from seatrial.core.errors import UserError
from seatrial.core.generation import Caps, Sampling
from seatrial.core.lock import Lock

SERVED = {"weights": "a" * 64, "template": "b" * 64, "window_tokens": 4096, "slots": 1}


class Proof:
    """As much of an attestation as a lock takes."""

    def __init__(self, served: dict[str, object] = SERVED, **volatile: object) -> None:
        self.served = served
        self.volatile = volatile
        self.grade = "process"


def lock(spec: ArmSpec, proof: Proof | None = None) -> Lock:
    return lock_arm(resolve(spec), proof or Proof())  # type: ignore[arg-type]


def test_two_launches_give_one_id() -> None:
    assert lock(ArmSpec(), Proof(port=1, pid=2)).arm == lock(ArmSpec(), Proof(port=3, pid=4)).arm


def test_a_label_is_not_part_of_the_id() -> None:
    assert lock(ArmSpec(name="left")).arm == lock(ArmSpec(name="right")).arm


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": Sampling(temperature=0.7)},
        {"caps": Caps(max_turns=3)},
        {"engine": EngineSpec(window=2048)},
        {"guard": GuardSpec(repeat_calls=4)},
        {"sandbox": "process"},
        {"adapter_scale": 0.5},
    ],
)
def test_every_setting_is_part_of_the_id(change: dict[str, object]) -> None:
    assert lock(ArmSpec()).arm != lock(msgspec.structs.replace(ArmSpec(), **change)).arm


def test_other_weights_are_another_arm() -> None:
    assert lock(ArmSpec()).arm != lock(ArmSpec(), Proof({**SERVED, "weights": "c" * 64})).arm


def test_the_code_counts_by_digest() -> None:
    assert set(lock(ArmSpec()).code) == {"prompt", "tools", "texts", "guard", "harness"}
    assert len(harness_digest()) == 16


def test_another_wire_is_another_arm() -> None:
    arm = resolve(ArmSpec())
    other = msgspec.structs.replace(arm.profile, wire="native")
    left = lock_arm(arm, Proof())  # type: ignore[arg-type]
    right = lock_arm(msgspec.structs.replace(arm, profile=other), Proof())  # type: ignore[arg-type]
    assert left.arm != right.arm


def test_a_shipped_model_has_its_own_profile_and_caps() -> None:
    arm: ResolvedArm = resolve(ArmSpec(model="dinghy-raw"))
    assert arm.profile.name == "dinghy"
    assert arm.caps == arm.profile.caps


@pytest.mark.parametrize("key", ["model", "adapter", "profile"])
def test_a_missing_file_is_one_line(key: str) -> None:
    with pytest.raises(UserError, match=r"nowhere"):
        resolve(msgspec.structs.replace(ArmSpec(), **{key: "nowhere.gguf"}))
