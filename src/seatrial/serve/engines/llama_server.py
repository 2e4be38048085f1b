"""llama.cpp's `llama-server` as a program: its arguments, and its own word about what it loaded.

Everything that decides what a request gets is said explicitly, because defaults moved between
builds: the port (8080 became 9931, llama.cpp PR #26508), slots (1 became 4 with a shared pool),
context shift. In: a `LaunchSpec`. Out: arguments, and a `Condition` read from `/props`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from seatrial.chat.failures import RefusedError
from seatrial.chat.transport import Transport
from seatrial.core.errors import FormatError, UserError
from seatrial.serve.engines.gguf_files import check_gguf
from seatrial.serve.engines.program import LOADING, Condition
from seatrial.serve.engines.spec import LaunchSpec

_LOADING_STATUS = 503


class _Settings(msgspec.Struct):
    n_ctx: int


class _Props(msgspec.Struct):
    model_path: str
    total_slots: int
    default_generation_settings: _Settings
    build_info: str = ""


class LlamaServer:
    """`llama-server`, of any build since 2025."""

    id = "llama-server"
    family = "llama.cpp"
    has_own_sizes = False
    hint = "build llama.cpp or install a release, or give its path: --program PATH/llama-server"

    def check(self, spec: LaunchSpec) -> None:
        check_gguf(spec)
        for adapter in spec.adapters:
            if "," in str(adapter.path.resolve()):
                raise UserError(
                    f"{adapter.path}: llama-server takes a comma for the end of a path",
                    hint="give a path without one",
                )

    def files(self, spec: LaunchSpec) -> tuple[Path, ...]:
        return (spec.model, *(adapter.path for adapter in spec.adapters))

    def arguments(self, spec: LaunchSpec, port: int) -> tuple[str, ...]:
        words = ["--model", str(spec.model.resolve())]
        words += ["--host", spec.host, "--port", str(port)]
        # The option is for all slots together; each gets its share.
        words += ["--ctx-size", str(spec.window_tokens * spec.slots)]
        words += ["--parallel", str(spec.slots), "--threads", str(spec.threads)]
        words += ["--jinja", "--no-context-shift", "--slots", "--metrics"]
        for adapter in spec.adapters:
            path = str(adapter.path.resolve())
            whole = adapter.scale == 1.0
            words += ["--lora", path] if whole else ["--lora-scaled", f"{path}:{adapter.scale:g}"]
        if spec.parsing == "content_only":
            words += ["--skip-chat-parsing", "--reasoning-format", "none"]
        return (*words, *spec.extra)

    def environment(self, spec: LaunchSpec) -> dict[str, str]:
        return {"LLAMA_API_KEY": spec.api_key} if spec.api_key else {}

    def prepare(self, spec: LaunchSpec) -> None:
        pass

    async def condition(self, server: Transport, spec: LaunchSpec) -> Condition:
        try:
            await server.get_json("/health", dict[str, object])
        except RefusedError as error:
            if error.status == _LOADING_STATUS:
                return LOADING
            raise
        try:
            props = await server.get_json("/props", _Props)
        except FormatError as error:
            return Condition("failed", f"it does not answer as llama-server does: {error.message}")
        problems = _contradictions(props, spec)
        if problems:
            return Condition("failed", "; ".join(problems))
        return Condition("serving", f"llama-server {props.build_info}".strip())


def _contradictions(props: _Props, spec: LaunchSpec) -> list[str]:
    asked, window = spec.model.resolve(), props.default_generation_settings.n_ctx
    problems = []
    if Path(props.model_path).resolve() != asked:
        problems.append(f"model {asked} was asked, {props.model_path} is served")
    if window != spec.window_tokens:
        problems.append(f"a window of {spec.window_tokens} tokens was asked, {window} is served")
    if props.total_slots != spec.slots:
        problems.append(f"{spec.slots} slots were asked, {props.total_slots} are served")
    return problems
