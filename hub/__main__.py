"""`python -m hub` is `lienthong`: the program is loaded here, so that Ctrl-C says nothing while it loads."""

from __future__ import annotations

import sys
from typing import Final

INTERRUPTED: Final = 130


def main() -> None:
    """Load the command line, which takes a second, and run it."""
    try:
        from hub import cli  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


if __name__ == "__main__":
    main()
