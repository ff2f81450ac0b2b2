"""The database as use cases see it: one transaction, with the tables it touches as repositories.

`UnitOfWork.begin()` opens a transaction that commits at the end of the block and rolls back on any
exception. Nothing is visible to others, and no acknowledgement may leave the hub, before the block
has ended without an exception. If the process dies inside the block, nothing of it has happened; if
the answer to COMMIT is lost (`CommitUnknown`), the caller must look again before it answers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from hub.domain.directory import Agency, Directory
from hub.domain.submission import DocumentKey, SubmissionKey
from hub.domain.transport import DeliveryState
from hub.ports.directory import DirectoryChangeRow, NewDirectoryChange, OpenMail, StrandedDelivery
from hub.ports.folders import FolderRepo
from hub.ports.packages import PackageRepo
from hub.ports.peers import PeerRepo
from hub.ports.records import (
    AgencyRow,
    Change,
    DeliveryRecord,
    DocumentLink,
    DocumentRecord,
    DocumentText,
    EventRow,
    EvidenceRow,
    Family,
    KeyRecord,
    KeyRow,
    Offer,
    OutboxRow,
    ReportRow,
    SystemRecord,
)
from hub.ports.relay import RelayRepo
from hub.ports.secrets import SecretRepo
from hub.ports.signatures import CertificateRepo, VerdictRepo
from hub.ports.signing_records import SigningRecordRepo
from hub.ports.tasks import TaskRepo


class DatabaseUnavailable(Exception):
    """The database cannot be reached or its pool is exhausted: answer 503, nothing has happened."""


class CommitUnknown(Exception):
    """The connection broke while COMMIT was under way: the outcome must be looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyClaim:
    """The keys under which a message is to be taken in.

    `family_no` is the number from which the versions of an update are counted, if it is not its own.
    """

    submission: SubmissionKey
    document: DocumentKey | None
    version_no: int
    family_no: str | None = None
    idempotency_key: str | None
    document_id: UUID
    receipt: bytes
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVersion:
    """The version that an update would be, and the number from which its family is counted."""

    version_no: int
    family_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysTaken:
    """Which of the keys somebody else holds already."""

    submission: bool
    document: bool
    idempotency: bool


class IntakeRepo(Protocol):
    """Submission keys and receipts: what makes a repeated submission the same submission."""

    async def now(self) -> datetime:
        """Return the hub's time (`hub_now()`)."""

    async def receipt(self, key: SubmissionKey) -> bytes | None:
        """Return the stored receipt of a submission, byte for byte, or None.

        Also where the submission's key has ended: as long as a document's key lives, its receipt does.
        """

    async def idempotency(self, system_id: UUID, key: str) -> tuple[bytes, bytes] | None:
        """Return (sha256, recipients_sha256) under which an Idempotency-Key was used, or None."""

    async def next_version(self, units: Sequence[str], document_no: str) -> NextVersion:
        """Return what an update of this document by one of these units (one line of succession) would be."""

    async def conflicting(self, key: DocumentKey) -> bytes | None:
        """Return the SHA-256 of the body accepted under a document key, or None."""

    async def reserve(self, claim: KeyClaim) -> KeysTaken:
        """Claim all keys of a submission at once (waits for racing transactions to end).

        What was claimed beside a key that is taken must be rolled back.
        """

    async def name(self, submission: SubmissionKey, key: str, at: datetime) -> bool:
        """Note an Idempotency-Key for a submission that is known already; False if it names another."""

    async def insert(
        self,
        document: DocumentRecord,
        text: DocumentText,
        deliveries: Sequence[DeliveryRecord],
        links: Sequence[DocumentLink] = (),
    ) -> None:
        """Insert a document with its deliveries and links, set-based: one round trip for any number."""

    async def refused(
        self,
        refusal_id: UUID,
        *,
        system_id: UUID,
        code: str,
        from_code: str | None,
        sha256: bytes | None,
        field: str | None,
    ) -> None:
        """Keep the bare facts of a refusal: time, system, code, sender, digest, field; never content."""


class DocumentRepo(Protocol):
    """Accepted documents and what was learnt about them."""

    async def get(self, document_id: UUID) -> DocumentRecord | None:
        """Return a document, or None."""

    async def text(self, document_id: UUID) -> DocumentText | None:
        """Return the words of people of a document, or None if erased."""

    async def receipt(self, document_id: UUID) -> bytes | None:
        """Return the receipt given for a document, byte for byte."""

    async def find_reference(
        self,
        owners: Sequence[str],
        document_no: str,
        *,
        to_units: Sequence[str],
        answer: bool = False,
        redirected: bool = False,
    ) -> tuple[DeliveryRecord, ...]:
        """Return the delivery that a status is about: of a document that one of `owners` sent under this
        number, to one of `to_units` (each one line of succession).

        Of several versions the newest that the unit has seen. An `answer` (15, 16) is about what is open:
        the deliveries of the newest open request, which may also be named by the number of the document
        that asks; first of them the one to which the answer refers. With `redirected` also deliveries to
        which those of `to_units` were redirected.
        """

    async def find_family(
        self, owners: Sequence[str], document_nos: Sequence[str], *, to_units: Sequence[str]
    ) -> Family:
        """Return the documents that a revoking, updating or replacing one names, in all their versions, with
        their deliveries to `to_units`, and to where those were redirected."""

    async def others_number(
        self, owners: Sequence[str], document_nos: Sequence[str], to_units: Sequence[str]
    ) -> bool:
        """Tell whether somebody else than `owners` sent one of these numbers to one of `to_units`."""

    async def links(self, document_id: UUID) -> tuple[DocumentLink, ...]:
        """Return what a document does to others, and what others did to it."""

    async def set_reference(self, document_id: UUID, refers_to: UUID) -> None:
        """Note which document a message that was parked refers to."""

    async def set_verified(self, document_id: UUID, indication: str, reports: Sequence[ReportRow]) -> None:
        """Store reports of a document's attachments and its overall indication.

        A report that says something else than the one before becomes its next version.
        """

    async def reports(self, document_id: UUID) -> tuple[ReportRow, ...]:
        """Return the newest reports, in the order of the attachments."""

    async def earlier_reports(self, document_id: UUID) -> tuple[ReportRow, ...]:
        """Return what newer reports took the place of, in the order of attachments and versions."""

    async def evidence(self, document_id: UUID) -> tuple[EvidenceRow, ...]:
        """Return the statements about a document."""

    async def forget_body(self, document_id: UUID) -> None:
        """Note that the bodies of a document were destroyed (state secret) and erase its words."""

    async def known_blobs(self, blob_ids: Sequence[UUID]) -> set[UUID]:
        """Return those of the given blobs that a row refers to."""


class DeliveryRepo(Protocol):
    """Deliveries: locked, advanced and written back by the services."""

    async def lock(self, delivery_id: UUID) -> tuple[DeliveryRecord, datetime] | None:
        """Return a delivery under a row lock held until the transaction ends, and `hub_now()`; or None."""

    async def get(self, delivery_id: UUID) -> DeliveryRecord | None:
        """Return a delivery without locking, or None."""

    async def lock_of_document(self, document_id: UUID) -> tuple[DeliveryRecord, ...]:
        """Lock and return all deliveries of a document, in the order of their ids."""

    async def lock_many(self, delivery_ids: Collection[UUID]) -> tuple[DeliveryRecord, ...]:
        """Lock and return these deliveries, in the order of their ids."""

    async def of_document(self, document_id: UUID) -> tuple[DeliveryRecord, ...]:
        """Return all deliveries of a document without locking."""

    async def offers(self, system_id: UUID, *, unit_id: str | None, limit: int) -> tuple[Offer, ...]:
        """Return what a system may lease now: urgent first, every fifth place kept for normal ones,
        nothing that waits for another delivery or is parked."""

    async def systems_with_queued(self, system_ids: Collection[UUID]) -> set[UUID]:
        """Return those systems that have anything queued, also what waits or is parked."""

    async def held(self, *, limit: int) -> tuple[Offer, ...]:
        """Return the deliveries that wait for a person, with their documents, oldest first."""

    async def confirmed(
        self, system_id: UUID, *, since: datetime, created_since: datetime, after: UUID | None, limit: int
    ) -> tuple[Offer, ...]:
        """Return what a system has confirmed since a moment, by id; only deliveries made since another."""

    async def lock_expired(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries whose recipient lease has run out (skips rows locked by others)."""

    async def lock_overdue(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries whose deadline has passed."""

    async def lock_alerting(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries whose alert time has passed and mark them as alerted."""

    async def lock_parked(self, limit: int) -> tuple[DeliveryRecord, ...]:
        """Lock deliveries of parked statuses."""

    async def state_of(self, delivery_id: UUID) -> DeliveryState | None:
        """Return the state of a delivery, or None."""

    async def hub_time(self) -> datetime:
        """Return the hub's time (`hub_now()`)."""


class EventRepo(Protocol):
    """The append-only log."""

    async def of_document(self, document_id: UUID) -> tuple[EventRow, ...]:
        """Return the timeline of a document, oldest first."""

    async def reasons(self, document_id: UUID) -> dict[UUID, str]:
        """Return the reasons given by people, by event id."""

    async def among(
        self, after: int, until: int, *, system_id: UUID, offered: Collection[str], limit: int
    ) -> tuple[EventRow, ...]:
        """Return those of the events numbered after `after` and up to `until` that concern a system: its
        documents, and its deliveries that were ever leased or are in one of the states `offered`."""

    async def head(self) -> int:
        """Return the highest number given so far."""

    async def lock_cursor(self, name: str) -> int | None:
        """Return how far a reader has come, under its row lock; None while another node reads for it."""

    async def numbered_after(self, seq: int, *, limit: int) -> tuple[EventRow, ...]:
        """Return events in the order of their numbers."""

    async def move_cursor(self, name: str, seq: int) -> None:
        """Note how far a reader has come."""

    async def skip_to_head(self, name: str) -> None:
        """Move a reader's cursor past all events that have a number."""

    async def number(self, limit: int) -> int:
        """Give the next numbers to committed events, under the log head's row lock; return how many."""


class OutboxRepo(Protocol):
    """Hints to publish, written in the transaction that makes them true."""

    async def take(self, limit: int, *, without: Sequence[str] = ()) -> tuple[OutboxRow, ...]:
        """Lock and return the oldest hints that no other node is publishing, of all topics but these."""

    async def delete(self, ids: Sequence[int]) -> None:
        """Delete hints that the broker has confirmed."""

    async def notify(self, system_ids: Sequence[UUID]) -> None:
        """Wake the long-polls of these systems on every node when the transaction commits."""


class SystemRepo(Protocol):
    """Systems and their API keys."""

    async def get(self, system_id: UUID) -> SystemRecord | None:
        """Return a system, or None."""

    async def by_name(self, name: str) -> SystemRecord | None:
        """Return a system by its name, or None."""

    async def many(self, system_ids: Sequence[UUID]) -> dict[UUID, SystemRecord]:
        """Return systems by id."""

    async def all(self) -> tuple[SystemRecord, ...]:
        """Return all systems by name."""

    async def add(self, system: SystemRecord) -> None:
        """Add a system."""

    async def update(self, system: SystemRecord) -> None:
        """Write a system's record, but for its adapter."""

    async def set_adapter(self, system_id: UUID, adapter: str, settings: Sequence[tuple[str, str]]) -> None:
        """Write a system's adapter with its settings; open deliveries follow."""

    async def keys(self, key_ids: Collection[str]) -> tuple[KeyRecord, ...]:
        """Return those of these API keys that there are, each with its system."""

    async def add_key(self, key_id: str, system_id: UUID, digest: bytes) -> None:
        """Add an API key."""

    async def expire_keys(self, system_id: UUID, *, keep: str, grace: timedelta) -> int:
        """Let all other keys of a system end after `grace`; return how many."""

    async def keys_of(self, system_id: UUID) -> tuple[KeyRow, ...]:
        """Return all keys of a system, oldest first."""

    async def note_use(self, key_ids: Collection[str]) -> None:
        """Note that keys have just been used."""

    async def now(self) -> datetime:
        """Return the hub's time (`hub_now()`)."""

    async def revoke_key(self, key_id: str) -> bool:
        """Revoke a key at once; False if there is none."""


class DirectoryRepo(Protocol):
    """The directory of agencies."""

    async def version(self) -> int:
        """Return the number of the directory's last change."""

    async def load(self, province_suffixes: frozenset[str]) -> Directory:
        """Return the whole directory as an immutable snapshot."""

    async def replace(self, agencies: Sequence[Agency]) -> None:
        """Put these agencies in place of the directory, keeping the systems of known units."""

    async def put(self, agencies: Sequence[Agency]) -> None:
        """Add these agencies or put them in place of what they were, keeping their systems; others stay."""

    async def lock(self) -> int:
        """Keep others from changing the directory until the transaction ends; return its version."""

    async def keep(self, change: NewDirectoryChange) -> None:
        """Keep what an order did, for the history."""

    async def history(self, unit_id: str | None, limit: int) -> tuple[DirectoryChangeRow, ...]:
        """Return the changes of a unit, or of all, newest first."""

    async def open_mail(self, units: Sequence[str]) -> dict[str, OpenMail]:
        """Return what has not ended at units, where there is something."""

    async def stranded(
        self, units: Sequence[str], skip: Sequence[UUID], limit: int
    ) -> tuple[StrandedDelivery, ...]:
        """Return deliveries at these units that wait and are held by nobody, oldest first."""

    async def move_status(self, delivery_id: UUID, unit_id: str, system_id: UUID) -> bool:
        """Give a waiting status to another unit and its system; False if it does not wait any more."""

    async def assign(self, unit_id: str, system_id: UUID | None) -> bool:
        """Say which system speaks for a unit; False if the unit is unknown."""

    async def set_state(self, unit_id: str, state: str) -> bool:
        """Set a unit active or locked; False if the unit is unknown."""

    async def search(self, text: str, *, limit: int, offset: int) -> tuple[AgencyRow, ...]:
        """Return agencies whose code or name contains `text`."""


class HousekeepingRepo(Protocol):
    """What the janitor and the doctor ask."""

    async def ensure_partitions(self) -> int:
        """Make the monthly partitions of this and the next three months; return how many were made."""

    async def expire_keys_older_than(self, days: int, limit: int) -> int:
        """Delete submission keys past their time, and receipts that no key leads to; return how many keys."""

    async def expire_refusals_older_than(self, days: int, limit: int) -> int:
        """Delete the facts of refusals past their time; return how many."""

    async def misplaced_rows(self) -> int:
        """Return how many rows sit in default partitions (a wrong clock)."""

    async def orphans(self) -> dict[str, int]:
        """Return counts of rows whose parent is missing, by table."""


class Transaction(Protocol):
    """One transaction, with its repositories."""

    @property
    def intake(self) -> IntakeRepo: ...
    @property
    def documents(self) -> DocumentRepo: ...
    @property
    def deliveries(self) -> DeliveryRepo: ...
    @property
    def events(self) -> EventRepo: ...
    @property
    def tasks(self) -> TaskRepo: ...
    @property
    def outbox(self) -> OutboxRepo: ...
    @property
    def systems(self) -> SystemRepo: ...
    @property
    def directory(self) -> DirectoryRepo: ...
    @property
    def housekeeping(self) -> HousekeepingRepo: ...
    @property
    def secrets(self) -> SecretRepo: ...
    @property
    def folders(self) -> FolderRepo: ...
    @property
    def peers(self) -> PeerRepo: ...
    @property
    def relay(self) -> RelayRepo: ...
    @property
    def packages(self) -> PackageRepo: ...
    @property
    def certificates(self) -> CertificateRepo: ...
    @property
    def verdicts(self) -> VerdictRepo: ...
    @property
    def signings(self) -> SigningRecordRepo: ...

    async def record(self, change: Change) -> None:
        """Write a state change with its events, hints, evidence and tasks, in one round trip."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction; raises DatabaseUnavailable, and CommitUnknown at the end of the block."""

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a connection without a transaction: each statement stands alone. For reading."""
