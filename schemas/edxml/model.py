"""What an edXML message says: frozen models of the document and the status message [QCVN 102].

Text fields are as sent, `""` where the element is absent or empty: the format knows no difference.
Identifiers (document ids, numbers, notations, status codes, content ids) are trimmed of surrounding spaces
and of zero-width characters, because they are compared; organisation codes keep their spelling in `organ_id`
and give their comparable form as `code`. Dates and times are claims of the sender: raw text and, where it can
be understood, the value in Vietnam time. They are never used for order or deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

STATUS_CODES: Final = frozenset({"01", "02", "03", "04", "05", "06", "13", "15", "16"})
BUSINESS_NEW: Final = 0
BUSINESS_REVOKE: Final = 1
BUSINESS_UPDATE: Final = 2
BUSINESS_REPLACE: Final = 3
BUSINESS_TYPES: Final = frozenset({BUSINESS_NEW, BUSINESS_REVOKE, BUSINESS_UPDATE, BUSINESS_REPLACE})

# Zero-width and joining characters, byte order marks and direction marks seen inside names and codes.
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def normal_id(text: str) -> str:
    """An identifier in comparable form: no invisible characters, no surrounding spaces (also U+00A0)."""
    return text.translate(_INVISIBLE).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class DateText:
    """A date as written, and its value if it is one."""

    raw: str = ""
    parsed: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeText:
    """A time as written (Vietnam time, no zone in the text), and its naive value if it is one."""

    raw: str = ""
    parsed: datetime | None = None


NO_DATE: Final = DateText()
NO_TIME: Final = TimeText()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A unit as named in From and To."""

    organ_id: str
    organization_in_charge: str = ""
    organ_name: str = ""
    organ_add: str = ""
    email: str = ""
    telephone: str = ""
    fax: str = ""
    website: str = ""

    @property
    def code(self) -> str:
        """The organisation code in comparable form."""
        return normal_id(self.organ_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentType:
    """Kind of document; the integers are not portable between systems, the name is."""

    type: int | None = None
    type_detail: int | None = None
    type_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """Who signed, as text: authority (TM., KT., …), position, name."""

    competence: str = ""
    position: str = ""
    full_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherInfo:
    """Handling marks. `secret` is the text of any Secret-like element of older forms, None without one."""

    priority: int = 0
    sphere: str = ""
    typer_notation: str = ""
    promulgation_amount: int | None = None
    page_amount: int | None = None
    direction: bool = False
    appendixes: tuple[str, ...] = ()
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFor:
    """The document that a reply, a revocation or a status refers to."""

    organ_id: str = ""
    code: str = ""
    document_id: str = ""
    promulgation_date: DateText = NO_DATE

    @property
    def organ_code(self) -> str:
        """The unit's code in comparable form."""
        return normal_id(self.organ_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """One hop; `organ_id` is empty where a hop wrote none or the word null."""

    organ_id: str = ""
    timestamp: TimeText = NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffInfo:
    """The clerk or officer who acted."""

    department: str = ""
    department_id: str = ""
    staff: str = ""
    staff_id: str = ""
    mobile: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A change in the recipients of an updated document: `receiver_type` 0 removed, 1 added."""

    organ_id: str
    receiver_type: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDocumentInfo:
    """What an update changes: metadata or content, and the list of recipients."""

    document_info: int | None = None
    document_receiver: int | None = None
    receivers: tuple[Receiver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementInfo:
    """A replaced document and the recipients for whom it is replaced."""

    document_id: str
    organ_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """What is done with the document: 0 new, 1 revoke, 2 update, 3 replace."""

    doc_type: int = BUSINESS_NEW
    reason: str = ""
    paper: int | None = None
    document_id: str = ""
    document_infos: tuple[BusinessDocumentInfo, ...] = ()
    replacements: tuple[ReplacementInfo, ...] = ()
    staff: tuple[StaffInfo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentInfo:
    """What the message says about a file. `content_id` is without `cid:`; `content_type` is the declared one,
    or the true one where the declared one would make readers unzip a file that is no archive."""

    content_id: str
    name: str
    content_type: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentMessage:
    """A document message: new, revoking, updating or replacing."""

    from_: Organization
    to: tuple[Organization, ...]
    document_id: str = ""
    code_number: str = ""
    code_notation: str = ""
    promulgation_place: str = ""
    promulgation_date: DateText = NO_DATE
    document_type: DocumentType = DocumentType()
    subject: str = ""
    content: str = ""
    signer_info: SignerInfo = SignerInfo()
    due_date: DateText = NO_DATE
    other_info: OtherInfo = OtherInfo()
    response_for: tuple[ResponseFor, ...] = ()
    steering_type: int = 1
    response_for_task: tuple[str, ...] = ()
    application_type: str = ""
    to_places: tuple[str, ...] = ()
    trace_headers: tuple[TraceHeader, ...] = ()
    business: Business = Business()
    attachments: tuple[AttachmentInfo, ...] = ()

    @property
    def code(self) -> str:
        """Number and notation as people write them: 2440/PLX-HĐQT."""
        return "/".join(part for part in (self.code_number, self.code_notation) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMessage:
    """A status message. `response_for.organ_id` is the unit that must get it: there is no To."""

    from_: Organization
    response_for: ResponseFor
    status_code: str
    description: str = ""
    timestamp: TimeText = NO_TIME
    staff: StaffInfo | None = None

    @property
    def code(self) -> str:
        """Number and notation of the document concerned."""
        return self.response_for.code
