"""The command line: `lienthong …`, thin commands over the composition root and the pure packages.

Errors that a person can mend are one sentence in Vietnamese and one in English with a stable code, on
standard error, and exit code 1 (2 for wrong arguments); a traceback is a bug.
"""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType
from typing import Final

import typer

from hub.cli.program import program

USAGE: Final = 2
VERDICT_USAGE: Final = 3
INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line; what a person can mend becomes a sentence and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    _speak_utf8()
    try:
        sys.exit(program(sys.argv[1:])(standalone_mode=False, prog_name="lienthong"))
    except typer.TyperException as error:
        _tell_usage(error)
        sys.exit(_usage_code(sys.argv[1:]))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except Exception as error:
        from hub.cli.errors import explain  # noqa: PLC0415 (knows all that can fail: large)

        text = explain(error)
        if text is None:
            raise
        print(text, file=sys.stderr)
        sys.exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A command that is told to end stops the database it has started, as with Ctrl-C.
    signal.raise_signal(signal.SIGINT)


def _speak_utf8() -> None:
    # What is printed is Vietnamese and, with --json, read by programs: UTF-8 whatever the locale says. Names
    # of files go out with the bytes they came in with.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")


def _tell_usage(error: typer.TyperException) -> None:
    # A command without arguments has shown its help already and has no message.
    if error.format_message().strip():
        from hub.cli.usage import told  # noqa: PLC0415 (knows the settings: large)

        print(told(error), file=sys.stderr)


def _usage_code(arguments: list[str]) -> int:
    # 1 and 2 are verdicts of these two: a wrong argument must not look like one (design section 7).
    return VERDICT_USAGE if arguments[:1] in (["verify"], ["validate"]) else USAGE
