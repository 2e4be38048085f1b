"""One clean, recommended configuration for each family, and small builders for lint subjects.

No rule may give an error or a warning on any of `CLEAN`: that is the false-alarm test of the
whole registry. The builders make settings, servers, clients and turns in one line each, so a
test of a rule shows only what the rule looks at. In: nothing. Out: subjects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from seatrial.serve.facts import Fact, ServerFacts, Traits
from seatrial.serve.gguf import GgufArray, GgufHeader, Scalar
from seatrial.serve.lint.rule import Finding, Severity, lint, registered
from seatrial.serve.lint.subject import (
    ClientConfig,
    Place,
    ServerConfig,
    Setting,
    Subject,
    Turn,
    Value,
)

MODEL = "Devstral-Small-2-24B-Instruct-2512"
WINDOW = 65_536
MAX_TOKENS = 8_192
CLIENT_WINDOW = 49_152
COMMAND = Place("command line")


def setting(value: Value, written: str, *, source: str = "command line", line: int = 1) -> Setting:
    """A setting as it stands somewhere."""
    return Setting(value, Place(source, None if source == "command line" else line), written)


def settings(options: dict[str, Value], *, source: str = "command line") -> dict[str, Setting]:
    """Options as they would stand on a command line, one on each line of `source`."""
    return {
        name: setting(value, _written(name, value), source=source, line=line)
        for line, (name, value) in enumerate(options.items(), 1)
    }


def server(
    options: dict[str, Value] | None = None,
    *,
    family: str = "llama.cpp",
    name: str = MODEL,
    source: str = "command line",
    env: dict[str, Value] | None = None,
    **rest: Any,
) -> ServerConfig:
    """A server with these options and nothing else."""
    return ServerConfig(
        family=family,
        name=name,
        place=Place(source, None if source == "command line" else 1),
        options=settings(options or {}, source=source),
        env=_pairs(env or {}, source, "="),
        **rest,
    )


def client(
    window: int | None = None,
    max_tokens: int | None = None,
    *,
    name: str = "pi",
    model: str = MODEL,
    url: str | None = "http://127.0.0.1:8080/v1",
    sampling: dict[str, Value] | None = None,
    timeout_seconds: float | None = None,
    options: dict[str, Value] | None = None,
) -> ClientConfig:
    """A client that believes and sends exactly this."""
    source = f"{name}.json"

    def one(key: str, value: Value, line: int) -> Setting | None:
        return (
            None if value is None else setting(value, f'"{key}": {value}', source=source, line=line)
        )

    return ClientConfig(
        client=name,
        model=model,
        place=Place(source, 1),
        base_url=one("baseUrl", url, 2),
        window=one("contextWindow", window, 3),
        max_tokens=one("maxTokens", max_tokens, 4),
        sampling=_pairs(sampling or {}, source, ": "),
        timeout_seconds=one("timeout", timeout_seconds, 5),
        options=_pairs(options or {}, source, ": "),
    )


def facts(family: str = "llama.cpp", **changes: Any) -> ServerFacts:
    """Facts of a server of that family; plain values become facts of the source `test`."""
    known = {field.name for field in msgspec.structs.fields(ServerFacts)}
    bare = {"url", "listed", "loaded", "notes", "declared_windows", "sampler", "supports"}
    assert set(changes) <= known
    given = {
        name: value if name in bare or isinstance(value, Fact) else Fact(value, "test")
        for name, value in changes.items()
    }
    return ServerFacts(**{"url": "http://127.0.0.1:8080", "family": traits(family), **given})


def traits(family: str) -> Traits:
    """What holds for a family, as far as rules look at it."""
    return _TRAITS[family]


def header(metadata: dict[str, Scalar | GgufArray], **changes: Any) -> GgufHeader:
    """A header with these keys and no tensors."""
    plain: dict[str, Any] = {
        "path": Path("model.gguf"),
        "version": 3,
        "metadata": metadata,
        "tensors": (),
        "data_offset": 0,
        "file_bytes": 0,
    }
    return GgufHeader(**{**plain, **changes})


def fires(subject: Subject, id_: str) -> list[Finding]:
    """What one rule finds; fails if the rule could not run at all."""
    chosen = [rule for rule in registered() if rule.id == id_]
    assert chosen, f"no rule {id_}"
    report = lint(subject, chosen)
    assert report.checked, f"{id_} did not run: it needs {report.not_checked[id_]}"
    return list(report.findings)


def alarms(subject: Subject) -> list[str]:
    """Errors and warnings of the whole registry, as text for an assertion."""
    return [
        f"{found.rule} {found.severity}: {found.seen}"
        for found in lint(subject).findings
        if found.severity in (Severity.ERROR, Severity.WARNING)
    ]


def _written(name: str, value: Value) -> str:
    if value is True:
        return f"--{name}"
    if value is False:
        return f"--no-{name}"
    return f"--{name} {value}"


def _pairs(values: dict[str, Value], source: str, between: str) -> dict[str, Setting]:
    return {
        name: setting(value, f"{name}{between}{value}", source=source, line=line)
        for line, (name, value) in enumerate(values.items(), 10)
    }


_OPENAI = frozenset(
    {"temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty", "max_tokens"}
)
_LLAMA = _OPENAI | {
    "top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n", "dry_multiplier", "dry_base",
    "dry_allowed_length", "dry_penalty_last_n", "logit_bias", "grammar",
}  # fmt: skip
_TRAITS = {
    one.id: one
    for one in (
        Traits(
            id="llama.cpp", title="llama.cpp", ports=(8080, 9931), listing="loaded",
            overflow="refuses", knobs=_LLAMA, thinks_in="reasoning_content",
            reports_cached=True, reports_speed=True, tokenizes=True,
        ),
        Traits(
            id="llama-swap", title="llama-swap", ports=(8080,), listing="config",
            overflow="refuses", knobs=_LLAMA, thinks_in="reasoning_content",
            loads_on_request=True, reports_cached=True, reports_speed=True,
        ),
        Traits(
            id="ollama", title="Ollama", ports=(11434,), listing="installed",
            overflow="truncates", knobs=_OPENAI, loads_on_request=True,
        ),
        Traits(
            id="lm-studio", title="LM Studio", ports=(1234,), listing="installed",
            overflow="refuses", knobs=_OPENAI | {"top_k", "repeat_penalty", "logit_bias"},
            loads_on_request=True, thinks_in="reasoning_content",
        ),
        Traits(
            id="vllm", title="vLLM", ports=(8000,), listing="loaded", overflow="refuses",
            refuses_by_cap=True, knobs=_OPENAI | {"top_k", "min_p", "repetition_penalty"},
            thinks_in="reasoning_content", reports_cached=True, tokenizes=True,
        ),
        Traits(
            id="sglang", title="SGLang", ports=(30000,), listing="loaded", overflow="refuses",
            refuses_by_cap=True, knobs=_OPENAI | {"top_k", "min_p", "repetition_penalty"},
            thinks_in="reasoning_content", reports_cached=True,
        ),
        Traits(
            id="mlx", title="mlx_lm.server", ports=(8080,), listing="cache",
            overflow="unbounded", window_holds_output=False, echoes_model=True,
            loads_on_request=True, knobs=_OPENAI | {"top_k", "min_p", "repetition_penalty"},
            thinks_in="reasoning",
        ),
    )
}  # fmt: skip

_TURNS = tuple(
    Turn(
        number=number, session="one", prompt=prompt, own_prompt=prompt, cached=cached,
        completion=400, max_tokens=MAX_TOKENS, finish="tool_calls", seconds=20.0,
        timeout_seconds=1800.0, tool_calls=1, executed=True, status=200,
    )
    for number, (prompt, cached) in enumerate(((6000, 0), (6900, 6400), (7800, 7300)), 1)
)  # fmt: skip
_HEADER = header(
    {
        "general.architecture": "mistral3",
        "general.name": MODEL,
        "general.basename": "Devstral-Small-2",
        "mistral3.context_length": 393_216,
    }
)


def _subject(config: ServerConfig, port: int, *, model: str = MODEL, **known: Any) -> Subject:
    """A whole subject around one server: a client that fits, facts, turns."""
    url = f"http://127.0.0.1:{port}"
    return Subject(
        servers=(config,),
        clients=(
            client(
                CLIENT_WINDOW,
                MAX_TOKENS,
                model=model,
                url=f"{url}/v1",
                sampling=known.pop("sampling", None),
                timeout_seconds=1800,
            ),
        ),
        facts=facts(
            config.family,
            url=url,
            **{"model": model, "listed": (model,), "loaded": (model,), "slots": 1, **known},
        ),
        turns=_TURNS,
        asked=model,
    )


_LLAMA_OPTIONS: dict[str, Value] = {
    "model": f"/models/{MODEL}-Q4_K_M.gguf",
    "ctx-size": WINDOW,
    "parallel": 1,
    "n-gpu-layers": 99,
    "flash-attn": "on",
    "temp": 0.15,
    "n-predict": MAX_TOKENS,
    "timeout": 3600,
    "host": "127.0.0.1",
    "port": 8080,
}
_SAMPLING: dict[str, Value] = {"temperature": 0.15}

CLEAN: dict[str, Subject] = {
    "llama.cpp": msgspec.structs.replace(
        _subject(
            server(_LLAMA_OPTIONS),
            8080,
            window=WINDOW,
            shared_pool=False,
            trained_window=393_216,
            sampler={"temperature": Fact(0.15, "/props")},
        ),
        header=_HEADER,
    ),
    "llama-swap": _subject(
        server(
            _LLAMA_OPTIONS,
            family="llama-swap",
            source="llama-swap.yaml",
            proxy=settings(
                {
                    "ttl": 0,
                    "capabilities.context": WINDOW,
                    "group.swap": False,
                    "group.persistent": True,
                    "healthCheckTimeout": 600,
                    "timeouts.connect": 30,
                    "checkEndpoint": "/health",
                },
                source="llama-swap.yaml",
            ),
        ),
        8080,
        window=WINDOW,
        sampler={"temperature": Fact(0.15, "/upstream/ID/props")},
    ),
    "ollama": _subject(
        server(
            {"num_ctx": WINDOW, "num_predict": MAX_TOKENS, "temperature": 0.15},
            family="ollama",
            name="devstral-agent",
            source="Modelfile",
            env={"OLLAMA_CONTEXT_LENGTH": WINDOW, "OLLAMA_NUM_PARALLEL": 1},
        ),
        11434,
        model="devstral-agent",
        window=WINDOW,
        trained_window=393_216,
    ),
    "lm-studio": _subject(
        server({"context-length": WINDOW}, family="lm-studio", source="load.json"),
        1234,
        window=WINDOW,
        sampling=_SAMPLING,
    ),
    "vllm": _subject(
        server(
            {
                "model": f"mistralai/{MODEL}",
                "max-model-len": WINDOW,
                "enable-auto-tool-choice": True,
                "tool-call-parser": "mistral",
                "generation-config": "vllm",
                "port": 8000,
            },
            family="vllm",
            name=f"mistralai/{MODEL}",
        ),
        8000,
        model=f"mistralai/{MODEL}",
        window=WINDOW,
        sampling=_SAMPLING,
    ),
    "sglang": _subject(
        server(
            {
                "model-path": f"mistralai/{MODEL}",
                "context-length": WINDOW,
                "tool-call-parser": "mistral",
                "enable-cache-report": True,
                "port": 30000,
            },
            family="sglang",
            name=f"mistralai/{MODEL}",
        ),
        30000,
        model=f"mistralai/{MODEL}",
        window=WINDOW,
        sampling=_SAMPLING,
    ),
    "mlx": _subject(
        server(
            {
                "model": "/models/devstral-mlx-4bit",
                "max-tokens": MAX_TOKENS,
                "temp": 0.15,
                "host": "127.0.0.1",
                "port": 8081,
            },
            family="mlx",
            name="/models/devstral-mlx-4bit",
        ),
        8081,
        model="/models/devstral-mlx-4bit",
        sampling=_SAMPLING,
    ),
}
"""By family id."""
