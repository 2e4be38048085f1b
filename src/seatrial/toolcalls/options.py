"""What a user may change about reading tool calls: the defaults, and the check of the rest."""

from __future__ import annotations

import difflib
import re

from seatrial.core.errors import UserError
from seatrial.core.parse_options import CodeMode, Options
from seatrial.toolcalls.repairs import REPAIRS

_NONCE = re.compile(r"[A-Za-z0-9]{2,32}", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


__all__ = ["DEFAULTS", "CodeMode", "Options", "check_options"]

DEFAULTS = Options()


def check_options(options: Options) -> None:
    """Refuse what cannot have been meant.

    Raises:
        UserError: an unknown repair id, a nonce or a name that cannot be written.
    """
    for id in options.off:
        if id not in REPAIRS:
            close = difflib.get_close_matches(id, REPAIRS, n=3)
            listed = "seatrial parse --repairs lists all"
            hint = f"did you mean {', '.join(close)}?" if close else listed
            raise UserError(f"unknown repair id {id!r}", hint=hint)
    if options.nonce and not _NONCE.fullmatch(options.nonce):
        raise UserError("nonce must be 2 to 32 letters and digits")
    if options.code_mode is not None:
        for name in (options.code_mode.argument, *options.code_mode.functions):
            if not _IDENTIFIER.fullmatch(name):
                raise UserError(f"code_mode: {name!r} is not a name in Python")
