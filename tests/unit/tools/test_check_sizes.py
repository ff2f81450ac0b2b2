from __future__ import annotations

from pathlib import Path

import pytest

from tools.check_sizes import FUNCTION_LINES, MODULE_LINES, PARAMETERS, problems


def function(lines: int, indent: str = "") -> str:
    return f"{indent}def f():\n" + f"{indent}    pass\n" * (lines - 1)


@pytest.mark.parametrize(
    "text", ["x = 1\n" * MODULE_LINES, function(FUNCTION_LINES), "def f(a,b,c,d,e,f,*,g): ...\n"]
)
def test_what_keeps_the_sizes_is_in_order(text: str) -> None:
    assert list(problems(Path("hub/x.py"), text)) == []


def test_a_long_module_is_told() -> None:
    assert list(problems(Path("hub/x.py"), "x = 1\n" * (MODULE_LINES + 1))) == [
        "hub/x.py: 501 lines, at most 500"
    ]


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_long_function_is_told_wherever_it_stands(kind: str) -> None:
    text = "class A:\n" + function(FUNCTION_LINES + 1, "    ").replace("def", f"{kind}def")
    assert list(problems(Path("x.py"), text)) == ["x.py:2 f: 81 lines, at most 80"]


def test_self_is_not_a_parameter() -> None:
    names = ", ".join(f"a{n}" for n in range(PARAMETERS))
    assert list(problems(Path("x.py"), f"class A:\n    def f(self, {names}): ...\n")) == []
    assert list(problems(Path("x.py"), f"def f(other, {names}): ...\n")) == [
        "x.py:1 f: 8 parameters, at most 7"
    ]


@pytest.mark.parametrize("where", ["tests/unit/test_x.py", "hub/cli/x.py"])
def test_the_fixtures_of_a_test_and_the_options_of_a_command_are_not_counted(where: str) -> None:
    assert list(problems(Path(where), "def f(a,b,c,d,e,f,g,h): ...\n")) == []


def test_an_exemption_stands_with_its_reason_on_the_line() -> None:
    text = "def f(  # noqa: PLR0913 - the decree names eight fields\n    a,b,c,d,e,f,g,h): ...\n"
    assert list(problems(Path("x.py"), text)) == []
