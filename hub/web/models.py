"""What the REST interface takes and gives, as pydantic models: checked at the edge, shown in OpenAPI.

Times are RFC 3339 in UTC with Z; digests are hex SHA-256; ids are UUIDs. Field names are stable.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from hub.domain.limits import REASON_MAX, RECIPIENTS_MAX

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=REASON_MAX)]


# Moments that a system may state: a date outside is a mistake, and some cannot be written in local time.
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC))
]


class Model(BaseModel):
    """Base of all models: unknown fields in a request are an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemIssue(Model):
    """One thing wrong in a message: where, which rule, what to do."""

    code: str
    path: str
    text: str


class ProblemDocument(Model):
    """An error answer [RFC 9457]: `code` is stable, `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    trace_id: str
    params: dict[str, str | int] = {}
    errors: list[ProblemIssue] = []


class AttachmentOut(Model):
    """One attachment as accepted (a single-entry zip is undone)."""

    index: int
    name: str
    media_type: str
    size: int
    sha256: str


class AcceptanceOut(Model):
    """What the recipient's policy decided about the signatures, and why."""

    decision: str | None
    reasons: list[str]


class DeliveryOut(Model):
    """A delivery in the recipient's inbox."""

    delivery_id: UUID
    document_id: UUID
    kind: Literal["document", "status"]
    unit: str
    addressed_as: list[str]
    from_code: str
    from_name: str
    document_no: str
    code: str
    subject: str
    type_name: str
    doc_type: int | None
    status_code: str | None
    version_no: int
    priority: int
    urgent: bool
    attempts: int
    size: int
    original_sha256: str
    acceptance: AcceptanceOut
    attachments: list[AttachmentOut]
    accepted_at: datetime
    deadline_at: datetime | None


class InboxPage(Model):
    """What a system may lease now, in the order in which to fetch it."""

    deliveries: list[DeliveryOut]


class LeaseRequest(Model):
    """How long the caller wants a delivery for itself (30 s to 1 h, 5 minutes if absent)."""

    seconds: int | None = Field(default=None, ge=1, le=86_400)


class LeaseOut(Model):
    """A delivery taken: fetch `content_url` with the token, then confirm or reject with it."""

    delivery_id: UUID
    document_id: UUID
    lease_token: int
    lease_until: datetime
    content_url: str


class TokenRequest(Model):
    """Names the lease under which the caller acts."""

    lease_token: int = Field(ge=1)


class RenewRequest(TokenRequest):
    """Asks for more time under the current lease."""

    seconds: int | None = Field(default=None, ge=1, le=86_400)


class RejectRequest(TokenRequest):
    """Gives a delivery back for good; the reason goes to the sender."""

    reason: Reason


class DeliveryState(Model):
    """Where a delivery stands after a call."""

    delivery_id: UUID
    state: str
    at: datetime


class RenewOut(Model):
    """The lease after a renewal."""

    delivery_id: UUID
    lease_token: int
    lease_until: datetime


class StatusRequest(Model):
    """A business status about a document that the caller received, or a recall of one that it sent.

    `about` is the hub's id of that document, `at` when it happened at the caller; a resend repeats both,
    so that it is known as the same status. The hub writes the edXML status message in the caller's name;
    it never makes one up on its own.
    """

    about: UUID
    at: Moment
    from_code: str | None = Field(default=None, max_length=50)
    to_code: str | None = Field(default=None, max_length=50)
    status_code: Literal["01", "02", "03", "04", "05", "06", "13", "15", "16"]
    description: str = Field(default="", max_length=REASON_MAX)
    staff: str = Field(default="", max_length=100)
    department: str = Field(default="", max_length=200)


class RecallRequest(Model):
    """The sender wants a document back, from these units or from all its recipients.

    `at` is when that was decided: a resend repeats it, so that it is known as the same.
    """

    reason: Reason
    at: Moment
    units: list[str] = Field(default=[], max_length=RECIPIENTS_MAX)


class RecallOut(Model):
    """What became of a recall at one recipient; `asked` means a status 13 was sent, with that receipt."""

    unit: str
    delivery_id: UUID
    result: Literal["withdrawn", "asked", "over", "failed"]
    receipt_id: str | None
    code: str | None = None


class RecallAnswer(Model):
    """What became of a recall."""

    document_id: UUID
    recipients: list[RecallOut]


class SignerIn(Model):
    """Who signed the document, as text."""

    competence: str = Field(default="", max_length=50)
    position: str = Field(default="", max_length=100)
    full_name: str = Field(default="", max_length=100)


class QuotedIn(Model):
    """Another document that this one answers or revokes."""

    organ_id: str = Field(min_length=1, max_length=50)
    code: str = Field(default="", max_length=100)
    document_no: str = Field(default="", max_length=200)
    promulgation_date: date | None = None


class ReplacedIn(Model):
    """A document that this one replaces, and for whom."""

    document_no: str = Field(min_length=1, max_length=200)
    units: list[str] = Field(default=[], max_length=RECIPIENTS_MAX)


class DocumentMetadata(Model):
    """The fields of a document sent as multipart/form-data [QCVN 102].

    `sent_at` goes into the message's trace: a resend repeats it, so that it is known as the same.
    Without `document_no` the number is `from_code,yyyy/MM/dd,code_number/code_notation`.
    """

    from_code: str = Field(min_length=1, max_length=50)
    to: list[str] = Field(min_length=1, max_length=RECIPIENTS_MAX)
    document_no: str = Field(default="", max_length=200)
    code_number: str = Field(min_length=1, max_length=20)
    code_notation: str = Field(min_length=1, max_length=50)
    promulgation_date: date
    promulgation_place: str = Field(default="", max_length=50)
    type_name: str = Field(default="Công văn", max_length=100)
    subject: str = Field(min_length=1, max_length=500)
    content: str = Field(default="", max_length=500)
    priority: int = Field(default=0, ge=0, le=4, strict=True)
    due_date: date | None = None
    signer: SignerIn = SignerIn()
    response_for: list[QuotedIn] = Field(default=[], max_length=100)
    doc_type: int = Field(default=0, ge=0, le=3, strict=True)
    reason: str = Field(default="", max_length=REASON_MAX)
    updates: str = Field(default="", max_length=200)
    replaces: list[ReplacedIn] = Field(default=[], max_length=100)
    to_places: list[str] = Field(default=[], max_length=100)
    sent_at: Moment


class RedirectRequest(Model):
    """To which unit a delivery goes in place of the caller's, and why."""

    to: str = Field(min_length=1, max_length=50)
    reason: str = Field(min_length=1, max_length=REASON_MAX)


class RedirectOut(Model):
    """The delivery that was made for the other unit."""

    delivery_id: UUID
    redirected_to: UUID
    unit: str


class RecipientOut(Model):
    """One delivery of a document as its sender sees it; a recipient sees its own only.

    `request_id` is the message that last asked for it back or for a change, `redirected_from` the delivery
    in whose place this one stands.
    """

    delivery_id: UUID
    unit: str
    addressed_as: list[str]
    state: str
    business_state: str | None
    acceptance: AcceptanceOut
    attempts: int
    handed_over_at: datetime | None
    ended_at: datetime | None
    deadline_at: datetime | None
    request_id: UUID | None
    redirected_from: UUID | None


class DocumentOut(Model):
    """An accepted message and where its deliveries stand."""

    document_id: UUID
    kind: Literal["document", "status"]
    from_code: str
    document_no: str
    code: str
    subject: str
    doc_type: int | None
    status_code: str | None
    version_no: int
    priority: int
    sha256: str
    size: int
    dialect: str
    repaired: bool
    rendition_sha256: str | None
    indication: str | None
    attachments: list[AttachmentOut]
    refers_to: UUID | None
    accepted_at: datetime
    deliveries: list[RecipientOut]


class EventOut(Model):
    """One event of the log; `seq` is the cursor, absent until the event is numbered."""

    event_id: UUID
    seq: int | None
    kind: str
    document_id: UUID
    delivery_id: UUID | None
    unit: str | None
    at: datetime
    data: dict[str, object]
    reason: str | None = None


class Timeline(Model):
    """Everything that happened to a document, oldest first."""

    document_id: UUID
    events: list[EventOut]


class EventPage(Model):
    """Events after a cursor; ask again with `next`, at once where there is `more`."""

    events: list[EventOut]
    next: int
    more: bool


class EvidenceOut(Model):
    """A statement signed by the hub."""

    evidence_id: UUID
    kind: str
    delivery_id: UUID | None
    jws: str


class EvidenceList(Model):
    """Statements about a document."""

    document_id: UUID
    evidence: list[EvidenceOut]


class EarlierReportOut(Model):
    """What was said before, on which decisions were taken; at `url` in the same forms as the newest."""

    version: int
    made_at: datetime | None
    indication: str
    url: str


class SignatureReportOut(Model):
    """The newest signature report of one attachment, as `lienthong verify --json` writes it.

    At `url` it is given alone, also as a printable PDF and as ETSI TS 119 102-2 XML (by Accept). A verdict
    that waited for an answer may have become another one: `version` counts, `earlier` has those before.
    """

    position: int
    version: int
    made_at: datetime | None
    sha256: str
    indication: str
    url: str
    earlier: list[EarlierReportOut]
    report: dict[str, object]


class SignatureReports(Model):
    """The signature reports of a document.

    `looked_at_again`: when a verdict that is open for want of an answer is next asked for; null if none is.
    """

    document_id: UUID
    indication: str | None
    looked_at_again: datetime | None
    reports: list[SignatureReportOut]


class VerifyOrder(Model):
    """Asks for the verification of a document that the caller sent or received, as it stands today."""

    document_id: UUID


class AgencyOut(Model):
    """An agency of the directory."""

    unit: str
    name: str
    level: str
    parent: str | None
    state: str
    codes: list[str]
    connected: bool


class DirectoryPage(Model):
    """Agencies found."""

    snapshot: str
    agencies: list[AgencyOut]


class Receipt(Model):
    """The stored receipt: `receipt` readable, `jws` the hub's seal over its canonical bytes (ES256)."""

    receipt: dict[str, object]
    jws: str


class KeySet(Model):
    """The hub's public keys (JWK set), to check receipts and evidence."""

    keys: list[dict[str, object]]


class Health(Model):
    """Whether this node works."""

    status: Literal["ok", "unready"]
    checks: dict[str, str] = {}
