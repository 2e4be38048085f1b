"""Why an engine did not start: lines as the engine writes them, and what they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.core.errors import EngineError, InfraError, SeatrialError, UserError
from seatrial.serve.failure import complaint, last_line, start_failure, start_timeout

NOISE = "0.00.000.358 I srv          init: initializing ...\n"
END = "0.00.004.176 E srv          init: exiting due to HTTP server error\n"
PORT = "0.00.004.055 E srv         start: couldn't bind HTTP server socket, hostname: h, port: 1\n"
MEMORY = "0.32.843.648 E llama_init_from_model: failed to initialize the context: std::bad_alloc\n"
LORA = "0.00.011.626 E cmn  common_init_: failed to load lora adapter '/tmp/bad.gguf'\n"
MODEL = "0.00.006.838 E llama_model_load: error loading model: missing tensor 'output_norm'\n"
KIND = "0.00.006.838 E llama_model_load: error loading model: unknown model architecture: 'x'\n"


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("error: invalid argument: --draft-max\n", UserError, "does not take an argument"),
        (
            'error while handling argument "--draft-max": removed\n',
            UserError,
            "not take an argument",
        ),
        ("vllm: error: unrecognized arguments: --np 4\n", UserError, "does not take an argument"),
        ("OSError: [Errno 98] Address already in use\n", UserError, "the port is taken"),
        ("ValueError: Model type foo not supported.\n", UserError, "does not know this kind"),
        ("torch.OutOfMemoryError: CUDA out of memory.\n", InfraError, "not enough memory"),
        ("ModuleNotFoundError: No module named 'mlx'\n", UserError, "not installed completely"),
        ("OSError: a/b is not a local folder and\n", UserError, "repository of the model"),
        (PORT, UserError, "the port is taken: srv start: couldn't bind HTTP server socket"),
        (MEMORY, InfraError, "not enough memory"),
        (LORA, UserError, "the adapter does not fit"),
        (MODEL, UserError, "missing tensor 'output_norm'"),
        (KIND, UserError, "does not know this kind"),
        ("", EngineError, "exiting due to HTTP server error"),
    ],
)
def test_the_telling_line_is_quoted(
    tmp_path: Path, line: str, kind: type[SeatrialError], says: str
) -> None:
    log = tmp_path / "log"
    log.write_text(NOISE + line + END)
    error = start_failure(log, 0, 1)
    assert type(error) is kind
    assert says in error.message
    assert "\n" not in error.message
    assert error.hint


def test_lines_of_an_earlier_start_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(PORT)
    offset = log.stat().st_size
    with log.open("a") as file:
        file.write(MODEL)
    assert "missing tensor" in start_failure(log, offset, 1).message


def test_without_any_line(tmp_path: Path) -> None:
    assert "exit code 3" in start_failure(tmp_path / "none", 0, 3).message
    killed = start_failure(tmp_path / "none", 0, -9)
    assert isinstance(killed, InfraError)
    assert "signal 9" in killed.message
    assert "after 2 s" in start_timeout(tmp_path / "none", 0, 2.0).message


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("0.00.1 E boom " + "x" * 5000)
    assert len(start_failure(log, 0, 1).message) < 400


def test_without_a_telling_line_the_last_ones_are_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\n\nthree\nfour\n")
    error = start_failure(log, 0, 1, "vllm")
    assert error.message == "vllm did not start: two / three / four"
    assert str(log) in (error.hint or "")
    assert last_line(log, 0) == "four"
    assert complaint(log, 0) == ""


def test_a_complaint_is_not_hidden_by_what_is_said_after_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('ValueError: bad weights\n127.0.0.1 "GET /health HTTP/1.1" 503 -\n')
    assert complaint(log, 0) == "ValueError: bad weights"
    assert "bad weights" in start_failure(log, 0, 1).message
    assert last_line(tmp_path / "none", 0) == ""
