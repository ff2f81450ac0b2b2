"""The outbox pump: publishes hints and deletes those that are confirmed, topic by topic.

A batch is locked (SKIP LOCKED, so nodes share the work), published with confirms and deleted, all before
the transaction ends. A node that dies in between leaves the rows: they are published again, and a hint
too many is dropped by whoever finds its row not due. Wake-ups of inboxes leave as one NOTIFY per batch,
whatever the broker does. A topic that the broker does not take rests for a little: its rows stay, and hold
up no other's.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Final

from hub.observability.failpoints import Failpoints
from hub.observability.metrics import Metrics
from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.records import OutboxRow
from hub.ports.unit_of_work import UnitOfWork

BATCH: Final = 200
INBOX_TOPIC: Final = "inbox"
REST_S: Final = 2.0
# The transaction stays open meanwhile: after this long no further topic is begun.
PUBLISH_MOST_S: Final = 8.0


class OutboxPump:
    """Moves hints from the outbox to the broker."""

    def __init__(
        self, uow: UnitOfWork, broker: Broker, failpoints: Failpoints, metrics: Metrics | None = None
    ) -> None:
        self._metrics = metrics
        self._uow = uow
        self._broker = broker
        self._failpoints = failpoints
        self._resting: dict[str, float] = {}

    async def pump(self) -> int:
        """Publish one batch and return how many hints are done.

        Raises:
            BrokerUnavailable: of a batch nothing was taken; the rows stay.
        """
        now = time.monotonic()
        self._resting = {topic: until for topic, until in self._resting.items() if until > now}
        async with self._uow.begin() as tx:
            rows = await tx.outbox.take(BATCH, without=tuple(self._resting))
            if not rows and self._resting:
                # Nobody is held up by trying again.
                rows = await tx.outbox.take(BATCH)
            if not rows:
                return 0
            inboxes = {row.hint.ref for row in rows if row.hint.topic == INBOX_TOPIC}
            if inboxes:
                await tx.outbox.notify(sorted(inboxes))
            done = [row.id for row in rows if row.hint.topic == INBOX_TOPIC]
            published, failure = await self._publish([r for r in rows if r.hint.topic != INBOX_TOPIC])
            done += published
            if done:
                self._failpoints.hit("after_publish_before_delete")
                await tx.outbox.delete(done)
        if failure is not None and not done:
            raise failure
        return len(done)

    async def _publish(self, rows: list[OutboxRow]) -> tuple[list[int], BrokerUnavailable | None]:
        topics: defaultdict[str, list[OutboxRow]] = defaultdict(list)
        for row in rows:
            topics[row.hint.topic].append(row)
        done: list[int] = []
        failure: BrokerUnavailable | None = None
        ends = time.monotonic() + PUBLISH_MOST_S
        for topic, waiting in topics.items():
            if failure is not None and time.monotonic() > ends:
                break
            try:
                await self._broker.publish([row.hint for row in waiting])
            except BrokerUnavailable as error:
                failure = error
                self._resting[topic] = time.monotonic() + REST_S
                self._count("unavailable", len(waiting))
            else:
                done += [row.id for row in waiting]
                self._count("published", len(waiting))
        return done, failure

    def _count(self, outcome: str, hints: int) -> None:
        if self._metrics is not None:
            self._metrics.hints.labels(outcome).inc(hints)
