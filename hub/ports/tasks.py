"""Tasks as rows: what is to be done, when it is due, who works on it until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.ports.records import Hint, NewTask, Task


class TaskRepo(Protocol):
    """Tasks as rows with leases."""

    async def due(self, kind: str, lane: str, limit: int) -> tuple[UUID, ...]:
        """Return tasks that are due and not leased."""

    async def claim(self, task_id: UUID, *, owner: str, lease: timedelta) -> Task | None:
        """Take a due task by compare-and-set, counting the attempt before it starts; else None."""

    async def take_back(self, owner: str) -> int:
        """End the leases that an earlier life of this node left; return how many."""

    async def renew(self, task: Task, lease: timedelta) -> bool:
        """Prolong a lease; False if it was lost."""

    async def finish(self, task: Task) -> bool:
        """Delete a task; False if the lease was lost (the caller must roll back)."""

    async def postpone(self, task: Task, *, delay: timedelta, error: str) -> bool:
        """Give a task back, due after `delay`; False if the lease was lost."""

    async def later(self, task: NewTask, *, after: timedelta) -> None:
        """Make a task that is due after a while; nothing if there is one of that id."""

    async def again(self, task: Task, *, delay: timedelta) -> bool:
        """Give a task back that was tried and is to be tried again; False if the lease was lost."""

    async def due_at(self, task_id: UUID) -> datetime | None:
        """Return when a task is due; None if there is none."""

    async def make_due(self, task_id: UUID) -> Hint | None:
        """Make a task due now and return the hint at it; None if it is done or somebody works on it."""

    async def neglected(self, older_than: timedelta, limit: int) -> tuple[Hint, ...]:
        """Return hints for tasks due for longer than `older_than` without a lease."""

    async def backlog(self, kind: str) -> tuple[int, float]:
        """Return (number of waiting tasks, age of the oldest in seconds); counts at most 20,001."""
