"""Rules on what a server says of itself; D30 to D39.

Whether the right model answers is for the attestation to refuse; these rules name what would
mislead a person or a client who reads the same answers. In: facts. Out: problems that quote them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from seatrial.serve.lint.rule import Problem, Severity, rule
from seatrial.serve.lint.subject import Subject
from seatrial.serve.naming import own_model

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")
_ACTIVE = re.compile(r"(?<![A-Za-z0-9])[aA]\d+(?:\.\d+)?[bB](?![A-Za-z0-9])")
_EXPERTS = re.compile(r"(?<![A-Za-z0-9])\d+[eE](?![A-Za-z0-9])")
"""`Llama-4-Scout-17B-16E` names what one expert path has, and how many there are."""
_POINT = re.compile(r"(?<=\d)_(?=\d)")
"""`internlm2-1_8b`"""
_NO_GPU = re.compile(r"no usable GPU found|offloaded 0/\d+ layers to GPU")
_MIN_RATIO = 1.6
"""Names round a size up or down, and leave embeddings out; another model is further away."""


@rule(
    "D30",
    Severity.WARNING,
    "the first model of the listing is not the one that is loaded",
    ("facts",),
    why="Scripts and clients often take the first id of /v1/models. Here that loads another "
    "model, and what was meant to be measured never answers.",
    source="mlx-lm server.py (listing of the download cache, ModelProvider.load)",
)
def first_listed_is_another(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or not facts.family.loads_on_request or not facts.listed:
        return
    own = own_model(facts, None) if facts.family.listing == "cache" else None
    if own is not None and facts.listed[0] != own:
        yield Problem(
            seen=f"/v1/models lists {facts.listed[0]} first, the server was started with {own}",
            fix=f"let the client ask for {own}, never for the first id",
        )


@rule(
    "D31",
    Severity.ERROR,
    "the name says another size than the weights",
    ("facts",),
    why="Whoever picks the model by its name gets another one; results are filed under the "
    "wrong model.",
    source="/v1/models and /props of the server",
)
def name_of_another_size(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None:
        return
    real = _real_size(subject)
    if real is None:
        return
    billions, source = real
    names = facts.loaded or facts.listed[:1]
    if facts.family.loads_on_request and len(names) > 1:
        # Several are in memory, and the number of parameters is that of one.
        names = tuple(name for name in names if name == subject.asked)
    for name in names:
        said = _size(name)
        if said is not None and not _near(said, billions):
            yield Problem(
                seen=f"the server lists {name}, but what is loaded has {billions:g} B parameters "
                f"({source})",
                fix="correct the alias (llama.cpp: --alias), or load the model that it names",
            )


@rule(
    "D32",
    Severity.INFO,
    "a number that looks like the window is not the window",
    ("facts",),
    why="A client that takes this number believes in more room than a request has.",
    source="the server's own endpoints",
)
def misleading_window(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.window is None:
        return
    window = facts.window.value
    for declared in facts.declared_windows:
        if declared.value > window:
            yield Problem(
                seen=f"{declared.source} says {declared.value}, one request has {window} "
                f"({facts.window.source})",
                fix=f"set the client's window to {window}",
            )


@rule(
    "D33",
    Severity.ERROR,
    "the model has no chat template",
    ("facts",),
    why="Roles and tools are then written into the prompt in a form that the model was not "
    "trained on: it answers, and badly.",
    source="/props of the server",
)
def no_template(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is not None and facts.template is not None and not facts.template.value.strip():
        yield Problem(
            seen=f"{facts.template.source} gives an empty chat template",
            fix="llama.cpp: --chat-template-file with the model's own template; or convert the "
            "model again with its tokenizer_config.json",
        )


@rule(
    "D34",
    Severity.WARNING,
    "nobody knows the window",
    ("facts",),
    why="The client cannot know when to compact: a long task ends in an error or in a prompt that "
    "is cut.",
    source="the server's own endpoints",
)
def unknown_window(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    told = subject.survey.find("overflow.window") if subject.survey is not None else None
    if facts is None or facts.window is not None or facts.family.overflow == "unbounded":
        return
    if told is None or told.verdict == "unknown":
        yield Problem(
            seen=f"{facts.family.title} does not say how many tokens a request has",
            fix="`seatrial doctor URL --overflow` measures it",
        )


@rule(
    "D35",
    Severity.WARNING,
    "the model runs on the CPU",
    ("facts",),
    why="It answers many times slower than on a GPU, and time limits end tasks that would pass. "
    "Servers fall back to the CPU without an error when a card is full or not found.",
    source="/api/ps of Ollama; /get_server_info of SGLang",
)
def on_the_cpu(subject: Subject) -> Iterator[Problem]:
    facts = subject.facts
    if facts is None or facts.device is None or facts.device.value == "gpu":
        return
    all_of_it = facts.device.value == "cpu"
    yield Problem(
        seen=f"{facts.device.source}: {'all' if all_of_it else 'a part'} of the model is in the "
        "memory of the CPU",
        fix="use a smaller model, quantization or window so that all of it fits the card; if "
        "there is no card, give the client longer time limits",
    )


@rule(
    "D36",
    Severity.WARNING,
    "the log says that no GPU is used",
    ("log",),
    why="The server was started for a card and runs without one, many times slower.",
    source="llama.cpp common/arg.cpp (no usable GPU found), src/llama-model.cpp (offloaded 0/N)",
)
def log_without_gpu(subject: Subject) -> Iterator[Problem]:
    line = next((line for line in subject.log if _NO_GPU.search(line)), None)
    if line is not None:
        yield Problem(
            seen=line.strip(),
            fix="install a build for your card, check its driver (nvidia-smi), and give -ngl 999",
        )


def _real_size(subject: Subject) -> tuple[float, str] | None:
    """Billions of parameters, from numbers before names."""
    facts = subject.facts
    if facts is None:
        return None
    if facts.parameters is not None:
        return facts.parameters.value / 1e9, facts.parameters.source
    if facts.model is not None and facts.model.source in ("/props", "process", "argv"):
        size = _size(PurePath(facts.model.value).name)
        return None if size is None else (size, f"{facts.model.source}: {facts.model.value}")
    return None


def _size(name: str) -> float | None:
    """The one size that a name states; active parameters of a mixture are not it."""
    if _EXPERTS.search(name):
        return None
    found = {float(size) for size in _SIZE.findall(_ACTIVE.sub("", _POINT.sub(".", name)))}
    return found.pop() if len(found) == 1 else None


def _near(said: float, real: float) -> bool:
    return real > 0 and 1 / _MIN_RATIO <= said / real <= _MIN_RATIO
