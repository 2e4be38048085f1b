"""`mlx_lm.server` as a program.

It listens, and says that all is well, while it still loads; when loading fails it goes on
listening and only its health turns bad. It loads whatever model a request names and echoes that
name, so nothing that it says proves its model: that is proven by our process, its command line
and one answer of the model that it was started with. It enforces no window at all. (mlx_lm
server.py 0.32: `handle_health_check`, `ModelProvider.load`, `generate_response`.) In: a
`LaunchSpec`. Out: arguments, and a `Condition`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import EngineError, FormatError, UserError
from seatrial.serve.engines.folders import check_folder, folder_files, model_word
from seatrial.serve.engines.program import Condition, refuse_threads
from seatrial.serve.engines.spec import LaunchSpec

OWN_MODEL = "default_model"
"""The name by which a request gets the model of the command line."""
_LOAD_SECONDS = 3600.0
"""For one answer; the start timeout ends it earlier."""
_HEALTH_SECONDS = 0.5
_FIRST_WORD = {
    "model": OWN_MODEL,
    "messages": [{"role": "user", "content": "ready?"}],
    "max_tokens": 1,
    "stream": False,
}


class _Answer(msgspec.Struct):
    system_fingerprint: str = ""


class MlxServer:
    """`mlx_lm.server`."""

    id = "mlx_lm.server"
    family = "mlx"
    has_own_sizes = True
    hint = "pip install mlx-lm, or give its path: --program PATH/mlx_lm.server"

    def check(self, spec: LaunchSpec) -> None:
        check_folder(spec, self.id)
        refuse_threads(spec, self.id)
        if spec.window_tokens:
            raise UserError(
                "mlx_lm.server enforces no window: a long prompt is served until memory ends",
                hint="leave --window out and set the limit in the client",
            )
        if spec.api_key:
            raise UserError(
                "mlx_lm.server knows no keys", hint="keep it on 127.0.0.1 and put a gateway before"
            )
        if len(spec.adapters) > 1:
            raise UserError("mlx_lm.server takes one adapter")
        for adapter in spec.adapters:
            if adapter.scale != 1.0:
                raise UserError("mlx_lm.server applies an adapter by the scale of its own config")
            if not (adapter.path / "adapter_config.json").is_file():
                raise UserError(
                    f"{adapter.path}: not an adapter folder",
                    hint="there should be an adapter_config.json in it",
                )

    def files(self, spec: LaunchSpec) -> tuple[Path, ...]:
        return folder_files(spec)

    def arguments(self, spec: LaunchSpec, port: int) -> tuple[str, ...]:
        words = ["--model", model_word(spec.model), "--host", spec.host, "--port", str(port)]
        for adapter in spec.adapters:
            words += ["--adapter-path", str(adapter.path.resolve())]
        if spec.slots:
            words += ["--decode-concurrency", str(spec.slots)]
            words += ["--prompt-concurrency", str(spec.slots)]
        return (*words, *spec.extra)

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        if not spec.model.is_dir():
            return {}
        # With an empty cache there is no other model to list or to load by mistake.
        return {"HF_HUB_CACHE": str(_empty_cache(spec)), "HF_HUB_OFFLINE": "1"}

    def prepare(self, spec: LaunchSpec) -> None:
        if spec.model.is_dir():
            # Where it is missing, `/v1/models` breaks off (huggingface_hub CacheNotFound).
            _empty_cache(spec).mkdir(exist_ok=True)

    async def condition(self, server: Transport, spec: LaunchSpec) -> Condition:
        # Nothing but an answer tells that the model is loaded; a failed load never answers.
        answer = asyncio.create_task(_first_word(server))
        try:
            while not (await asyncio.wait({answer}, timeout=_HEALTH_SECONDS))[0]:
                if not await _healthy(server):
                    return Condition("failed", "it could not load the model")
            found = answer.result()
        except RefusedError as error:
            return Condition("failed", error.message)
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        return Condition("serving", f"mlx_lm {found.system_fingerprint}".strip())


def _empty_cache(spec: LaunchSpec) -> Path:
    return spec.log.resolve().parent / "no-other-models"


async def _first_word(server: Transport) -> _Answer:
    return await server.post_json(
        "/v1/chat/completions", _FIRST_WORD, _Answer, timeout_seconds=_LOAD_SECONDS
    )


async def _healthy(server: Transport) -> bool:
    try:
        await server.get_json("/health", dict[str, str])
    except RefusedError as error:
        return error.status == 404  # a version without this path cannot say no
    except (EngineError, FormatError):
        return True
    return True
