"""A program that takes the arguments of `vllm serve` or `mlx_lm.server` and answers as it does.

Only what a launch asks; it generates nothing. `STAND_IN` as in `llama_stand_in`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WAYS = set(os.environ.get("STAND_IN", "").split())
MLX = Path(sys.argv[0]).name == "mlx_lm.server"
READY_AT = time.monotonic() + (0.6 if "late" in WAYS else 0.0)


def option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            self.health()
        elif self.path == "/version":
            self.answer(200, {"version": "0.15.0"})
        elif self.path == "/v1/models":
            self.answer(200, {"object": "list", "data": [self.model()]})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        """mlx_lm queues the request until the model is there, or for ever."""
        if "broken" in WAYS:
            time.sleep(3600)
        time.sleep(max(0.0, READY_AT - time.monotonic()))
        self.answer(200, {"system_fingerprint": "0.32.2", "choices": []})

    def health(self) -> None:
        if MLX:
            good = "broken" not in WAYS
            self.answer(200 if good else 503, {"status": "ok" if good else "unavailable"})
        elif time.monotonic() < READY_AT:
            self.answer(503, {})
        else:
            self.answer(200, None)

    def model(self) -> dict[str, object]:
        name = os.environ.get("STAND_IN_MODEL", sys.argv[2])
        window = int(option("--max-model-len") or 2048)
        return {
            "id": name,
            "root": name,
            "max_model_len": window // 2 if "half" in WAYS else window,
        }

    def answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        sys.stderr.write(f"access: {format % args}\n")


if "broken" in WAYS:
    sys.stderr.write("ValueError: Model type nonsense not supported.\n")
server = ThreadingHTTPServer((option("--host") or "", int(option("--port") or 0)), Handler)
threading.Thread(target=server.serve_forever).start()
