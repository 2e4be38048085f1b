"""Rules K01-K08: the memory in which a server keeps what it has read (the KV cache).

It may be stored in fewer bits to make room. Some ways of doing so are slow, some are refused,
some cost quality; none of it is said aloud. In: a `Subject`. Out: problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.serve.lint.replacement import with_value, written_as
from seatrial.serve.lint.rule import Edit, Problem, Severity, rule
from seatrial.serve.lint.rules.window import SMALL_TOKENS
from seatrial.serve.lint.subject import ServerConfig, Setting, Subject
from seatrial.serve.lint.windows import configured_window, facts_are_of, is_llama

FOUR_BITS = frozenset({"q4_0", "q4_1", "iq4_nl"})
QUANTIZED = FOUR_BITS | {"q5_0", "q5_1", "q8_0"}
NO_CUDA_KERNEL = frozenset({"q4_1", "q5_0", "q5_1", "iq4_nl"})

_NO_ROTATION = re.compile(r"\b(?:attn_rot_k|n_rot_k)\s*=\s*0\b")
_STORED = re.compile(r"\bK \((\w+)\)")
_ALL_KERNELS = re.compile(r"\bFA_ALL_QUANTS\s*=\s*1\b")
_NOT_CUDA = ("darwin", "metal", "mac", "cpu", "vulkan", "rocm", "hip", "sycl")


def _type(server: ServerConfig, which: str) -> tuple[str, Setting | None]:
    """Type of the K or V cache and the setting that says so; f16 where none does."""
    setting = server.options.get(f"cache-type-{which}") if is_llama(server) else None
    if server.family == "ollama":
        setting = server.env.get("OLLAMA_KV_CACHE_TYPE")
    value = None if setting is None else setting.value
    return (value.lower(), setting) if isinstance(value, str) else ("f16", None)


def _written(server: ServerConfig) -> tuple[str, Setting | None]:
    """Both types as they are written, and the first setting."""
    settings = [one for one in (_type(server, "k")[1], _type(server, "v")[1]) if one is not None]
    unique = list(dict.fromkeys(one.written for one in settings))
    return " ".join(f"`{one}`" for one in unique), settings[0] if settings else None


def _default_cuda(server: ServerConfig, subject: Subject) -> bool:
    """Whether nothing says that this is another platform, or a build with every kernel."""
    platform = str(subject.extra.get("platform", "")).lower()
    if any(word in platform for word in _NOT_CUDA) and "cuda" not in platform:
        return False
    if any(_ALL_KERNELS.search(line) for line in subject.log):
        return False
    device = server.get("device")
    elsewhere = isinstance(device, str) and device.lower().startswith(("vulkan", "mtl", "none"))
    return server.get("n-gpu-layers") != 0 and not elsewhere


@rule(
    "K01",
    Severity.WARNING,
    "four-bit cache in a long conversation",
    ("config",),
    why=(
        "The server's memory of the conversation is stored in four bits a number. In long "
        "conversations with tools the errors add up: arguments of calls go wrong, and do not "
        "recover."
    ),
    source="minimal-ai#18 (tool calls fail at 100k tokens); FreeToken#268 (GSM8K 0.84, not 0.96)",
)
def four_bits(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        kinds = {_type(server, "k")[0], _type(server, "v")[0]} & FOUR_BITS
        tokens = _tokens(server, subject)
        if not kinds or tokens is None or tokens <= SMALL_TOKENS:
            continue
        written, setting = _written(server)
        yield Problem(
            seen=f"{server.name}: {written} with {tokens:,} tokens for one request",
            fix="set q8_0 for both (-ctk q8_0 -ctv q8_0; Ollama: OLLAMA_KV_CACHE_TYPE=q8_0) and "
            "lower -c if the memory is short",
            place=setting.place if setting else None,
            edit=_same_for_both(server, "q8_0"),
        )


def _tokens(server: ServerConfig, subject: Subject) -> int | None:
    facts = subject.facts
    if facts is not None and facts.window is not None and facts_are_of(server, subject):
        return facts.window.value
    window = configured_window(server)
    return None if window is None else window.tokens


def _same_for_both(server: ServerConfig, kind: str) -> Edit | None:
    """An edit where one line holds the only wrong setting."""
    settings = [one for one in (_type(server, "k")[1], _type(server, "v")[1]) if one is not None]
    wrong = [one for one in dict.fromkeys(settings) if one.value != kind]
    return with_value(wrong[0], kind) if len(wrong) == 1 and len(settings) == 2 else None


@rule(
    "K02",
    Severity.ERROR,
    "K and V of the cache have different types",
    ("config",),
    why=(
        "The usual CUDA build of llama.cpp has fast attention only for K and V of one type. With "
        "two types it silently computes attention on the CPU: reading the prompt takes 8 to 45 "
        "times as long."
    ),
    source="ggml-org/llama.cpp#24485 (25-45x), #27109, #28456",
)
def mixed_types(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        (k, k_set), (v, v_set) = _type(server, "k"), _type(server, "v")
        if k == v or not is_llama(server) or not _default_cuda(server, subject):
            continue
        written, setting = _written(server)
        unset = "" if k_set and v_set else f" (and {'V' if k_set else 'K'} is f16 by default)"
        yield Problem(
            seen=f"{server.name}: K is {k}, V is {v}: {written}{unset}",
            fix=f"set both to one of q8_0, f16: {_one_type(k, v)}; or use a build with "
            "GGML_CUDA_FA_ALL_QUANTS=ON",
            place=setting.place if setting else None,
            edit=_same_for_both(server, "q8_0"),
        )


def _one_type(k: str, v: str) -> str:
    kind = "q8_0" if {k, v} & QUANTIZED else "f16"
    return f"-ctk {kind} -ctv {kind}"


@rule(
    "K03",
    Severity.ERROR,
    "type of the cache has no fast kernel",
    ("config",),
    why=(
        "The usual CUDA build of llama.cpp has no fast attention for this type and computes it "
        "on the CPU: a prompt was read at 197 tokens a second instead of 1,511."
    ),
    source="ggml-org/llama.cpp#28455",
)
def slow_type(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        if not is_llama(server) or not _default_cuda(server, subject):
            continue
        for which in ("k", "v"):
            kind, setting = _type(server, which)
            if kind not in NO_CUDA_KERNEL or setting is None:
                continue
            better = "q4_0" if kind in FOUR_BITS else "q8_0"
            yield Problem(
                seen=f"{server.name}: `{setting.written}`",
                fix=f"set -ctk {better} -ctv {better}, or use a build with "
                "GGML_CUDA_FA_ALL_QUANTS=ON",
                place=setting.place,
                edit=with_value(setting, better),
            )


@rule(
    "K04",
    Severity.ERROR,
    "quantized V without flash attention",
    ("config",),
    ("log",),
    why=(
        "llama-server does not start with a quantized V cache when flash attention is off; "
        "Ollama silently keeps the full size."
    ),
    source=(
        "ggml-org/llama.cpp#28524; build b11549: `quantized V cache requires flash_attn to be "
        "enabled`"
    ),
)
def needs_flash_attention(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        kind, setting = _type(server, "v")
        switch = server.options.get("flash-attn") if is_llama(server) else None
        switch = server.env.get("OLLAMA_FLASH_ATTENTION") if server.family == "ollama" else switch
        off = switch is not None and str(switch.value).lower() in ("off", "0", "false", "disabled")
        if kind not in QUANTIZED or setting is None or switch is None or not off:
            continue
        on = "on" if is_llama(server) else "1"
        yield Problem(
            seen=f"{server.name}: `{setting.written}` with `{switch.written}`",
            fix="set OLLAMA_FLASH_ATTENTION=1" if server.family == "ollama" else "set -fa on",
            place=switch.place,
            edit=None if isinstance(switch.value, bool) else with_value(switch, on),
        )
    for line in subject.log:
        if "V cache" in line and "requires flash_attn" in line:
            yield Problem(seen=line.strip(), fix="set -fa on, or leave V at f16 (no -ctv)")
            return


@rule(
    "K05",
    Severity.WARNING,
    "quantized cache without rotation",
    ("log",),
    why=(
        "Newer builds turn the numbers before they store them in few bits, which keeps most of "
        "the quality. This build, or this model, does not: a quantized cache costs more here."
    ),
    source="ggml-org/llama.cpp PR #21038, #21394; seen as `n_rot_k = 0` on build b11549",
)
def no_rotation(subject: Subject) -> Iterator[Problem]:
    kinds = [_type(server, "k") for server in subject.servers]
    said = next((kind for kind, setting in kinds if setting and kind in QUANTIZED), None)
    found = None
    for line in subject.log:  # each cache says its types first and its rotation then
        stored = _STORED.search(line)
        if stored is not None:
            said = stored.group(1).lower()
        elif said in QUANTIZED and _NO_ROTATION.search(line):
            found = line
            break
    if found is None:
        return
    yield Problem(
        seen=f"log: `{found.strip()}`, with K stored as {said}",
        fix="set -ctk f16 -ctv f16 (or q8_0, which loses least) and measure; unset "
        "LLAMA_ATTN_ROT_DISABLE if it is set",
    )


@rule(
    "K06",
    Severity.WARNING,
    "quantized cache with gpt-oss",
    ("config",),
    why=(
        "gpt-oss is very sensitive to a cache in fewer bits, and its window costs little memory "
        "anyway: half of its layers look back only 128 tokens."
    ),
    source="ggml-org/llama.cpp#15766",
)
def gpt_oss(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        kinds = {_type(server, "k")[0], _type(server, "v")[0]} & QUANTIZED
        if not kinds or not _is_gpt_oss(server, subject):
            continue
        written, setting = _written(server)
        yield Problem(
            seen=f"{server.name} is gpt-oss, with {written}",
            fix="remove -ctk and -ctv (f16 is the default); Ollama: unset OLLAMA_KV_CACHE_TYPE",
            place=setting.place if setting else None,
        )


def _is_gpt_oss(server: ServerConfig, subject: Subject) -> bool:
    header = subject.header_of(server)
    if header is not None:
        return header.architecture in ("gpt-oss", "gptoss")
    names = [server.name, *(server.get(key) for key in ("model", "hf-repo", "alias", "FROM"))]
    return any("gpt-oss" in str(name).lower() for name in names if name)


@rule(
    "K07",
    Severity.WARNING,
    "image part is loaded and not used",
    ("config",),
    why=(
        "A model that can see is served without reuse of shifted text and without context "
        "shift, and its image part takes memory of the card. An agent that only reads text "
        "pays for nothing."
    ),
    source="llama.cpp tools/server/server-context.cpp:1155-1163",
)
def unused_projector(subject: Subject) -> Iterator[Problem]:
    if subject.extra.get("images") is True or _clients_send_images(subject):
        return
    for server in subject.servers:
        setting = server.options.get("mmproj") or server.options.get("mmproj-url")
        if setting is None or not setting.value or not is_llama(server):
            continue
        yield Problem(
            seen=f"{server.name}: `{setting.written}`, and nothing here says that images are sent",
            fix="if no task sends images, remove it or set --no-mmproj",
            place=setting.place,
            edit=written_as(setting, "--no-mmproj") if setting.written.startswith("-") else None,
        )


def _clients_send_images(subject: Subject) -> bool:
    texts = [
        f"{name} {setting.value}".lower()
        for client in subject.clients
        for name, setting in client.options.items()
    ]
    return any("image" in text or "vision" in text for text in texts)


@rule(
    "K08",
    Severity.INFO,
    "eight-bit cache is taken for lossless",
    ("config",),
    why=(
        "It is the best of the small caches, but nobody has shown that it is harmless in long "
        "reasoning; one model of 350M parameters changes its first choice of a word."
    ),
    source="ggml-org/llama.cpp PR #21038; xllama#181",
)
def eight_bits(subject: Subject) -> Iterator[Problem]:
    for server in subject.servers:
        kinds = {_type(server, "k")[0], _type(server, "v")[0]}
        if kinds != {"q8_0"}:
            continue
        written, setting = _written(server)
        yield Problem(
            seen=f"{server.name}: {written}",
            fix="fine to use; before a claim of quality, compare with f16 (no -ctk, no -ctv) in a "
            "paired experiment",
            place=setting.place if setting else None,
        )
