"""A run in which a test was left out says so, and fails where everything is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shared import REPOSITORY

FILE = """
import pytest
{body}
"""
PLAIN = 'def test_a(): pytest.skip("no such weather")'
SHARED = "@pytest.mark.shared_material\n" + PLAIN
NEEDS = '@pytest.mark.needs("no-such-program")\ndef test_a(): pass'
MODULE = 'pytest.skip("not this module", allow_module_level=True)'
PASSING = "def test_ok(): pass"


def run(folder: Path, body: str, *, require_all: bool) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(FILE.format(body=f"{body}\n{PASSING}"))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  shared_material: x\n  needs: x\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.support.left_out",
        "-p",
        "no:cacheprovider",
        str(folder),
    ]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "REQUIRE_ALL": "1" if require_all else ""}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [(PLAIN, "no such weather"), (NEEDS, "needs no-such-program"), (MODULE, "not this module")],
)
def test_a_test_left_out_is_told_and_fails_only_where_all_is_required(
    tmp_path: Path, body: str, reason: str
) -> None:
    relaxed, strict = (run(tmp_path, body, require_all=required) for required in (False, True))
    assert relaxed.returncode == (5 if body is MODULE else 0)
    assert strict.returncode != 0
    for done in (relaxed, strict):
        assert "left out" in done.stdout
        assert reason in done.stdout


def test_shared_material_that_is_missing_is_told_and_exempt(tmp_path: Path) -> None:
    done = run(tmp_path, SHARED, require_all=True)
    assert done.returncode == 0
    assert "[exempt: shared material]" in done.stdout


def test_a_failure_stays_a_failure(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_a(): assert False", require_all=False).returncode == 1
