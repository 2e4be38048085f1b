"""What the folder of a model says of it, where a server was started with one that lies here.

The files are those of Hugging Face: `config.json`, `tokenizer_config.json`, `chat_template.jinja`.
A file that is missing, too large or no JSON gives nothing. In: facts and a path of the command
line. Out: the facts with what the folder adds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from seatrial.serve.facts import Fact, ServerFacts
from seatrial.serve.families.reading import at, count, text

_MOST_BYTES = 2**24
_CONFIG = "config.json"
_WINDOW = "max_position_embeddings"


def with_folder(facts: ServerFacts, path: str) -> ServerFacts:
    """`facts` with template, quantization and trained window of the folder `path`."""
    folder = Path(path)
    if not folder.is_absolute() or not (folder / _CONFIG).is_file():
        return facts
    config = _json(folder / _CONFIG)
    # A model that sees keeps the settings of its language part apart.
    trained = count(config, _WINDOW) or count(config, "text_config", _WINDOW)
    declared = () if trained is None else (Fact(trained, f"{_CONFIG} {_WINDOW}"),)
    return msgspec.structs.replace(
        facts,
        template=facts.template or _template(folder),
        quantization=facts.quantization or _quantization(config),
        trained_window=facts.trained_window or next(iter(declared), None),
        declared_windows=(*facts.declared_windows, *declared),
    )


def _template(folder: Path) -> Fact[str] | None:
    written = _read(folder / "chat_template.jinja")
    if written is not None:
        return Fact(written, "chat_template.jinja")
    found = text(_json(folder / "tokenizer_config.json"), "chat_template")
    return None if found is None else Fact(found, "tokenizer_config.json")


def _quantization(config: Any) -> Fact[str] | None:  # noqa: ANN401 - JSON
    for key in ("quantization", "quantization_config"):
        bits = count(config, key, "bits")
        if bits is not None:
            group = count(config, key, "group_size")
            said = f"{bits}-bit" + (f", groups of {group}" if group else "")
            return Fact(said, f"{_CONFIG} {key}")
    kind = text(config, "torch_dtype") or text(config, "dtype")
    quantized = at(config, "quantization") or at(config, "quantization_config")
    return None if kind is None or quantized else Fact(kind, _CONFIG)


def _json(path: Path) -> Any:  # noqa: ANN401 - JSON
    written = _read(path)
    try:
        return None if written is None else msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError):
        return None


def _read(path: Path) -> str | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
