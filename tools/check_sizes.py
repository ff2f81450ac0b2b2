"""Files small enough to hold in the head: modules ≤ 500 lines, functions ≤ 80, parameters ≤ 7.

Not counted are a test's parameters (its fixtures), those of a typer command (its options), and a function
whose `def` says `noqa: PLR0913` with the reason.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 500
FUNCTION_LINES = 80
PARAMETERS = 7
FOLDERS = ("hub", "schemas", "signing", "adapters", "tools", "tests")
_COUNTED_NOT = "noqa: PLR0913"
ROOT = Path(__file__).resolve().parents[1]


def problems(path: Path, text: str) -> Iterator[str]:
    """Yield what is too big in one file."""
    lines = text.count("\n")
    if lines > MODULE_LINES:
        yield f"{path}: {lines} lines, at most {MODULE_LINES}"
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = text.splitlines()[node.lineno - 1]
            yield from _of_function(path, node, counted=_COUNTED_NOT not in first)


def _of_function(path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef, *, counted: bool) -> Iterator[str]:
    where = f"{path}:{node.lineno} {node.name}"
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > FUNCTION_LINES:
        yield f"{where}: {lines} lines, at most {FUNCTION_LINES}"
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    count = sum(argument.arg not in {"self", "cls"} for argument in named)
    if counted and count > PARAMETERS and path.parts[0] != "tests" and path.parts[:2] != ("hub", "cli"):
        yield f"{where}: {count} parameters, at most {PARAMETERS}"


def main() -> int:
    """Check the whole repository."""
    found: list[str] = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found += problems(path.relative_to(ROOT), path.read_text(encoding="utf-8"))
    print("\n".join(found) or "sizes: in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
