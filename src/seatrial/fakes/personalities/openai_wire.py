"""The OpenAI endpoints of a personality: bodies and frames, with each family's own fields.

In: an exchange. Out: its answer.
"""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp.web import StreamResponse

from seatrial.fakes.personalities.asking import chat_ask, text_ask
from seatrial.fakes.personalities.exchange import DONE, Exchange, frame
from seatrial.fakes.personalities.machine import Machine
from seatrial.fakes.personalities.persona import Extra, Part, Persona, RefusedError, Reply, Step
from seatrial.fakes.personalities.template import OPEN_THOUGHT
from seatrial.fakes.personalities.tokens import token_id

Fields = dict[str, Any]
_LETTERS = string.ascii_letters + string.digits


async def chat(exchange: Exchange, *, extra: Extra | None = None) -> StreamResponse:
    """`/v1/chat/completions`. `extra`: other fields than the family's usual ones."""
    machine = exchange.machine
    try:
        ask = chat_ask(machine, exchange.body, machine.weights)
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    wire = _Chat(machine, exchange.body, thinks=ask.prompt.endswith(OPEN_THOUGHT))
    wire.extra = extra or machine.persona.extra
    return await exchange.generated(ask, wire.whole, wire.frames)


async def completions(exchange: Exchange) -> StreamResponse:
    """`/v1/completions`."""
    machine = exchange.machine
    try:
        ask = text_ask(machine, exchange.body, machine.weights)
    except RefusedError as refusal:
        return await exchange.json(refusal.body, refusal.status)
    wire = _Text(machine, exchange.body)
    return await exchange.generated(ask, wire.whole, wire.frames)


def random_id(length: int = 32) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def served_name(machine: Machine, body: Fields) -> str:
    """The model that an answer claims to come from."""
    if machine.persona.echoes_model or "echoes_model" in machine.faults:
        return str(body.get("model") or machine.name)
    return machine.name


def usage(machine: Machine, reply: Reply) -> Fields:
    """Token counts, with the cached ones where the server tells them."""
    counts: Fields = {
        "completion_tokens": reply.completion_tokens,
        "prompt_tokens": reply.prompt_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }
    told = machine.settings.reports_cached
    if machine.persona.reports_cached if told is None else told:
        counts["prompt_tokens_details"] = {"cached_tokens": reply.cached_tokens}
    return counts


def probability_rows(steps: Sequence[Step], persona: Persona) -> list[Fields]:
    """Log-probabilities of chosen tokens in OpenAI's form."""
    return [
        {
            **_row(step.piece, step.logprob, persona),
            "top_logprobs": [_row(piece, value, persona) for piece, value in step.top],
        }
        for step in steps
    ]


def _row(piece: str, value: float, persona: Persona) -> Fields:
    number = {"id": token_id(piece)} if persona.token_ids else {}
    return {**number, "token": piece, "bytes": list(piece.encode()), "logprob": value}


class _Wire:
    """What both endpoints share."""

    id_prefix = "chatcmpl-"
    object = "chat.completion"

    def __init__(self, machine: Machine, body: Fields) -> None:
        self.machine = machine
        self.body = body
        self.extra = machine.persona.extra
        self.wants_logprobs = bool(body.get("logprobs"))
        self.head: Fields = {
            "id": self.id_prefix + random_id(),
            "created": int(time.time()),
            "model": served_name(machine, body),
        }
        if machine.persona.fingerprint is not None:
            self.head["system_fingerprint"] = machine.persona.fingerprint

    @property
    def persona(self) -> Persona:
        return self.machine.persona

    def complete(self, choice: Fields, reply: Reply) -> Fields:
        body = {
            **self.head,
            "object": self.object,
            "choices": [{"index": 0, **self.persona.choice_fields, **choice}],
            "usage": usage(self.machine, reply),
            **self.persona.body_fields,
        }
        return body | self._extra(reply)

    def closing(self, reply: Reply, last: Fields, object_: str, finish: str) -> Iterator[bytes]:
        """The end of a stream: why, how much, the mark."""
        faults = self.machine.faults
        counted = bool((self.body.get("stream_options") or {}).get("include_usage"))
        extra = self._extra(reply) if self.persona.extra_in_stream else {}
        if "no_finish" not in faults:
            choice = {"index": 0, **self.persona.choice_fields, **last, "finish_reason": finish}
            told = {} if counted else extra
            if self.object == "text_completion" and self.persona.extra_in_stream:
                told = {**extra, "usage": usage(self.machine, reply)}
            yield frame({**self.head, "object": object_, "choices": [choice], **told})
        if counted:
            numbers = {"choices": [], "usage": usage(self.machine, reply), **extra}
            yield frame({**self.head, "object": object_, **numbers})
        if "no_done" not in faults:
            yield DONE

    def _extra(self, reply: Reply) -> Fields:
        return self.extra(self.machine, reply) if self.extra else {}


class _Chat(_Wire):
    """`/v1/chat/completions`."""

    def __init__(self, machine: Machine, body: Fields, *, thinks: bool) -> None:
        super().__init__(machine, body)
        apart = machine.settings.parses_calls and "thinks_in_content" not in machine.faults
        self.think_key = machine.persona.think_key if apart else None
        self.thinks = thinks
        self.call_id = random_id()

    def whole(self, reply: Reply) -> Fields:
        called = self._called(reply)
        message: Fields = {"role": "assistant", **self.persona.message_fields}
        message["content"] = self.persona.called_content if called else self._content(reply)
        if thought := reply.text("think") if self.think_key else "":
            message[self.think_key or ""] = thought
        if called:
            function = {"name": reply.call_name, "arguments": reply.text("arguments")}
            message["tool_calls"] = [{"type": "function", "function": function, "id": self.call_id}]
        choice: Fields = {"message": message, "finish_reason": reply.finish}
        if self.wants_logprobs:
            steps = [part.step for part in reply.parts]
            choice["logprobs"] = {"content": probability_rows(steps, self.persona)}
        return self.complete(choice, reply)

    def frames(self, reply: Reply) -> list[bytes]:
        found = [self._delta({"role": "assistant", "content": None})]
        if self.thinks and self.think_key is None:
            found.append(self._delta({"content": OPEN_THOUGHT}))
        named = False
        called = self._called(reply)
        for part in reply.parts:
            if part.kind == "arguments" and called and not self.persona.whole_calls:
                if not named:
                    found.append(self._delta({"tool_calls": [self._opened(reply)]}))
                    named = True
                piece = {"index": 0, "function": {"arguments": part.text}}
                found.append(self._delta({"tool_calls": [piece]}))
            elif text := self._shown(part, called):
                found.append(self._delta(text, part.step))
        if called and self.persona.whole_calls:
            found.append(self._delta({"tool_calls": [self._opened(reply, whole=True)]}))
        last = {"delta": {**self.persona.delta_fields}}
        return [*found, *self.closing(reply, last, "chat.completion.chunk", reply.finish)]

    def _called(self, reply: Reply) -> bool:
        """Whether the answer shows a parsed call."""
        if not (reply.called and self.machine.settings.parses_calls):
            return False
        whole = reply.stop_type != "limit" or "healed_truncation" in self.machine.faults
        return whole or self.persona.partial_calls

    def _shown(self, part: Part, called: bool) -> Fields | None:
        """What of one token a person would see, and under which key."""
        if not part.text:
            return None
        if part.kind == "think" and self.think_key:
            return {self.think_key: part.text}
        if part.kind in ("text", "think"):
            return {"content": part.text}
        # Markup of a thought goes with its key, that of a call with its parser.
        if part.step.piece in ("</think>", "\n\n"):
            return {"content": part.text} if self.think_key is None else None
        return None if called else {"content": part.text}

    def _content(self, reply: Reply) -> str:
        called = self._called(reply)
        shown = (self._shown(part, called) or {} for part in reply.parts)
        text = "".join(str(one.get("content", "")) for one in shown)
        return OPEN_THOUGHT + text if self.thinks and self.think_key is None else text

    def _opened(self, reply: Reply, *, whole: bool = False) -> Fields:
        arguments = reply.text("arguments") if whole else ""
        function = {"name": reply.call_name, "arguments": arguments}
        return {"index": 0, "id": self.call_id, "type": "function", "function": function}

    def _delta(self, fields: Fields, step: Step | None = None) -> bytes:
        persona = self.persona
        role = {"role": "assistant"} if persona.role_in_every_delta else {}
        delta = {**role, **persona.delta_fields, **fields}
        choice: Fields = {**persona.choice_fields, "finish_reason": None, "index": 0}
        choice["delta"] = delta
        if self.wants_logprobs and step is not None:
            choice["logprobs"] = {"content": probability_rows([step], persona)}
        return frame({**self.head, "object": "chat.completion.chunk", "choices": [choice]})


class _Text(_Wire):
    """`/v1/completions`."""

    id_prefix = "cmpl-"
    object = "text_completion"

    def whole(self, reply: Reply) -> Fields:
        text = "".join(part.text for part in reply.parts)
        choice: Fields = {"text": text, "logprobs": None, "finish_reason": _text_finish(reply)}
        if self.wants_logprobs:
            choice["logprobs"] = self._logprobs(reply)
        return self.complete(choice, reply)

    def frames(self, reply: Reply) -> list[bytes]:
        found = []
        for part in reply.parts:
            choice = {"text": part.text, "index": 0, "logprobs": None, "finish_reason": None}
            found.append(frame({**self.head, "object": self.object, "choices": [choice]}))
        last = {"text": "", "logprobs": None}
        return [*found, *self.closing(reply, last, self.object, _text_finish(reply))]

    def _logprobs(self, reply: Reply) -> Fields:
        steps = [part.step for part in reply.parts]
        if self.persona.token_ids:
            return {"content": probability_rows(steps, self.persona)}
        offsets, at = [], 0
        for step in steps:
            offsets.append(at)
            at += len(step.piece)
        return {
            "text_offset": offsets,
            "tokens": [step.piece for step in steps],
            "token_logprobs": [step.logprob for step in steps],
            "top_logprobs": [dict(step.top) for step in steps],
        }


def _text_finish(reply: Reply) -> str:
    return "length" if reply.stop_type == "limit" else "stop"
