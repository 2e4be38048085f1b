"""aider's three files: `.aider.conf.yml`, model settings and model metadata.

Each says a part; `joined` puts together what belongs to one model. aider calls the model
`openai/NAME` and asks the server for `NAME`, which is what `model` is here. In: YAML or JSON as
items. Out: `ClientConfig`s.
"""

from __future__ import annotations

import msgspec

from seatrial.serve.lint.readers.clients import HOSTED, options, sampling
from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.subject import ClientConfig, Place, Setting

_CONF = frozenset(
    {"openai-api-base", "edit-format", "weak-model", "editor-model", "auto-commits", "map-tokens",
     "model-settings-file", "model-metadata-file", "max-chat-history-tokens", "set-env", "read",
     "lint-cmd", "auto-lint", "auto-test", "test-cmd", "dark-mode", "show-model-warnings"}
)  # fmt: skip
_SETTINGS = frozenset(
    {"edit_format", "extra_params", "use_temperature", "use_repo_map", "weak_model_name"}
)
_METADATA = frozenset({"max_input_tokens", "max_output_tokens", "litellm_provider"})
_PROVIDERS = ("openai/", "ollama/", "ollama_chat/", "lm_studio/", "hosted_vllm/")


def is_conf(root: Item) -> bool:
    """Whether this is `.aider.conf.yml`."""
    return bool(_CONF & set(root.fields()))


def is_settings(root: Item) -> bool:
    """Whether this is a list of model settings."""
    return any(
        one.string("name") is not None and bool(_SETTINGS & set(one.fields()))
        for one in root.entries()
    )


def is_metadata(root: Item) -> bool:
    """Whether this is model metadata."""
    return any(bool(_METADATA & set(one.fields())) for one in root.fields().values())


def read_conf(root: Item, source: str) -> list[ClientConfig]:
    """The model that aider starts with."""
    model = root.get("model")
    timeout = root.get("timeout")
    base = root.get("openai-api-base")
    return [
        ClientConfig(
            client="aider",
            model=_model(root.string("model") or ""),
            hosted=_is_hosted(root.string("model") or ""),
            place=Place(source, model.line if model is not None else root.line),
            base_url=base.setting(source) if base is not None else None,
            timeout_seconds=timeout.setting(source) if timeout is not None else None,
            options=options([root], source),
        )
    ]


def read_settings(root: Item, source: str) -> list[ClientConfig]:
    """Every model of `.aider.model.settings.yml`."""
    found = []
    for entry in root.entries():
        name = entry.string("name")
        if name is None:
            continue
        params = entry.get("extra_params") or Item({}, entry.line, "")
        chosen = sampling([params, params.get("extra_body")], source)
        temperature = entry.get("use_temperature")
        value = temperature.setting(source) if temperature is not None else None
        if value is not None and not isinstance(value.value, bool):
            chosen["temperature"] = value
        found.append(
            ClientConfig(
                client="aider",
                model=_model(name),
                hosted=_is_hosted(name),
                place=Place(source, entry.line),
                base_url=_at(params, "api_base", source) or _at(params, "base_url", source),
                max_tokens=_at(params, "max_tokens", source),
                sampling=chosen,
                timeout_seconds=_at(params, "timeout", source),
                options=options([entry], source),
            )
        )
    return found


def read_metadata(root: Item, source: str) -> list[ClientConfig]:
    """Every model of `.aider.model.metadata.json`: what aider believes, never enforces."""
    return [
        ClientConfig(
            client="aider",
            model=_model(name),
            hosted=_is_hosted(name),
            place=Place(source, entry.line),
            window=_at(entry, "max_input_tokens", source) or _at(entry, "max_tokens", source),
            options=options([entry], source),
        )
        for name, entry in root.fields().items()
        if _METADATA & set(entry.fields())
    ]


def joined(configs: list[ClientConfig]) -> list[ClientConfig]:
    """What several files say of one model of aider, as one; others are left alone."""
    found: dict[str, ClientConfig] = {}
    rest: list[ClientConfig] = []
    for config in configs:
        if config.client != "aider" or not config.model:
            rest.append(config)
            continue
        before = found.get(config.model)
        found[config.model] = config if before is None else _join(before, config)
    return [*rest, *found.values()]


def _join(first: ClientConfig, second: ClientConfig) -> ClientConfig:
    changes = {
        name: getattr(second, name)
        for name in ("base_url", "window", "max_tokens", "timeout_seconds")
        if getattr(first, name) is None
    }
    return msgspec.structs.replace(
        first,
        sampling=first.sampling | second.sampling,
        options=first.options | second.options,
        **changes,
    )


def _at(item: Item, key: str, source: str) -> Setting | None:
    found = item.get(key)
    return found.setting(source) if found is not None else None


def _is_hosted(name: str) -> bool:
    """By the provider that stands before the model's name; `openai/` may be any address."""
    return "/" in name and name.partition("/")[0] in HOSTED - {"openai"}


def _model(name: str) -> str:
    for provider in _PROVIDERS:
        if name.startswith(provider):
            return name.removeprefix(provider)
    return name
