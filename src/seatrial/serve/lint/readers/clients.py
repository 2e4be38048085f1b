"""Settings of clients: pi, opencode and qwen-code. aider's own three files are read by `aider`.

Only what the files say is read; a client's defaults are not filled in. `window` is what the client
believes, `max_tokens` the cap that it sends, `timeout_seconds` the shortest time after which it
gives up a request, `options` every other setting by its dotted path. In: JSON as items. Out:
`ClientConfig`s.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.document import Item
from seatrial.serve.lint.readers.flags import HIDDEN
from seatrial.serve.lint.subject import ClientConfig, Place, Setting

SAMPLING = {
    name: name
    for name in (
        "temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "repeat_penalty",
        "repetition_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty",
        "dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "mirostat",
        "xtc_probability", "xtc_threshold", "logit_bias", "num_ctx",
    )
} | {
    "topP": "top_p", "topK": "top_k", "minP": "min_p", "repeatPenalty": "repeat_penalty",
    "repetitionPenalty": "repetition_penalty", "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}  # fmt: skip
"""A key of a client's file -> the field of the request."""
HOSTED = frozenset(
    "anthropic openai openrouter deepseek google google-vertex gemini vertex_ai groq mistral xai "
    "azure amazon-bedrock bedrock github-copilot github_copilot togetherai together_ai "
    "fireworks-ai fireworks_ai cerebras moonshotai zai zhipuai alibaba nvidia deepinfra opencode "
    "vercel huggingface perplexity cohere minimax kimi-coding openai-codex vercel-ai-gateway "
    "google-gemini-cli google-antigravity azure-openai-responses".split()
)
"""Ids of providers that are services on the internet: clients know their addresses."""
_SECRETS = ("apikey", "api_key", "api-key", "token", "authorization", "secret", "password")


def is_pi(root: Item) -> bool:
    """Whether this is pi's `models.json`: providers with a list of models."""
    providers = root.get("providers")
    return providers is not None and any(
        one.get("models") is not None or one.get("modelOverrides") is not None
        for one in providers.fields().values()
    )


def read_pi(root: Item, source: str) -> list[ClientConfig]:
    """Every model of `models.json`; an entry of `modelOverrides` is stronger than its model."""
    found = []
    providers = root.get("providers")
    for key, provider in providers.fields().items() if providers is not None else ():
        overrides = provider.get("modelOverrides")
        over = dict(overrides.fields()) if overrides is not None else {}
        models = provider.get("models")
        for model in models.entries() if models is not None else ():
            name = model.string("id")
            if name is not None:
                extra = over.pop(name, None)
                parts = [model, *_known(extra)]
                found.append(hosted_by(key, _pi_model(name, provider, parts, source)))
        found += [
            hosted_by(key, _pi_model(name, provider, [model], source))
            for name, model in over.items()
        ]
    return found


def hosted_by(provider: str, client: ClientConfig) -> ClientConfig:
    """The client of a provider; without an address it calls the one that it knows."""
    if client.base_url is not None or provider not in HOSTED:
        return client
    return msgspec.structs.replace(client, hosted=True)


def _pi_model(name: str, provider: Item, parts: list[Item], source: str) -> ClientConfig:
    return ClientConfig(
        client="pi",
        model=name,
        place=Place(source, parts[0].line),
        base_url=_first(source, [*reversed(parts), provider], "baseUrl"),
        window=_first(source, reversed(parts), "contextWindow"),
        max_tokens=_first(source, reversed(parts), "maxTokens"),
        sampling=sampling([part.get("samplingParams") for part in (provider, *parts)], source),
        options=options([provider, *parts], source, without=("models", "modelOverrides")),
    )


def is_opencode(root: Item) -> bool:
    """Whether this is `opencode.json`."""
    if "opencode.ai" in (root.string("$schema") or ""):
        return True
    providers = root.get("provider")
    return providers is not None and any(
        one.get("npm") is not None
        or one.get("models") is not None
        or one.get("options") is not None
        for one in providers.fields().values()
    )


def read_opencode(root: Item, source: str) -> list[ClientConfig]:
    """Every model that is declared in `opencode.json`."""
    found = []
    providers = root.get("provider")
    agent = root.get("agent", "build")  # the agent that works when nobody chooses another one
    for key, provider in providers.fields().items() if providers is not None else ():
        models = provider.get("models")
        for name, model in models.fields().items() if models is not None else ():
            own = agent if _is_chosen(agent, f"{key}/{name}") else None
            groups = [provider.get("options"), model.get("options"), own]
            found.append(
                hosted_by(
                    key,
                    ClientConfig(
                        client="opencode",
                        model=model.string("id") or name,
                        place=Place(source, model.line),
                        base_url=_first(source, _known(provider.get("options")), "baseURL"),
                        window=_first(source, _known(model.get("limit")), "context"),
                        max_tokens=_first(source, _known(model.get("limit")), "output"),
                        sampling=sampling(groups, source),
                        timeout_seconds=_shortest(
                            provider.get("options"),
                            ("timeout", "headerTimeout", "chunkTimeout"),
                            source,
                        ),
                        options=options(
                            [root, provider, model], source, without=("provider", "models")
                        ),
                    ),
                )
            )
    return found


def _is_chosen(agent: Item | None, model: str) -> bool:
    return agent is not None and agent.string("model") in (None, model)


def is_qwen(root: Item) -> bool:
    """Whether these are the settings of qwen-code."""
    if root.get("modelProviders") is not None:
        return True
    return any(
        root.get(*path) is not None
        for path in (
            ("model", "generationConfig"),
            ("model", "skipLoopDetection"),
            ("model", "chatCompression"),
            ("security", "auth", "selectedType"),
        )
    )


def read_qwen(root: Item, source: str) -> list[ClientConfig]:
    """Every model of `modelProviders`, and the one that is set in `model`."""
    found = []
    providers = root.get("modelProviders")
    for listed in providers.fields().values() if providers is not None else ():
        for model in listed.entries():
            name = model.string("id")
            if name is not None:
                found.append(_qwen_model(name, root, model, model.get("generationConfig"), source))
    name = root.string("model", "name")
    if name is not None and all(client.model != name for client in found):
        model = root.get("model") or root
        found.append(_qwen_model(name, root, model, root.get("model", "generationConfig"), source))
    return found


def _qwen_model(
    name: str, root: Item, model: Item, config: Item | None, source: str
) -> ClientConfig:
    auth, env = root.get("security", "auth"), root.get("env")
    params = config.get("samplingParams") if config is not None else None
    base = (
        _first(source, [model], "baseUrl")
        or _first(source, _known(auth), "baseUrl")
        or _first(source, _known(env), "OPENAI_BASE_URL")
    )
    return ClientConfig(
        client="qwen-code",
        model=name,
        hosted=base is None and auth is not None and auth.string("selectedType") == "qwen-oauth",
        place=Place(source, model.line),
        base_url=base,
        window=_first(source, _known(config), "contextWindowSize"),
        max_tokens=_first(source, _known(params), "max_tokens"),
        sampling=sampling([params], source),
        timeout_seconds=_shortest(config, ("timeout",), source),
        options=options([root, model], source, without=("modelProviders",)),
    )


def sampling(groups: Iterable[Item | None], source: str) -> dict[str, Setting]:
    """Sampler fields by the name of the request, later groups stronger."""
    found: dict[str, Setting] = {}
    for group in groups:
        for key, item in group.fields().items() if group is not None else ():
            setting = item.setting(source) if key in SAMPLING else None
            if setting is not None:
                found[SAMPLING[key]] = setting
    return found


def options(
    groups: Iterable[Item], source: str, *, without: Iterable[str] = ()
) -> dict[str, Setting]:
    """Everything by dotted path but the parts `without`; secrets hidden."""
    found: dict[str, Setting] = {}
    skipped = tuple(f"{name}." for name in without)
    for group in groups:
        for path, item in group.leaves():
            if path in without or path.startswith(skipped):
                continue
            setting = item.setting(source)
            if setting is not None:
                found[path] = _hidden(path, setting)
    return found


def _hidden(path: str, setting: Setting) -> Setting:
    name = path.rpartition(".")[2].lower()
    if isinstance(setting.value, str) and name.endswith(_SECRETS):
        return Setting(HIDDEN, setting.place, f"{path}: {HIDDEN}")
    return setting


def _known(item: Item | None) -> list[Item]:
    return [] if item is None else [item]


def _first(source: str, items: Iterable[Item], *path: str) -> Setting | None:
    for item in items:
        found = item.get(*path)
        setting = found.setting(source) if found is not None else None
        if setting is not None:
            return setting
    return None


def _shortest(group: Item | None, keys: Iterable[str], source: str) -> Setting | None:
    """The shortest of several bounds in milliseconds, as seconds; `false` is none."""
    found: list[Setting] = []
    for key in keys:
        item = group.get(key) if group is not None else None
        value = item.value if item is not None else None
        if item is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if value > 0:
            found.append(Setting(value / 1000, Place(source, item.line), item.written))
    return min(found, key=_seconds, default=None)


def _seconds(setting: Setting) -> float:
    return setting.value if isinstance(setting.value, float) else 0.0


def none_found(client: str, source: str, found: list[ClientConfig]) -> list[ClientConfig]:
    """`found`, or why there is nothing to check.

    Raises:
        UserError: the file declares no model.
    """
    if not found:
        raise UserError(
            f"{source}: a file of {client} that declares no model",
            hint="give the file in which the model and its server are declared",
        )
    return found
