"""A test that is left out is told, with its reason; with REQUIRE_ALL=1 it is a failure.

Exempt are tests marked `shared_material`: they need material that cannot be part of the repository. They are
printed all the same.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator

import pytest

from tools.debian_packages import package_of

SHARED = "shared_material"
_left_out: Counter[tuple[bool, str]] = Counter()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose programs are missing."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:  # takes a full path too
                pytest.skip(f"needs {program} (Debian: {package_of(program) or 'not listed'})")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first: unit tests, then the others, slow ones last."""
    items.sort(
        key=lambda item: (item.get_closest_marker("slow") is not None, "tests/unit/" not in item.nodeid)
    )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test that was left out while running."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _left_out[SHARED in report.keywords, _reason(report)] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a module that was left out while collecting."""
    if report.skipped:
        _left_out[False, f"{report.nodeid}: {_reason(report)}"] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where everything is required and something was left out."""
    if _required_and_missing() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was left out and why."""
    if not _left_out:
        return
    terminalreporter.section("left out")
    for line in _lines():
        terminalreporter.line(line)
    if _required_and_missing():
        terminalreporter.line("REQUIRE_ALL=1: a test left out is a failure", red=True)


def _lines() -> Iterator[str]:
    for (exempt, reason), count in sorted(_left_out.items()):
        yield f"{count:5} {reason}{' [exempt: shared material]' if exempt else ''}"


def _required_and_missing() -> bool:
    return os.environ.get("REQUIRE_ALL") == "1" and any(not exempt for exempt, _ in _left_out)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
