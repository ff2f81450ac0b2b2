"""The broker behind a cluster of nodes: RabbitMQ, spoken through aio-pika.

A hint is a persistent message with a row's id as its body and the topic as its routing key, nothing else.
`publish` returns when the broker has confirmed every hint; whatever goes wrong, also a hint that no queue
takes, is BrokerUnavailable, the rows stay in the outbox and are published again. Publishing and consuming
have a connection each: a broker that is short of memory stops reading from those who publish, and must still
hear what was worked off.

Invariants: what a publish reports as done lies in a quorum queue; a hint is never given back by a handler
(retries are rows with a later `due_at`); a dead letter decides nothing, it alerts and makes its row due.
[design sections 3 and 4]
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from typing import Final

import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from hub.broker.connection import FAILURES, Link, describe, failures_of
from hub.broker.consuming import Consumption, row_of
from hub.broker.declaring import TopologyConflict, declare_exchange, declare_queue
from hub.broker.topology import make_plan
from hub.ports.broker import BrokerUnavailable, HintHandler, Notice
from hub.ports.records import Hint

log = structlog.get_logger(__name__)

# All of one call of `publish`, connecting included. The pump holds a transaction open meanwhile.
PUBLISH_TIMEOUT_S: Final = 10.0
CONFIRM_TIMEOUT_S: Final = 5.0


class _Undeliverable(BrokerUnavailable):
    # The broker is there and has refused or returned hints.
    pass


class AmqpBroker:
    """Implements `Broker` on RabbitMQ."""

    def __init__(self, url: str, *, prefix: str, node: str = "lienthong") -> None:
        self._plan = make_plan(prefix)
        self._publishing = Link(url, name=f"{node} publishing", plan=self._plan)
        self._consuming = Link(url, name=f"{node} consuming", plan=self._plan)
        self._lock = asyncio.Lock()
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Connect and declare. A broker that is away keeps no node from starting: rows wait for it.

        Raises:
            TopologyConflict: the broker has other queues under our names, which no waiting mends.
        """
        try:
            await self._publishing.connection()
        except BrokerUnavailable as error:
            log.warning("broker_away_at_start", reason=str(error))

    async def stop(self) -> None:
        """Close both connections; hints not yet acknowledged are given to others."""
        await self._consuming.drop()
        await self._publishing.drop()

    async def publish(self, hints: Sequence[Hint]) -> None:
        """Publish hints and return when all are confirmed; raises BrokerUnavailable otherwise."""
        if not hints:
            return
        try:
            async with failures_of("publishing"), asyncio.timeout(PUBLISH_TIMEOUT_S):
                exchange = await self._ready_for({hint.topic for hint in hints})
                await self._confirmed(exchange, list(dict.fromkeys(hints)))
        except TopologyConflict as error:
            log.error("broker_topology_conflict", name=error.name, detail=error.detail)  # noqa: TRY400 (said)
            raise BrokerUnavailable(str(error)) from error
        except BrokerUnavailable as error:
            log.warning("hints_not_published", hints=len(hints), reason=str(error))
            if isinstance(error, _Undeliverable):
                # The line is sound; a queue is gone or full. Next time everything is declared anew.
                self._declared.clear()
            else:
                self._channel = None
                await self._publishing.drop()
            raise

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Publish notices to the events exchange; raises BrokerUnavailable unless all are confirmed."""
        if not notices:
            return
        try:
            async with failures_of("telling"), asyncio.timeout(PUBLISH_TIMEOUT_S):
                connection = await self._publishing.connection()
                # A channel of its own: an exchange that somebody has removed closes it.
                async with connection.channel(publisher_confirms=True) as channel:
                    await declare_exchange(channel, self._plan.events)
                    exchange = await channel.get_exchange(self._plan.events.name, ensure=False)
                    await self._all_confirmed(
                        [self._tell_one(exchange, notice) for notice in notices], "events"
                    )
        except TopologyConflict as error:
            raise BrokerUnavailable(str(error)) from error
        except BrokerUnavailable as error:
            log.warning("events_not_told", events=len(notices), reason=str(error))
            raise

    async def _tell_one(self, exchange: AbstractExchange, notice: Notice) -> None:
        message = Message(
            notice.body,
            message_id=str(notice.event_id),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, notice.routing_key, mandatory=False, timeout=CONFIRM_TIMEOUT_S)

    async def waiting(self, topic: str) -> int:
        """Return how many hints of a topic lie in the broker; raises BrokerUnavailable."""
        try:
            async with failures_of("looking"), asyncio.timeout(PUBLISH_TIMEOUT_S):
                connection = await self._publishing.connection()
                async with connection.channel() as channel:
                    await declare_queue(channel, spec := self._plan.queue(topic))
                    found = await channel.declare_queue(spec.name, passive=True)
                    return found.declaration_result.message_count or 0
        except TopologyConflict as error:
            raise BrokerUnavailable(str(error)) from error

    async def drop(self, topic: str) -> None:
        """Delete the queue of a topic; raises BrokerUnavailable.

        A node that still works on it declares it again; when all have stopped, it is gone.
        """
        async with failures_of("dropping"), asyncio.timeout(PUBLISH_TIMEOUT_S):
            connection = await self._publishing.connection()
            async with connection.channel() as channel:
                await channel.queue_delete(self._plan.queue(topic).name)
        self._declared.discard(topic)

    async def consume(self, topic: str, handler: HintHandler, *, concurrency: int) -> None:
        """Feed hints of a topic to `handler`, at most `concurrency` at once, until cancelled."""

        async def work(message: AbstractIncomingMessage) -> None:
            row = row_of(message)
            if row is not None:
                await handler(row)

        await Consumption(self._consuming, self._plan.queue(topic), work).run(concurrency)

    async def watch_dead_letters(self, make_due: HintHandler) -> None:
        """Alert about every hint that came back too often and make its row due again, until cancelled.

        If the row cannot be made due now, nothing is lost: it still waits, and the sweeper finds it.
        """

        async def alert(message: AbstractIncomingMessage) -> None:
            row = row_of(message)
            reason = message.headers.get("x-first-death-reason")
            log.error("hint_dead_lettered", topic=message.routing_key, ref=str(row), reason=reason)
            if row is not None:
                await make_due(row)

        await Consumption(self._consuming, self._plan.dead_queue, alert).run(1)

    async def _ready_for(self, topics: set[str]) -> AbstractExchange:
        # Queues of topics seen for the first time are declared here: a hint must never find none.
        async with self._lock:
            if self._channel is None or self._channel.is_closed:
                connection = await self._publishing.connection()
                self._declared.clear()
                self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            for topic in sorted(topics - self._declared):
                await declare_queue(self._channel, self._plan.queue(topic))
                self._declared.add(topic)
            return await self._channel.get_exchange(self._plan.work.name, ensure=False)

    async def _confirmed(self, exchange: AbstractExchange, hints: list[Hint]) -> None:
        await self._all_confirmed([self._publish_one(exchange, hint) for hint in hints], "hints")

    async def _all_confirmed(self, publishes: list[Coroutine[None, None, None]], what: str) -> None:
        # All are waited for, whatever becomes of the first: none is given up half-sent.
        outcomes = await asyncio.gather(*publishes, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if not failed:
            return
        for error in failed:
            if not isinstance(error, (*FAILURES, asyncio.CancelledError)):
                raise error
        undeliverable = all(isinstance(error, DeliveryError) for error in failed)
        kind = _Undeliverable if undeliverable else BrokerUnavailable
        raise kind(f"{len(failed)} of {len(outcomes)} {what}: {describe(failed[0])}") from failed[0]

    async def _publish_one(self, exchange: AbstractExchange, hint: Hint) -> None:
        # The client library finds the publish that a returned message belongs to by its id, so it is new
        # every time: two hints at one row would be taken for one another.
        message = Message(
            str(hint.ref).encode(),
            message_id=f"{hint.ref}/{next(self._numbers)}",
            content_type="text/plain",
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, hint.topic, mandatory=True, timeout=CONFIRM_TIMEOUT_S)
