"""What LM Studio loads."""

from seatrial.serve.lint.readers.json_file import parse_json
from seatrial.serve.lint.readers.lm_studio import is_lm_studio, read_lm_studio

SAVED = """{"preset": "",
"operation": {"fields": [{"key": "llm.prediction.temperature", "value": 0.2}]},
"load": {"fields": [{"key": "llm.load.contextLength", "value": 32768},
{"key": "llm.load.numParallelSessions", "value": 1},
{"key": "llm.load.llama.kCacheQuantizationType", "value": {"checked": true, "value": "q8_0"}},
{"key": "llm.load.llama.vCacheQuantizationType", "value": {"checked": false, "value": "q4_0"}}]}}"""


def test_saved_settings_of_a_model():
    root = parse_json(SAVED, "f.json")
    assert is_lm_studio(root)
    (config,) = read_lm_studio(root, "f.json", "q.gguf.json")
    assert {name: one.value for name, one in config.options.items()} == {
        "context-length": 32768,
        "parallel": 1,
        "k-cache-quantization-type": "q8_0",
        "temperature": 0.2,
    }
    assert config.options["context-length"].place.line == 3


def test_a_load_request():
    root = parse_json('{"model": "q", "context_length": 4096, "flash_attention": true}', "f")
    assert is_lm_studio(root)
    (config,) = read_lm_studio(root, "f", "f")
    assert (config.name, config.get("context-length")) == ("q", 4096)
    assert config.get("flash-attention") is True
    assert not is_lm_studio(parse_json('{"model": "q"}', "f"))
