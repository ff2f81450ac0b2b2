"""Tables of the reference pages, made from the code.

`python -m tests.unit.docs.tables` writes them into the pages; the tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import typer.main
from typer.core import TyperArgument, TyperGroup

from hub.cli.program import program
from hub.web.openapi import build
from hub.web.routes import OPERATIONS

DOCS: Final = Path(__file__).parents[3] / "docs"


def operations() -> str:
    """Every call, in the order in which the routes are declared."""
    rows = ["| call | what | answer | key |", "|---|---|---|---|"]
    for o in OPERATIONS:
        statuses = ", ".join(map(str, o.answers))
        rows.append(
            f"| `{o.method} {o.path}` | {o.summary} | {statuses} | {'no' if o.open_to_all else 'yes'} |"
        )
    return "\n".join(rows) + "\n"


def problems() -> str:
    """The problem codes that each call may answer with, beside those of every call."""
    document = build(version="0")
    shared = set.intersection(
        *(_codes(document["paths"][o.path][o.method.lower()]) for o in OPERATIONS if not o.open_to_all)
    )
    rows = ["| call | codes |", "|---|---|"]
    rows.append(f"| every call with a key | {_listed(shared)} |")
    for o in OPERATIONS:
        own = _codes(document["paths"][o.path][o.method.lower()]) - shared
        if own:
            rows.append(f"| `{o.method} {o.path}` | {_listed(own)} |")
    return "\n".join(rows) + "\n"


def _codes(operation: Mapping[str, Mapping[str, Mapping[str, str]]]) -> set[str]:
    found: set[str] = set()
    for answer in operation["responses"].values():
        if "application/problem+json" in answer.get("content", {}):
            found |= {code for code in answer["description"].split(", ") if code != "OK"}
    return found


def _listed(codes: set[str]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes))


def commands() -> str:
    """Every command with its arguments and options."""
    rows = ["| command | what | options |", "|---|---|---|"]
    group = typer.main.get_command(program([]))
    assert isinstance(group, TyperGroup)
    for name, command in _walk("lienthong", group):
        arguments = [_argument(p) for p in command.params if isinstance(p, TyperArgument)]
        options = [
            f"`{p.opts[0]}`" for p in command.params if not isinstance(p, TyperArgument) and p.name != "help"
        ]
        words = " ".join([name, *arguments])
        rows.append(f"| `{words}` | {(command.help or '').strip()} | {', '.join(options)} |")
    return "\n".join(rows) + "\n"


def _argument(parameter: TyperArgument) -> str:
    shown = (parameter.metavar or parameter.name or "").upper()
    return shown if parameter.required else f"[{shown}]"


def _walk(prefix: str, group: TyperGroup) -> Iterator[tuple[str, typer.core.TyperCommand | TyperGroup]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield f"{prefix} {name}", command
            yield from _walk(f"{prefix} {name}", command)
        else:
            assert isinstance(command, typer.core.TyperCommand)
            yield f"{prefix} {name}", command


BLOCKS: Final[Mapping[tuple[str, str], Callable[[], str]]] = {
    ("reference/rest-api.md", "operations"): operations,
    ("reference/rest-api.md", "call-problems"): problems,
    ("reference/command-line.md", "commands"): commands,
}


def block(page: str, marker: str) -> tuple[str, str, str]:
    """Return what stands before, in and after a marked block of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    before, rest = text.split(f"<!-- {marker}:begin -->\n")
    inside, after = rest.split(f"<!-- {marker}:end -->")
    return f"{before}<!-- {marker}:begin -->\n", inside, f"<!-- {marker}:end -->{after}"


def main() -> None:
    """Write all blocks."""
    for (page, marker), render in BLOCKS.items():
        before, _, after = block(page, marker)
        (DOCS / page).write_text(before + render() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
