"""`python -m steepest` is the command `steepest`."""

from __future__ import annotations

import sys

from steepest.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
