"""What the watching of folders keeps: which node watches, where the root is, how it has gone lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.ports.records import SystemRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderWatch:
    """A round of watching one system's folders, under a lease. Writes of the round name its `lease_token`."""

    system: SystemRecord
    lease_token: int
    marked: str | None
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderState:
    """How watching goes, for operators."""

    name: str
    adapter: str
    failures: int
    last_error: str | None
    last_failed_at: datetime | None
    last_ok_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """A delivery that lies in a folder and was not answered yet."""

    delivery_id: UUID
    unit_id: str
    lease_token: int


class FolderRepo(Protocol):
    """Rows of the watching of folders."""

    async def due(self, adapters: tuple[str, ...], limit: int) -> tuple[UUID, ...]:
        """Return active systems with one of these adapters that are due and that nobody watches."""

    async def claim(self, system_id: UUID, *, owner: str, lease: timedelta) -> FolderWatch | None:
        """Take the next round of a system if it is due and nobody else has it; else None."""

    async def renew(self, watch: FolderWatch, lease: timedelta) -> bool:
        """Prolong a round's lease; False if it was lost."""

    async def mark(self, watch: FolderWatch, place: str) -> bool:
        """Note that the root at this place bears the hub's mark; False if the lease was lost."""

    async def end(self, watch: FolderWatch, *, next_in: timedelta, error: str | None) -> bool:
        """Write down how a round went and let go; False if the lease was lost."""

    async def units(self, system_id: UUID) -> tuple[str, ...]:
        """Return the units that a system speaks for, by code."""

    async def handed_over(self, system_id: UUID, *, after: UUID, limit: int) -> tuple[HandedOver, ...]:
        """Return deliveries of a system that were handed over and have not ended, by id after `after`."""

    async def states(self) -> tuple[FolderState, ...]:
        """Return how watching goes, by name of the system."""
