"""What to paste so that a client talks to the gateway: settings and one command for each.

The forms are those that the clients were seen to read: pi 0.73 to 0.87, opencode 1.18, qwen-code
0.24, aider 0.86, codex 0.169, mini-swe-agent 2.4. Claude Code and Cline by their documentation.
The window is stated wherever a client would otherwise guess it.

In: where the gateway is and what it serves. Out: text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

FALLBACK_WINDOW = 32_768
"""Stated where nobody told: too small makes a client compact early, too large loses its run."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway is, and what it serves."""

    url: str
    model: str
    window_tokens: int | None = None
    asked: bool = True
    """Whether the server could be asked."""
    token_env: str | None = None
    """Name of the variable with the token; None = none is needed."""

    @property
    def window(self) -> int:
        return self.window_tokens or FALLBACK_WINDOW

    @property
    def output_tokens(self) -> int:
        """What an answer may take of the window."""
        return max(1024, min(8192, self.window // 4))

    @property
    def key(self) -> str:
        """The key for files; a shell puts the token in its place."""
        return f"${self.token_env}" if self.token_env else "none"


def pi_provider(setup: Setup) -> dict[str, Any]:
    """The gateway as a provider in pi's `models.json`."""
    models = {
        "id": setup.model,
        "contextWindow": setup.window,
        "maxTokens": setup.output_tokens,
        "compat": {"supportsDeveloperRole": False, "maxTokensField": "max_tokens"},
    }
    return {
        "baseUrl": f"{setup.url}/v1",
        "api": "openai-completions",
        # Pi 0.73 takes a bare name for a variable and pi 0.87 `$NAME`; both run a command.
        "apiKey": f"!printenv {setup.token_env}" if setup.token_env else "none",
        "models": [models],
    }


def _pi(setup: Setup) -> str:
    content = {"providers": {"seatrial": pi_provider(setup)}}
    return _file("~/.pi/agent/models.json", content) + _shell(
        f"pi --provider seatrial --model {setup.model}"
    )


def _opencode(setup: Setup) -> str:
    model = f"seatrial/{setup.model}"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "seatrial",
        "options": {
            "baseURL": f"{setup.url}/v1",
            "apiKey": f"{{env:{setup.token_env}}}" if setup.token_env else "none",
        },
        "models": {
            setup.model: {"limit": {"context": setup.window, "output": setup.output_tokens}}
        },
    }
    config = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {"seatrial": provider},
        "model": model,
        "small_model": model,
    }
    return _file("opencode.json", config) + _shell(f"opencode run --model {model} 'your task'")


def _qwen_code(setup: Setup) -> str:
    generation = {"contextWindowSize": setup.window}
    entry = {"id": setup.model, "baseUrl": f"{setup.url}/v1", "generationConfig": generation}
    settings = {"modelProviders": {"openai": [{**entry, "envKey": "OPENAI_API_KEY"}]}}
    return _file("~/.qwen/settings.json", settings) + _shell(
        f"export OPENAI_BASE_URL={setup.url}/v1",
        f"export OPENAI_API_KEY={setup.key}",
        f"export OPENAI_MODEL={setup.model}",
        f"qwen --auth-type openai --model {setup.model}",
    )


def _aider(setup: Setup) -> str:
    metadata = {
        f"openai/{setup.model}": {
            "max_input_tokens": setup.window,
            "max_output_tokens": setup.output_tokens,
            "litellm_provider": "openai",
            "mode": "chat",
        }
    }
    return _file(".aider.model.metadata.json", metadata) + _shell(
        f"export OPENAI_API_BASE={setup.url}/v1",
        f"export OPENAI_API_KEY={setup.key}",
        f"aider --model openai/{setup.model}",
    )


def _codex(setup: Setup) -> str:
    lines = [
        f'model = "{setup.model}"',
        'model_provider = "seatrial"',
        f"model_context_window = {setup.window}",
        "",
        "[model_providers.seatrial]",
        'name = "seatrial"',
        f'base_url = "{setup.url}/v1"',
        'wire_api = "responses"',
        *([f'env_key = "{setup.token_env}"'] if setup.token_env else []),
    ]
    return "# ~/.codex/config.toml\n" + "\n".join(lines) + "\n" + _shell("codex exec 'your task'")


def _claude_code(setup: Setup) -> str:
    return _shell(
        f"export ANTHROPIC_BASE_URL={setup.url}",
        f"export ANTHROPIC_AUTH_TOKEN={setup.key}",
        f"export ANTHROPIC_MODEL={setup.model}",
        f"export ANTHROPIC_SMALL_FAST_MODEL={setup.model}",
        "export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        "claude",
    )


def _mini(setup: Setup) -> str:
    return _shell(
        "export MSWEA_CONFIGURED=true MSWEA_COST_TRACKING=ignore_errors",
        f"export OPENAI_API_KEY={setup.key}",
        f"mini -m openai/{setup.model} -c mini.yaml "
        f"-c model.model_kwargs.api_base={setup.url}/v1 -y --exit-immediately -t 'your task'",
    )


def _cline(setup: Setup) -> str:
    token = f"the value of {setup.token_env}" if setup.token_env else "none"
    return (
        "# Cline: settings, API configuration\n"
        "API Provider:        OpenAI Compatible\n"
        f"Base URL:            {setup.url}/v1\n"
        f"API Key:             {token}\n"
        f"Model ID:            {setup.model}\n"
        f"Context Window Size: {setup.window}\n"
        f"Max Output Tokens:   {setup.output_tokens}\n"
    )


_CLIENTS: dict[str, Callable[[Setup], str]] = {
    "pi": _pi,
    "opencode": _opencode,
    "qwen-code": _qwen_code,
    "aider": _aider,
    "codex": _codex,
    "claude-code": _claude_code,
    "mini-swe-agent": _mini,
    "cline": _cline,
}

CLIENTS: tuple[str, ...] = tuple(_CLIENTS)


def configuration(client: str, setup: Setup) -> str:
    """What to paste for one of `CLIENTS`."""
    text, note = _CLIENTS[client](setup), ""
    if setup.window_tokens is None and str(FALLBACK_WINDOW) in text:
        why = (
            "the server does not say how large its window is"
            if setup.asked
            else "the server could not be asked yet how large its window is"
        )
        note = f"# {why}; {FALLBACK_WINDOW} is a guess:\n# put the real number in its place\n"
    return note + text


def _file(name: str, content: object) -> str:
    return f"# {name}\n{json.dumps(content, indent=2)}\n"


def _shell(*lines: str) -> str:
    return "# shell\n" + "\n".join(lines) + "\n"
