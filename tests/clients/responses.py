"""`/v1/responses` in front of a scripted model, for a client that speaks nothing else.

As much of it as codex needs: messages, function calls and their results. In: a script of chat
requests. Out: a server on a real socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from seatrial.fakes import After, CallTools, Refuse, Reply, Say

Script = Callable[[dict[str, Any]], Reply]
Event = dict[str, Any]


@asynccontextmanager
async def responses_server(script: Script, sent: Callable[[int], None]) -> AsyncIterator[str]:
    """Its URL. `sent` learns of the characters of every piece."""

    async def handle(request: web.Request) -> web.StreamResponse:
        reply = script(chat_body(await request.json()))
        while isinstance(reply, After):
            await asyncio.sleep(reply.seconds)
            reply = reply.reply
        if isinstance(reply, Refuse):
            return web.json_response(reply.body, status=reply.status)
        assert isinstance(reply, Say | CallTools), "scenarios have no other reply"
        return await _stream(request, reply, sent)

    app = web.Application(client_max_size=2**28)
    app.add_routes([web.post("/v1/responses", handle)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def chat_body(body: dict[str, Any]) -> dict[str, Any]:
    """The chat request that says the same."""
    messages: list[dict[str, Any]] = []
    if body.get("instructions"):
        messages.append({"role": "system", "content": body["instructions"]})
    for item in body.get("input") or ():
        messages += _messages(item)
    tools = [
        {"type": "function", "function": {key: tool.get(key) for key in ("name", "parameters")}}
        for tool in body.get("tools") or ()
        if tool.get("type") == "function"
    ]
    rest = {key: body[key] for key in ("temperature", "top_p", "reasoning") if body.get(key)}
    return {"messages": messages, "tools": tools, "stream": True, **rest}


def _messages(item: dict[str, Any]) -> list[dict[str, Any]]:
    match item.get("type", "message"):
        case "message":
            parts = item.get("content") or ""
            if not isinstance(parts, str):
                parts = "\n".join(part.get("text") or "" for part in parts)
            return [{"role": item.get("role"), "content": parts}]
        case "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            return [{"role": "assistant", "content": None, "tool_calls": [call]}]
        case "function_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
            return [{"role": "tool", "tool_call_id": item["call_id"], "content": text}]
    return []


async def _stream(
    request: web.Request, reply: Say | CallTools, sent: Callable[[int], None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    number = 0

    async def send(event: Event) -> None:
        nonlocal number
        data = msgspec.json.encode({**event, "sequence_number": number})
        number += 1
        await response.write(f"event: {event['type']}\n".encode() + b"data: " + data + b"\n\n")

    shell = {"id": "resp-scripted", "object": "response", "model": "scripted", "output": []}
    await send({"type": "response.created", "response": {**shell, "status": "in_progress"}})
    items = []
    if isinstance(reply, Say):
        items += await _spoken(reply, send, sent)
        if reply.end == "error_frame":
            error = {"code": "server_error", "message": "slot failed"}
            failed = {**shell, "status": "failed", "error": error}
            await send({"type": "response.failed", "response": failed})
        if reply.end != "done" or reply.finish is None:
            return response
    else:
        for index, call in enumerate(reply.calls):
            arguments = "".join(call.fragments)
            sent(len(arguments))
            item = {
                "type": "function_call",
                "id": f"fc-{call.id}",
                "call_id": call.id,
                "name": call.name,
                "arguments": arguments,
                "status": "incomplete" if reply.finish == "length" else "completed",
            }
            await send({"type": "response.output_item.done", "output_index": index, "item": item})
            items.append(item)
    await send(_last(shell, items, reply))
    return response


async def _spoken(
    say: Say, send: Callable[[Event], Any], sent: Callable[[int], None]
) -> list[Event]:
    """Thinking and text, piece by piece."""
    items: list[Event] = []
    for index, (pieces, kind, delta) in enumerate(
        (
            (say.think, "reasoning", "response.reasoning_text.delta"),
            (say.pieces, "message", "response.output_text.delta"),
        )
    ):
        if not pieces:
            continue
        text = "".join(pieces)
        head: Event = {"type": kind, "id": f"{kind}-1"}
        part = "reasoning_text" if kind == "reasoning" else "output_text"
        body: Event = {"content": [{"type": part, "text": text}]}
        extra: Event = {"summary": []} if kind == "reasoning" else {"role": "assistant"}
        body.update(extra)
        added: Event = {**head, **body, "content": []}
        await send({"type": "response.output_item.added", "output_index": index, "item": added})
        for piece in pieces:
            where = {"item_id": head["id"], "output_index": index, "content_index": 0}
            await send({"type": delta, "delta": piece, **where})
            sent(len(piece))
            if say.pause_seconds:
                await asyncio.sleep(say.pause_seconds)
        items.append({**head, **body})
        if say.end == "done" and say.finish is not None:
            done = {"type": "response.output_item.done", "output_index": index}
            await send({**done, "item": items[-1]})
    return items


def _last(shell: Event, items: list[Event], reply: Say | CallTools) -> Event:
    output = reply.completion_tokens or 0
    usage = {
        "input_tokens": reply.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": reply.prompt_tokens + output,
    }
    whole = {**shell, "output": items, "usage": usage}
    if reply.finish == "length":
        details = {"reason": "max_output_tokens"}
        ended = {**whole, "status": "incomplete", "incomplete_details": details}
        return {"type": "response.incomplete", "response": ended}
    return {"type": "response.completed", "response": {**whole, "status": "completed"}}
