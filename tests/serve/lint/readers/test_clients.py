"""pi, opencode, qwen-code and aider, in the shapes of their documentation."""

from seatrial.serve.lint.readers import aider, clients
from seatrial.serve.lint.readers.json_file import parse_json
from seatrial.serve.lint.readers.yaml_file import parse_yaml

PI = """{"providers": {"local": {
  "baseUrl": "http://127.0.0.1:8080/v1", "api": "openai-completions", "apiKey": "sk-1",
  "models": [
    {"id": "M",
     "contextWindow": 65536, "maxTokens": 8192, "reasoning": true,
     "samplingParams": {"temperature": 0.6, "topK": 20},
     "compat": {"maxTokensField": "max_tokens"}},
    {"id": "N"}],
  "modelOverrides": {"N": {"contextWindow": 4096}, "O": {"maxTokens": 1}}
}}}"""
OPENCODE = """{
  "$schema": "https://opencode.ai/config.json", // the schema
  "small_model": "local/M",
  "agent": {"build": {"temperature": 0.3}, "plan": {"temperature": 0.9}},
  "provider": {"local": {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": "http://127.0.0.1:8080/v1", "apiKey": "sk-1",
      "timeout": false, "headerTimeout": 300000, "chunkTimeout": 900000},
    "models": {
      "M": {"limit": {"context": 65536, "output": 8192}, "options": {"top_k": 20}},
      "N": {}
    }}}
}"""
QWEN = """{
  "security": {"auth": {"selectedType": "openai", "baseUrl": "http://h/v1"}},
  "model": {"name": "B", "generationConfig": {"timeout": 60000,
    "samplingParams": {"temperature": 0.7, "max_tokens": 4096}}},
  "modelProviders": {"openai": [
    {"id": "A", "baseUrl": "http://127.0.0.1:8080/v1", "envKey": "K",
     "generationConfig": {"contextWindowSize": 65536, "timeout": 120000,
       "samplingParams": {"top_p": 0.8}}}]}
}"""


def test_pi():
    root = parse_json(PI, "models.json")
    assert clients.is_pi(root) and not clients.is_opencode(root) and not clients.is_qwen(root)
    first, second, third = clients.read_pi(root, "models.json")
    assert (first.client, first.model, first.place.line) == ("pi", "M", 4)
    assert first.window.value == 65536 and first.window.written == '"contextWindow": 65536'
    assert first.window.place.line == 5 and first.max_tokens.value == 8192
    assert {k: one.value for k, one in first.sampling.items()} == {"temperature": 0.6, "top_k": 20}
    assert first.base_url.value == "http://127.0.0.1:8080/v1"
    assert first.options["compat.maxTokensField"].value == "max_tokens"
    assert first.options["reasoning"].value is True and "sk-1" not in str(first)
    assert (second.model, second.window.value) == ("N", 4096)
    assert (third.model, third.max_tokens.value) == ("O", 1)


def test_opencode():
    root = parse_json(OPENCODE, "opencode.json")
    assert clients.is_opencode(root) and not clients.is_pi(root)
    first, second = clients.read_opencode(root, "opencode.json")
    assert (first.model, first.window.value, first.max_tokens.value) == ("M", 65536, 8192)
    assert first.window.place.line == 10 and first.timeout_seconds.value == 300
    assert {k: one.value for k, one in first.sampling.items()} == {"top_k": 20, "temperature": 0.3}
    assert first.options["small_model"].value == "local/M" and "sk-1" not in str(first)
    assert second.window is None and second.base_url.value == "http://127.0.0.1:8080/v1"


def test_qwen():
    root = parse_json(QWEN, "settings.json")
    assert clients.is_qwen(root)
    first, second = clients.read_qwen(root, "settings.json")
    assert (first.model, first.window.value, first.timeout_seconds.value) == ("A", 65536, 120)
    assert first.base_url.value == "http://127.0.0.1:8080/v1"
    assert {k: one.value for k, one in first.sampling.items()} == {"top_p": 0.8}
    assert (second.model, second.max_tokens.value, second.base_url.value) == (
        "B",
        4096,
        "http://h/v1",
    )
    assert second.timeout_seconds.value == 60


def test_aider_of_three_files():
    conf = parse_yaml("model: openai/M\nopenai-api-base: http://h/v1\nopenai-api-key: sk-1\n", "c")
    settings = parse_yaml(
        "- name: openai/M\n  use_temperature: 0.6\n  extra_params:\n    max_tokens: 8192\n"
        "    extra_body: {top_k: 20}\n",
        "s",
    )
    metadata = parse_json('{"openai/M": {"max_input_tokens": 65536, "litellm_provider": "x"}}', "m")
    assert aider.is_conf(conf) and aider.is_settings(settings) and aider.is_metadata(metadata)
    parts = [
        *aider.read_conf(conf, "c"),
        *aider.read_settings(settings, "s"),
        *aider.read_metadata(metadata, "m"),
    ]
    (one,) = aider.joined(parts)
    assert (one.model, one.window.value, one.max_tokens.value) == ("M", 65536, 8192)
    assert one.base_url.value == "http://h/v1" and "sk-1" not in str(one)
    assert {k: v.value for k, v in one.sampling.items()} == {"temperature": 0.6, "top_k": 20}
    assert one.window.place.source == "m" and one.max_tokens.place.source == "s"


def test_a_switch_is_no_temperature():
    root = parse_yaml("- name: M\n  use_temperature: false\n", "s")
    assert aider.read_settings(root, "s")[0].sampling == {}


def test_wrong_types_are_left_out():
    for text in ('{"providers": {"a": {"models": 3}}}', '{"providers": {"a": {"models": [1, {}]}}}',
                 '{"providers": {"a": 3, "b": {"models": [{"id": 7}]}}}'):  # fmt: skip
        assert clients.read_pi(parse_json(text, "f"), "f") == []
    root = parse_json('{"provider": {"a": {"models": {"M": {"limit": [1], "options": 7}}}}}', "f")
    (one,) = clients.read_opencode(root, "f")
    assert one.window is None and one.sampling == {}
    assert (
        clients.read_qwen(parse_json('{"modelProviders": {"openai": {"id": "x"}}}', "f"), "f") == []
    )
