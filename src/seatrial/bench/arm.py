"""An arm: one configuration, resolved to files and profile, launched, attested and locked.

In: an `ArmSpec`. Out: a `ResolvedArm`, and with a proven endpoint its `Lock`. The id depends on
what was asked, what was proven to answer, and what of our code shapes the request: not on
ports, paths or the arm's label.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import seatrial
from seatrial.agent import DEFAULT_PROFILE
from seatrial.core.config import ArmSpec
from seatrial.core.generation import Caps
from seatrial.core.lock import Lock, make_lock
from seatrial.core.profile import Profile, load_profile
from seatrial.core.schema import digest, sha256_hex
from seatrial.models import adapter_path, model_path, profile_for
from seatrial.serve import Adapter, Attestation, LaunchSpec
from seatrial.toolcalls import check_options

_HARNESS_PACKAGES = ("core", "agent", "chat", "guard", "toolcalls", "serve", "sandbox", "bench")


class ResolvedArm(msgspec.Struct, frozen=True):
    """An arm whose names stand for existing files."""

    spec: ArmSpec
    profile: Profile
    model: Path
    adapter: Path | None

    @property
    def caps(self) -> Caps:
        return self.spec.caps or self.profile.caps

    def launch_spec(self, log: Path) -> LaunchSpec:
        """What the embedded engine is started with."""
        adapters: tuple[Adapter, ...] = ()
        if self.adapter is not None:
            adapters = (Adapter(self.adapter, self.spec.adapter_scale),)
        return LaunchSpec(
            model=self.model,
            adapters=adapters,
            window_tokens=self.spec.engine.window,
            slots=self.spec.engine.slots,
            threads=self.spec.engine.threads,
            log=log,
        )


def resolve(spec: ArmSpec) -> ResolvedArm:
    """Find the files and the profile that `spec` names.

    Raises:
        UserError: a model, adapter or profile does not exist, or an option cannot be meant.
    """
    check_options(spec.toolcalls)
    model = model_path(spec.model)
    adapter = adapter_path(spec.adapter) if spec.adapter else None
    if spec.profile is not None:
        profile = load_profile(Path(spec.profile))
    else:
        profile = profile_for(spec.model) or load_profile(DEFAULT_PROFILE)
    return ResolvedArm(spec, profile, model, adapter)


def lock_arm(arm: ResolvedArm, attestation: Attestation) -> Lock:
    """The lock of `arm` as it is served now."""
    return make_lock(
        arm.spec.name,
        _asked(arm),
        attestation.served,
        {
            **arm.profile.digests(),
            "guard": digest(arm.spec.guard),
            "harness": harness_digest(),
        },
        {
            **attestation.volatile,
            "grade": attestation.grade,
            "host": platform.node(),
            "python": platform.python_version(),
            "seatrial": seatrial.__version__,
            "model": str(arm.model),
        },
    )


def _asked(arm: ResolvedArm) -> dict[str, Any]:
    """The spec with every default spelled out; files count by digest, which `served` holds."""
    asked: dict[str, Any] = msgspec.to_builtins(arm.spec)
    for key in ("name", "model", "adapter", "profile"):
        del asked[key]
    asked["caps"] = msgspec.to_builtins(arm.caps)
    asked["profile"] = arm.profile.name
    asked["wire"] = arm.profile.wire
    return asked


@cache
def harness_digest() -> str:
    """16 hex characters over the source of every package that shapes a trial."""
    root = Path(seatrial.__file__).parent
    sources = [
        (str(path.relative_to(root)), sha256_hex(path.read_bytes()))
        for package in _HARNESS_PACKAGES
        for path in sorted((root / package).rglob("*"))
        if path.suffix in (".py", ".toml")
    ]
    return digest(sources)
