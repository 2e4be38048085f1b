"""`seatrial attest`: say what a server really serves, keep it as a record, compare records."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import msgspec

from seatrial.cli.options import add_json
from seatrial.cli.witness import read_token
from seatrial.core.errors import UnattestedError, UserError
from seatrial.models import MODELS
from seatrial.serve.attached import attest_url
from seatrial.serve.attestation import Attestation
from seatrial.serve.difference import Comparison, compare
from seatrial.serve.record import Record, make_record, read_record, record_bytes, write_record
from seatrial.serve.witness_client import Witness

SAME, DIFFERS, INCONCLUSIVE, UNATTESTED = 0, 1, 2, 3

_ABOUT = """\
proof grades, the best first:
  process   the process behind the port has the model file in memory, untouched since it began
  witness   the same, told by `seatrial witness` on the machine of the server
  canary    only that two records can be told apart, or matched
  declared  the server's word
exit codes: 0 attested, or the same; 1 the records differ; 2 whether it is the expected model
cannot be known; 3 not what is expected, a changed record, or nothing that proves sameness.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    add = parser.add_argument
    add("url", nargs="?", help="such as http://127.0.0.1:8080")
    add("--model", metavar="ID", help="the model id that your client asks for")
    add("--expect", metavar="MODEL", help="the model that you mean: a path, a digest or an id")
    add("--out", type=Path, metavar="FILE", help="write the record there")
    add("--compare", nargs=2, type=Path, metavar=("A", "B"), help="tell how two records differ")
    add("--check", type=Path, metavar="FILE", help="attest URL now and compare with this record")
    add("--api-key-env", metavar="NAME", help="the variable that holds the key of the server")
    add("--witness", metavar="URL", help="a `seatrial witness` on the machine of the server")
    add("--witness-token-env", metavar="NAME", help="the variable that holds its token")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if args.compare:
        if args.url or args.check:
            raise UserError("--compare takes two files and no URL", hint="seatrial attest --help")
        first, second = (read_record(path) for path in args.compare)
        return _told(compare(first, second), as_json=args.json)
    if not args.url:
        hint = "seatrial attest http://127.0.0.1:8080, or seatrial attest --compare A B"
        raise UserError("the URL of a server is wanted", hint=hint)
    before = read_record(args.check) if args.check else None
    attestation = asyncio.run(_attest(args))
    record = make_record(attestation)
    if args.out:
        write_record(record, args.out)
        sys.stderr.write(f"written to {args.out}\n")
    if before is not None:
        return _told(compare(before, record), as_json=args.json)
    if args.json:
        sys.stdout.buffer.write(record_bytes(record))
    else:
        sys.stdout.write(described(record))
    expectation = record.expectation
    if expectation is not None and expectation.met is None:
        sys.stderr.write(f"not known: {expectation.said}\n")
        return INCONCLUSIVE
    return SAME


async def _attest(args: argparse.Namespace) -> Attestation:
    witness = None
    if args.witness:
        witness = Witness(args.witness, read_token(None, args.witness_token_env))
    elif args.witness_token_env:
        raise UserError("--witness-token-env is for --witness", hint="give --witness URL")
    return await attest_url(
        args.url,
        model=args.model,
        expected=_meant(args.expect),
        api_key=read_token(None, args.api_key_env) or os.environ.get("SEATRIAL_API_KEY"),
        witness=witness,
    )


def _meant(word: str | None) -> str | None:
    """The file of a shipped model, else the word itself."""
    shipped = next((entry for entry in MODELS if entry.name == word), None)
    return word if shipped is None else str(shipped.path)


def described(record: Record) -> str:
    """A record for people: the grade and its reasons, then what is served."""
    lines = [f"proof grade: {record.grade}"]
    lines += [f"  + {text}" for text in record.seen]
    lines += [f"  - {text}" for text in record.missing]
    served = record.served
    model = served.get("model") or (record.weights.path if record.weights else None)
    weights = served.get("weights") or "not known"
    rows: list[tuple[str, object]] = [
        ("server", " ".join(str(served[key]) for key in ("family", "build") if served.get(key))),
        ("model", model or "not known"),
        ("weights", f"sha256 {weights}" if served.get("weights") else weights),
        ("quantization", served.get("quantization") or "not known"),
        ("adapters", _adapters(served.get("adapters"))),
        ("window", _tokens(served.get("window_tokens"))),
        ("slots", served.get("slots") or "not known"),
        ("template", served.get("template") or "not known"),
        ("canary", f"{record.fingerprint} ({_kind(record)})" if record.fingerprint else "none"),
        ("asked as", record.asked or "-"),
    ]
    if record.testimony is not None:
        rows.append(("process", f"{record.testimony.worker} on {record.testimony.hostname}"))
    if record.expectation is not None:
        rows.append(("expected", record.expectation.said))
    width = max(len(name) for name, _ in rows)
    lines += [f"  {name:<{width}}  {value}" for name, value in rows]
    return "\n".join(lines) + "\n"


def _told(comparison: Comparison, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(comparison) + b"\n")
    else:
        heads = {"same": "the same", "differs": "not the same:", "unproven": "not known:"}
        lines = [heads[comparison.verdict]]
        lines += [f"  {one.said}" for one in comparison.differences]
        lines += [f"  ({note})" for note in comparison.notes]
        sys.stdout.write("\n".join(lines) + "\n")
    if comparison.verdict == "unproven":
        raise UnattestedError(
            "nothing proves that both are the same",
            hint="attest on the machine of the server, or with --witness",
        )
    return SAME if comparison.verdict == "same" else DIFFERS


def _kind(record: Record) -> str:
    return {"logprobs": "log-probabilities", "text": "greedy text"}.get(
        record.canary.kind or "", "unsteady"
    )


def _tokens(value: object) -> str:
    return f"{value} tokens" if value else "not known"


def _adapters(rows: list[dict[str, object]] | None) -> str:
    if rows is None:
        return "not known"
    names = [f"{Path(str(row.get('path'))).name} x {row['scale']:g}" for row in rows]
    return ", ".join(names) or "none"
