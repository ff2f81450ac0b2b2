"""Status messages written for a system that does not write edXML itself.

The hub writes the message in the caller's name from what the caller says, and takes it in through the
same intake as every other message: same checks, same receipt. What was said before is known by what was said,
not by the bytes written for it. The hub never makes up a status on its own (design section 2, invariant 11).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from hub.domain.business import SENDER_CODES, StatusCode, reason_required
from hub.domain.directory import Agency, Directory
from hub.domain.ids import normalise_code
from hub.domain.jcs import Json
from hub.domain.problems import Refusal
from hub.domain.submission import MessageKind
from hub.ports.records import DeliveryRecord
from hub.services.access import Caller
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.follow import Followed, FollowService
from hub.services.intake import IntakeService, Submitted
from hub.services.order_key import OrderKey, order_digest, said_at
from schemas.edxml.model import DateText, Organization, ResponseFor, StaffInfo, StatusMessage, TimeText
from schemas.edxml.write import write_status

VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOrder:
    """What a system wants to say about a document.

    `at` is when it happened at the caller: with it the message is the same however often it is sent.
    `from_code` and `to_code` choose among the caller's units, or among the recipients of a recall,
    where there are several.
    """

    about: UUID
    at: datetime
    status_code: StatusCode
    description: str
    staff: str
    department: str
    from_code: str | None
    to_code: str | None


class StatusService:
    """Writes and takes in status messages."""

    def __init__(self, follow: FollowService, intake: IntakeService, directory: DirectorySnapshot) -> None:
        self._follow = follow
        self._intake = intake
        self._directory = directory

    async def submit(
        self, caller: Caller, order: StatusOrder, *, idempotency_key: str | None = None
    ) -> Submitted:
        """Write the status as edXML in the caller's name and take it in.

        Raises:
            Refusal: `document_unknown`, `status_not_allowed` (a code of the other side),
                `reason_missing` (02, 13 and 16 need one), `recipient_unknown` (which of several?), and
                all that intake raises.
        """
        if reason_required(order.status_code) and not order.description.strip():
            raise Refusal("reason_missing")
        key = _key(order)
        known = await self._intake.known_order(caller, key, idempotency_key=idempotency_key)
        if known is not None:
            return known
        followed = await self._follow.document(caller, order.about)
        if followed.document.kind is MessageKind.STATUS:
            # A status is about a document; an answer to a status is another status about that document.
            raise Refusal("status_not_allowed", params={"code": order.status_code.value})
        directory = await self._directory.current()
        sender, recipient = _sides(followed, order, directory)
        message = StatusMessage(
            from_=Organization(organ_id=sender.unit_id, organ_name=sender.name),
            response_for=ResponseFor(
                organ_id=recipient,
                code=followed.text.code,
                document_id=followed.document.document_no,
                promulgation_date=DateText(raw=followed.text.promulgated),
            ),
            status_code=order.status_code.value,
            description=order.description.strip(),
            timestamp=TimeText(raw=order.at.astimezone(VIETNAM).strftime("%Y/%m/%d %H:%M:%S")),
            staff=StaffInfo(department=order.department, staff=order.staff),
        )
        return await self._intake.submit(
            caller, _once(write_status(message)), idempotency_key=idempotency_key, order=key
        )


def _key(order: StatusOrder) -> OrderKey:
    fields: dict[str, Json] = {
        "about": str(order.about),
        "at": said_at(order.at),
        "status_code": order.status_code.value,
        "description": order.description.strip(),
        "staff": order.staff,
        "department": order.department,
        "from": None if order.from_code is None else normalise_code(order.from_code),
        "to": None if order.to_code is None else normalise_code(order.to_code),
    }
    kind = MessageKind.STATUS
    return OrderKey(kind=kind, sha256=order_digest(kind, fields), about=order.about)


def _sides(followed: Followed, order: StatusOrder, directory: Directory) -> tuple[Agency, str]:
    if order.status_code in SENDER_CODES:
        if not followed.by_sender:
            raise Refusal("status_not_allowed", params={"code": order.status_code.value})
        sender = directory.unit(followed.document.from_unit)
        recipient = _one(followed.deliveries, order.to_code, directory).unit_id
    else:
        own = tuple(d for d in followed.deliveries if _is_of_caller(d, followed))
        if not own:
            raise Refusal("status_not_allowed", params={"code": order.status_code.value})
        sender = directory.unit(_one(own, order.from_code, directory).unit_id)
        recipient = followed.document.from_code
    if sender is None:
        raise Refusal("sender_not_allowed", params={"agency": ""})
    return sender, recipient


def _is_of_caller(delivery: DeliveryRecord, followed: Followed) -> bool:
    # A sender sees all deliveries; those that came back to its own system are its own too.
    return not followed.by_sender or delivery.system_id == followed.document.system_id


def _one(deliveries: tuple[DeliveryRecord, ...], code: str | None, directory: Directory) -> DeliveryRecord:
    if code is not None:
        named = directory.by_code(code)
        wanted = code if named is None else named.unit_id
        deliveries = tuple(d for d in deliveries if d.unit_id == wanted)
    if len(deliveries) != 1:
        raise Refusal("recipient_unknown", params={"agency": code or ""})
    return deliveries[0]


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
