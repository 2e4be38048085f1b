"""Command lines without secrets."""

from __future__ import annotations

import pytest

from seatrial.serve.redact import without_secrets


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("--api-key abc", "--api-key ***"),
        ("--hf-token=abc", "--hf-token=***"),
        ("-hft abc -c 4096", "-hft *** -c 4096"),
        ("--password p --port 1", "--password *** --port 1"),
        ("API_KEY=abc serve", "API_KEY=*** serve"),
        ("--proxy http://me:secret@host/", "--proxy http://***@host/"),
        ("--master-key abc", "--master-key ***"),
        ('{"api_key":"abc","max_tokens":5}', '{"api_key":"***","max_tokens":5}'),
    ],
)
def test_secrets_are_replaced(words: str, shown: str) -> None:
    assert " ".join(without_secrets(tuple(words.split()))) == shown


def test_secrets_inside_of_a_word() -> None:
    words = ("sh", "-c", "llama-server --api-key abc -m x", "-H", "Authorization: Bearer abc")
    shown = ("sh", "-c", "llama-server --api-key *** -m x", "-H", "Authorization: Bearer ***")
    assert without_secrets(words) == shown


@pytest.mark.parametrize(
    "words",
    [
        "--max-tokens 512",
        "--tokenizer /models/t",
        "--cache-type-k=q8_0",
        "--max-num-batched-tokens 8192",
        "-m /models/secretive.gguf",
        "--api-key --port 8080",
        "--api-key-file /etc/key",
        '{"max_tokens":5,"eos_token":"<|im_end|>"}',
    ],
)
def test_the_rest_stays(words: str) -> None:
    assert " ".join(without_secrets(tuple(words.split()))) == words
