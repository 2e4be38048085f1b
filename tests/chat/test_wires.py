"""Bodies: what is sent, and what is not."""

import pytest

from seatrial.chat import wires
from seatrial.chat.endpoint import Request
from seatrial.core.errors import HarnessError
from seatrial.core.generation import Sampling
from seatrial.core.message import Call, Message, ToolSchema

TOOL = ToolSchema("read_file", "Read.", {"type": "object", "properties": {}})
CONVERSATION = (
    Message("system", "be good"),
    Message("user", "do it"),
    Message("assistant", "", think="hm", calls=(Call("call_0_0", "read_file", '{"path":  "x"}'),)),
    Message("tool", "content", call_id="call_0_0"),
)


def test_chat_body():
    request = Request(
        messages=CONVERSATION,
        tools=(TOOL,),
        sampling=Sampling(temperature=0.0, seed=7),
        max_tokens=99,
        stop=("END",),
    )
    body = wires.chat_body(request, None)
    assert body == {
        "messages": [
            {"role": "system", "content": "be good"},
            {"role": "user", "content": "do it"},
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": "hm",
                "tool_calls": [
                    {
                        "id": "call_0_0",
                        "type": "function",
                        "function": {"name": "read_file", "arguments": '{"path":  "x"}'},
                    }
                ],
            },
            {"role": "tool", "content": "content", "tool_call_id": "call_0_0"},
        ],
        "tools": [TOOL.openai()],
        "max_tokens": 99,
        "temperature": 0.0,
        "seed": 7,
        "stop": ["END"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_is_not_set_is_not_sent():
    body = wires.chat_body(Request(messages=CONVERSATION[:2]), None)
    assert set(body) == {"messages", "max_tokens", "stream", "stream_options"}


def test_completion_body():
    request = Request(messages=CONVERSATION[:2], max_tokens=5, sampling=Sampling(top_k=1))
    body = wires.completion_body(request, "the prompt", "m")
    assert body.pop("preserved_tokens")
    assert body == {
        "model": "m",
        "prompt": "the prompt",
        "n_predict": 5,
        "top_k": 1,
        "cache_prompt": True,
        "stream": True,
    }


@pytest.mark.parametrize("messages", [(), CONVERSATION[:3], (Message("assistant", "so"),)])
def test_last_message_rules(messages):
    with pytest.raises(HarnessError):
        wires.check_messages(messages)


def test_last_message_may_be_user_or_tool():
    wires.check_messages(CONVERSATION)
    wires.check_messages(CONVERSATION[:2])


@pytest.mark.parametrize(
    ("prompt", "prefill"),
    [
        ("<|im_start|>assistant\n", ""),
        ("<|im_start|>assistant\n<think>\n", "<think>\n"),
        ("<|im_start|>assistant\n<think>", "<think>"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("<think>\nuser text", ""),
    ],
)
def test_prefill(prompt, prefill):
    assert wires.prefill_of(prompt) == prefill


def test_call_ids_are_unique_in_a_conversation():
    assert wires.call_id_prefix(CONVERSATION[:2]) == "call_0"
    assert wires.call_id_prefix(CONVERSATION) == "call_1"


def test_a_forced_call_and_the_switch_for_reasoning_are_sent_when_set() -> None:
    plain = Request(messages=(Message("user", "hi"),))
    assert not {"tool_choice", "chat_template_kwargs"} & set(wires.chat_body(plain, None))
    asked = Request(messages=plain.messages, tool_choice="required", thinking=False)
    body = wires.chat_body(asked, None)
    assert body["tool_choice"] == "required"
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    # The switch shapes the prompt; a completion has no tools to choose from.
    asked = Request(messages=plain.messages, tool_choice="required", thinking=True)
    assert wires.template_body(asked)["chat_template_kwargs"] == {"enable_thinking": True}
    assert "tool_choice" not in wires.completion_body(asked, "p", None)


def test_an_id_that_a_shortened_conversation_still_holds_is_not_given_again():
    call = Call("call_1_0", "read_file", "{}")
    shortened = (
        Message("user", "summary"),
        Message("assistant", "", calls=(call,)),
        Message("tool", "x", call_id="call_2_0"),
    )
    assert wires.call_id_prefix(shortened) == "call_3"
    assert wires.call_id_prefix(CONVERSATION) == "call_1"


def test_a_forced_tool_and_single_calls_are_sent():
    request = Request(messages=CONVERSATION, forced_tool="read_file", parallel_calls=False)
    body = wires.chat_body(request, None)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "read_file"}}
    assert body["parallel_tool_calls"] is False
