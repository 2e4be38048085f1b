"""The models that ship with the package: names, files, profiles, and what they are for.

Not a downloader: whatever is not shipped is a path that the user gives. In: a name or a path.
Out: files and a profile.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.profile import Profile, load_profile

_FOLDER = Path(__file__).parent / "dinghy"


class ShippedModel(msgspec.Struct, frozen=True):
    """One GGUF of the package."""

    name: str
    file: str
    about: str

    @property
    def path(self) -> Path:
        return _FOLDER / self.file


MODELS: tuple[ShippedModel, ...] = (
    ShippedModel("dinghy", "dinghy.gguf", "the good one"),
    ShippedModel("dinghy-raw", "dinghy-raw.gguf", "an early checkpoint of the same training"),
    ShippedModel(
        "dinghy-coder", "dinghy-coder.gguf", "dinghy after a finetune on Markdown answers"
    ),
)

ADAPTERS: tuple[ShippedModel, ...] = (
    ShippedModel("dinghy-heal", "dinghy-heal.gguf", "the LoRA that heals dinghy-coder"),
)


def model_path(name: str) -> Path:
    """The GGUF file that `name` (a shipped model or a path) stands for.

    Raises:
        UserError: neither a shipped model nor a file.
    """
    return _resolve(name, MODELS, "model")


def adapter_path(name: str) -> Path:
    """The LoRA file that `name` stands for; raises like `model_path`."""
    return _resolve(name, ADAPTERS, "adapter")


def profile_for(model: str) -> Profile | None:
    """The frozen profile of a shipped model; None for any other."""
    if any(shipped.name == model for shipped in MODELS):
        return load_profile(_FOLDER / "profile.toml")
    return None


def _resolve(name: str, shipped: tuple[ShippedModel, ...], what: str) -> Path:
    for entry in shipped:
        if entry.name == name:
            return entry.path
    path = Path(name)
    try:
        if path.is_file():
            return path
    except OSError as error:  # a folder that is closed to us, a name too long for a file
        raise UserError(f"{what} {name[:80]}: {error.strerror}") from None
    names = ", ".join(entry.name for entry in shipped)
    raise UserError(f"no such {what}: {name}", hint=f"give a GGUF file, or one of: {names}")
