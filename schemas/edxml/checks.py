"""What is wrong with a message without being a reason to refuse it: checks on the finished model.

The same length table serves reading (warnings) and writing (`schemas.edxml.write.writing_issues`). Lengths
are those of NĐ 30/2020 Annex VI and of a provincial exchange's validator; nobody is known to enforce them
reliably.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from schemas.edxml.model import (
    BUSINESS_REPLACE,
    BUSINESS_REVOKE,
    BUSINESS_UPDATE,
    DocumentMessage,
    Organization,
    StatusMessage,
)
from schemas.issues import Issue
from schemas.messages import issue

SUBJECT_LENGTH: Final = 500
_ORGAN_LENGTHS: Final = (
    ("OrganId", "organ_id", 50),
    ("OrganName", "organ_name", 200),
    ("OrganizationInCharge", "organization_in_charge", 500),
    ("OrganAdd", "organ_add", 500),
    ("Email", "email", 100),
    ("Telephone", "telephone", 20),
    ("Fax", "fax", 20),
)
_REASON_STATUSES: Final = frozenset({"02", "13", "16"})
_CHANGES: Final = {
    BUSINESS_REVOKE: ("thu hồi", "revocation"),
    BUSINESS_UPDATE: ("cập nhật", "update"),
    BUSINESS_REPLACE: ("thay thế", "replacement"),
}


def length_issues(message: DocumentMessage | StatusMessage) -> Iterator[Issue]:
    """Texts longer than receivers are known to store."""
    yield from _organ_lengths("From", message.from_)
    if isinstance(message, StatusMessage):
        return
    for number, recipient in enumerate(message.to, 1):
        yield from _organ_lengths(f"To[{number}]", recipient)
    other, signer = message.other_info, message.signer_info
    for path, text, limit in (
        ("Code/CodeNumber", message.code_number, 11),
        ("Code/CodeNotation", message.code_notation, 30),
        ("PromulgationInfo/Place", message.promulgation_place, 50),
        ("DocumentType/TypeName", message.document_type.type_name, 100),
        ("Subject", message.subject, SUBJECT_LENGTH),
        ("Content", message.content, 500),
        ("SignerInfo/Position", signer.position, 100),
        ("SignerInfo/FullName", signer.full_name, 50),
        ("OtherInfo/SphereOfPromulgation", other.sphere, 100),
        ("OtherInfo/TyperNotation", other.typer_notation, 10),
        ("ToPlaces", "\n".join(message.to_places), 1000),
    ):
        yield from _length(path, text, limit)
    for number, attachment in enumerate(message.attachments, 1):
        yield from _length(f"Attachment[{number}]/AttachmentName", attachment.name, 500)


def document_issues(message: DocumentMessage, today: date | None) -> Iterator[Issue]:
    """What a document lacks. Without `today` nothing is said about the future."""
    if not message.document_id:
        yield issue("document_id_absent", "MessageHeader/DocumentId")
    if not message.code_number or not message.code_notation:
        yield issue("code_absent", "MessageHeader/Code")
    if not message.subject:
        yield issue("subject_missing", "MessageHeader/Subject")
    if not message.attachments:
        yield issue("attachments_absent", "AttachmentEncoded")
    issued = message.promulgation_date
    if today is not None and issued.parsed is not None and issued.parsed > today:
        yield issue("date_in_future", "MessageHeader/PromulgationInfo/PromulgationDate", value=issued.raw)
    yield from _change_issues(message)


def status_issues(message: StatusMessage) -> Iterator[Issue]:
    """What a status lacks."""
    if message.status_code in _REASON_STATUSES and not message.description:
        yield issue("reason_missing", "MessageHeader/Description", value=message.status_code)


def _change_issues(message: DocumentMessage) -> Iterator[Issue]:
    business = message.business
    lacks = ""
    if business.doc_type == BUSINESS_REVOKE:
        named = business.document_id or any(each.document_id for each in message.response_for)
        lacks = "" if named else "ResponseFor/DocumentId"
    elif business.doc_type == BUSINESS_UPDATE:
        lacks = "" if business.document_id else "Bussiness/DocumentId"
    elif business.doc_type == BUSINESS_REPLACE:
        lacks = (
            "" if any(each.document_id for each in business.replacements) else "ReplacementInfo/DocumentId"
        )
    if lacks:
        yield issue(
            "business_incomplete",
            "TraceHeaderList/Bussiness",
            value=_CHANGES[business.doc_type],
            detail=lacks,
        )


def _organ_lengths(place: str, organization: Organization) -> Iterator[Issue]:
    for name, attribute, limit in _ORGAN_LENGTHS:
        yield from _length(f"{place}/{name}", getattr(organization, attribute), limit)


def _length(path: str, text: str, limit: int) -> Iterator[Issue]:
    if len(text) > limit:
        name = path.rpartition("/")[2]
        yield issue("text_too_long", f"MessageHeader/{path}", value=name, detail=len(text), limit=limit)
