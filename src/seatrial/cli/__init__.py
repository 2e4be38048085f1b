"""The command line: `seatrial COMMAND`. Thin: parse, call the library, render through `report`."""

from seatrial.cli.main import main

__all__ = ["main"]
