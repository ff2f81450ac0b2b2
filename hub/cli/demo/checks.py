"""Steps that must come out as they should: each is shown with a mark, the worst decides the exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from adapters.simulator.client import Problem


class StepImpossible(Exception):
    """A step needs what an earlier one did not bring about."""


@dataclass(slots=True)
class Checks:
    """What was checked so far."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)

    def that(self, truth: bool, text: str) -> None:
        """Record and show one check."""
        print(f"   {'✓' if truth else '✗'} {text}", flush=True)
        if truth:
            self.passed += 1
        else:
            self.failed.append(text)

    async def refused(self, code: str, action: Callable[[], Awaitable[object]], text: str) -> None:
        """Check that a call is refused with a code."""
        try:
            await action()
        except Problem as problem:
            self.that(problem.code == code, f"{text}: {problem.status} {problem.code} – {problem.title}")
        else:
            self.that(False, f"{text}: được nhận, lẽ ra phải bị từ chối với mã {code}")

    async def step(self, number: int, title: str, action: Callable[[], Awaitable[None]]) -> None:
        """Show and play a step; an exception in it is a failed check, and the scenario goes on."""
        print(f"\n{number}. {title}", flush=True)
        try:
            await action()
        except (Problem, StepImpossible, TimeoutError, KeyError, IndexError, OSError) as error:
            self.that(False, f"lỗi: {type(error).__name__}: {error}")
