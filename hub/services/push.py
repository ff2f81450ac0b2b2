"""Delivery by push: a document is handed to a peer through its exit, again and again until it is there.

    task due ─claim─▶ delivery leased ─exit─▶ Delivered ─▶ handed over (and confirmed)
       ▲                                      Rejected  ─▶ rejected
       └── due later, with full jitter ◀───── Failed    ─▶ queued

*Claim.* One transaction: the peer's gate (active, breaker), the task by compare-and-set, the delivery under a
row lock, its lease token + 1, the event. An exit that groups recipients takes all due deliveries of the same
document along. What is not to be handed over now (it waits for another delivery, its unit is locked, its
deadline has passed) is put off, what is not queued any more loses its task.

*Attempt.* Outside any transaction. Both leases, of the task and of the delivery, are renewed meanwhile; the
exit's own time limit ends it, and a longest time of ours if the exit does not.

*Settling.* One transaction: the delivery's move, its events, the end of the task or its next due time; then,
in another, the breaker. A process that dies before it has settled leaves both leases to run out: the delivery
is queued again and handed over again, under the same id and with the next attempt's number. What the peer has
acknowledged is confirmed whatever has become of the lease meanwhile.

Nothing here ends a delivery but the recipient's own refusal: failures go on until the deadline, which is the
sweeper's. An open breaker costs a peer's rows nothing: they stay due, unclaimed and unannounced.
[design sections 2.10, 3, 4]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from hub.domain import leases
from hub.domain.adapters import NATIONAL
from hub.domain.events import EventKind, EventValue
from hub.domain.limits import PUSH_GROUP_MAX
from hub.domain.retry import BreakerState
from hub.domain.transport import DeliveryEvent, DeliveryState, advance
from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.exits import Delivered, Exit, Failed, Outcome, Parcel, ParcelContent
from hub.ports.peers import Gate, ReadyDelivery
from hub.ports.records import (
    Change,
    DeliveryRecord,
    DocumentRecord,
    DocumentText,
    NewEvent,
    SystemRecord,
    Task,
)
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable, Transaction
from hub.services.exits import Exits
from hub.services.kit import Kit
from hub.services.push_settle import ENDING, Attempt, Settling

log = structlog.get_logger(__name__)

# How soon to look again at a row that somebody has locked, or that waits for another.
BUSY: Final = timedelta(seconds=1)
WAITING: Final = timedelta(minutes=10)
GIVE_BACK_S: Final = 5.0
STRAYS_AT_ONCE: Final = 500
STOPPED: Final = "node_stopped"
ADAPTER_FAULT: Final = "adapter_fault"
TIME_LIMIT: Final = "time_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class _PutOff:
    # Why a claimed task is not worked on now; None for the delay: it is not to be worked on at all.
    delay: timedelta | None
    why: str


class PushService:
    """Works on push tasks; one per node."""

    def __init__(self, *, kit: Kit, exits: Exits, broker: Broker, owner: str) -> None:
        self._uow, self._blobs, self._journal = kit.uow, kit.blobs, kit.journal
        self._failpoints, self._metrics = kit.failpoints, kit.metrics
        self._lease, self._renew_every = kit.rules.worker_lease, kit.rules.worker_renew
        self._longest = kit.rules.push.attempt_most
        self._places = kit.rules.push.places
        self._settling = Settling(kit)
        self._exits = exits
        self._broker = broker
        self._owner = owner

    async def work(self, system_id: UUID, task_id: UUID) -> None:
        """Claim a task of a peer and make one attempt; silent if it is not due, not ready or not ours.

        If the process dies here, leases end after a minute and another attempt follows, under the same id.
        """
        try:
            async with self._uow.read() as query:
                gate = await query.peers.gate(system_id)
            if gate is None or not gate.open:
                return
            async with self._exits.of(gate.system) as exit_:
                attempt = await self._claim(gate, task_id, exit_)
                if attempt is not None:
                    await self._make(attempt, exit_)
        except (DatabaseUnavailable, CommitUnknown) as error:
            # What is leased comes back when its lease ends.
            log.warning("push_postponed", task_id=str(task_id), error=type(error).__name__)

    async def close(self) -> None:
        """Close the exits of this node."""
        await self._exits.close()

    async def peers(self) -> frozenset[UUID]:
        """Return the active systems that are pushed to."""
        async with self._uow.read() as query:
            return frozenset(await query.peers.pushed())

    async def idle(self) -> frozenset[UUID]:
        """Return the systems that are not pushed to now: whatever a broker holds for them is of no use."""
        async with self._uow.read() as query:
            return frozenset(await query.peers.not_pushed())

    async def announce(self) -> int:
        """Publish hints at due rows whose first hint is gone: a retry's time has come, a breaker closed.

        A lane of which the broker still holds hints is left alone. Returns 0: there is nothing to hurry for.
        """
        async with self._uow.read() as query:
            lanes = await query.peers.due_lanes(self._places)
        unavailable: BrokerUnavailable | None = None
        for lane in lanes:
            try:
                if not await self._broker.waiting(lane.topic):
                    await self._broker.publish(lane.hints)
            except BrokerUnavailable as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable
        return 0

    async def find_strays(self) -> int:
        """Put deliveries right that nobody offers; return how many there were, at most a batch of each kind.

        They come about where two transactions do not see each other: a unit moves to another system, or a
        system changes its adapter, while another transaction queues.
        """
        async with self._uow.begin() as tx:
            found = await tx.peers.take_in_strays(STRAYS_AT_ONCE)
        if found:
            log.warning("strays_found", deliveries=found)
        return found

    async def come_back(self, delivery_id: UUID, token: int, why: str) -> None:
        """Queue a delivery again that was handed over in vain: the peer's queue gave it up.

        Raises:
            DatabaseUnavailable, CommitUnknown: its lease runs out instead.
        """
        await self._settling.come_back(delivery_id, token, f"returned.{why}")

    async def measure(self) -> int:
        """Set the gauges of what waits to be pushed. Returns 0."""
        async with self._uow.read() as query:
            backlog = await query.peers.backlog()
        self._metrics.pushes_waiting.set(backlog.waiting)
        self._metrics.oldest_push_age.set(backlog.oldest_s)
        self._metrics.peers_paused.set(backlog.paused_peers)
        return 0

    async def _claim(self, gate: Gate, task_id: UUID, exit_: Exit) -> Attempt | None:
        system_id = gate.system.id
        async with self._uow.begin() as tx:
            if gate.breaker.state is not BreakerState.CLOSED:
                locked = await tx.peers.gate(system_id, lock=True)
                if locked is None or not locked.open:
                    return None
                gate = locked
            task = await tx.tasks.claim(task_id, owner=self._owner, lease=self._lease)
            if task is None:
                return None
            tasks = [task]
            if exit_.groups_recipients:
                tasks += await tx.peers.claim_group(
                    task, owner=self._owner, lease=self._lease, limit=PUSH_GROUP_MAX - 1
                )
            document = await tx.documents.get(task.document_id)
            text = await tx.documents.text(task.document_id)
            kept = await self._ready_of(tx, gate, tasks, document)
            if not kept or document is None:
                return None
            attempt = await self._lease_all(tx, gate, kept, document, text or DocumentText(salt=b""))
            if gate.breaker.state is not BreakerState.CLOSED:
                probing = gate.breaker.probe(gate.now, self._settling.breaker_policy)
                await tx.peers.set_breaker(system_id, probing, None)
        return attempt

    async def _ready_of(
        self, tx: Transaction, gate: Gate, tasks: Sequence[Task], document: DocumentRecord | None
    ) -> list[tuple[Task, DeliveryRecord]]:
        # Claimed tasks whose deliveries are to be handed over now; the others are given back.
        found = {ready.delivery.id: ready for ready in await tx.peers.lock_ready([t.id for t in tasks])}
        kept = []
        for task in tasks:
            ready = found.get(task.id)
            put_off = _put_off(ready, gate, document)
            if ready is not None and put_off is None:
                kept.append((task, ready.delivery))
            elif put_off is not None and put_off.delay is not None:
                await tx.peers.postpone(task, due_at=gate.now + put_off.delay, error=put_off.why)
            else:
                await tx.tasks.finish(task)
        return kept

    async def _lease_all(
        self,
        tx: Transaction,
        gate: Gate,
        kept: Sequence[tuple[Task, DeliveryRecord]],
        document: DocumentRecord,
        text: DocumentText,
    ) -> Attempt:
        leased: list[DeliveryRecord] = []
        events: list[NewEvent] = []
        for _, delivery in kept:
            changed = replace(
                delivery,
                state=advance(delivery.state, DeliveryEvent.LEASE),
                lease_token=leases.next_token(delivery.lease_token),
                lease_until=gate.now + self._lease,
                attempts=delivery.attempts + 1,
            )
            facts: dict[str, EventValue] = {
                "lease_token": changed.lease_token,
                "attempt": changed.attempts,
                "adapter": gate.system.adapter,
            }
            leased.append(changed)
            events.append(
                self._journal.delivery(EventKind.DELIVERY_LEASED, changed, at=gate.now, facts=facts)
            )
        await tx.record(Change(deliveries=leased, events=events))
        return Attempt(
            system=gate.system,
            tasks=tuple(task for task, _ in kept),
            deliveries=tuple(leased),
            document=document,
            text=text,
        )

    async def _make(self, attempt: Attempt, exit_: Exit) -> None:
        try:
            with self._metrics.push_seconds.labels(attempt.system.adapter).time():
                outcome = await self._under_lease(attempt, exit_)
        except asyncio.CancelledError:
            await self._give_back(attempt)
            raise
        if isinstance(outcome, Delivered):
            self._failpoints.hit("after_handover_before_record")
        counted = outcome.code if isinstance(outcome, Failed) else type(outcome).__name__.lower()
        self._metrics.pushes.labels(attempt.system.adapter, counted).inc()
        await self._settling.settle(attempt, outcome)

    async def _under_lease(self, attempt: Attempt, exit_: Exit) -> Outcome:
        async with asyncio.TaskGroup() as group:
            renewal = group.create_task(self._renew(attempt), name="renew-push-lease")
            try:
                async with asyncio.timeout(self._longest.total_seconds()):
                    return await exit_.deliver(self._parcel(attempt))
            except TimeoutError:
                return Failed(code=TIME_LIMIT, text=f"no answer within {self._longest}")
            except Exception:
                # Exits promise to raise nothing; one that does must not stop the peer's lane.
                log.exception("exit_failed", adapter=attempt.system.adapter, system=attempt.system.name)
                return Failed(code=ADAPTER_FAULT, peer_fault=False)
            finally:
                renewal.cancel()

    async def _renew(self, attempt: Attempt) -> None:
        # A lease that is lost shows when the attempt is settled, by its tokens.
        while True:
            await asyncio.sleep(self._renew_every.total_seconds())
            with suppress(DatabaseUnavailable, CommitUnknown):
                async with self._uow.begin() as tx:
                    await tx.peers.renew(attempt.tasks, attempt.deliveries, self._lease)

    def _parcel(self, attempt: Attempt) -> Parcel:
        deliveries = attempt.deliveries
        deadlines = [d.deadline_at for d in deliveries if d.deadline_at is not None]
        return Parcel(
            delivery_ids=tuple(d.id for d in deliveries),
            unit_ids=tuple(d.unit_id for d in deliveries),
            addressed_as=tuple(d.addressed_as for d in deliveries),
            document=attempt.document,
            text=attempt.text,
            content=self._content(attempt.document, attempt.system),
            token=deliveries[0].lease_token,
            attempt=max(d.attempts for d in deliveries),
            deadline_at=min(deadlines, default=None),
        )

    def _content(self, document: DocumentRecord, system: SystemRecord) -> ParcelContent:
        # What leaves the province is always the rendition: the strict dialect, with our hop.
        stays = system.adapter != NATIONAL
        readable = stays and document.dialect in system.dialects and not document.needs_repair
        given = document if readable or document.rendition is None else document.rendition
        blob_id, sha256 = given.blob_id, given.sha256

        def reading() -> AsyncIterator[bytes]:
            return self._blobs.read(blob_id, sha256=sha256)

        return ParcelContent(
            sha256=sha256,
            size=given.size,
            original_sha256=document.sha256,
            is_rendition=blob_id != document.blob_id,
            open=reading,
        )

    async def _give_back(self, attempt: Attempt) -> None:
        # This node stops, or the system is pushed to no more. Whether the peer has got it nobody knows: it is
        # due again at once. If this fails, the leases end by themselves.
        with suppress(DatabaseUnavailable, CommitUnknown, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_S):
                await self._settling.settle(attempt, Failed(code=STOPPED, peer_fault=False), at_once=True)


def _put_off(ready: ReadyDelivery | None, gate: Gate, document: DocumentRecord | None) -> _PutOff | None:
    if ready is None:
        return _PutOff(delay=BUSY, why="busy")
    delivery = ready.delivery
    still = delivery.state is DeliveryState.QUEUED and delivery.parked_until is None
    if not still or delivery.system_id != gate.system.id:
        return _PutOff(delay=None, why="not_queued")
    if document is None or not document.body_kept:
        log.error("push_without_body", delivery_id=str(delivery.id))
        return _PutOff(delay=WAITING, why="body_missing")
    if delivery.deadline_at is not None and delivery.deadline_at <= gate.now:
        return _PutOff(delay=ENDING, why="deadline_passed")
    if ready.waiting:
        return _PutOff(delay=WAITING, why="waits_for_another")
    if ready.blocked:
        return _PutOff(delay=WAITING, why="unit_locked")
    return None
