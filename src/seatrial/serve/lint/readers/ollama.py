"""An Ollama Modelfile to a `ServerConfig`; Ollama's environment is read by `services`.

Options are the words of `PARAMETER` as they are (`num_ctx`), and `from`, `adapter`, `template`,
`system`, `renderer`, `parser`. Several `stop` are a JSON list; of others the last one holds. In:
text. Out: `ServerConfig`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from seatrial.core.errors import UserError
from seatrial.serve.lint.readers.flags import number
from seatrial.serve.lint.subject import Place, ServerConfig, Setting, Value

_INSTRUCTION = re.compile(
    r"[ \t]*(FROM|PARAMETER|TEMPLATE|SYSTEM|ADAPTER|LICENSE|MESSAGE|RENDERER|PARSER|REQUIRES)"
    r"[ \t]+(.*)",
    re.IGNORECASE | re.DOTALL,
)
_OF_DOCKER = re.compile(r"^[ \t]*(?:RUN|COPY|CMD|ENTRYPOINT|WORKDIR|ADD|ENV|EXPOSE)[ \t]", re.M)
_OF_OLLAMA = re.compile(r"^[ \t]*(?:PARAMETER|TEMPLATE|SYSTEM|ADAPTER|MESSAGE)[ \t]", re.M | re.I)
_FROM = re.compile(r"^[ \t]*FROM[ \t]+\S", re.M | re.I)
_KEPT = ("from", "adapter", "template", "system", "renderer", "parser")


def is_modelfile(text: str) -> bool:
    """Whether this text can only be a Modelfile: a Dockerfile begins with FROM as well."""
    if _FROM.search(text) is None:
        return False
    return _OF_OLLAMA.search(text) is not None and _OF_DOCKER.search(text) is None


def read_modelfile(text: str, source: str, name: str) -> list[ServerConfig]:
    """The model that the file defines.

    Raises:
        UserError: it has no FROM, or a line that Ollama refuses.
    """
    options: dict[str, Setting] = {}
    stops: list[Value] = []
    first = 1
    for line, word, value, written in _instructions(text, source):
        place = Place(source, line)
        if word == "parameter":
            key, _, rest = value.partition(" ")
            setting = number(_bare(rest))
            options[key.lower()] = Setting(setting, place, written)
            if key.lower() == "stop":
                stops.append(setting)
        elif word in _KEPT:
            options[word] = Setting(_bare(value), place, written)
        if word == "from":
            first = line
    if len(stops) > 1:
        last = options["stop"]
        said = json.dumps(stops, ensure_ascii=False)
        options["stop"] = Setting(said, last.place, last.written)
    if "from" not in options:
        raise UserError(
            f"{source}: no FROM", hint="a Modelfile says with FROM which model it changes"
        )
    return [ServerConfig(family="ollama", name=name, place=Place(source, first), options=options)]


def _instructions(text: str, source: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, instruction, value, and the line as it stands there."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line, content = at + 1, lines[at].rstrip("\r")
        at += 1
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        match = _INSTRUCTION.fullmatch(content)
        if match is None:
            raise UserError(
                f"{source}, line {line}: {content.strip()[:60]!r} is no instruction",
                hint="a Modelfile has FROM, PARAMETER, TEMPLATE, SYSTEM, ADAPTER, MESSAGE, LICENSE",
            )
        value = match[2].strip()
        if '"""' in value and value.count('"""') == 1:
            taken = [value]
            while at < len(lines) and '"""' not in lines[at]:
                taken.append(lines[at])
                at += 1
            if at == len(lines):
                raise UserError(
                    f'{source}, line {line}: the text of {match[1]} is not closed with """',
                    hint='end it with """',
                )
            taken.append(lines[at])
            at += 1
            value = "\n".join(taken)
        yield (
            line,
            match[1].lower(),
            " ".join(value.split()) if "\n" not in value else value,
            (content.strip()),
        )


def _bare(value: str) -> str:
    text = value.strip()
    for quote in ('"""', '"'):
        if text.startswith(quote) and text.endswith(quote) and len(text) >= 2 * len(quote):
            return text.removeprefix(quote).removesuffix(quote)
    return text
