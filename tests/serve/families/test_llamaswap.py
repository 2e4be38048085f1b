"""llama-swap: only what runs is asked, and what its configuration says is not believed."""

from __future__ import annotations

from typing import Any

from seatrial.serve.facts import Fact
from seatrial.serve.families import llamaswap, read_facts
from seatrial.serve.families.llamaswap import command_words
from tests.serve.families.shapes import LLAMA_SWAP, MLX, MLX_LOST, PROPS, VLLM
from tests.serve.families.stand import Stand, process


def running(*rows: dict[str, Any]) -> dict[str, Any]:
    return {**LLAMA_SWAP, "/running": {"running": list(rows)}}


async def test_the_server_behind_it() -> None:
    async with Stand(LLAMA_SWAP) as stand:
        facts = await read_facts(stand.url)
        assert facts.url == stand.url
    assert facts.family.id == "llama-swap"
    assert facts.family.title == "llama-swap before llama.cpp server"
    assert facts.family.thinks_in == "reasoning_content"
    assert facts.family.loads_on_request
    assert not facts.family.tokenizes
    assert facts.window == Fact(8192, "/upstream/coder/props")
    assert facts.model == Fact(PROPS["model_path"], "/upstream/coder/props")
    assert facts.sampler["top_p"] == Fact(0.95, "/upstream/coder/props")
    assert facts.supports["tools"] == Fact(True, "/upstream/coder/props")
    assert facts.trained_window == Fact(262144, "/upstream/coder/v1/models")
    assert facts.version == Fact("v171", "/api/version")
    assert facts.loaded == ("coder",)
    assert facts.listed == ("coder", "small")


async def test_its_declared_context_is_no_window() -> None:
    async with Stand(LLAMA_SWAP) as stand:
        facts = await read_facts(stand.url)
    declared = Fact(131072, "/v1/models meta.n_ctx (configuration)")
    assert declared in facts.declared_windows
    assert facts.window is not None
    assert facts.window.value != 131072


async def test_the_command_of_its_configuration() -> None:
    async with Stand(LLAMA_SWAP) as stand:
        facts = await read_facts(stand.url)
    assert facts.command is not None
    assert facts.command.source == "/running"
    assert facts.command.value[:5] == (
        *("/app/llama-server", "--model", "/models/qwen3-coder.gguf", "-c", "32768"),
    )
    assert facts.command.value[-2:] == ("--chat-template-kwargs", '{"a": true}')


async def test_a_model_that_does_not_run_is_never_asked() -> None:
    """That would start it, and stop the one that runs."""
    async with Stand(LLAMA_SWAP) as stand:
        facts = await read_facts(stand.url, model="small")
        assert not [path for path in stand.asked if path.startswith("/upstream")]
    assert facts.model is None
    assert facts.window is None
    assert "no loaded model is called small; loaded now: coder" in facts.notes


async def test_a_model_that_starts_is_not_asked_either() -> None:
    row = {"model": "coder", "state": "starting", "cmd": "llama-server -m x"}
    async with Stand(running(row)) as stand:
        facts = await read_facts(stand.url)
        assert not [path for path in stand.asked if path.startswith("/upstream")]
    assert facts.loaded == ()
    assert facts.window is None


async def test_an_active_profile_is_told() -> None:
    profile = {"name": "night", "description": "", "aliases": {"fast": "coder"}}
    answers = {**LLAMA_SWAP, "/api/profiles": {"active": "night", "profiles": [profile]}}
    async with Stand(answers) as stand:
        facts = await read_facts(stand.url, model="fast")
    assert "profile night is active: whoever asks for fast gets coder" in facts.notes
    assert facts.model == Fact(PROPS["model_path"], "/upstream/coder/props")


async def test_no_profile_no_word_about_it() -> None:
    async with Stand(LLAMA_SWAP) as stand:
        facts = await read_facts(stand.url)
    assert not [note for note in facts.notes if "profile" in note or "selector" in note]


async def test_another_family_behind_it() -> None:
    upstream = {f"/upstream/coder{path}": value for path, value in VLLM.items()}
    answers = {**running(LLAMA_SWAP["/running"]["running"][0]), **upstream}
    del answers["/upstream/coder/props"]
    async with Stand(answers) as stand:
        facts = await read_facts(stand.url, model="coder")
    assert facts.family.title == "llama-swap before vLLM"
    assert facts.family.refuses_by_cap
    assert facts.window == Fact(65536, "/upstream/coder/v1/models max_model_len")
    assert facts.model == Fact(
        "Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "/upstream/coder/v1/models root"
    )


async def test_mlx_behind_it_still_proves_nothing() -> None:
    row = {"model": "coder", "state": "ready", "cmd": "mlx_lm.server --model /m", "proxy": ""}
    answers = {
        **{k: v for k, v in running(row).items() if not k.startswith("/upstream")},
        **{f"/upstream/coder{path}": value for path, value in MLX.items()},
        "/upstream/coder/props": MLX_LOST,
    }
    async with Stand(answers) as stand:
        facts = await read_facts(stand.url)
    assert facts.family.title == "llama-swap before mlx_lm.server"
    assert facts.family.echoes_model
    assert facts.window is None
    assert facts.model == Fact("/m", "argv")


async def test_a_server_behind_it_that_nobody_knows() -> None:
    row = {"model": "coder", "state": "ready", "cmd": "whatever -m /m.gguf", "proxy": "x"}
    answers = {k: v for k, v in running(row).items() if not k.startswith("/upstream")}
    async with Stand(answers) as stand:
        facts = await read_facts(stand.url)
    assert facts.model == Fact("/m.gguf", "argv")
    assert any("was not recognised" in note for note in facts.notes)


async def test_the_process_behind_it_is_only_named_if_it_is_that_program(monkeypatch) -> None:
    """The proxy may live in a container: its localhost is not ours."""
    other = process("/usr/bin/postgres", pid=7)
    right = process("/app/llama-server", "-c", "32768", pid=8)
    front = process("llama-swap", pid=5)
    for behind, expected in ((other, None), (right, Fact(8, "process"))):

        async def owner(url: str, behind=behind):
            return behind if url == "http://localhost:1" else front

        monkeypatch.setattr(llamaswap, "owner_of", owner)
        async with Stand(LLAMA_SWAP) as stand:
            facts = await read_facts(stand.url)
        assert facts.pid == expected


async def test_silence_about_what_runs_is_not_nothing_running() -> None:
    async with Stand({**LLAMA_SWAP, "/running": (401, {"error": "key"})}) as stand:
        facts = await read_facts(stand.url, model="coder")
        assert not [path for path in stand.asked if path.startswith("/upstream")]
    assert facts.loaded is None
    assert "the server did not say which models are in memory" in facts.notes


def test_a_command_with_an_open_quote_is_still_words() -> None:
    assert command_words('llama-server --alias "x') == ("llama-server", "--alias", '"x')


def test_no_secret_of_a_command_is_kept() -> None:
    assert "s3cret" not in str(command_words("llama-server --api-key s3cret -c 4096"))
