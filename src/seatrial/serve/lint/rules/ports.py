"""Rules N06-N10: whether the address leads to the server, and the name to the model, one means.

A taken port, a guessed port, a name that loads another model: the request is answered, by
somebody else. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.serve.lint.replacement import written_as
from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import ClientConfig, Setting, Subject
from seatrial.serve.lint.windows import (
    address,
    endpoint,
    facts_for,
    is_llama,
    servers_of,
    url_of,
    whole,
)

_BIND = ("address already in use", "couldn't bind", "failed to bind", "could not bind")


@rule(
    "N06",
    Severity.ERROR,
    "port may belong to another server",
    ("config",),
    ("log",),
    why=(
        "When the port is taken the new server ends, and the old one answers in its place, with "
        "another model. With --reuse-port both run and take turns."
    ),
    source="llama.cpp tools/server/README.md, --reuse-port; seen in practice",
)
def taken_port(subject: Subject) -> Iterator[Problem]:
    first: dict[tuple[str, int], tuple[str, Setting]] = {}
    for server in subject.servers:
        reuse = server.options.get("reuse-port")
        if reuse is not None and reuse.value is True:
            yield Problem(
                seen=f"{server.name}: `{reuse.written}`",
                fix="remove --reuse-port: a second server on the port must fail at its start",
                place=reuse.place,
                edit=written_as(reuse, ""),
            )
        port = server.options.get("port")
        number = whole(port)
        if server.proxy or port is None or not number:
            continue  # behind llama-swap one port for all is fine: one model runs at a time
        host = server.get("host")
        where = endpoint(f"http://{host if isinstance(host, str) else 'localhost'}:{number}")
        if where is None:
            continue
        name, other = first.setdefault(where, (server.name, port))
        if other is not port:
            yield Problem(
                seen=f"{server.name} and {name} both start on port {number}",
                fix="give each server its own port",
                place=port.place,
            )
    for line in subject.log:
        if any(words in line.lower() for words in _BIND):
            fix = "stop the other server (`ss -ltnp` shows who has the port), or take another port"
            yield Problem(seen=f"log: `{line.strip()[:300]}`", fix=fix)
            return


@rule(
    "N07",
    Severity.ERROR,
    "the name that the client asks for loads another model",
    ("client", "config"),
    ("client", "facts"),
    why=(
        "mlx_lm.server loads whatever model a request names and echoes the name back: the client "
        "gets answers of a model that nobody chose, under the right name."
    ),
    source="ml-explore/mlx-lm#1892, #1893; mlx_lm/server.py ModelProvider.load",
)
def other_model(subject: Subject) -> Iterator[Problem]:
    for client in subject.clients:
        loaded = _mlx_model(client, subject)
        if loaded is None or client.model in (loaded[0], "default_model"):
            continue
        yield Problem(
            seen=f"{client.client} asks for {client.model}; mlx_lm.server holds {loaded[0]} "
            f"({loaded[1]})",
            fix=f'let the client ask for "default_model" or for exactly {loaded[0]}',
            place=client.place,
        )


def _mlx_model(client: ClientConfig, subject: Subject) -> tuple[str, str] | None:
    facts = facts_for(client, subject)
    if facts is not None and facts.family.id == "mlx" and facts.model is not None:
        return facts.model.value, facts.model.source
    if facts is not None and facts.family.id != "mlx":
        return None
    for server in servers_of(client, subject):
        model = server.options.get("model")
        if server.family == "mlx" and model is not None and isinstance(model.value, str):
            return model.value, f"`{model.written}`"
    return None


@rule(
    "N08",
    Severity.WARNING,
    "port is left to the default",
    ("config",),
    ("client",),
    why=(
        "The default port of llama-server changed from 8080 to 9931. Without a number in both "
        "places, an update lets the client talk to nobody, or to another program."
    ),
    source="ggml-org/llama.cpp PR #26508",
)
def default_port(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        starts = {"model", "hf-repo", "models-dir", "models-preset"} & server.options.keys()
        if not is_llama(server) or server.proxy or "port" in server.options or not starts:
            continue
        if server.family == "llama.cpp-router" and "model" in starts:
            continue  # a model of a preset: the router gives it a port
        yield Problem(
            seen=f"{server.name} is started without --port: 8080 or 9931, by the build",
            fix="set --port 8080, and the same number in the client",
            place=server.place,
        )
    for client in subject.clients:
        parts = address(url_of(client))
        if parts is None or parts.scheme != "http" or parts.port is not None:
            continue
        if client.base_url is None or endpoint(url_of(client)) != ("localhost", 80):
            continue
        yield Problem(
            seen=f"{client.client} has `{client.base_url.written}`: no port, so port 80",
            fix=f"write the port of the server: http://{parts.hostname}:8080{parts.path}",
            place=client.base_url.place,
        )


@rule(
    "N09",
    Severity.WARNING,
    "LM Studio may answer with another model",
    ("facts",),
    why=(
        "LM Studio loads models on request, throws others out, also in the middle of an answer, "
        "and answers with whatever is loaded when the name does not fit."
    ),
    source="lmstudio-bug-tracker#1796, #671, #1217",
)
def not_loaded(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.family.id != "lm-studio" or facts.loaded is None:
        return
    wanted = {c.model: c.client for c in subject.clients if facts_for(c, subject) is not None}
    if subject.asked is not None:
        wanted.setdefault(subject.asked, "the request")
    for model, who in wanted.items():
        if model in facts.loaded or any(one.split(":")[0] == model for one in facts.loaded):
            continue
        loaded = ", ".join(facts.loaded) or "nothing"
        yield Problem(
            seen=f"{who} asks for {model}; loaded: {loaded}",
            fix=f"load it before (`lms load {model}`), switch off just-in-time loading and "
            "auto-evict, and let the client ask for the exact id",
        )


@rule(
    "N10",
    Severity.WARNING,
    "llama-swap gives the name another meaning",
    ("config",),
    ("facts",),
    why=(
        "A profile or a selector of llama-swap decides at run time which model stands behind a "
        "name. The name in the request and in the answer proves nothing then."
    ),
    source="mostlygeek/llama-swap config.example.yaml, profiles and selectors",
)
def remapped_name(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        keys = [key for key in server.proxy if key.split(".")[0] in _REMAPS]
        if keys:
            setting = server.proxy[keys[0]]
            yield Problem(
                seen=f"{server.name}: `{setting.written}`", fix=_REMAP_FIX, place=setting.place
            )
    facts = subject.facts
    if facts is None or facts.family.id != "llama-swap":
        return
    for note in facts.notes:
        if "profile" in note.lower() or "selector" in note.lower():
            yield Problem(seen=note, fix=_REMAP_FIX)


_REMAPS = frozenset({"profile", "profiles", "selector", "selectors"})
_REMAP_FIX = (
    "ask for the model by its own id, clear the profile (PUT /api/profiles/active), and look at "
    "/running: its command line names the file"
)
