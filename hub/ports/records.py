"""Rows as values: what the ports carry between services and storage.

Every record is frozen; a change is a new value that storage writes in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.binding import UNBOUND, Binding
from hub.domain.business import BusinessState
from hub.domain.deadlines import Lane
from hub.domain.directory import UnitState
from hub.domain.submission import MessageKind
from hub.domain.transport import DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLimits:
    """Limits of one system; None stands for the node's."""

    intake_at_once: int | None = None
    calls_per_minute: int | None = None


NODE_LIMITS: Final = SystemLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRecord:
    """A document-management system registered with the hub.

    `dialects` are the names of the edXML dialects that it reads as they are; anything else is
    rendered for it. `policy` holds the settings of its acceptance policy by name, `binding` from where it
    may call beside having a key.
    """

    id: UUID
    name: str
    adapter: str
    dialects: tuple[str, ...]
    policy: tuple[tuple[str, str], ...]
    active: bool
    settings: tuple[tuple[str, str], ...] = ()
    """Settings of its adapter by name, without secrets."""
    binding: Binding = UNBOUND
    limits: SystemLimits = NODE_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key as stored (only its digest), with the system that it speaks for.

    `looked_at` is the hub's time of the look-up; `use_unnoted` says that its last use is not noted yet.
    """

    key_id: str
    digest: bytes
    usable: bool
    expired: bool
    system: SystemRecord
    looked_at: datetime
    use_unnoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key in a listing; `last_used_at` is right to ten minutes."""

    key_id: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyRow:
    """An agency in a listing of the directory."""

    unit_id: str
    name: str
    level: str
    parent: str | None
    state: UnitState
    codes: tuple[str, ...]
    system_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRecord:
    """One attachment of an accepted document: facts only, the bytes are in the original's blob."""

    index: int
    name: str
    media_type: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentText:
    """The words of people in a document: erasable, kept apart from its row."""

    salt: bytes
    code: str = ""
    subject: str = ""
    from_name: str = ""
    promulgated: str = ""
    type_name: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """The strict form made of an original for systems that cannot read the original."""

    blob_id: UUID
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """An accepted message: an electronic document or a status message."""

    id: UUID
    kind: MessageKind
    system_id: UUID
    from_unit: str
    from_code: str
    document_no: str
    doc_type: int | None
    status_code: str | None
    version_no: int
    refers_to: UUID | None
    priority: int
    lane: Lane
    sha256: bytes
    size: int
    blob_id: UUID
    dialect: str
    needs_repair: bool
    rendition: Rendition | None
    attachments: tuple[AttachmentRecord, ...]
    indication: str | None
    verified: bool
    body_kept: bool
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One document on its way to one unit, under one id for as long as it takes."""

    id: UUID
    document_id: UUID
    kind: MessageKind
    unit_id: str
    system_id: UUID
    addressed_as: tuple[str, ...]
    state: DeliveryState
    lane: Lane
    decision: str | None = None
    reasons: tuple[str, ...] = ()
    waits_for: UUID | None = None
    parked_until: datetime | None = None
    attempts: int = 0
    lease_token: int = 0
    lease_until: datetime | None = None
    created_at: datetime
    alert_at: datetime | None = None
    deadline_at: datetime | None = None
    handed_over_at: datetime | None = None
    ended_at: datetime | None = None
    business_state: BusinessState | None = None
    business_before: BusinessState | None = None
    request_id: UUID | None = None
    redirected_from: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLink:
    """That a document `revokes`, `updates` or `replaces` another."""

    document_id: UUID
    related_id: UUID
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a document that a later one names; `numbers` are those that led to it."""

    document_id: UUID
    version_no: int
    numbers: frozenset[str]
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyDelivery:
    """A delivery of a version; `meant` is the unit that it was first addressed to, before any redirect."""

    delivery: DeliveryRecord
    meant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a revoking, updating or replacing document names: versions newest first, and their deliveries."""

    versions: tuple[Version, ...] = ()
    deliveries: tuple[FamilyDelivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A delivery as the recipient's system sees it in its inbox."""

    delivery: DeliveryRecord
    document: DocumentRecord
    text: DocumentText


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """The stored signature report of one attachment (JSON as `lienthong verify --json` writes it).

    `whole` is the same with nothing left out (`signing.report_codec`); older rows have none. `version` counts
    from 1 and `made_at` is when this version was written: both are the database's to say.
    """

    position: int
    sha256: bytes
    indication: str
    report_json: bytes
    whole: bytes | None = None
    version: int = 1
    made_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """A statement signed by the hub: a JWS over canonical JSON."""

    id: UUID
    document_id: UUID
    delivery_id: UUID | None
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event of the log; `seq` is None until a node has numbered it."""

    id: UUID
    seq: int | None
    kind: str
    document_id: UUID
    delivery_id: UUID | None
    unit_id: str | None
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be written with the state change that it tells of.

    `body` is canonical JSON of ids, codes, digests and enums only. `reason` and `salt` go to an
    erasable row; the body holds their digest.
    """

    id: UUID
    kind: str
    document_id: UUID
    delivery_id: UUID | None = None
    system_id: UUID | None = None
    unit_id: str | None = None
    body: bytes
    at: datetime
    reason: str | None = None
    salt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A claimed piece of work. Every write of the worker holds only while `lease_token` is current."""

    id: UUID
    kind: str
    lane: Lane
    document_id: UUID
    attempts: int
    lease_token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A message that says "look at row `ref`": never a payload (design section 3)."""

    topic: str
    ref: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to be made, due at once."""

    id: UUID
    kind: str
    lane: Lane
    document_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A state change with all that goes with it: written together or not at all, in one round trip.

    `deliveries` are rows as they are after the change, `made` are new ones; events tell of it; hints and
    tasks make others act on it; evidence states it for the sender. A delivery that is queued belongs to the
    system which speaks for its unit by then.
    """

    deliveries: Sequence[DeliveryRecord] = ()
    made: Sequence[DeliveryRecord] = ()
    events: Sequence[NewEvent] = ()
    hints: Sequence[Hint] = ()
    evidence: Sequence[EvidenceRow] = ()
    tasks: Sequence[NewTask] = ()

    def __bool__(self) -> bool:
        return any((self.deliveries, self.made, self.events, self.hints, self.evidence, self.tasks))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A hint waiting to be published; deleted when the broker has confirmed it."""

    id: int
    hint: Hint
