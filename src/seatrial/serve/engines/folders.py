"""Models that are a folder (`config.json` and safetensors) or the name of a repository.

Nothing is downloaded here: a repository is left to the program, and what it then has in memory
cannot be sealed. In: a `LaunchSpec`. Out: the files of a folder, or an error in plain words.
"""

from __future__ import annotations

import re
from pathlib import Path

from seatrial.core.errors import UserError
from seatrial.serve.engines.spec import LaunchSpec

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_SEALED = ("*.safetensors", "*.json", "*.jinja")


def model_word(model: Path) -> str:
    """How the program is told the model: the folder in full, a repository by its name."""
    return str(model.resolve()) if model.exists() else str(model)


def check_folder(spec: LaunchSpec, program: str) -> None:
    """Refuse what is neither a model folder nor the name of a repository.

    Raises:
        UserError: says which of the two was expected.
    """
    model = spec.model
    if model.is_file():
        raise UserError(
            f"{model}: {program} serves a folder of safetensors, not a file",
            hint="a GGUF file is served by --program llama-server, or by the embedded engine",
        )
    if model.is_dir():
        if not (model / "config.json").is_file():
            raise UserError(
                f"{model}: no model in this folder", hint="there should be a config.json in it"
            )
    elif not _REPOSITORY.fullmatch(str(model)):
        raise UserError(
            f"no such model folder: {model}",
            hint="give a folder with a config.json, or a repository as owner/name",
        )
    if spec.slots < 0 or spec.window_tokens < 0:
        raise UserError("window and slots begin at 1; 0 leaves them to the program")


def folder_files(spec: LaunchSpec) -> tuple[Path, ...]:
    """What decides how the model answers: weights, settings, template."""
    folders = [spec.model, *(adapter.path for adapter in spec.adapters)]
    return tuple(
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(found for pattern in _SEALED for found in folder.glob(pattern))
    )
