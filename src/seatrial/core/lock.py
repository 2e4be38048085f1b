"""The lock: one resolved arm, and the id that names it.

`spec` is what was asked, `served` what was proven to answer, `code` what of ours shapes the
request and judges the reply. The arm id is taken of these three. `volatile` (ports, pids, paths,
speeds) is recorded and does not count, so two launches of one configuration give one id.
"""

from __future__ import annotations

from typing import Any

import msgspec

from seatrial.core.schema import LOCK_VERSION, canonical_json, digest


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """`lock/<arm>.json`, written after attestation and before the first trial."""

    schema_version: int = LOCK_VERSION
    arm: str
    """The arm id: 16 hex characters."""
    name: str
    """The label that people see; not part of the id."""
    spec: dict[str, Any]
    served: dict[str, Any]
    code: dict[str, str]
    volatile: dict[str, Any]


def arm_id(spec: dict[str, Any], served: dict[str, Any], code: dict[str, str]) -> str:
    """First 16 hex characters of sha256 over the canonical JSON of spec + served + code."""
    return digest({"spec": spec, "served": served, "code": code})


def make_lock(
    name: str,
    spec: dict[str, Any],
    served: dict[str, Any],
    code: dict[str, str],
    volatile: dict[str, Any],
) -> Lock:
    """A lock with its id."""
    return Lock(
        arm=arm_id(spec, served, code),
        name=name,
        spec=spec,
        served=served,
        code=code,
        volatile=volatile,
    )


def lock_difference(old: Lock, new: Lock) -> list[str]:
    """Dotted keys of spec, served and code whose values differ; empty when the ids agree."""
    parts = ("spec", "served", "code")
    return [key for part in parts for key in _changed(part, getattr(old, part), getattr(new, part))]


def _changed(key: str, old: object, new: object) -> list[str]:
    # Compared as the id sees them: 1 and 1.0, or null and no key, are two ids.
    if canonical_json(old) == canonical_json(new):
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[str] = []
        for name in sorted(old.keys() | new.keys()):
            if name in old and name in new:
                found += _changed(f"{key}.{name}", old[name], new[name])
            else:
                found.append(f"{key}.{name}")
        return found
    return [key]
