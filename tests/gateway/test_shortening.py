"""A conversation that does not fit is asked again, shortened, for clients that do not compact."""

import itertools
import json

import pytest

from seatrial.chat.window import SoftWindow
from seatrial.fakes import Lies, Refuse, Say, ScriptedServer, overflow
from tests.gateway.conftest import BASH, body, front, until

WINDOW = 10_000
WORDS_ONLY = {"error": {"code": 400, "message": "the request exceeds the available context size"}}


def conversation(turns=8, size=8_000, **fields):
    messages = [{"role": "user", "content": "read the notes"}]
    for number in range(turns):
        function = {"name": "bash", "arguments": f'{{"command": "cat {number}"}}'}
        call = {"id": f"c{number}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call], "own": number},
            {"role": "tool", "tool_call_id": f"c{number}", "content": f"{number} " * (size // 2)},
        ]
    return body(*messages, tools=[BASH], **fields)


def prompt_tokens(asked):
    return len(json.dumps(asked["messages"])) // 4


def with_window(tokens, refuse=overflow):
    def script(asked):
        prompt = prompt_tokens(asked)
        return refuse(prompt, tokens) if prompt > tokens else Say(prompt_tokens=prompt)

    return script


def in_words(prompt, window):
    return Refuse(status=400, body=WORDS_ONLY)


async def exchange(ask, script, data, agent="somebody/1.0", **fields):
    """Status, answer, the bodies that the server saw, the gateway."""
    async with (
        ScriptedServer(script, lies=Lies(window=100_000)) as server,
        front(server.url, **fields) as (url, gateway),
    ):
        status, answer = await ask(url, data, **{"User-Agent": agent})
        return status, answer, server.bodies("/v1/chat/completions"), gateway


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("refuse", [overflow, in_words])
async def test_it_is_asked_again_and_only_old_results_are_shorter(refuse, stream, ask):
    data = conversation(turns=6, stream=stream)
    status, _, asked, gateway = await exchange(ask, with_window(WINDOW, refuse), data)
    assert (status, len(asked)) == (200, 2)
    first, second = asked
    assert first == json.loads(data)
    assert {**second, "messages": []} == {**first, "messages": []}
    pairs = list(zip(first["messages"], second["messages"], strict=True))
    assert all({**a, "content": ""} == {**b, "content": ""} for a, b in pairs)
    changed = [i for i, (a, b) in enumerate(pairs) if a != b]
    assert changed and changed == [2 * n + 2 for n in range(len(changed))]
    assert all("removed by the gateway" in second["messages"][i]["content"] for i in changed)
    assert gateway.metrics.total("elided_messages_total") == len(changed)
    assert gateway.metrics.total("guard_decisions_total", rule="elide", action="edit") == 1


async def test_a_client_that_compacts_is_told(ask):
    script = with_window(WINDOW)
    status, answer, asked, _ = await exchange(ask, script, conversation(), "pi/0.87.1")
    assert (status, len(asked)) == (400, 1)
    assert json.loads(answer)["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("fields", [{"observe": True}, {"off": frozenset({"elide"})}])
async def test_it_can_be_left_out(fields, ask):
    status, _, asked, gateway = await exchange(ask, with_window(WINDOW), conversation(), **fields)
    assert (status, len(asked)) == (400, 1)
    assert gateway.metrics.total("elided_messages_total") == 0


async def test_what_cannot_be_shortened_is_told_as_an_overflow(ask):
    status, answer, asked, _ = await exchange(ask, with_window(WINDOW), body("word " * 20_000))
    assert (status, len(asked)) == (400, 1)
    assert json.loads(answer)["error"]["n_ctx"] == WINDOW


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(ask):
    status, answer, asked, _ = await exchange(
        ask, lambda asked: in_words(0, 0), conversation(turns=20)
    )
    assert status == 400 and 2 <= len(asked) <= 3
    assert json.loads(answer)["error"]["code"] == "context_length_exceeded"


async def test_what_the_answer_needs_stays_free(ask):
    def refuse(prompt, window):
        words = (
            f"This model's maximum context length is {window} tokens. However, you requested "
            f"{prompt + 4_000} tokens ({prompt} in the messages, 4000 in the completion)."
        )
        return Refuse(status=400, body={"error": {"message": words}})

    def script(asked):
        prompt = prompt_tokens(asked)
        return refuse(prompt, WINDOW) if prompt + 4_000 > WINDOW else Say()

    status, _, asked, _ = await exchange(ask, script, conversation(max_tokens=4_000))
    assert (status, len(asked)) == (200, 2)


async def test_the_soft_window_shortens_before_the_server_is_asked(ask):
    async with (
        ScriptedServer(lies=Lies(window=100_000)) as server,
        front(server.url, soft_window=SoftWindow(prompt_tokens=6_000)) as (url, gateway),
    ):
        await until(lambda: gateway.upstreams[0].window == 100_000)
        status, _ = await ask(url, conversation(turns=12))
        (asked,) = server.bodies("/v1/chat/completions")
    assert status == 200
    assert prompt_tokens(asked) < 7_000


async def test_what_was_shortened_here_is_no_cut_of_the_server(ask):
    """One count for a conversation that grew would be a sign that the server drops its start."""

    def script(asked):
        prompt = prompt_tokens(asked)
        return overflow(prompt, WINDOW) if prompt > WINDOW else Say(prompt_tokens=1_000)

    async with (
        ScriptedServer(script, lies=Lies(window=100_000)) as server,
        front(server.url) as (url, gateway),
    ):
        for turns in (8, 12, 16):
            status, _ = await ask(url, conversation(turns))
            assert status == 200
    assert gateway.metrics.total("elided_messages_total") > 0
    assert gateway.metrics.total("guard_decisions_total", rule="silent_truncation") == 0


async def test_most_turns_are_shortened_in_the_same_places_as_the_one_before(ask):
    async with (
        ScriptedServer(with_window(30_000), lies=Lies(window=100_000)) as server,
        front(server.url) as (url, _),
    ):
        for turns in range(20, 27):
            status, _ = await ask(url, conversation(turns))
            assert status == 200
        taken = [asked["messages"] for asked in server.bodies("/v1/chat/completions")[1::2]]
    moved = sum(now[: len(before)] != before for before, now in itertools.pairwise(taken))
    assert moved <= 2


async def test_the_rules_judge_the_conversation_as_the_client_said_it(ask):
    """Markers look alike; results that were not alike are no loop."""
    messages = [{"role": "user", "content": "wait for it"}]
    for number in range(12):
        function = {"name": "bash", "arguments": '{"command": "make"}'}
        call = {"id": f"c{number}", "type": "function", "function": function}
        words = " ".join(f"{word}{chr(97 + number)}" for word in ("one", "two", "six")) + " "
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": words * 500},
        ]
    data = body(*messages, tools=[BASH])
    status, _, asked, gateway = await exchange(ask, with_window(WINDOW), data)
    assert (status, len(asked)) == (200, 2)
    assert gateway.metrics.total("guard_decisions_total", rule="turn_loop") == 0
