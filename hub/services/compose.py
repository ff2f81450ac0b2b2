"""edXML written for a system that sends fields and files instead.

The hub builds the message from what the caller says, in the strict dialect, and takes it in through the
same intake as every other: same checks, same receipt. A resend is known by its fields and files, whatever
the directory calls the agencies by then; `sent_at`, which goes into the trace of the message, is the
caller's to say and to repeat.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from hub.domain.directory import Directory
from hub.domain.ids import normalise_code
from hub.domain.jcs import Json
from hub.domain.submission import MessageKind
from hub.services.access import Caller
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.intake import IntakeService, Submitted
from hub.services.order_key import OrderKey, order_digest, said_at
from schemas.edxml.model import (
    AttachmentInfo,
    Business,
    DateText,
    DocumentMessage,
    DocumentType,
    Organization,
    OtherInfo,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    TimeText,
    TraceHeader,
)
from schemas.edxml.write import write_document

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
ADMINISTRATIVE: Final = 2
EDXML_NAME: Final = "message.edxml"
READ_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Another document, as a reply or a revocation quotes it."""

    organ_id: str
    code: str
    document_no: str
    promulgated: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """Who signed the document, as text."""

    competence: str
    position: str
    full_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a document does to an earlier one: 0 nothing (new), 1 revoke, 2 update, 3 replace."""

    doc_type: int
    reason: str
    updates: str
    replaces: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOrder:
    """The fields of a document [QCVN 102]."""

    from_code: str
    to_codes: tuple[str, ...]
    document_no: str
    code_number: str
    code_notation: str
    promulgated: date
    place: str
    type_name: str
    subject: str
    content: str
    priority: int
    due: date | None
    signer: SignedBy
    quotes: tuple[Quoted, ...]
    change: Change
    to_places: tuple[str, ...]
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """One file of the document: its name, and where its bytes lie."""

    name: str
    content_type: str
    path: Path


class ComposeService:
    """Writes and takes in documents given as fields and files."""

    def __init__(self, intake: IntakeService, directory: DirectorySnapshot) -> None:
        self._intake = intake
        self._directory = directory

    async def submit(
        self,
        caller: Caller,
        order: DocumentOrder,
        files: Sequence[FilePart],
        *,
        spool: Path,
        idempotency_key: str | None,
    ) -> Submitted:
        """Write the message into `spool` and take it in; raises what intake raises.

        If the process dies here, nothing was accepted; the spool is cleared at the next start.
        """
        key = await asyncio.to_thread(_key, order, files)
        known = await self._intake.known_order(caller, key, idempotency_key=idempotency_key)
        if known is not None:
            return known
        message = _message(order, files, await self._directory.current())
        path = spool / EDXML_NAME
        await asyncio.to_thread(_write, message, files, path)
        return await self._intake.submit(caller, _read(path), idempotency_key=idempotency_key, order=key)


def _key(order: DocumentOrder, files: Sequence[FilePart]) -> OrderKey:
    fields: dict[str, Json] = {
        "from": normalise_code(order.from_code),
        "to": [normalise_code(code) for code in order.to_codes],
        "document_no": order.document_no,
        "code": [order.code_number, order.code_notation],
        "promulgated": [order.promulgated.isoformat(), order.place],
        "type_name": order.type_name,
        "subject": order.subject,
        "content": order.content,
        "priority": order.priority,
        "due": None if order.due is None else order.due.isoformat(),
        "signer": [order.signer.competence, order.signer.position, order.signer.full_name],
        "quotes": [
            [q.organ_id, q.code, q.document_no, None if q.promulgated is None else q.promulgated.isoformat()]
            for q in order.quotes
        ],
        "change": [
            order.change.doc_type,
            order.change.reason,
            order.change.updates,
            [[number, list(units)] for number, units in order.change.replaces],
        ],
        "to_places": list(order.to_places),
        "sent_at": said_at(order.sent_at),
        "files": [[f.name, f.content_type, _digest(f.path)] for f in files],
    }
    return OrderKey(kind=MessageKind.DOCUMENT, sha256=order_digest(MessageKind.DOCUMENT, fields))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _message(order: DocumentOrder, files: Sequence[FilePart], directory: Directory) -> DocumentMessage:
    sent = order.sent_at.astimezone(VIETNAM)
    number = f"{order.code_number}/{order.code_notation}"
    own_code = normalise_code(order.from_code)
    return DocumentMessage(
        from_=_organization(order.from_code, directory),
        to=tuple(_organization(code, directory) for code in order.to_codes),
        document_id=order.document_no or f"{own_code},{order.promulgated:%Y/%m/%d},{number}",
        code_number=order.code_number,
        code_notation=order.code_notation,
        promulgation_place=order.place,
        promulgation_date=_date(order.promulgated),
        document_type=DocumentType(type=ADMINISTRATIVE, type_name=order.type_name),
        subject=order.subject,
        content=order.content or order.subject,
        signer_info=SignerInfo(
            competence=order.signer.competence,
            position=order.signer.position,
            full_name=order.signer.full_name,
        ),
        due_date=_date(order.due),
        other_info=OtherInfo(priority=order.priority),
        response_for=tuple(
            ResponseFor(
                organ_id=q.organ_id,
                code=q.code,
                document_id=q.document_no,
                promulgation_date=_date(q.promulgated),
            )
            for q in order.quotes
        ),
        to_places=order.to_places,
        trace_headers=(TraceHeader(organ_id=own_code, timestamp=TimeText(raw=f"{sent:%Y/%m/%d %H:%M:%S}")),),
        business=_business(order.change),
        attachments=tuple(
            AttachmentInfo(content_id=str(place), name=f.name, content_type=f.content_type)
            for place, f in enumerate(files, 1)
        ),
    )


def _business(change: Change) -> Business:
    return Business(
        doc_type=change.doc_type,
        reason=change.reason,
        paper=0,
        document_id=change.updates,
        replacements=tuple(
            ReplacementInfo(document_id=number, organ_ids=units) for number, units in change.replaces
        ),
    )


def _organization(code: str, directory: Directory) -> Organization:
    # The name is the directory's; a code that it does not know is refused by intake, not here.
    known = directory.by_code(code)
    return Organization(organ_id=normalise_code(code), organ_name="" if known is None else known.name)


def _date(day: date | None) -> DateText:
    return DateText() if day is None else DateText(raw=f"{day:%Y/%m/%d}", parsed=day)


def _write(message: DocumentMessage, files: Sequence[FilePart], path: Path) -> None:
    with path.open("xb") as target:
        for chunk in write_document(message, [f.path for f in files]):
            target.write(chunk)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk
