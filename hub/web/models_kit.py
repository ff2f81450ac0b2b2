"""Models of what vendors use while they connect and after a restore: validation and history."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from hub.web.models import DeliveryOut, Model


class ValidationIssue(Model):
    """One thing that is wrong or odd: which rule, where, what to do."""

    code: str
    path: str
    text: str


class ValidationAttachment(Model):
    """One attachment as it was read."""

    name: str
    size: int
    media_type: str
    sha256: str


class ValidationSummary(Model):
    """What the message says, in short."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    from_: str | None = Field(alias="from")
    to: list[str]
    document_id: str | None
    code: str | None
    subject: str | None
    type: str | None
    business_type: int | None
    status_code: str | None
    attachments: list[ValidationAttachment]


class ValidationOut(Model):
    """What was found in a message: the object that `lienthong validate --json` writes for a file."""

    file: str
    kind: Literal["document", "status", "unknown"]
    dialect: str
    ok: bool
    errors: list[ValidationIssue]
    warnings: list[ValidationIssue]
    summary: ValidationSummary


class ConfirmedOut(DeliveryOut):
    """A delivery that the caller has confirmed; `content_kept` says whether it can be fetched again."""

    confirmed_at: datetime
    content_kept: bool


class HistoryOut(Model):
    """Confirmed deliveries, by id; `next` goes into `after` of the next call; null after the last page."""

    deliveries: list[ConfirmedOut]
    next: UUID | None
