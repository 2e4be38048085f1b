"""Cards: the values of the file, which names match, and which look alike and must not."""

from __future__ import annotations

import pytest

from seatrial.serve.cards import card_for, cards, says_nothing
from tests.serve.lint.clean import header

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("Qwen3-Coder-30B-A3B-Instruct-UD-Q4_K_XL.gguf", "qwen3-coder-30b"),
        ("unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:UD-Q4_K_XL", "qwen3-coder-30b"),
        ("Qwen_Qwen3-Coder-30B-A3B-Instruct-IQ4_XS.gguf", "qwen3-coder-30b"),
        ("qwen3-coder:30b-a3b-q4_K_M", "qwen3-coder-30b"),
        ("Qwen3-Coder-30B-A3B-Instruct-1M-GGUF", "qwen3-coder-30b"),
        ("Qwen3-Coder-Next-UD-Q4_K_XL-00001-of-00002.gguf", "qwen3-coder-next"),
        ("qwen3-coder-next:80b-a3b-q4_K_M", "qwen3-coder-next"),
        ("Qwen3-30B-A3B-Instruct-2507-Q8_0.gguf", "qwen3-2507-instruct"),
        ("Qwen3.5-35B-A3B-Q4_K_M", "qwen3.5-35b-a3b"),
        ("qwen3.6:35b-a3b-ud-q4_K_M", "qwen3.6-35b-a3b"),
        ("Qwen3.6-35B-A3B.i1-Q4_K_M.gguf", "qwen3.6-35b-a3b"),
        ("mlx-community/Qwen3.6-27B-4bit", "qwen3.6-27b"),
        ("/m/models--unsloth--Qwen3.6-27B-MTP-GGUF/snapshots/" + COMMIT, "qwen3.6-27b"),
        ("/m/Qwen3.6-27B/UD-Q4_K_XL/model-00001-of-00003.gguf", "qwen3.6-27b"),
        ("C:\\models\\Qwen3.6-27B-Q4_0.gguf", "qwen3.6-27b"),
        ("mistralai/Devstral-Small-2-24B-Instruct-2512", "devstral-small-2"),
        ("devstral-small-2:24b", "devstral-small-2"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss"),
        ("ggml-org/gpt-oss-120b-GGUF", "gpt-oss"),
        ("gemma4:31b-it-q4_K_M", "gemma-4"),
        ("gemma-4-26B-A4B-it-UD-Q4_K_M.gguf", "gemma-4"),
    ],
)
def test_a_name_has_its_card(name: str, card: str) -> None:
    found = card_for(name)
    assert found is not None
    assert found.id == card


@pytest.mark.parametrize(
    "name",
    [
        "gpt-oss-20b-derestricted",
        "Huihui-gpt-oss-20b-abliterated",
        "gpt-oss-safeguard-20b",
        "gpt-oss",
        "gpt-oss-20b-2",
        "Qwen3-Coder-30B-A3B-Instruct-abliterated",
        "Qwen3-Coder-480B-A35B-Instruct",
        "Qwen3-Coder-REAP-25B-A3B",
        "Qwen3-Coder",
        "Qwen3-Next-80B-A3B-Instruct",
        "Qwen3-30B-A3B-Thinking-2507",
        "Qwen3-30B-A3B",
        "Qwen3.6-35B-A3B-Opus-Distill",
        "Qwen3.6-27B-checkpoint-400",
        "qwen3.6:27b-coding-nvfp4",
        "Qwen3.5-27B",
        "Qwen3.8-27B",
        "Qwen3.5-9B",
        "Devstral-2-123B-Instruct-2512",
        "Devstral-Small-2507",
        "Devstral-Small-1.1",
        "gemma-3-27b-it",
        "medgemma-4-31b-it",
        "/models/Qwen3-Coder-30B-A3B-Instruct/my-finetune.gguf",
        "devstral-agent",
        "model.gguf",
        "",
    ],
)
def test_a_look_alike_has_none(name: str) -> None:
    assert card_for(name) is None


def coder(**changes: str) -> dict[str, str]:
    return {
        "general.architecture": "qwen3moe",
        "general.name": "Qwen3 Coder 30B A3B Instruct",
        "general.basename": "Qwen3-Coder",
        "general.size_label": "30B-A3B",
        "general.finetune": "Instruct",
        **{f"general.{key}": value for key, value in changes.items()},
    }


@pytest.mark.parametrize(
    "metadata",
    [
        coder(),
        coder(name="Qwen3-Coder-30B-A3B-Instruct", basename="Qwen3-Coder-30B-A3B-Instruct"),
        coder(name="Qwen3 Coder"),
        coder(name="Model"),
        coder(name=""),
        {"general.architecture": "qwen3moe", "general.name": "Qwen3-Coder-30B-A3B"},
    ],
)
def test_a_header_has_its_card(metadata: dict[str, str]) -> None:
    found = card_for(header(dict(metadata)))
    assert found is not None
    assert found.id == "qwen3-coder-30b"


@pytest.mark.parametrize(
    "metadata",
    [
        coder(architecture="qwen3next"),
        coder(finetune="Instruct-abliterated"),
        coder(finetune="agent"),
        coder(name="Harbour Coder"),
        coder(name="Qwen3 Coder 30B A3B Instruct harbour"),
        coder(name="", size_label="480B-A35B"),
        {"general.architecture": "qwen3moe"},
        {"general.name": "Qwen3 Coder 30B A3B Instruct"},
        {},
    ],
)
def test_a_header_of_another_model_has_none(metadata: dict[str, str]) -> None:
    assert card_for(header(dict(metadata))) is None


def test_the_most_specific_name_wins() -> None:
    """`qwen3 coder 30b` and `qwen3 coder next` begin alike."""
    ids = [card_for(name) for name in ("qwen3-coder-30b", "qwen3-coder-next")]
    assert [card.id for card in ids if card] == ["qwen3-coder-30b", "qwen3-coder-next"]


def test_coding_is_apart_from_general_talk() -> None:
    card = card_for("Qwen3.6-35B-A3B")
    assert card is not None
    assert (card.coding["temperature"], card.coding["presence_penalty"]) == (0.6, 0.0)
    assert card.modes["general"]["presence_penalty"] == 1.5
    small = card_for("Qwen3.6-27B")
    assert small is not None
    assert small.modes["general"]["presence_penalty"] == 0.0


def test_a_card_without_a_coding_mode_gives_its_general_values() -> None:
    card = card_for("gpt-oss-20b")
    assert card is not None
    assert card.coding == {"temperature": 1.0, "top_p": 1.0}
    assert card.no_penalties


def test_every_card_is_whole() -> None:
    assert len({card.id for card in cards()}) == len(cards()) == 9
    for card in cards():
        assert card.url.startswith("https://huggingface.co/")
        assert card.date.startswith("20")
        assert card.coding
        for name in card.names:
            assert card_for(name.replace(" ", "-")) is card


@pytest.mark.parametrize("name", ["/m/x/model.gguf", COMMIT, "Q4_K_M.gguf", "sha256-" + "a" * 64])
def test_a_name_that_says_nothing(name: str) -> None:
    assert says_nothing(name)


def test_a_name_that_says_something() -> None:
    assert not says_nothing("/models/harbour.gguf")
