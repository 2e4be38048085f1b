"""A llama.cpp server as a child process, and the few requests that the recipe sends to it.

In: a GGUF file, perhaps an adapter. Out: answers of the real engine, so that a checkpoint is
judged by what will serve it. Not the product's launcher: it attests nothing and guards nothing.
"""

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CONTEXT_TOKENS = 4096


class Engine:
    """One server; use it in a `with` block."""

    def __init__(self, model: Path, adapter: Path | None = None) -> None:
        self.command = [sys.executable, __file__, str(model), *([str(adapter)] if adapter else [])]
        self.adapter = adapter
        self.address = ""

    def __enter__(self) -> Self:
        # More threads only help a network larger than this one.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("READY "):
                self.address = line.split()[1]
                return self
        raise RuntimeError(f"the engine did not start: {' '.join(self.command)}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait()

    def post(self, path: str, body: object) -> dict[str, Any]:
        """One request; an error status raises."""
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            answer: dict[str, Any] = json.load(response)
            return answer


def _serve(model: str, adapter: str | None) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.use_jinja = True
    if adapter:
        # The scale is chosen per request.
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(adapter, 0.0)]
    server = xllamacpp.Server(params)
    print("READY", server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
