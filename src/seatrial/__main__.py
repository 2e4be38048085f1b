"""`python -m seatrial`: the same as the `seatrial` command."""

import sys

from seatrial.cli import main

if __name__ == "__main__":
    sys.exit(main())
