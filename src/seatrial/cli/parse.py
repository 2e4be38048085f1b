"""`seatrial parse`: read what models wrote, outside of any server.

JSONL in, JSONL out, a row for a row; `--explain` says for people what was seen and repaired.
A row that cannot be used is answered with its `error`; the others are read all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from seatrial.core.errors import UserError
from seatrial.core.generation import Finish
from seatrial.core.message import ToolSchema
from seatrial.report.parsing import explained
from seatrial.toolcalls import REPAIRS, Options, Parsed, arguments_of, check_options, parse

EXIT_BAD_ROWS = 64

_INPUT = """\
input, one object a line:
  {"id": ..., "raw": "...", "tools": [...], "finish_reason"?: "stop", "prefill"?: "<think>\\n"}
  tools in OpenAI form; finish_reason as the server gave it, `length` = the response was cut.
output, one object a line:
  {"id", "verdict", "calls": [{"name", "arguments", "source", "repairs", "span", "bytes"}],
   "text", "repairs", "reason"}
  verdict: ok, repaired, reask or no_call; span counts characters of raw, bytes its UTF-8 bytes.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _INPUT
    parser.add_argument("file", nargs="?", type=Path, help="JSONL; default: standard input")
    parser.add_argument("--explain", action="store_true", help="for people instead of JSONL")
    parser.add_argument(
        "--raw", action="store_true", help="the input is the text of one turn; needs --tools"
    )
    parser.add_argument("--finish", default="stop", help="with --raw: why the response ended")
    parser.add_argument("--prefill", default="", help="with --raw: what the template had written")
    parser.add_argument("--tools", type=Path, metavar="FILE", help="tools for rows without any")
    parser.add_argument(
        "--off", action="append", default=[], metavar="REPAIR", help="switch a repair off"
    )
    parser.add_argument(
        "-c",
        action="append",
        default=[],
        dest="options",
        metavar="KEY=VALUE",
        help="an option such as loose=none or fence_writes=true",
    )
    parser.add_argument("--repairs", action="store_true", help="list the repairs, then end")
    parser.add_argument("--json", action="store_true", help="JSONL, also with --explain")


def run(args: argparse.Namespace) -> int:
    if args.repairs:
        sys.stdout.writelines(f"{repair.id:24} {repair.summary}\n" for repair in REPAIRS.values())
        return 0
    options = _options(args)
    shared = _tools_file(args.tools) if args.tools else ()
    if args.raw and not shared:
        raise UserError("--raw needs the tools", hint="--tools FILE, a JSON list in OpenAI form")
    bad = 0
    counts: Counter[str] = Counter()
    for number, row in enumerate(_rows(args), 1):
        try:
            parsed, raw = _read(row, shared, options)
        except UserError as error:
            bad += 1
            _answer({"id": _id(row), "error": f"row {number}: {error.message}"})
            continue
        counts.update([parsed.verdict, *parsed.repairs])
        if args.explain and not args.json:
            sys.stdout.write(explained(_id(row), raw, parsed))
        else:
            _answer(_result(_id(row), raw, parsed))
    if counts.total() > 1 and sys.stderr.isatty():
        sys.stderr.write(", ".join(f"{key} {count}" for key, count in counts.most_common()) + "\n")
    return EXIT_BAD_ROWS if bad else 0


def _options(args: argparse.Namespace) -> Options:
    values: dict[str, Any] = {"off": args.off}
    for pair in args.options:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"-c {pair}: not KEY=VALUE")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    try:
        options = msgspec.convert(values, Options)
    except msgspec.ValidationError as error:
        known = ", ".join(Options.__struct_fields__)
        raise UserError(f"options: {error}", hint=f"the options are {known}") from None
    check_options(options)
    return options


def _tools_file(path: Path) -> tuple[ToolSchema, ...]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}", hint="a JSON list in OpenAI form") from None
    return _tools(value)


def _rows(args: argparse.Namespace) -> Iterator[object]:
    if args.file is not None and not args.file.is_file():
        raise UserError(f"no such file: {args.file}")
    stream: BinaryIO = args.file.open("rb") if args.file else sys.stdin.buffer
    with stream:
        if args.raw:
            raw = stream.read().decode("utf-8", "surrogateescape")
            yield {"id": 1, "raw": raw, "finish_reason": args.finish, "prefill": args.prefill}
            return
        yield from _lines(stream)


def _lines(stream: Iterable[bytes]) -> Iterator[object]:
    for line in stream:
        if not line.strip():
            continue
        try:
            yield json.loads(line.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            yield None


def _id(row: object) -> object:
    return row.get("id") if isinstance(row, dict) else None


def _read(row: object, shared: tuple[ToolSchema, ...], options: Options) -> tuple[Parsed, str]:
    if not isinstance(row, dict) or not isinstance(row.get("raw"), str):
        raise UserError('not a JSON object with a string "raw"')
    tools = _tools(row["tools"]) if row.get("tools") is not None else shared
    word = row.get("finish_reason") or "stop"
    if not isinstance(word, str):
        raise UserError('"finish_reason" is not a string')
    finish = Finish(word) if word in {item.value for item in Finish} else Finish.OTHER
    prefill = row.get("prefill") or ""
    if not isinstance(prefill, str):
        raise UserError('"prefill" is not a string')
    return parse(row["raw"], tools, finish=finish, prefill=prefill, options=options), row["raw"]


def _tools(value: object) -> tuple[ToolSchema, ...]:
    if not isinstance(value, list):
        raise UserError('"tools" is not a list')
    return tuple(_tool(item) for item in value)


def _tool(value: object) -> ToolSchema:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise UserError("a tool has no name")
    parameters = function.get("parameters")
    return ToolSchema(
        name=function["name"],
        description=str(function.get("description") or ""),
        # A broken schema is left as it is: the verdict on a call of the tool will name it.
        parameters={"type": "object", "properties": {}} if parameters is None else parameters,
    )


def _result(id: object, raw: str, parsed: Parsed) -> dict[str, Any]:
    calls = []
    for call in parsed.calls:
        shown: dict[str, Any] = {"name": call.name, "arguments": arguments_of(call)}
        shown |= {"source": call.source, "repairs": call.repairs}
        if call.raw_span is not None:
            shown |= {"span": call.raw_span, "bytes": _bytes(raw, call.raw_span)}
        calls.append(shown)
    return {
        "id": id,
        "verdict": parsed.verdict,
        "calls": calls,
        "text": parsed.text,
        "repairs": parsed.repairs,
        "reason": parsed.reason,
    }


def _bytes(raw: str, span: tuple[int, int]) -> tuple[int, int]:
    before, inside = raw[: max(0, span[0])], raw[max(0, span[0]) : span[1]]
    start = len(before.encode("utf-8", "surrogatepass"))
    return start, start + len(inside.encode("utf-8", "surrogatepass"))


def _answer(row: dict[str, Any]) -> None:
    text = json.dumps(row, ensure_ascii=False)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        # Half surrogates, or bytes that were no UTF-8: only as escapes are they JSON.
        data = json.dumps(row).encode()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()
