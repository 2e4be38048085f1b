"""What the gateway passes on unread: what a server says of itself, and inference without a chat.

No rule looks at these and nothing is recorded: there is no conversation in them. What would
change a server (loading models, erasing slots) is not passed on.

In: a request. Out: the upstream's answer, byte for byte.
"""

from __future__ import annotations

from seatrial.core.errors import EngineError
from seatrial.gateway.endings import failed
from seatrial.gateway.output import Headers, Output
from seatrial.gateway.upstream import Upstream

POST_PATHS = frozenset(
    {
        "/v1/completions",
        "/completions",
        "/completion",
        "/infill",
        "/v1/embeddings",
        "/embeddings",
        "/embedding",
        "/v1/rerank",
        "/rerank",
        "/tokenize",
        "/detokenize",
        "/apply-template",
    }
)


async def relay(
    upstream: Upstream,
    method: str,
    target: str,
    body: bytes | None,
    headers: Headers,
    output: Output,
    *,
    keep_credentials: bool,
) -> None:
    """Ask `upstream` for `target`, a path with its query, and pass its answer on as it comes."""
    try:
        answer = await upstream.open(
            method, target, body, headers, keep_credentials=keep_credentials
        )
    except EngineError as error:
        told = failed(error, "")
        await output.whole(told.status, told.body)
        return
    try:
        await output.start(answer.status, answer.headers())
        while chunk := await answer.read():
            await output.write(chunk)
        await output.end()
    except EngineError:
        # Cut off: the client sees that the answer is not whole.
        output.close()
    finally:
        answer.close()
