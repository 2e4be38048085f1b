"""What is pasted into clients."""

import json
import tomllib

import pytest

from seatrial.gateway.client_config import CLIENTS, FALLBACK_WINDOW, Setup, configuration

SETUP = Setup(url="http://127.0.0.1:8484", model="qwen3", window_tokens=65536, token_env="TOK")


@pytest.mark.parametrize("client", CLIENTS)
def test_each_names_the_gateway_and_the_model(client):
    text = configuration(client, SETUP)
    assert "http://127.0.0.1:8484" in text
    assert "qwen3" in text
    assert "TOK" in text


@pytest.mark.parametrize("client", CLIENTS)
def test_a_window_that_nobody_told_is_said_to_be_a_guess(client):
    text = configuration(client, Setup(url="http://x", model="m"))
    assert ("is a guess" in text.splitlines()[0]) == (str(FALLBACK_WINDOW) in text)
    assert "is a guess" not in configuration(client, SETUP)
    assert "$TOK" not in text


def block(text):
    """The JSON file in a configuration."""
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def test_pi():
    (model,) = block(configuration("pi", SETUP))["providers"]["seatrial"]["models"]
    assert (model["contextWindow"], model["maxTokens"]) == (65536, 8192)


def test_opencode():
    config = block(configuration("opencode", SETUP))
    limit = config["provider"]["seatrial"]["models"]["qwen3"]["limit"]
    assert limit == {"context": 65536, "output": 8192}
    assert config["provider"]["seatrial"]["options"]["apiKey"] == "{env:TOK}"


def test_codex():
    text = configuration("codex", SETUP)
    config = tomllib.loads(text[: text.index("# shell")])
    provider = config["model_providers"]["seatrial"]
    assert provider["wire_api"] == "responses"
    assert provider["base_url"].endswith("/v1")
    assert config["model_context_window"] == 65536


@pytest.mark.parametrize("window", [2048, 8192, 32768, 262144])
def test_an_answer_leaves_room_for_the_prompt(window):
    setup = Setup(url="http://x", model="m", window_tokens=window)
    assert setup.output_tokens <= window // 2
    assert FALLBACK_WINDOW > 0
