"""Packages: what a recipient system has not confirmed yet, and what a sender's messages have come to.

Clients that know no leases see each delivery as a package. It stays in their list until they confirm or
refuse it, whether or not somebody has fetched it in the meantime.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow:
    """A package in its recipient's list. `taken_up` says that the recipient told us it is at work on it."""

    delivery_id: UUID
    document_id: UUID
    kind: MessageKind
    from_code: str
    to_code: str
    size: int
    created_at: datetime
    changed_at: datetime
    fetched: bool
    taken_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """One recipient of a message in its sender's list; `delivery_id` None: it could not be reached at all."""

    document_id: UUID
    delivery_id: UUID | None
    kind: MessageKind
    from_code: str
    to_code: str
    title: str
    notation: str
    sent_at: datetime
    received_at: datetime | None
    state: DeliveryState
    taken_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time in which messages were accepted, both ends inclusive; open where None."""

    begin: datetime | None = None
    end: datetime | None = None


class PackageRepo(Protocol):
    """Lists of packages."""

    async def waiting(
        self, system_id: UUID, kind: MessageKind, *, limit: int, unit_id: str | None = None
    ) -> tuple[PackageRow, ...]:
        """Return what a system has not confirmed yet and may see, of one unit or of all: urgent first, then
        by age."""

    async def count(self, system_id: UUID, kind: MessageKind, *, limit: int) -> int:
        """Return how many that are, counted up to `limit`."""

    async def systems_with_open(self, system_ids: Collection[UUID]) -> set[UUID]:
        """Return those systems that have anything waiting or under way, whether they may see it or not."""

    async def sent(
        self, system_id: UUID, kind: MessageKind, *, period: Period, limit: int
    ) -> tuple[SentRow, ...]:
        """Return the recipients of the newest messages that a system sent, newest first."""

    async def take_up(self, delivery_id: UUID) -> None:
        """Note that the recipient is at work on a package; once is enough."""

    async def served(
        self, system_id: UUID, from_unit: str, document_no: str, sha256: bytes
    ) -> dict[str, UUID]:
        """Return the units to which a system has sent this very body before, each with its document."""

    async def passed_on(
        self, from_unit: str, to_unit: str, name: str, *, system_id: UUID | None, newest: int
    ) -> UUID | None:
        """Return a document of one unit that was accepted for another, by its number or notation.

        A notation is looked for among the newest documents that the sender's system sent.
        """
