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

from hub import __version__
from hub.cli import (
    agency,
    bench,
    bench_polling,
    bench_recipients,
    bench_rows,
    bench_signatures,
    conformance,
    desk,
    doctor_command,
    files,
    node,
    relay,
    sandbox,
    sign,
    system,
    trust,
)
from hub.cli.demo.command import demo
from hub.cli.errors import explain
from hub.cli.usage import told

USAGE: Final = 2
VERDICT_USAGE: Final = 3
INTERRUPTED: Final = 130

benches = typer.Typer()
app = typer.Typer(
    name="lienthong",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Liên thông: trục liên thông văn bản điện tử và ký số của tỉnh.",
)
app.command("demo")(demo)
app.command("serve")(node.serve)
app.command("migrate")(node.migrate_database)
app.command("doctor")(doctor_command.doctor)
app.add_typer(benches, name="bench")
app.command("sandbox")(sandbox.sandbox)
app.command("conformance")(conformance.conformance)
app.command("validate")(files.validate)
app.command("verify")(files.verify)
app.add_typer(sign.sign, name="sign")
app.add_typer(agency.agencies, name="agency")
app.add_typer(system.systems, name="system")
app.add_typer(desk.deliveries, name="delivery")
app.add_typer(relay.relay, name="relay")
app.add_typer(trust.trust, name="trust")


benches.callback(invoke_without_command=True)(bench.bench)
benches.command("polling")(bench_polling.polling)
benches.command("recipients")(bench_recipients.recipients)
benches.command("rows")(bench_rows.rows)
benches.command("signatures")(bench_signatures.signatures)


@app.command("version")
def version() -> None:
    """Phiên bản đang cài (print the version)."""
    print(f"lienthong {__version__}")


def main() -> None:
    """Run the command line; what a person can mend becomes a sentence and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    _speak_utf8()
    try:
        sys.exit(app(standalone_mode=False, prog_name="lienthong"))
    except typer.TyperException as error:
        _tell_usage(error)
        sys.exit(_usage_code(sys.argv[1:]))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except Exception as error:
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
        print(told(error), file=sys.stderr)


def _usage_code(arguments: list[str]) -> int:
    # 1 and 2 are verdicts of these two: a wrong argument must not look like one (design section 7).
    return VERDICT_USAGE if arguments[:1] in (["verify"], ["validate"]) else USAGE
