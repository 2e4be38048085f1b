"""`seatrial attest URL`: say what a llama.cpp server really serves, and how well that is proven."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from seatrial.cli.options import add_json
from seatrial.cli.serve import described
from seatrial.serve import attest_url


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="such as http://127.0.0.1:8080")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    attestation = asyncio.run(attest_url(args.url))
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(attestation) + b"\n")
    else:
        sys.stdout.write(described(attestation))
    return 0
