"""`python -m steepest` is the command `steepest`."""

from __future__ import annotations

import sys


def main() -> int:
    """The command, also while it is still being imported: Ctrl-C then is no traceback."""
    try:
        from steepest.cli.main import main as command

        return command()
    except KeyboardInterrupt:
        sys.stderr.write("steepest: interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
