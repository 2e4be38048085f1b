"""What is wrong with files for llama-swap, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.core.errors import UserError
from seatrial.serve.llamaswap.validate import validate, validate_file

GOOD = """
macros:
  server: llama-server --port ${PORT}
models:
  coder:
    cmd: ${server} -m /m/coder.gguf -c 32768 -np 1
    aliases: [code, c]
  small:
    cmd: ${server} -m /m/small.gguf -c 8192 -np 1
    filters:
      setParamsByID:
        "${MODEL_ID}:high": {temperature: 1.0}
groups:
  kept:
    persistent: true
    swap: false
    members: [coder, small]
hooks:
  on_startup:
    preload: [code]
"""


def said(text: str, *, fatal: bool = True) -> str:
    """The one fault of `text`, with its line."""
    faults = validate(text, "swap.yaml")
    assert len(faults) == 1, faults
    assert faults[0].fatal is fatal
    return f"{faults[0].line}: {faults[0].said}"


def test_a_good_file() -> None:
    assert validate(GOOD, "swap.yaml") == ()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("aliases: [code, c]", "aliases: [code, code]", "7: alias code of coder means coder"),
        ("${server} -m /m/small", "${sever} -m /m/small", "the macro ${sever} is not declared"),
        (
            "server: llama-server",
            "server: ${again}\n  again: ${server} llama-server",
            "holds itself: server -> again -> server",
        ),
        ("members: [coder, small]", "members: [coder, coder]", "group kept names coder twice"),
        ('"${MODEL_ID}:high"', '"coder"', "12: setParamsByID of small: coder is another model"),
        ('"${MODEL_ID}:high"', '"code"', "12: setParamsByID of small: code means coder"),
        ("hooks:", "startPort: 0\nhooks:", "18: startPort must be a whole number from 1"),
        ("groups:", "matrix: {}\ngroups:", "keep one"),
        ("groups:", "routing: {router: {use: group}}\ngroups:", "move them there"),
        ("hooks:", "  two: {members: [small]}\nhooks:", "18: small is in two groups: kept and two"),
        ("    cmd: ${server} -m /m/small.gguf -c 8192 -np 1\n", "", "model small has no cmd"),
    ],
)
def test_what_llama_swap_would_refuse(before: str, after: str, says: str) -> None:
    assert before in GOOD
    faults = validate(GOOD.replace(before, after), "swap.yaml")
    words = [f"{fault.line}: {fault.said}" for fault in faults if fault.fatal]
    assert any(says in word for word in words), faults


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("aliases: [code, c]", "aliases: [code, small]", "is the name of another model"),
        ("[coder, small]", "[coder, smol]", "17: group kept names smol, which is no model"),
        ("[coder, small]", "[code, small]", "(an alias is no name here)"),
        ("preload: [code]", "preload: [cod]", "20: hooks.on_startup.preload names cod"),
        ("hooks:", "healthCheckTimeout: 5\nhooks:", "below 15 is taken as that"),
    ],
)
def test_what_it_would_do_otherwise(before: str, after: str, says: str) -> None:
    assert says in said(GOOD.replace(before, after), fatal=False)


def test_ports() -> None:
    no_port = "models: {a: {cmd: 'llama-server -m a.gguf --port 9000'}}"
    assert "proxy uses ${PORT} and cmd does not" in said(no_port)
    own = no_port.replace("9000'}", "9000', proxy: 'http://localhost:9000'}")
    assert validate(own, "x") == ()
    both = own.replace("--port 9000", "--port ${PORT}")
    assert "names a port of its own" in said(both, fatal=False)
    timed = own.replace("cmd:", "healthCheckTimeout: 300, cmd:")
    assert "of one model is ignored" in said(timed, fatal=False)


def test_other_ways_to_route() -> None:
    base = "models: {a: {cmd: 's --port ${PORT}'}}\n"
    router = base + "routing: {router: {use: %s, settings: {matrix: {vars: {x: %s}}}}}"
    assert "must be group or matrix" in said(router % ("both", "a"))
    assert "x stands for b, which is no model" in said(router % ("matrix", "b"))
    assert "there is no matrix" in said(base + "routing: {router: {use: matrix}}")
    priority = "routing: {scheduler: {settings: {fifo: {priority: {b: 1}}}}}"
    assert "priority names b" in said(base + priority)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "swap.yaml"
    with pytest.raises(UserError, match="No such file"):
        validate_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not a text"):
        validate_file(file)
    file.write_text("models: [")
    with pytest.raises(UserError):
        validate_file(file)
    with file.open("wb") as big:
        big.truncate(100_000_000)
    with pytest.raises(UserError, match="larger than"):
        validate_file(file)
    file.write_text("models: {}")
    assert len(validate_file(file)) == 1
