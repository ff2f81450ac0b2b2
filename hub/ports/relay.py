"""What the relay keeps: where polling stands, packages, messages by content, states of what was sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from hub.domain.submission import MessageKind
from hub.ports.national import MessageType, SentPackage, Word
from hub.ports.records import DeliveryRecord, SystemRecord


class PackageState(StrEnum):
    """What the hub has made of a package."""

    WAITING = "waiting"
    """Seen, not taken yet: something stood in the way that may pass."""
    TAKEN = "taken"
    HELD = "held"
    """Readable, but a person must look: a loop."""
    QUARANTINED = "quarantined"
    DROPPED = "dropped"


KEPT_STATES = frozenset({PackageState.HELD, PackageState.QUARANTINED})
"""States in which a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRecord:
    """A package as the hub knows it. `to_tell` is owed to the exchange, `told` was taken by it last."""

    system_id: UUID
    package_id: str
    message_type: MessageType
    state: PackageState
    to_tell: Word | None = None
    told: Word | None = None
    code: str | None = None
    from_code: str = ""
    to_code: str = ""
    document_id: UUID | None = None
    blob_id: UUID | None = None
    sha256: bytes | None = None
    size: int | None = None
    attempts: int = 0
    due_at: datetime | None = None
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKey:
    """A message from outside by what it says: the same in every rewriting by the exchange."""

    system_id: UUID
    kind: MessageKind
    from_unit: str
    document_no: str
    change: str
    content_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayState:
    """Where polling of one exchange stands. Writes of a round name its `lease_token`."""

    system_id: UUID
    lease_token: int
    now: datetime
    due_at: datetime
    failures: int
    last_error: str | None
    last_failed_at: datetime | None
    last_ok_at: datetime | None
    last_mail_at: datetime | None
    silent_since: datetime
    silence_told_at: datetime | None
    high_water: datetime | None
    sent_due_at: datetime
    directory_due_at: datetime
    directory_at: datetime | None
    directory_note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEnd:
    """What a round leaves behind. `error` is None after a good one; `high_water` None leaves it as it is."""

    next_in: timedelta
    error: str | None
    mail: bool = False
    high_water: datetime | None = None


class RelayRepo(Protocol):
    """The relay's rows."""

    async def way_out(self) -> SystemRecord | None:
        """Return the active system of adapter `national` (the first by name), or None."""

    async def exchanges(self) -> tuple[SystemRecord, ...]:
        """Return all active systems of adapter `national`."""

    async def claim(self, system_id: UUID, *, owner: str, lease: timedelta) -> RelayState | None:
        """Take the poll of an exchange if it is due and nobody polls; else None."""

    async def renew(self, state: RelayState, lease: timedelta) -> bool:
        """Prolong the lease; False if it was lost."""

    async def end_round(self, state: RelayState, end: RoundEnd) -> bool:
        """Write down how a round went and let go; False if the lease was lost."""

    async def silence_told(self, state: RelayState) -> None:
        """Note that the silence was alarmed, once."""

    async def sent_looked(self, state: RelayState, again_in: timedelta) -> None:
        """Note that the sent lists were read."""

    async def directory_looked(self, system_id: UUID, again_in: timedelta, note: str, *, done: bool) -> None:
        """Note that the exchange's directory was read, and what came of it."""

    async def state(self, system_id: UUID) -> RelayState | None:
        """Return where polling stands, without claiming."""

    async def packages(self, system_id: UUID, ids: Collection[str]) -> Mapping[str, PackageRecord]:
        """Return the known ones of these packages."""

    async def package(self, package_id: str, *, lock: bool = False) -> PackageRecord | None:
        """Return a package by the exchange's id, under a row lock if asked."""

    async def put(self, package: PackageRecord, *, again_in: timedelta | None = None) -> None:
        """Write a package, new or changed; `again_in` says when it may be tried again."""

    async def owed(self, system_id: UUID, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages of which the exchange has not been told, oldest first."""

    async def told(self, system_id: UUID, package_id: str, word: Word, *, refused: str | None = None) -> None:
        """Note what the exchange was told, and the code if it would not have it."""

    async def kept(self, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages that wait for a person, oldest first."""

    async def released(self, system_id: UUID, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages that a person has given back to be taken in again."""

    async def forget(self, older_than: timedelta) -> int:
        """Forget what is settled and older than that; return how many rows."""

    async def counts(self, system_id: UUID) -> Mapping[str, int]:
        """Return the number of packages by state."""

    async def known(self, keys: Sequence[MessageKey]) -> UUID | None:
        """Return the document that a message from outside became under one of these keys, or None."""

    async def note(self, key: MessageKey, document_id: UUID, at: datetime) -> bool:
        """Note a message in the transaction of its intake; False if it is known already."""

    async def add_deliveries(self, deliveries: Sequence[DeliveryRecord]) -> None:
        """Add deliveries to a document that was taken in before."""

    async def sent_changed(self, system_id: UUID, packages: Sequence[SentPackage]) -> tuple[SentPackage, ...]:
        """Write the states of sent packages; return those that changed."""

    async def note_reference(self, system_id: UUID, reference: str, delivery_ids: Collection[UUID]) -> None:
        """Note the exchange's id of what it took."""

    async def deliveries_sent(self, system_id: UUID, reference: str) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries that went out under the exchange's id."""

    async def made_agencies(self, system_id: UUID) -> frozenset[str]:
        """Return the units of the directory that came from this exchange's."""

    async def note_agencies(self, system_id: UUID, unit_ids: Collection[str]) -> None:
        """Note units that came from this exchange's directory."""
