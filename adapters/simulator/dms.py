"""A simulated document-management system: writes and signs real letters, sends and receives real edXML.

It stands for the systems of communes, districts and departments in the demo and in tests. It knows the
hub by its REST interface alone; keys and certificates are those of the development PKI.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.simulator.client import Fetched, HubClient, Json, Sent
from schemas.edxml.model import (
    AttachmentInfo,
    Business,
    DateText,
    DocumentMessage,
    DocumentType,
    Organization,
    OtherInfo,
    ResponseFor,
    SignerInfo,
    TimeText,
    TraceHeader,
)
from schemas.edxml.write import write_document
from signing.credentials import Credential

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
NEW = Business(doc_type=0, reason="Văn bản điện tử mới", paper=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The agency that a simulated system works for."""

    code: str
    name: str
    notation: str
    place: str
    governing_body: str | None
    signer: str
    signer_title: str
    authority: str | None


def addressee(code: str, name: str) -> Unit:
    """Return an agency as one that is written to: nothing else of it is known."""
    return Unit(
        code=code,
        name=name,
        notation="",
        place="",
        governing_body=None,
        signer="",
        signer_title="",
        authority=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a clerk types in: the rest of a message follows from the unit."""

    number: int
    subject: str
    paragraphs: Sequence[str]
    to: Sequence[Unit]
    priority: int = 0
    reply_to: Json | None = None
    business: Business = NEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A delivery that was fetched and confirmed."""

    offer: Json
    fetched: Fetched


class SimulatedDms:
    """One system speaking for one unit."""

    def __init__(
        self,
        unit: Unit,
        client: HubClient,
        *,
        person: Credential | None = None,
        organisation: Credential | None = None,
    ) -> None:
        """Without credentials it only receives."""
        self.unit = unit
        self.client = client
        self._person = person
        self._organisation = organisation

    async def compose(self, letter: Letter, *, now: datetime) -> tuple[bytes, bytes]:
        """Return (edXML message, the signed PDF in it)."""
        pdf = await asyncio.to_thread(self._signed_pdf, letter, now)
        return self.message(letter, pdf, now=now), pdf

    def message(self, letter: Letter, pdf: bytes, *, now: datetime) -> bytes:
        """Return the edXML message of a letter around a given PDF."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "letter.pdf"
            path.write_bytes(pdf)
            return b"".join(write_document(self._document(letter, now), [path]))

    async def send(self, letter: Letter, *, now: datetime) -> tuple[Sent, bytes]:
        """Write, sign and send a letter; return the receipt and the message as sent."""
        body, _ = await self.compose(letter, now=now)
        return await self.client.send(body), body

    async def receive(self, *, wait: int = 25) -> list[Received]:
        """Fetch and confirm everything that has come, waiting for the first."""
        received = []
        for offer in await self.client.inbox(wait=wait):
            fetched = await self.client.fetch(offer["delivery_id"])
            if hashlib.sha256(fetched.body).hexdigest() != fetched.sha256:
                await self.client.reject(fetched, "nội dung tải về không khớp mã băm")
                continue
            await self.client.confirm(fetched)
            received.append(Received(offer=offer, fetched=fetched))
        return received

    def document_no(self, number: int, day: date) -> str:
        """Return the document's number as others quote it."""
        return f"{self.unit.code},{day:%Y/%m/%d},{number}/{self.unit.notation}"

    def _signed_pdf(self, letter: Letter, now: datetime) -> bytes:
        # What draws is heavy: commands that only know the simulator must not pay for it.
        from adapters.simulator.letter import make_letter  # noqa: PLC0415
        from signing.pades import sign_letter  # noqa: PLC0415

        unit = self.unit
        assert self._person is not None, f"{unit.name} does not sign"
        assert self._organisation is not None, f"{unit.name} has no seal"
        pdf = make_letter(
            issuing_body=unit.name,
            governing_body=unit.governing_body,
            code_number=str(letter.number),
            code_notation=unit.notation,
            place=unit.place,
            issued_on=now.astimezone(VIETNAM).date(),
            subject=letter.subject,
            paragraphs=letter.paragraphs,
            addressees=[to.name for to in letter.to],
            signing_authority=unit.authority,
            signer_title=unit.signer_title,
            signer_name=unit.signer,
            copies_to=["Như trên", "Lưu: VT"],
        )
        return sign_letter(pdf, person=self._person, organisation=self._organisation, now=now)

    def _document(self, letter: Letter, now: datetime) -> DocumentMessage:
        local = now.astimezone(VIETNAM)
        day = local.date()
        return DocumentMessage(
            from_=_organization(self.unit),
            to=tuple(_organization(to) for to in letter.to),
            document_id=self.document_no(letter.number, day),
            code_number=str(letter.number),
            code_notation=self.unit.notation,
            promulgation_place=self.unit.place,
            promulgation_date=DateText(raw=f"{day:%Y/%m/%d}", parsed=day),
            document_type=DocumentType(type=2, type_name="Công văn"),
            subject=letter.subject,
            content=letter.subject,
            signer_info=SignerInfo(
                competence=self.unit.authority or "",
                position=self.unit.signer_title,
                full_name=self.unit.signer,
            ),
            other_info=OtherInfo(priority=letter.priority, sphere="Liên thông văn bản"),
            response_for=_response_for(letter.reply_to),
            to_places=("Như trên", "Lưu: VT"),
            trace_headers=(
                TraceHeader(organ_id=self.unit.code, timestamp=TimeText(raw=f"{local:%Y/%m/%d %H:%M:%S}")),
            ),
            business=letter.business,
            attachments=(
                AttachmentInfo(
                    content_id="1",
                    name=f"{letter.number}_{self.unit.notation}.pdf",
                    content_type="application/pdf",
                ),
            ),
        )


def _organization(unit: Unit) -> Organization:
    return Organization(
        organ_id=unit.code, organ_name=unit.name, organization_in_charge=unit.governing_body or ""
    )


def _response_for(offer: Json | None) -> tuple[ResponseFor, ...]:
    if offer is None:
        return ()
    day = str(offer["document_no"]).split(",")[1] if "," in offer["document_no"] else ""
    return (
        ResponseFor(
            organ_id=offer["from_code"],
            code=offer["code"],
            document_id=offer["document_no"],
            promulgation_date=DateText(raw=day),
        ),
    )
