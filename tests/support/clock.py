"""A clock that stands still until a test moves it."""

from __future__ import annotations

from types import ModuleType

import pytest


class StillClock:
    """In place of the module `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        """The time."""
        return self.now


def stop_clock_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """Let a module that imports `time` see a clock of the test's."""
    made = StillClock()
    monkeypatch.setattr(module, "time", made)
    return made
