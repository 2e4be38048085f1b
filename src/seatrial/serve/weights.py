"""The files that a model is made of: digest, size, and what their metadata says.

A GGUF file, or a folder of safetensors as `transformers` and MLX write it. Not a statement of
any server: `behind` says who has a file in memory. In: a path. Out: `Weights`, or a `UserError`.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.schema import canonical_json, sha256_hex
from seatrial.serve.digests import digest_of
from seatrial.serve.gguf import GgufHeader, read_header
from seatrial.serve.quantization import file_type_name

_SMALL_BYTES = 16 * 1024 * 1024
_COUNTED = (".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken")
_SAMPLING = "general.sampling."
_ADAPTER = "adapter_config.json"
"""PEFT and mlx-lm write it beside the weights of an adapter."""
_PART = re.compile(r"(.+)-\d{5}-of-\d{5}\.gguf$")


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """One model or adapter as it lies on the disk."""

    path: str
    files: tuple[str, ...]
    """Every file that the digest covers."""
    sha256: str
    """Of the file; of several, over their names and digests."""
    size_bytes: int
    kind: str = "model"
    """`general.type` of a GGUF file: `model`, `adapter`, `mmproj`; of a folder, the first two."""
    name: str | None = None
    architecture: str | None = None
    quantization: str | None = None
    parameters: int | None = None
    trained_window_tokens: int | None = None
    tokenizer: str | None = None
    template_sha256: str | None = None
    eos: str | None = None
    """Text or id of the token that ends a turn."""
    sampling: dict[str, Any] = {}
    """Sampler values that the file itself recommends to the server."""


def read_weights(path: Path) -> Weights:
    """Digest and metadata of `path`.

    Raises:
        UserError: missing, unreadable, or neither a GGUF file nor a folder of safetensors.
    """
    return _folder(path) if path.is_dir() else _gguf(path)


def template_of(path: Path) -> str | None:
    """The chat template that the files hold."""
    if not path.is_dir():
        return read_header(path).chat_template
    separate = _text(path / "chat_template.jinja")
    if separate is not None:
        return separate
    held = _json(path / "tokenizer_config.json").get("chat_template")
    return held if isinstance(held, str) else None


def _gguf(path: Path) -> Weights:
    header = read_header(path)
    files = _parts(path, header)
    headers = [header] if len(files) == 1 else [read_header(one) for one in files]
    eos = header.number("tokenizer.ggml.eos_token_id")
    tokenizer = [header.text(f"tokenizer.ggml.{key}") for key in ("model", "pre")]
    file_type = header.number("general.file_type")
    return Weights(
        path=str(path),
        files=tuple(str(one) for one in files),
        sha256=_together(files),
        size_bytes=sum(one.file_bytes for one in headers),
        kind=header.text("general.type") or "model",
        name=header.text("general.name"),
        architecture=header.architecture,
        quantization=None if file_type is None else file_type_name(file_type),
        parameters=sum(_parameters(one) for one in headers) or None,
        trained_window_tokens=header.trained_window_tokens,
        tokenizer="/".join(part for part in tokenizer if part) or None,
        template_sha256=_template_digest(header.chat_template),
        eos=None if eos is None else f"token {eos}",
        sampling={
            key.removeprefix(_SAMPLING): value
            for key, value in header.metadata.items()
            if key.startswith(_SAMPLING) and isinstance(value, str | int | float | bool)
        },
    )


def _parts(path: Path, header: GgufHeader) -> tuple[Path, ...]:
    """All files of a model that was split, in their order."""
    if header.split_count <= 1:
        return (path,)
    name = _PART.match(path.name)
    if name is None:
        raise UserError(f"{path}: one part of a split model, under a name that hides the others")
    count = header.split_count
    parts = [path.with_name(f"{name[1]}-{i:05d}-of-{count:05d}.gguf") for i in range(1, count + 1)]
    if lost := [one.name for one in parts if not one.is_file()]:
        raise UserError(f"{path}: a part of the model is not there: {lost[0]}")
    return tuple(parts)


def _together(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return digest_of(files[0])
    return sha256_hex(canonical_json([(one.name, digest_of(one)) for one in files]))


def _parameters(header: GgufHeader) -> int:
    return sum(math.prod(tensor.shape) for tensor in header.tensors)


def _folder(path: Path) -> Weights:
    try:
        files = sorted(one for one in path.iterdir() if one.suffix in _COUNTED and one.is_file())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give the folder of a model") from None
    if not any(one.suffix == ".safetensors" for one in files):
        raise UserError(
            f"{path}: no model in this folder", hint="give a .gguf file or a safetensors folder"
        )
    config, tokenizer = _json(path / "config.json"), _json(path / "tokenizer_config.json")
    listed = config.get("architectures")
    architectures = listed if isinstance(listed, list) else []
    eos = tokenizer.get("eos_token")
    eos = eos.get("content") if isinstance(eos, dict) else eos
    window = config.get("max_position_embeddings")
    kind = tokenizer.get("tokenizer_class")
    return Weights(
        path=str(path),
        files=tuple(str(one) for one in files),
        sha256=sha256_hex(canonical_json([(one.name, digest_of(one)) for one in files])),
        size_bytes=sum(one.stat().st_size for one in files),
        kind="adapter" if not config and (path / _ADAPTER).is_file() else "model",
        name=path.name,
        architecture=str(architectures[0]) if architectures else None,
        quantization=_bits(config),
        trained_window_tokens=window if isinstance(window, int) else None,
        tokenizer=kind if isinstance(kind, str) else None,
        template_sha256=_template_digest(template_of(path)),
        eos=eos if isinstance(eos, str) else None,
        sampling=_recommended(_json(path / "generation_config.json")),
    )


def _bits(config: dict[str, Any]) -> str | None:
    """`4 bit`, or the type of unquantized tensors."""
    for key in ("quantization", "quantization_config"):
        held = config.get(key)
        if isinstance(held, dict) and isinstance(held.get("bits"), int):
            return f"{held['bits']} bit"
        if isinstance(held, dict) and isinstance(held.get("quant_method"), str):
            return str(held["quant_method"])
    kind = config.get("torch_dtype") or config.get("dtype")
    return kind if isinstance(kind, str) else None


def _recommended(config: dict[str, Any]) -> dict[str, Any]:
    keys = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    return {key: config[key] for key in keys if isinstance(config.get(key), int | float)}


def _template_digest(template: str | None) -> str | None:
    return None if template is None else sha256_hex(template.encode())


def _json(path: Path) -> dict[str, Any]:
    """What a small JSON file holds; empty when there is none or it is something else."""
    text = _text(path)
    try:
        value = msgspec.json.decode(text) if text is not None else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > _SMALL_BYTES:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
