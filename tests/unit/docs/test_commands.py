"""Commands that the pages show are commands of the program, with options that it knows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup

from hub.cli.program import program

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(lienthong [^`\d][^`]*)`")
IN_A_BLOCK = re.compile(r"(?:\$ )?(?:[A-Z_]+=\S* )*(lienthong [^\d].*)")
ENDS_THE_COMMAND = frozenset({">", "2>&1", "&", "&&", "|", "<"})
# `lienthong sign FILE…` is short for `lienthong sign file FILE…`.
DEFAULT = "file"

Command = TyperCommand | TyperGroup


def shown(page: Path) -> Iterator[str]:
    """Every command of a page."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := IN_A_BLOCK.match(line.strip()):
                yield found[1]
    yield from (" ".join(command.split()) for command in INLINE.findall(FENCE.sub("", text)))


COMMANDS = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {command}"[:100])
    for page in PAGES
    for command in dict.fromkeys(shown(page))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_shown_is_one(command: str) -> None:
    current = _program()
    before = ""
    for word in shlex.split(command.replace("…", ""), comments=True)[1:]:
        if word in ENDS_THE_COMMAND:
            break
        if word.startswith("--"):
            assert word.partition("=")[0] in _options(current), word
        else:
            below = _below(current, word)
            # A word in capitals stands for any command: `lienthong COMMAND --help`.
            known = below is not None or (current is _program() and word.isupper())
            assert known or _takes_arguments(current) or before.startswith("--"), word
            current = below or current
        before = word


def test_the_pages_do_show_commands() -> None:
    assert len(COMMANDS) > 100


@cache
def _program() -> Command:
    group = typer.main.get_command(program([]))
    assert isinstance(group, TyperGroup)
    return group


def _below(command: Command, word: str) -> Command | None:
    if not isinstance(command, TyperGroup):
        return None
    found = command.commands.get(word) or command.commands.get(DEFAULT)
    assert found is None or isinstance(found, TyperCommand | TyperGroup)
    return found


def _options(command: Command) -> set[str]:
    parameters = [*command.params, *(below.params if (below := _below(command, DEFAULT)) else [])]
    return {name for parameter in parameters for name in parameter.opts} | {"--help"}


def _takes_arguments(command: Command) -> bool:
    return any(isinstance(parameter, TyperArgument) for parameter in command.params)
