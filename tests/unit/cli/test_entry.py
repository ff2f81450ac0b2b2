"""The program's entry: what happens before there is a command line."""

from __future__ import annotations

import builtins
import tomllib
from collections.abc import Sequence

import pytest

from hub import __main__ as entry
from tests.support.shared import REPOSITORY


def test_ctrl_c_while_the_program_loads_ends_it_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def interrupted(name: str, *rest: object, **more: object) -> object:
        wanted: object = rest[2] if len(rest) > 2 else ()
        if name == "hub" and isinstance(wanted, Sequence) and "cli" in wanted:
            raise KeyboardInterrupt
        return load(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 130


def test_the_installed_program_enters_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"lienthong": f"hub.__main__:{entry.main.__name__}"}
