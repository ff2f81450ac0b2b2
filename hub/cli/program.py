"""Which command lies where. Only what is called is loaded: a verdict waits for no database driver.

Loading everything takes more than a second, most of it for commands that are not meant; whoever verifies
some hundred files would pay for it each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import typer

from hub import __version__

PLACES: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("hub.cli.demo.command", "demo"),
    "serve": ("hub.cli.node", "serve"),
    "migrate": ("hub.cli.node", "migrate_database"),
    "doctor": ("hub.cli.doctor_command", "doctor"),
    "bench": ("hub.cli.benches", "benches"),
    "sandbox": ("hub.cli.sandbox", "sandbox"),
    "conformance": ("hub.cli.conformance", "conformance"),
    "validate": ("hub.cli.files", "validate"),
    "verify": ("hub.cli.files", "verify"),
    "sign": ("hub.cli.sign", "sign"),
    "agency": ("hub.cli.agency", "agencies"),
    "system": ("hub.cli.system", "systems"),
    "delivery": ("hub.cli.desk", "deliveries"),
    "relay": ("hub.cli.relay", "relay"),
    "trust": ("hub.cli.trust", "trust"),
    "version": ("hub.cli.program", "version"),
}
"""Each command's module, and the function or group in it, in the order in which the help shows them."""


def program(arguments: list[str]) -> typer.Typer:
    """Return the command line for some arguments: with their command alone, with all if they name none."""
    app = typer.Typer(
        name="lienthong",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Liên thông: trục liên thông văn bản điện tử và ký số của tỉnh.",
    )
    # With a callback a program of one command is still a program of commands.
    app.callback()(_nothing)
    wanted = arguments[0] if arguments and arguments[0] in PLACES else None
    for name, (module, attribute) in PLACES.items():
        if wanted not in (None, name):
            continue
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def version() -> None:
    """Phiên bản đang cài (print the version)."""
    print(f"lienthong {__version__}")


def _nothing() -> None:
    pass
