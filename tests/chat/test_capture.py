"""Redaction and the bound of captures."""

import json

import pytest

from seatrial.chat.capture import REDACTED, Recording, Redactor
from seatrial.chat.endpoint import Exchange

KEY = 'very"secret/key'


def test_headers():
    headers = {
        "Authorization": "Bearer abc",
        "X-API-Key": "abc",
        "api-key": "abc",
        "Cookie": "a=b",
        "X-Note": f"sk-abcdefgh and {KEY}",
        "Accept": "text/event-stream",
    }
    clean = Redactor([KEY]).headers(headers)
    assert clean.pop("Accept") == "text/event-stream"
    assert clean.pop("X-Note") == f"{REDACTED} and {REDACTED}"
    assert set(clean.values()) == {REDACTED}


def test_bodies_plain_and_escaped():
    redactor = Redactor([KEY, KEY + "-longer"])
    assert redactor.body(KEY.encode()) == REDACTED.encode()
    assert redactor.body(b'{"a": "very\\"secret/key-longer"}') == b'{"a": "[redacted]"}'


def test_a_placeholder_is_no_secret():
    assert Redactor(["none", ""]).body(b"none of it") == b"none of it"


def record(request: bytes, chunks: list[bytes], limit: int) -> Exchange:
    kept: list[Exchange] = []
    recording = Recording(kept.append, Redactor([KEY]), limit, "POST", "/x", {}, request)
    recording.status = 200
    for chunk in chunks:
        recording.received(chunk)
    recording.close()
    recording.close()
    (exchange,) = kept
    return exchange


def test_whole_within_the_bound():
    exchange = record(b"abc", [b"d", b"ef"], 3)
    assert (exchange.request, exchange.response, exchange.cut_bytes) == (b"abc", b"def", 0)


def test_cut_at_the_bound_and_counted():
    exchange = record(b"abcdef", [b"x" * 5, b"y" * 5], 4)
    assert (exchange.request, exchange.response) == (b"abcd", b"xxxx")
    assert exchange.cut_bytes == 2 + 6


def test_a_secret_across_the_cut_does_not_leak():
    exchange = record(b"", [b"12345" + KEY.encode()], 8)
    assert b"ver" not in exchange.response


PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abcdefgh",
        "hf_" + "aB3" * 11,
        "ghp_" + "aB3" * 12,
        "github_pat_" + "aB3_" * 20,
        "glpat-" + "aB3-" * 5,
        "AKIA" + "ABCD1234" * 2,
        "xoxb-" + "123-abc" * 4,
        PEM.format("b3BlbnNzaC1r\n" * 9),
        json.dumps(PEM.format("b3BlbnNzaC1r\n" * 9))[1:-1],
    ],
)
def test_well_known_keys(secret):
    assert Redactor().text(f"it is {secret}, see") == f"it is {REDACTED}, see"


def test_a_bearer_token_and_a_key_that_was_cut():
    redactor = Redactor()
    assert redactor.text("-H 'Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x'") == (
        f"-H 'Authorization: Bearer {REDACTED}'"
    )
    cut = PEM.format("b3BlbnNzaC1rZXkt\n" * 9)[:120]
    assert "b3Blbn" not in redactor.text(cut)


@pytest.mark.parametrize(
    "text",
    [
        "hf_transfer, github_pat_, AKIA, xoxo-hugs, bearer of bad news",
        "Authorization: Bearer <your-token-of-the-registry>",
        "Bearer authentication-is-described-below",
        'if "-----BEGIN PRIVATE KEY-----" in text or "-----END PRIVATE KEY-----" in text:',
        "task-description-in-prose",
    ],
)
def test_what_only_looks_like_a_key_stays(text):
    assert Redactor().text(text) == text
