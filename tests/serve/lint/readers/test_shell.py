"""Shell scripts, also those of Windows."""

from seatrial.serve.lint.readers.shell import read_shell

SCRIPT = """#!/bin/bash
# it's a comment
CTX=32768
MODEL=/m/a.gguf
ARGS=(
  -c "$CTX"   # the window
  -ngl 99
)
ARGS+=(--jinja)
EXTRA="-np 2 --temp 0.2"
export LLAMA_ARG_FLASH_ATTN=on
cat <<EOF > notes
don't
EOF
if true; then
  CUDA_VISIBLE_DEVICES=0 llama-server -m "$MODEL" "${ARGS[@]}" $EXTRA \\
    --threads $(nproc) --port ${PORT:-8080} > server.log 2>&1 &
fi
echo llama-server -c 1
"""


def test_variables_arrays_and_redirections():
    (config,) = read_shell(SCRIPT, "x.sh")
    found = {name: (one.value, one.place.line) for name, one in config.options.items()}
    assert found == {
        "flash-attn": ("on", 11),
        "model": ("/m/a.gguf", 16),
        "ctx-size": (32768, 6),
        "n-gpu-layers": (99, 7),
        "jinja": (True, 9),
        "parallel": (2, 10),
        "temp": (0.2, 10),
        "threads": ("$(nproc)", 17),
        "port": ("${PORT:-8080}", 17),
    }
    assert not config.unknown and config.env["CUDA_VISIBLE_DEVICES"].value == "0"
    lines = SCRIPT.split("\n")
    assert all(one.written in lines[one.place.line - 1] for one in config.options.values())


def test_every_server_of_a_script_counts():
    text = "llama-server -m a -c 1 &\nif x; then exec llama-server -m b; else vllm serve c; fi\n"
    assert [one.name for one in read_shell(text, "x.sh")] == ["a", "b", "c"]


def test_a_variable_that_is_not_exported_does_not_reach_the_server():
    assert read_shell("LLAMA_ARG_CTX_SIZE=1\nllama-server -m a", "x.sh")[0].get("ctx-size") is None


def test_a_variable_that_holds_itself_ends():
    (config,) = read_shell("A=$A$A\nA=$A$A\nB=(${B[@]})\nllama-server $A ${B[@]} -m m", "x.sh")
    assert config.get("model") == "m"


def test_a_batch_file_and_powershell():
    batch = (
        "@echo off\r\nrem don't\r\nset LLAMA_ARG_CTX_SIZE=4096\r\n.\\bin\\llama-server.exe ^\r\n"
    )
    (config,) = read_shell(f"{batch}  -m C:\\m\\a.gguf -np 4\r\n", "x.bat")
    assert (config.get("ctx-size"), config.get("parallel")) == (4096, 4)
    assert config.options["parallel"].place.line == 5 and config.name == "a.gguf"
    (config,) = read_shell("& .\\llama-server.exe `\n -m a.gguf `\n -c 4096\n", "x.ps1")
    assert config.options["ctx-size"].place.line == 3


def test_doubling_variables_are_bounded():
    text = "A=xxxxxxxxxx\n" + "A=$A$A$A$A\n" * 60 + "llama-server -m $A\n"
    (config,) = read_shell(text, "x.sh")
    assert len(str(config.get("model"))) <= 100_000
