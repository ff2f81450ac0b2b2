"""What an attempt to push has led to, written down: the delivery's move, the task's end or next time.

Every write is fenced: a delivery is moved only while the attempt's token is its current one, a task only
while its own is. The one exception is a confirmation, which is as good as the recipient's own word: it is
accepted under any token ever given, also after the lease has run out or evidence of non-delivery went
out.

Rows are locked in the order delivery, task, as by everybody who moves deliveries; the breaker has a
transaction of its own after that. If the process dies between the two, one failure is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

import structlog

from hub.domain.events import EventKind, EventValue
from hub.domain.limits import RETRY_CAP
from hub.domain.retry import Breaker, BreakerPolicy, BreakerState
from hub.domain.transport import LEASED_STATES, TRANSITIONS, DeliveryEvent, DeliveryState, advance
from hub.ports.exits import Delivered, Failed, Outcome, Rejected
from hub.ports.records import (
    Change,
    DeliveryRecord,
    DocumentRecord,
    DocumentText,
    NewEvent,
    SystemRecord,
    Task,
)
from hub.ports.unit_of_work import Transaction
from hub.services.kit import Kit
from hub.services.push_words import told, word

log = structlog.get_logger(__name__)

# Where the deadline has passed during the attempt: the sweeper ends the delivery.
ENDING: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt under way: tasks and deliveries as they were leased for it, in the same order."""

    system: SystemRecord
    tasks: tuple[Task, ...]
    deliveries: tuple[DeliveryRecord, ...]
    document: DocumentRecord
    text: DocumentText


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    # A delivery after the attempt, and when it is due again if it is queued still.
    delivery: DeliveryRecord
    due_at: datetime
    changed: bool
    events: tuple[NewEvent, ...] = ()


class Settling:
    """Writes outcomes."""

    def __init__(self, kit: Kit, *, chance: Callable[[], float] = random.random) -> None:
        self._uow, self._journal = kit.uow, kit.journal
        self._rules = kit.rules.push
        self._chance = chance

    @property
    def breaker_policy(self) -> BreakerPolicy:
        """When a breaker opens and for how long."""
        return self._rules.breaker

    async def settle(self, attempt: Attempt, outcome: Outcome, *, at_once: bool = False) -> None:
        """Write the outcome of an attempt; with `at_once` a failure is due again without back-off.

        Raises:
            DatabaseUnavailable, CommitUnknown: it may not be written; leases run out.
        """
        async with self._uow.begin() as tx:
            now = await tx.deliveries.hub_time()
            rows = {d.id: d for d in await tx.peers.lock([d.id for d in attempt.deliveries])}
            settled = [
                self._settled(rows[own.id], own, attempt, outcome, now)
                for own in attempt.deliveries
                if own.id in rows
            ]
            await tx.record(
                Change(
                    deliveries=[s.delivery for s in settled if s.changed],
                    events=[event for s in settled for event in s.events],
                )
            )
            gate = await tx.peers.gate(attempt.system.id)
            await self._end_tasks(tx, attempt, settled, now=now if at_once else None)
        if gate is not None and not (at_once or _says_nothing_new(gate.breaker, outcome)):
            await self._count(attempt, outcome, settled)

    async def come_back(self, delivery_id: UUID, token: int, why: str) -> bool:
        """Queue a delivery again, with back-off, that its recipient did not take over; False if it did.

        `token` is the one under which it was handed over: what was confirmed, rejected or handed over again
        since is left alone.

        Raises:
            DatabaseUnavailable, CommitUnknown: nothing has happened, or all of it; its lease runs out anyway.
        """
        async with self._uow.begin() as tx:
            row = next(iter(await tx.peers.lock([delivery_id])), None)
            if row is None or row.lease_token != token or row.state not in LEASED_STATES:
                return False
            now = await tx.deliveries.hub_time()
            due_at = self._next_due(row, Failed(code=why), now)
            moved = replace(row, state=advance(row.state, DeliveryEvent.DELIVERY_FAILED), lease_until=None)
            facts: dict[str, EventValue] = {
                "lease_token": token,
                "attempt": row.attempts,
                "problem": word(why),
                "due_at": due_at,
            }
            event = self._journal.delivery(EventKind.DELIVERY_ATTEMPT_FAILED, moved, at=now, facts=facts)
            await tx.record(Change(deliveries=[moved], events=[event]))
            await tx.peers.delay(delivery_id, due_at)
        return True

    async def _end_tasks(
        self, tx: Transaction, attempt: Attempt, settled: list[_Settled], *, now: datetime | None
    ) -> None:
        # A task is there as long as its delivery is queued for a peer, neither shorter nor longer.
        after = {s.delivery.id: s for s in settled}
        for task in attempt.tasks:
            row = after.get(task.id)
            if row is not None and row.delivery.state is DeliveryState.QUEUED:
                await tx.peers.postpone(task, due_at=now or row.due_at, error="")
            else:
                await tx.tasks.finish(task)

    def _settled(
        self, row: DeliveryRecord, own: DeliveryRecord, attempt: Attempt, outcome: Outcome, now: datetime
    ) -> _Settled:
        due_at = self._next_due(own, outcome, now)
        nothing = _Settled(delivery=row, due_at=due_at, changed=False)
        facts: dict[str, EventValue] = {
            "lease_token": own.lease_token,
            "attempt": own.attempts,
            "adapter": attempt.system.adapter,
        }
        if isinstance(outcome, Delivered) and outcome.confirmed:
            return self._confirmed(row, facts, now) or nothing
        same = row.lease_token == own.lease_token
        if same and isinstance(outcome, Delivered) and row.state is DeliveryState.HANDED_OVER:
            # The recipient was quicker: it has fetched the body before we could write down that it may.
            longer = replace(row, lease_until=self._patience(row, now))
            return _Settled(delivery=longer, due_at=due_at, changed=True)
        if not same or row.state is not DeliveryState.LEASED:
            log.warning("push_overtaken", delivery_id=str(row.id), state=row.state.value)
            return nothing
        match outcome:
            case Delivered():
                moved = replace(
                    row,
                    state=advance(row.state, DeliveryEvent.HAND_OVER),
                    handed_over_at=now,
                    lease_until=self._patience(row, now),
                )
                event = self._journal.delivery(EventKind.DELIVERY_HANDED_OVER, moved, at=now, facts=facts)
            case Rejected():
                moved = replace(
                    row, state=advance(row.state, DeliveryEvent.REJECT), ended_at=now, lease_until=None
                )
                facts["problem"] = word(outcome.code)
                event = self._journal.delivery(
                    EventKind.DELIVERY_REJECTED,
                    moved,
                    at=now,
                    facts=facts,
                    reason=told(outcome.text) or outcome.code,
                )
            case Failed():
                moved = replace(
                    row, state=advance(row.state, DeliveryEvent.DELIVERY_FAILED), lease_until=None
                )
                facts |= {"problem": word(outcome.code), "due_at": due_at}
                event = self._journal.delivery(
                    EventKind.DELIVERY_ATTEMPT_FAILED,
                    moved,
                    at=now,
                    facts=facts,
                    reason=told(outcome.text) or None,
                )
            case _:
                assert_never(outcome)
        return _Settled(delivery=moved, due_at=due_at, changed=True, events=(event,))

    def _confirmed(self, row: DeliveryRecord, facts: dict[str, EventValue], now: datetime) -> _Settled | None:
        if (row.state, DeliveryEvent.CONFIRM) not in TRANSITIONS:
            if row.state is not DeliveryState.CONFIRMED:
                log.warning("push_confirmed_in_vain", delivery_id=str(row.id), state=row.state.value)
            return None
        events = []
        if row.state is DeliveryState.LEASED:
            row = replace(row, state=advance(row.state, DeliveryEvent.HAND_OVER), handed_over_at=now)
            events.append(self._journal.delivery(EventKind.DELIVERY_HANDED_OVER, row, at=now, facts=facts))
        late = row.state is DeliveryState.UNDELIVERABLE
        moved = replace(
            row,
            state=advance(row.state, DeliveryEvent.CONFIRM),
            handed_over_at=row.handed_over_at or now,
            ended_at=now,
            lease_until=None,
        )
        kind = EventKind.DELIVERY_CONFIRMED_LATE if late else EventKind.DELIVERY_CONFIRMED
        events.append(self._journal.delivery(kind, moved, at=now, facts=facts))
        return _Settled(delivery=moved, due_at=now, changed=True, events=tuple(events))

    def _patience(self, row: DeliveryRecord, now: datetime) -> datetime:
        # Until the deadline at most: waiting for the recipient must not keep the sender from its evidence.
        until = now + self._rules.unconfirmed_lease
        return until if row.deadline_at is None else max(now + ENDING, min(until, row.deadline_at))

    def _next_due(self, own: DeliveryRecord, outcome: Outcome, now: datetime) -> datetime:
        due = self._rules.retry.next_due(
            now=now, attempts=max(own.attempts, 1), jitter=self._chance(), deadline=own.deadline_at
        )
        if due is None:
            return now + ENDING
        asked = outcome.retry_after if isinstance(outcome, Failed) else None
        if asked is None:
            return due
        # Never past the deadline, and no peer puts us off for a week.
        later = max(due, now + min(asked, max(RETRY_CAP, self._rules.retry.cap)))
        return later if own.deadline_at is None else min(later, own.deadline_at)

    async def _count(self, attempt: Attempt, outcome: Outcome, settled: list[_Settled]) -> None:
        async with self._uow.begin() as tx:
            gate = await tx.peers.gate(attempt.system.id, lock=True)
            if gate is None:
                return
            before = gate.breaker
            after = _after(before, outcome, gate.now, self._rules.breaker)
            if after == before:
                return
            code = word(outcome.code) if isinstance(outcome, Failed) else None
            await tx.peers.set_breaker(attempt.system.id, after, code)
            paused = before.state is BreakerState.CLOSED and after.state is BreakerState.OPEN
            resumed = before.state is not BreakerState.CLOSED and after.state is BreakerState.CLOSED
            if resumed:
                # What backed off while the peer was away need not wait any longer.
                await tx.peers.hurry(attempt.system.id)
            if (paused or resumed) and settled:
                event = self._of_breaker(attempt, settled[0].delivery, after, code, at=gate.now)
                await tx.record(Change(events=[event]))
        if paused:
            log.error("peer_paused", system=attempt.system.name, code=code, failures=after.failures)
        if resumed:
            log.warning("peer_resumed", system=attempt.system.name)

    def _of_breaker(
        self, attempt: Attempt, row: DeliveryRecord, breaker: Breaker, code: str | None, *, at: datetime
    ) -> NewEvent:
        facts: dict[str, EventValue] = {"system": attempt.system.id, "adapter": attempt.system.adapter}
        if breaker.state is BreakerState.CLOSED:
            return self._journal.delivery(EventKind.PEER_RESUMED, row, at=at, facts=facts)
        facts["count"] = breaker.failures
        if code is not None:
            facts["problem"] = code
        if breaker.retry_at is not None:
            facts["until"] = breaker.retry_at
        return self._journal.delivery(EventKind.PEER_PAUSED, row, at=at, facts=facts)


def _after(breaker: Breaker, outcome: Outcome, now: datetime, policy: BreakerPolicy) -> Breaker:
    if not isinstance(outcome, Failed):
        return breaker.succeeded()
    return breaker.failed(now, policy) if outcome.peer_fault else breaker.undecided(now)


def _says_nothing_new(breaker: Breaker, outcome: Outcome) -> bool:
    # The usual case, a success of a peer that is well: not worth a transaction.
    return not isinstance(outcome, Failed) and breaker == Breaker()
