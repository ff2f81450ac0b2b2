"""The sweeps: what has run out is put right, by any node, in small batches.

* a recipient's lease has ended → the delivery is offered again, under the same id;
* a deadline has passed → undeliverable, with evidence of non-delivery signed by the hub;
* an alert time has passed → one alert event;
* a parked status → offered once its document is known, held for a person after 24 hours;
* a task has been due for long without a lease → its hint is published again.

Each sweep locks its rows with SKIP LOCKED and writes state, event and hints in one transaction.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hub.domain.acceptance import Decision
from hub.domain.events import EventKind
from hub.domain.transport import DeliveryEvent, advance
from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.records import Change, DeliveryRecord, Hint
from hub.ports.unit_of_work import Transaction
from hub.services.business_effects import ANSWERS, effects_of, sent_by_owner
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.evidence import non_delivery
from hub.services.inbox import expire_lease
from hub.services.kit import Kit
from hub.services.references import names_of

BATCH: Final = 100
VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")


class Sweeper:
    """Puts right what has run out."""

    def __init__(self, kit: Kit, broker: Broker, directory: DirectorySnapshot) -> None:
        self._kit = kit
        self._uow = kit.uow
        self._broker = broker
        self._directory = directory
        self._journal = kit.journal
        self._neglected_after = kit.rules.neglected_after

    async def sweep(self) -> int:
        """Make one round of all sweeps; return how many rows were put right.

        A neglected task stays neglected until somebody has time for it: it does not count, or a backlog
        would keep the sweeper turning without a pause.
        """
        done = await self.expired_leases()
        done += await self.passed_deadlines()
        done += await self.alerts()
        done += await self.parked_statuses()
        await self.neglected_tasks()
        return done

    async def expired_leases(self) -> int:
        """Offer again what was leased and not confirmed in time."""
        async with self._uow.begin() as tx:
            rows = await tx.deliveries.lock_expired(BATCH)
            if not rows:
                return 0
            now = await tx.deliveries.hub_time()
            moved = [expire_lease(row, now, self._journal) for row in rows]
            await tx.record(
                Change(
                    deliveries=[delivery for delivery, _ in moved],
                    events=[event for _, event in moved],
                    hints=[Hint(topic="inbox", ref=s) for s in {r.system_id for r in rows}],
                )
            )
        return len(rows)

    async def passed_deadlines(self) -> int:
        """End deliveries whose deadline has passed, with evidence for the sender."""
        async with self._uow.begin() as tx:
            rows = await tx.deliveries.lock_overdue(BATCH)
            if not rows:
                return 0
            now = await tx.deliveries.hub_time()
            changed, events, evidence = [], [], []
            for row in rows:
                document = await tx.documents.get(row.document_id)
                if document is None:
                    continue
                ended = replace(
                    row,
                    state=advance(row.state, DeliveryEvent.GIVE_UP),
                    decision=row.decision,
                    ended_at=now,
                    lease_until=None,
                )
                statement = non_delivery(self._kit, document, ended, "deadline_passed", at=now)
                changed.append(ended)
                evidence.append(statement)
                events.append(
                    self._journal.delivery(
                        EventKind.DELIVERY_UNDELIVERABLE,
                        ended,
                        at=now,
                        facts={"reason": "deadline_passed", "related": statement.id},
                    )
                )
            await tx.record(Change(deliveries=changed, events=events, evidence=evidence))
        return len(changed)

    async def alerts(self) -> int:
        """Say once that a delivery is late."""
        async with self._uow.begin() as tx:
            rows = await tx.deliveries.lock_alerting(BATCH)
            if not rows:
                return 0
            now = await tx.deliveries.hub_time()
            told = [self._journal.delivery(EventKind.DEADLINE_ALERTED, row, at=now) for row in rows]
            await tx.record(Change(events=told))
        return len(rows)

    async def parked_statuses(self) -> int:
        """Offer parked statuses whose document has come; hold those that have waited too long."""
        done = 0
        async with self._uow.begin() as tx:
            rows = await tx.deliveries.lock_parked(BATCH)
            if not rows:
                return 0
            now = await tx.deliveries.hub_time()
            for row in rows:
                done += await self._unpark(tx, row, now)
        return done

    async def neglected_tasks(self) -> int:
        """Publish hints again for tasks whose first hint seems to be lost.

        Not while the broker still holds hints of their topic: they wait there for a worker, and more of
        them would only make the queue longer, every second, on every node. A lane that the broker does
        not serve holds up no other.
        """
        async with self._uow.read() as query:
            neglected = await query.tasks.neglected(self._neglected_after, BATCH)
        published = 0
        unavailable: BrokerUnavailable | None = None
        for topic in dict.fromkeys(hint.topic for hint in neglected):
            hints = [hint for hint in neglected if hint.topic == topic]
            try:
                if not await self._broker.waiting(topic):
                    await self._broker.publish(hints)
                    published += len(hints)
            except BrokerUnavailable as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable
        return published

    async def _unpark(self, tx: Transaction, row: DeliveryRecord, now: datetime) -> int:
        document = await tx.documents.get(row.document_id)
        if document is None or row.parked_until is None:
            return 0
        directory = await self._directory.current()
        today = now.astimezone(VIETNAM).date()
        own = sent_by_owner(document)
        ours = names_of(directory, document.from_unit, today)
        theirs = names_of(directory, row.unit_id, today)
        owners, concerned = (ours, theirs) if own else (theirs, ours)
        found = await tx.documents.find_reference(
            owners, document.document_no, to_units=concerned, answer=document.status_code in ANSWERS
        )
        if found:
            target = found[0]
            moved = replace(row, parked_until=None, waits_for=target.id if own else None)
            await tx.documents.set_reference(document.id, target.document_id)
            known = replace(document, refers_to=target.document_id)
            rows = await tx.deliveries.lock_many([each.id for each in found])
            changed, effects = effects_of(self._journal, known, rows, requests={}, at=now)
            matched = self._journal.delivery(EventKind.STATUS_MATCHED, moved, at=now)
            await tx.record(
                Change(
                    deliveries=[moved, *changed],
                    events=[matched, *effects],
                    hints=[Hint(topic="inbox", ref=row.system_id)],
                )
            )
            return 1
        if row.parked_until < now:
            # Nobody but the sender knows this document: a person decides, the message is kept.
            held = replace(
                row,
                state=advance(row.state, DeliveryEvent.QUARANTINE),
                parked_until=None,
                decision=Decision.HOLD.value,
                reasons=("status_document_unknown",),
            )
            told = self._journal.delivery(EventKind.STATUS_QUARANTINED, held, at=now)
            await tx.record(Change(deliveries=[held], events=[told]))
            return 1
        return 0
