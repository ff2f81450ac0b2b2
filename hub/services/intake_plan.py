"""What an accepted message becomes, decided before the transaction begins: pure.

A plan holds every row that the intake transaction writes and the receipt that the sender gets. It is
made from the message as read, the directory as of now and what the message refers to; the same inputs
give the same plan but for ids and the seal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.domain.business import BusinessState
from hub.domain.deadlines import deadlines_for, lane_of
from hub.domain.directory import RecipientResult, Resolution, ResultKind
from hub.domain.ids import normalise_code
from hub.domain.submission import MessageKind, effective_document_no
from hub.domain.transport import FIRST_STATE_OF_DOCUMENT, FIRST_STATE_OF_STATUS
from hub.ports.records import AttachmentRecord, DeliveryRecord, DocumentRecord, DocumentText, Rendition
from hub.services.receive import Received
from hub.services.rules import Rules
from schemas.edxml.model import DocumentMessage, StatusMessage
from schemas.edxml.read import ReadEdxml

# Statuses travel before documents of the normal lane: they are small and people wait for them.
STATUS_PRIORITY: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the hub needs to know of a message, whatever its kind."""

    kind: MessageKind
    from_code: str
    recipients: tuple[str, ...]
    document_no: str
    doc_type: int | None
    status_code: str | None
    priority: int
    text_of: tuple[str, str, str, str, str, str]
    refers_to_nos: tuple[str, ...]
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
        refers_to_nos=_referred_numbers(m, document_no),
        secrecy_fields=tuple((name, value) for name, value in fields if value),
    )


def _referred_numbers(m: DocumentMessage, document_no: str) -> tuple[str, ...]:
    match m.business.doc_type:
        case 1:
            return tuple(_quoted_number(r.document_id) for r in m.response_for if r.document_id)
        case 2:
            named = (_quoted_number(m.business.document_id),) if m.business.document_id else ()
            return (*named, document_no)
        case 3:
            return tuple(_quoted_number(r.document_id) for r in m.business.replacements if r.document_id)
        case _:
            return ()


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
        refers_to_nos=(_quoted_number(m.response_for.document_id),),
        secrecy_fields=(("Description", m.description),) if m.description else (),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows of one intake.

    `undeliverable` are the recipients for whom evidence is made at once; `concerned` the units at which
    the message moves the business state of what it refers to.
    """

    document: DocumentRecord
    text: DocumentText
    deliveries: tuple[DeliveryRecord, ...]
    undeliverable: tuple[RecipientResult, ...]
    concerned: frozenset[str]


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
    referred: Sequence[DeliveryRecord],
    delivery_ids: Sequence[UUID],
    rendition: Rendition | None,
) -> Plan:
    """Return the rows of one intake.

    Args:
        referred: deliveries of the document that this message refers to, if the hub knows it.
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
        refers_to=referred[0].document_id if referred else None,
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
        deliveries=_deliveries(document, resolution, referred, delivery_ids, origin.rules),
        undeliverable=tuple(r for r in resolution.results if r.result is ResultKind.UNDELIVERABLE),
        concerned=frozenset(
            d.unit_id for d in (referred if facts.kind is MessageKind.STATUS else resolution.units)
        ),
    )


def _deliveries(
    document: DocumentRecord,
    resolution: Resolution,
    referred: Sequence[DeliveryRecord],
    delivery_ids: Sequence[UUID],
    rules: Rules,
) -> tuple[DeliveryRecord, ...]:
    is_document = document.kind is MessageKind.DOCUMENT
    limits = deadlines_for(document.priority, document.accepted_at, allowances=rules.deadlines)
    waits = _what_to_wait_for(document, referred)
    parked = None if is_document or referred else document.accepted_at + rules.parked_for
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
            waits_for=waits.get(unit.unit_id),
            parked_until=parked,
            created_at=document.accepted_at,
            alert_at=limits.alert_at,
            deadline_at=limits.evidence_at,
            business_state=BusinessState.SENT if is_document else None,
        )
        for unit, delivery_id in zip(resolution.units, delivery_ids, strict=False)
    )


def _what_to_wait_for(document: DocumentRecord, referred: Sequence[DeliveryRecord]) -> dict[str, UUID]:
    # Design section 4: per recipient unit, what refers to another message is not offered before that
    # one was handed over or has ended. A status of a recipient goes to the sender, who has the
    # document already; only a recall (13) follows the document to its recipient.
    if document.kind is MessageKind.DOCUMENT or document.status_code == "13":
        return {d.unit_id: d.id for d in referred}
    return {}
