"""`seatrial witness`: on the machine of a server, tell `seatrial attest` elsewhere what is seen."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from seatrial.cli.options import add_json
from seatrial.core.errors import InfraError, UserError

_PORT = 9940

_ABOUT = """\
It answers GET /v1/witness?port=N with pid, command line, digest of the model file and graphics
cards of the process that listens at port N of this machine, and changes nothing. The token goes
over the network as it is: use a network that you trust, or a tunnel.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen at (127.0.0.1)")
    add("--port", type=int, default=_PORT, help=f"0 = any free one ({_PORT})")
    add(
        "--token",
        help="what callers must show; made and printed once if it is wanted and not given",
    )
    add("--token-env", metavar="NAME", help="the variable of the environment that holds the token")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    # Here, because a server needs what `--help` does not.
    from seatrial.serve import sockets
    from seatrial.serve.witness import is_loopback, make_token

    if not sockets.available():
        raise InfraError("this system does not show which process holds a port: Linux is wanted")
    token = read_token(args.token, args.token_env)
    made = token is None and not is_loopback(args.host)
    token = make_token() if made else token
    try:
        return asyncio.run(_serve(args, token, made=made))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 0


def read_token(given: str | None, variable: str | None) -> str | None:
    """The token of the options; a word on the command line can be seen by everybody here.

    Raises:
        UserError: the variable is not set.
    """
    if variable is None:
        return given
    token = os.environ.get(variable, "")
    if not token:
        raise UserError(f"{variable} is not set", hint=f"export {variable}=<the token>")
    return token


async def _serve(args: argparse.Namespace, token: str | None, *, made: bool) -> int:
    from seatrial.serve.witness import witness_service

    async with witness_service(args.host, args.port, token) as url:
        if args.json:
            row = {"url": url, "token": token if made else None, "token_wanted": token is not None}
            sys.stdout.write(json.dumps(row) + "\n")
        else:
            sys.stdout.write(f"witness at {url}; Ctrl-C stops it\n")
            if made:
                sys.stdout.write(f"token (shown once): {token}\n")
            how = "" if token is None else " --witness-token-env NAME"
            sys.stdout.write(f"elsewhere: seatrial attest SERVER --witness {url}{how}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
    return 0
