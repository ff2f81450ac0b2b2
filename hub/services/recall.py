"""Recall: the sender wants a document back.

What has not left the hub is withdrawn: the body is not sent any more, and the sender gets evidence of that
signed by the hub; no status 15 is invented in the recipient's name. Where the recipient may have the
document already, it is asked by status 13, one message per recipient, and answers 15 or 16 itself
[QĐ 28/2018 Đ.8; NĐ 30/2020 Đ.18.4b]. When in doubt whether the body left, it counts as having left:
evidence that it was not sent must be true evidence.

Said again with the same reason and time, a recall gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import orjson

from hub.domain.business import StatusCode
from hub.domain.ids import normalise_code
from hub.domain.problems import HubError, Refusal
from hub.domain.transport import DeliveryState
from hub.ports.records import DeliveryRecord, DocumentRecord
from hub.services.access import Caller
from hub.services.follow import FollowService
from hub.services.kit import Kit
from hub.services.statuses import StatusOrder, StatusService
from hub.services.withdrawal import withdraw, withdrawable

# Where nothing is left to take back.
_OVER = frozenset({DeliveryState.REFUSED, DeliveryState.REJECTED, DeliveryState.REDIRECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOrder:
    """What the sender wants back, from whom (everybody if empty), and why; `at` is when it was decided."""

    document_id: UUID
    units: tuple[str, ...]
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOutcome:
    """What became of it at one recipient: `withdrawn`, `asked` (with the receipt of the 13), `over`, or
    `failed` (with the problem's code: say the recall again)."""

    unit_id: str
    delivery_id: UUID
    result: str
    receipt_id: str | None = None
    code: str | None = None


class RecallService:
    """Withdraws what has not left, asks for what has."""

    def __init__(self, kit: Kit, follow: FollowService, statuses: StatusService) -> None:
        self._kit = kit
        self._follow = follow
        self._statuses = statuses

    async def recall(self, caller: Caller, order: RecallOrder) -> tuple[RecallOutcome, ...]:
        """Recall a document from some or all of its recipients.

        Raises:
            Refusal: `document_unknown` (not the caller's own), `reason_missing`, `recipient_unknown` (a
                unit that did not get it), and what intake raises for the statuses.
        """
        if not order.reason.strip():
            raise Refusal("reason_missing")
        followed = await self._follow.document(caller, order.document_id)
        if not followed.by_sender or followed.document.doc_type is None:
            raise Refusal("document_unknown")
        wanted = _wanted(followed.deliveries, order.units)
        withdrawn = await self._withdraw(followed.document, {d.id for d in wanted}, order.reason)
        outcomes = []
        for delivery in wanted:
            if delivery.id in withdrawn:
                outcomes.append(_outcome(delivery, "withdrawn"))
            elif delivery.state in _OVER:
                outcomes.append(_outcome(delivery, "over"))
            else:
                outcomes.append(await self._asked(caller, order, delivery))
        return tuple(outcomes)

    async def _withdraw(self, document: DocumentRecord, wanted: set[UUID], reason: str) -> set[UUID]:
        # One transaction under the rows' locks: nobody can lease what is being withdrawn.
        async with self._kit.uow.begin() as tx:
            all_rows = await tx.deliveries.lock_of_document(document.id)
            rows = [d for d in all_rows if d.id in wanted]
            already = {d.id for d in rows if d.state is DeliveryState.WITHDRAWN}
            open_rows = withdrawable(rows, of_document=all_rows)
            now = await tx.deliveries.hub_time()
            await tx.record(withdraw(self._kit, document, open_rows, reason=reason.strip(), now=now))
        return already | {d.id for d in open_rows}

    async def _asked(self, caller: Caller, order: RecallOrder, delivery: DeliveryRecord) -> RecallOutcome:
        # One recipient that cannot be asked now must not keep the others from being asked.
        try:
            return await self._ask(caller, order, delivery)
        except HubError as error:
            return replace(_outcome(delivery, "failed"), code=error.code)

    async def _ask(self, caller: Caller, order: RecallOrder, delivery: DeliveryRecord) -> RecallOutcome:
        status = StatusOrder(
            about=order.document_id,
            at=order.at,
            status_code=StatusCode.RECALL_REQUESTED,
            description=order.reason,
            staff="",
            department="",
            from_code=None,
            to_code=delivery.unit_id,
        )
        submitted = await self._statuses.submit(caller, status)
        receipt_id = str(orjson.loads(submitted.receipt)["receipt"]["receipt_id"])
        return _outcome(delivery, "asked", receipt_id)


def _wanted(deliveries: tuple[DeliveryRecord, ...], units: tuple[str, ...]) -> tuple[DeliveryRecord, ...]:
    if not units:
        return deliveries
    wanted = {normalise_code(unit) for unit in units}
    found = tuple(d for d in deliveries if wanted & {d.unit_id, *d.addressed_as})
    missing = wanted - {code for d in found for code in (d.unit_id, *d.addressed_as)}
    if missing:
        raise Refusal("recipient_unknown", params={"agency": min(missing)})
    return found


def _outcome(delivery: DeliveryRecord, result: str, receipt_id: str | None = None) -> RecallOutcome:
    return RecallOutcome(
        unit_id=delivery.unit_id, delivery_id=delivery.id, result=result, receipt_id=receipt_id
    )
