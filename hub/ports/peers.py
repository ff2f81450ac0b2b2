"""Peers: the systems that are pushed to, their breakers, and the tasks of their deliveries.

A push task has the id of its delivery and the kind `deliver.<system>`; the schema makes it whenever a
delivery of a pushed system is queued, and takes it away when that ends. It is claimed and finished like any
other task (`TaskRepo`); what is special about peers stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.domain.retry import Breaker
from hub.ports.records import DeliveryRecord, Hint, SystemRecord, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether a peer may be tried at `now`: the system as it is set up, and its breaker."""

    system: SystemRecord
    pushed: bool
    breaker: Breaker
    now: datetime

    @property
    def open(self) -> bool:
        """Whether an attempt may start; where the breaker is not closed it must be claimed as a probe."""
        return self.pushed and self.system.active and self.breaker.allows(self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyDelivery:
    """A delivery under a row lock, and what keeps it from being handed over now."""

    delivery: DeliveryRecord
    waiting: bool
    """It refers to another delivery that comes first."""
    blocked: bool
    """Its unit is locked, or no longer spoken for by this system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLane:
    """The first due rows of one lane of one peer."""

    topic: str
    refs: tuple[UUID, ...]

    @property
    def hints(self) -> list[Hint]:
        """The hints at them."""
        return [Hint(topic=self.topic, ref=ref) for ref in self.refs]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerState:
    """A peer's breaker, for operators; `since` is when it last changed."""

    system_id: UUID
    name: str
    breaker: Breaker
    last_code: str | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBacklog:
    """What waits to be pushed, all peers together; the age is that of the row due for longest, in seconds."""

    waiting: int
    oldest_s: float
    paused_peers: int


class PeerRepo(Protocol):
    """Peers, their breakers, and tasks of pushing."""

    async def pushed(self) -> tuple[UUID, ...]:
        """Return the systems that are pushed to, active ones only."""

    async def not_pushed(self) -> tuple[UUID, ...]:
        """Return the systems that are not pushed to now: they fetch, or are locked."""

    async def due(self, system_id: UUID, lane: str, limit: int) -> tuple[UUID, ...]:
        """Return a peer's tasks of a lane that are due, not leased, and not behind an open breaker."""

    async def due_lanes(self, per_lane: int) -> tuple[DueLane, ...]:
        """Return every lane of every peer that has due rows, with the first of them."""

    async def gate(self, system_id: UUID, *, lock: bool = False) -> Gate | None:
        """Return whether a peer may be tried; with `lock` nobody else changes its breaker meanwhile."""

    async def set_breaker(self, system_id: UUID, breaker: Breaker, code: str | None) -> None:
        """Write a breaker; `code` is the failure that led to it."""

    async def claim_group(self, task: Task, *, owner: str, lease: timedelta, limit: int) -> tuple[Task, ...]:
        """Claim the other due tasks of the same document and peer; skips those that others hold."""

    async def lock_ready(self, delivery_ids: Sequence[UUID]) -> tuple[ReadyDelivery, ...]:
        """Lock and return deliveries, without those that others have locked, in the order of their ids."""

    async def lock(self, delivery_ids: Sequence[UUID]) -> tuple[DeliveryRecord, ...]:
        """Lock and return deliveries, waiting for who has locked them, in the order of their ids."""

    async def renew(
        self, tasks: Sequence[Task], deliveries: Sequence[DeliveryRecord], lease: timedelta
    ) -> bool:
        """Prolong the leases of tasks and of the deliveries leased under them; False if a task was lost."""

    async def postpone(self, task: Task, *, due_at: datetime, error: str) -> bool:
        """Give a task back, due at a time; False if the lease was lost, or there is nobody to push to.

        If its delivery belongs to another system by now, it becomes that system's task, due at once; it ends
        if that one is not pushed to.
        """

    async def take_in_strays(self, limit: int) -> int:
        """Put right what no task or no system's inbox offers any more, at most so many of each; return how
        many."""

    async def delay(self, task_id: UUID, due_at: datetime) -> None:
        """Make a task due at a time unless somebody works on it."""

    async def hurry(self, system_id: UUID) -> int:
        """Make all tasks of a peer due now that nobody works on; return how many."""

    async def forget(self, system_id: UUID) -> None:
        """Forget a peer's breaker: it is closed."""

    async def states(self) -> tuple[PeerState, ...]:
        """Return the peers with failures, by name."""

    async def backlog(self) -> PushBacklog:
        """Return what waits to be pushed."""
