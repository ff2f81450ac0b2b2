"""What an accepted message becomes, decided before the transaction begins: pure.

A plan holds every row that the intake transaction writes and the receipt that the sender gets. It is
made from the message as read, the directory as of now and what the message refers to; the same inputs
give the same plan but for ids and the seal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.business import BusinessState
from hub.domain.deadlines import deadlines_for, lane_of
from hub.domain.directory import RecipientResult, Resolution, ResultKind
from hub.domain.ids import normalise_code
from hub.domain.submission import MessageKind, effective_document_no
from hub.domain.transport import FIRST_STATE_OF_DOCUMENT, FIRST_STATE_OF_STATUS
from hub.ports.records import (
    AttachmentRecord,
    DeliveryRecord,
    DocumentLink,
    DocumentRecord,
    DocumentText,
    Rendition,
)
from hub.services.changes import UPDATE, Asked, Naming
from hub.services.receive import Received
from hub.services.rules import Rules
from schemas.edxml.model import DocumentMessage, StatusMessage
from schemas.edxml.read import ReadEdxml

# Statuses travel before documents of the normal lane: they are small and people wait for them.
STATUS_PRIORITY: Final = 0
RECEIVER_REMOVED: Final = 0
RECEIVER_ADDED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the hub needs to know of a message, whatever its kind.

    `namings` are the documents that it is about: one for a status, those that a document of type 1–3
    changes. `removed` are the codes that an update takes from the recipients.
    """

    kind: MessageKind
    from_code: str
    recipients: tuple[str, ...]
    document_no: str
    doc_type: int | None
    status_code: str | None
    priority: int
    text_of: tuple[str, str, str, str, str, str]
    namings: tuple[Naming, ...]
    removed: tuple[str, ...]
    secrecy_fields: tuple[tuple[str, str], ...]


def facts_of(received: Received) -> Facts:
    """Return the facts of a message as received."""
    message = received.message.message
    if isinstance(message, StatusMessage):
        return _status_facts(message)
    return _document_facts(received.message, message, _own_number(message, received.sha256))


def _own_number(m: DocumentMessage, sha256: bytes) -> str:
    return effective_document_no(
        document_id=m.document_id,
        organ_id=m.from_.organ_id,
        code_number=m.code_number,
        code_notation=m.code_notation,
        promulgation_date=m.promulgation_date.parsed,
        sha256=sha256,
    )


def _quoted_number(document_id: str) -> str:
    # A number quoted by another message, in the spelling under which the document was taken in.
    return effective_document_no(
        document_id=document_id,
        organ_id="",
        code_number=None,
        code_notation=None,
        promulgation_date=None,
        sha256=bytes(32),
    )


def _document_facts(read: ReadEdxml, m: DocumentMessage, document_no: str) -> Facts:
    other = m.other_info
    fields = [
        ("Subject", m.subject),
        ("Content", m.content),
        ("CodeNotation", m.code_notation),
        ("TyperNotation", other.typer_notation),
        ("SphereOfPromulgation", other.sphere),
        ("Secret", other.secret or ""),
        *(("AttachmentName", a.name) for a in read.attachments),
    ]
    return Facts(
        kind=MessageKind.DOCUMENT,
        from_code=normalise_code(m.from_.organ_id),
        recipients=tuple(normalise_code(to.organ_id) for to in m.to),
        document_no=document_no,
        doc_type=m.business.doc_type,
        status_code=None,
        priority=other.priority,
        text_of=(
            m.code,
            m.subject,
            m.from_.organ_name,
            m.promulgation_date.raw,
            m.document_type.type_name,
            m.business.reason,
        ),
        namings=_namings(m, document_no),
        removed=_removed(m) if m.business.doc_type == UPDATE else (),
        secrecy_fields=tuple((name, value) for name, value in fields if value),
    )


def _namings(m: DocumentMessage, document_no: str) -> tuple[Naming, ...]:
    match m.business.doc_type:
        case 1:
            # Products also name what they revoke as an update does, or revoke under the same number.
            quoted = [r.document_id for r in m.response_for] or [m.business.document_id]
            named = tuple(Naming(number=_quoted_number(number)) for number in quoted if number)
            return named or (Naming(number=document_no),)
        case 2:
            # The number from which the versions are counted comes first.
            named = (Naming(number=_quoted_number(m.business.document_id)),) if m.business.document_id else ()
            return (*named, Naming(number=document_no))
        case 3:
            return tuple(
                Naming(
                    number=_quoted_number(r.document_id), only_for=frozenset(map(normalise_code, r.organ_ids))
                )
                for r in m.business.replacements
                if r.document_id
            )
        case _:
            return ()


def _removed(m: DocumentMessage) -> tuple[str, ...]:
    receivers = [r for info in m.business.document_infos for r in info.receivers]
    added = {normalise_code(r.organ_id) for r in receivers if r.receiver_type == RECEIVER_ADDED}
    gone = [normalise_code(r.organ_id) for r in receivers if r.receiver_type == RECEIVER_REMOVED]
    # Said to be both: it stays a recipient.
    return tuple(dict.fromkeys(code for code in gone if code not in added))


def _status_facts(m: StatusMessage) -> Facts:
    return Facts(
        kind=MessageKind.STATUS,
        from_code=normalise_code(m.from_.organ_id),
        recipients=(normalise_code(m.response_for.organ_id),),
        document_no=_quoted_number(m.response_for.document_id),
        doc_type=None,
        status_code=m.status_code,
        priority=STATUS_PRIORITY,
        text_of=(
            m.response_for.code,
            "",
            m.from_.organ_name,
            m.response_for.promulgation_date.raw,
            "",
            m.description,
        ),
        namings=(Naming(number=_quoted_number(m.response_for.document_id)),),
        removed=(),
        secrecy_fields=(("Description", m.description),) if m.description else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a message refers to, as the hub knows it: nothing, if it knows nothing.

    `asked` are the deliveries whose business state it moves; `waits_for` says, by unit, behind which
    delivery the message comes.
    """

    refers_to: UUID | None = None
    asked: tuple[Asked, ...] = ()
    waits_for: Mapping[str, UUID] = field(default_factory=dict)
    links: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows of one intake; `undeliverable` are the recipients for whom evidence is made at once."""

    document: DocumentRecord
    text: DocumentText
    deliveries: tuple[DeliveryRecord, ...]
    undeliverable: tuple[RecipientResult, ...]
    reference: Reference

    @property
    def links(self) -> tuple[DocumentLink, ...]:
        """What the document does to earlier ones."""
        return tuple(
            DocumentLink(document_id=self.document.id, related_id=related, relation=relation)
            for related, relation in self.reference.links
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a message came from, and under which ids, time and rules it is taken in."""

    document_id: UUID
    blob_id: UUID
    system_id: UUID
    from_unit: str
    version_no: int
    at: datetime
    salt: bytes
    rules: Rules


def plan_intake(
    received: Received,
    facts: Facts,
    resolution: Resolution,
    *,
    origin: Origin,
    reference: Reference,
    delivery_ids: Sequence[UUID],
    rendition: Rendition | None,
) -> Plan:
    """Return the rows of one intake.

    Args:
        delivery_ids: at least one id per routed unit, all greater than the document's id.
    """
    document = DocumentRecord(
        id=origin.document_id,
        kind=facts.kind,
        system_id=origin.system_id,
        from_unit=origin.from_unit,
        from_code=facts.from_code,
        document_no=facts.document_no,
        doc_type=facts.doc_type,
        status_code=facts.status_code,
        version_no=origin.version_no,
        refers_to=reference.refers_to,
        priority=facts.priority,
        lane=lane_of(facts.priority),
        sha256=received.sha256,
        size=received.size,
        blob_id=origin.blob_id,
        dialect=str(received.message.dialect),
        needs_repair=received.message.needs_repair,
        rendition=rendition,
        attachments=tuple(
            AttachmentRecord(
                index=a.index, name=a.safe_name, media_type=a.media_type, size=a.size, sha256=a.sha256
            )
            for a in received.message.attachments
        ),
        indication=None,
        verified=False,
        body_kept=True,
        accepted_at=origin.at,
    )
    code, subject, from_name, promulgated, type_name, description = facts.text_of
    text = DocumentText(
        salt=origin.salt,
        code=code,
        subject=subject,
        from_name=from_name,
        promulgated=promulgated,
        type_name=type_name,
        description=description,
    )
    return Plan(
        document=document,
        text=text,
        deliveries=_deliveries(document, resolution, reference, delivery_ids, origin.rules),
        undeliverable=tuple(r for r in resolution.results if r.result is ResultKind.UNDELIVERABLE),
        reference=reference,
    )


def _deliveries(
    document: DocumentRecord,
    resolution: Resolution,
    reference: Reference,
    delivery_ids: Sequence[UUID],
    rules: Rules,
) -> tuple[DeliveryRecord, ...]:
    is_document = document.kind is MessageKind.DOCUMENT
    limits = deadlines_for(document.priority, document.accepted_at, allowances=rules.deadlines)
    known = is_document or reference.refers_to is not None
    parked = None if known else document.accepted_at + rules.parked_for
    return tuple(
        DeliveryRecord(
            id=delivery_id,
            document_id=document.id,
            kind=document.kind,
            unit_id=unit.unit_id,
            system_id=unit.system_id,
            addressed_as=unit.addressed_as,
            state=FIRST_STATE_OF_DOCUMENT if is_document else FIRST_STATE_OF_STATUS,
            lane=document.lane,
            waits_for=reference.waits_for.get(unit.unit_id),
            parked_until=parked,
            created_at=document.accepted_at,
            alert_at=limits.alert_at,
            deadline_at=limits.evidence_at,
            business_state=BusinessState.SENT if is_document else None,
        )
        for unit, delivery_id in zip(resolution.units, delivery_ids, strict=False)
    )
