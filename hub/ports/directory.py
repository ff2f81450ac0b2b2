"""What is kept about changes of the directory, and what lies at units that change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hub.domain.directory import Agency
from hub.domain.submission import MessageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedUnit:
    """A unit before and after an order; None where it was not or is no more."""

    before: Agency | None
    after: Agency | None

    @property
    def unit_id(self) -> str:
        """The unit's canonical code."""
        one = self.after or self.before
        assert one is not None  # an order changes units that are or come to be
        return one.unit_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDirectoryChange:
    """One order to be kept: who changed what; the time is the transaction's."""

    order_id: UUID
    kind: str
    by: str
    units: tuple[ChangedUnit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryChangeRow:
    """What one order did to one unit."""

    order_id: UUID
    kind: str
    by: str
    at: datetime
    unit: ChangedUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class StrandedDelivery:
    """A delivery at a unit that has ended, held by nobody."""

    id: UUID
    kind: MessageKind
    unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMail:
    """Deliveries that have not ended at a unit, and how many of them are parked statuses."""

    deliveries: int
    parked: int
