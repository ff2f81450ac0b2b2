"""Taking hints from a queue, for ever: through lost connections, deleted queues and brokers that are away.

A subscription lasts as long as its channel. It puts messages into a local queue, from which as many workers
as there are places take them, also across subscriptions: what was begun before a connection was lost ends,
and the bound holds. Such work cannot be acknowledged any more; its hint comes again and finds a row that is
not due. One hint more than there are places is prefetched, so that no place waits for the broker and hardly
any hint waits behind a slow row while another node is idle.

A hint is acknowledged when its handler has returned or raised. On cancellation the workers end first, then
the channel is closed, and the broker gives what was not acknowledged to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final
from uuid import UUID

import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from hub.broker.connection import CLOSE_TIMEOUT_S, CONNECT_TIMEOUT_S, FAILURES, Link, failures_of
from hub.broker.declaring import TopologyConflict, declare_queue
from hub.broker.topology import QueueSpec
from hub.ports.broker import BrokerUnavailable

log = structlog.get_logger(__name__)

RETRY_AFTER_S: Final = 1.0

# Works on one message; whatever it raises is logged, and the message is acknowledged.
Work = Callable[[AbstractIncomingMessage], Awaitable[None]]


def row_of(message: AbstractIncomingMessage) -> UUID | None:
    """Return the row that a hint speaks of; None, and a log line, if it speaks of none."""
    with suppress(ValueError):
        return UUID(message.body.decode("ascii"))
    log.error("hint_unreadable", topic=message.routing_key, size=len(message.body))
    return None


class Consumption:
    """One queue, worked off by a number of places."""

    def __init__(self, link: Link, spec: QueueSpec, work: Work) -> None:
        self._link = link
        self._spec = spec
        self._work = work
        self._taken: asyncio.Queue[tuple[AbstractChannel, AbstractIncomingMessage]] = asyncio.Queue()
        self._channel: AbstractChannel | None = None

    async def run(self, places: int) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for place in range(places):
                    group.create_task(self._fill_place(), name=f"{self._spec.name}:{place}")
                while True:
                    await self._subscription(prefetch=places + 1)
                    await asyncio.sleep(RETRY_AFTER_S)
        finally:
            await self._leave()

    async def _subscription(self, *, prefetch: int) -> None:
        # Returns when the subscription has ended or could not be made.
        try:
            ended = await self._subscribe(prefetch)
        except TopologyConflict as error:
            log.error("broker_topology_conflict", name=error.name, detail=error.detail)  # noqa: TRY400 (said)
        except BrokerUnavailable as error:
            log.warning("hints_unavailable", queue=self._spec.name, reason=str(error))
        except Exception:
            # A topic that nobody works on any more would be an outage that nobody sees.
            log.exception("subscription_failed", queue=self._spec.name)
        else:
            await ended.wait()
            log.warning("hints_interrupted", queue=self._spec.name)
        await self._leave()

    async def _subscribe(self, prefetch: int) -> asyncio.Event:
        ended = asyncio.Event()

        async def end(*_: object) -> None:
            ended.set()

        async with failures_of("subscribing"), asyncio.timeout(CONNECT_TIMEOUT_S * 2):
            connection = await self._link.connection()
            self._channel = channel = await connection.channel(publisher_confirms=False)
            channel.close_callbacks.add(end)
            underlay = await channel.get_underlay_channel()
            # The queue was deleted, or its leader went away: the channel lives on, without a consumer.
            underlay.on_consumer_cancel_callbacks.add(end)
            await channel.set_qos(prefetch_count=prefetch)
            await declare_queue(channel, self._spec)
            queue = await channel.get_queue(self._spec.name, ensure=False)

            async def take(message: AbstractIncomingMessage) -> None:
                self._taken.put_nowait((channel, message))

            await queue.consume(take)
        return ended

    async def _leave(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            with suppress(*FAILURES):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await channel.close()

    async def _fill_place(self) -> None:
        while True:
            channel, message = await self._taken.get()
            if channel.is_closed:
                continue  # the broker has given it to others, or will give it again
            try:
                await self._work(message)
            except Exception:
                # The row keeps its lease and comes back when that ends: a fault of one row is not the
                # end of its topic.
                log.exception("hint_handler_failed", queue=self._spec.name, message=message.message_id)
            try:
                async with failures_of("acknowledging"):
                    await message.ack()
            except BrokerUnavailable:
                log.debug("hint_not_acknowledged", queue=self._spec.name, message=message.message_id)
