"""Flags of llama-server by any of their spellings, and of programs with open tables."""

import re
from pathlib import Path

import pytest

from seatrial.serve.lint.readers import other_flags
from seatrial.serve.lint.readers.flags import HIDDEN, number, read_environment, read_flags
from seatrial.serve.lint.readers.llama_flags import LLAMA_SERVER, REMOVED, RETIRED
from seatrial.serve.lint.readers.words import plain_words
from seatrial.serve.lint.subject import Place, Setting


def read(text, table=LLAMA_SERVER):
    return read_flags(plain_words(text), table, "command line")


def values(text, table=LLAMA_SERVER):
    return {name: setting.value for name, setting in read(text, table).options.items()}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("-c 32768", "ctx-size", 32768),
        ("--ctx-size 32768", "ctx-size", 32768),
        ("--ctx_size 32768", "ctx-size", 32768),
        ("-np 4", "parallel", 4),
        ("-n -1", "n-predict", -1),
        ("--predict 10", "n-predict", 10),
        ("--temperature .7", "temp", 0.7),
        ("-ctk q8_0", "cache-type-k", "q8_0"),
        ("-ngl all", "n-gpu-layers", "all"),
        ("--gpu-layers 99", "n-gpu-layers", 99),
        ("-fa", "flash-attn", "on"),
        ("-fa on", "flash-attn", "on"),
        ("-fa 0", "flash-attn", "off"),
        ("--flash-attn auto", "flash-attn", "auto"),
        ("-fit off", "fit", "off"),
        ("--jinja", "jinja", True),
        ("--no-jinja", "jinja", False),
        ("-nkvo", "kv-offload", False),
        ("-no-kvu", "kv-unified", False),
        ("--no-webui", "ui", False),
        ("--no-mmproj", "mmproj", False),
        ("-mm p.gguf", "mmproj", "p.gguf"),
        ("--no-host", "no-host", True),
        ("--host 0.0.0.0", "host", "0.0.0.0"),
        ("-md d.gguf", "spec-draft-model", "d.gguf"),
        ("--draft-p-min 0.75", "spec-draft-p-min", 0.75),
        ("--alias 123", "alias", "123"),
        ("--chat-template-kwargs '{\"a\":1}'", "chat-template-kwargs", '{"a":1}'),
        ("--control-vector-layer-range 3 9", "control-vector-layer-range", "3 9"),
        ("--no-mmap", "mmap", False),
    ],
)
def test_every_spelling_is_the_canonical_name(text, name, value):
    assert values(text) == {name: value} and not read(text).unknown


def test_written_is_verbatim_and_the_last_of_several_wins():
    options = read("-c  4096 -c 8192").options
    assert options["ctx-size"] == Setting(8192, Place("command line", None), "-c 8192")
    assert read("-c   4096").options["ctx-size"].written == "-c   4096"


@pytest.mark.parametrize("flag", [flag for flag in REMOVED if flag.startswith("-")])
def test_a_removed_flag_is_unknown_with_its_value(flag):
    found = read(f"{flag} 16 -c 1")
    assert [(one.value, one.written) for one in found.unknown] == [(flag, f"{flag} 16")]
    assert found.options["ctx-size"].value == 1


@pytest.mark.parametrize("text", ["--bogus", "--ctx-size=4096", "stray", "--no-metrics", "-z"])
def test_what_llama_server_refuses_is_unknown(text):
    found = read(text)
    assert [one.value for one in found.unknown + found.positional] == [text] and not found.options


def test_a_missing_value_does_not_swallow_the_next_flag():
    assert values("-c --port 80") == {"ctx-size": None, "port": 80}
    assert values("--port") == {"port": None}


def test_a_variable_that_nobody_set_is_no_stray_word():
    found = read('-c 1 $EXTRA "$@"')
    assert not found.unknown and not found.positional


def test_secrets_are_never_kept():
    for text in ("--api-key sk-1", "-hft sk-1"):
        assert "sk-1" not in str(read(text))
    found = read("--api-key=sk-1 --port 3", other_flags.VLLM)
    assert "sk-1" not in str(found) and found.options["api-key"].value == HIDDEN
    env = {"LLAMA_API_KEY": Setting("sk-1", Place("f", 1), "LLAMA_API_KEY=sk-1")}
    assert "sk-1" not in str(read_environment(env, LLAMA_SERVER))


def test_environment_variables_have_the_same_names():
    env = {
        name: Setting(value, Place("f", 1), f"{name}={value}")
        for name, value in {
            "LLAMA_ARG_CTX_SIZE": "4096",
            "LLAMA_ARG_N_PARALLEL": "2",
            "LLAMA_ARG_JINJA": "0",
            "LLAMA_ARG_NO_CONTEXT_SHIFT": "1",
            "LLAMA_ARG_FLASH_ATTN": "enabled",
            "LLAMA_ARG_ENDPOINT_METRICS": "1",
            "HOME": "/root",
        }.items()
    }
    found = read_environment(env, LLAMA_SERVER).options
    assert {name: setting.value for name, setting in found.items()} == {
        "ctx-size": 4096,
        "parallel": 2,
        "jinja": False,
        "context-shift": False,
        "flash-attn": "on",
        "metrics": True,
    }


def test_an_open_table_reads_what_it_does_not_list():
    text = "M --max-model-len 32K --enable-auto-tool-choice --tool-call-parser=hermes --new-flag 3 "
    found = read(text + "--no-enable-prefix-caching -tp 2 --some-switch", other_flags.VLLM)
    assert {name: setting.value for name, setting in found.options.items()} == {
        "max-model-len": 32768,
        "enable-auto-tool-choice": True,
        "tool-call-parser": "hermes",
        "new-flag": 3,
        "enable-prefix-caching": False,
        "tensor-parallel-size": 2,
        "some-switch": True,
    }
    assert [one.value for one in found.positional] == ["M"] and not found.unknown


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-1", -1), ("0.5", 0.5), ("1e3", 1000.0), ("1e999", "1e999"), ("nan", "nan"),
     ("1_000", "1_000"), ("0x10", "0x10"), ("9" * 40, "9" * 40), ("", "")],
)  # fmt: skip
def test_numbers_and_what_only_looks_like_one(text, value):
    assert number(text) == value and type(number(text)) is type(value)


@pytest.mark.engine
def test_the_table_agrees_with_the_embedded_engine():
    xllamacpp = pytest.importorskip("xllamacpp")
    folder = Path(xllamacpp.__file__).parent
    data = b"".join(path.read_bytes() for path in folder.glob("xllamacpp*.so"))
    found = re.findall(rb"(--?[A-Za-z][A-Za-z0-9._-]{0,60})\0", data)
    built = {word.decode() for word in found}
    # A short flag may be stored as the end of a longer one: those few are searched for.
    built |= {
        flag for flag in LLAMA_SERVER.flags if flag not in built and f"{flag}\0".encode() in data
    }
    retired = {f"--{name}" for name in RETIRED} | {f"--no-{name}" for name in RETIRED}
    missing = {flag for flag in LLAMA_SERVER.flags if flag not in built} - retired
    assert missing == {"-dio", "-ndio"}
    assert not [flag for flag in retired if flag in built]
