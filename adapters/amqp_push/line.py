"""One line to a broker of recipients, shared by all exits that lead to it.

Queues are declared on channels of their own, so that one that exists with other arguments breaks nothing but
its own declaration. Publishing waits for the broker's confirm; what no queue takes comes back as an error.
"""

from __future__ import annotations

import asyncio

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractExchange
from aio_pika.exceptions import DeliveryError

from adapters.amqp_push.topology import OutPlan
from hub.broker.connection import Link, failures_of
from hub.broker.declaring import declare_queue


class Unroutable(Exception):
    """No queue took a message, or the queue refused it."""


class Line:
    """A connection to a broker, with what was declared on it."""

    def __init__(self, url: str, *, plan: OutPlan, name: str) -> None:
        self._link = Link(url, name=name, plan=plan)
        self._plan = plan
        self._lock = asyncio.Lock()
        self._channel: AbstractChannel | None = None
        self._declared: set[str] = set()
        self.users = 0

    async def declare(self, queue: str) -> None:
        """Declare a recipient's queue.

        Raises:
            BrokerUnavailable, TopologyConflict.
        """
        async with failures_of("declaring"):
            connection = await self._link.connection()
            channel = await connection.channel()
            try:
                await declare_queue(channel, self._plan.queue(queue))
            finally:
                if not channel.is_closed:
                    await channel.close()
        self._declared.add(queue)

    async def publish(self, queue: str, message: Message, *, timeout_s: float) -> None:
        """Publish to a recipient's queue and wait for the confirm.

        Raises:
            Unroutable: the queue is gone or full; it is declared anew before the next message.
            BrokerUnavailable: the broker cannot be reached, or the line was lost: it may have the message.
            TopologyConflict: the queue exists with other arguments.
        """
        async with failures_of("publishing"):
            exchange = await self._ready_for(queue)
            try:
                await exchange.publish(message, queue, mandatory=True, timeout=timeout_s)
            except DeliveryError as error:
                self._declared.discard(queue)
                raise Unroutable(queue) from error

    async def drop(self) -> None:
        """Close the connection; the next call makes a new one."""
        self._channel = None
        await self._link.drop()

    async def _ready_for(self, queue: str) -> AbstractExchange:
        async with self._lock:
            if self._channel is None or self._channel.is_closed:
                connection = await self._link.connection()
                self._declared.clear()
                self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            if queue not in self._declared:
                await self.declare(queue)
            return await self._channel.get_exchange(self._plan.out.name, ensure=False)


class Lines:
    """The lines of a node, by address; one is closed when its last exit is."""

    def __init__(self, plan: OutPlan, *, name: str) -> None:
        self._plan = plan
        self._name = name
        self._lines: dict[str, Line] = {}

    def borrow(self, url: str) -> Line:
        """Return the line to an address."""
        line = self._lines.get(url)
        if line is None:
            line = self._lines[url] = Line(url, plan=self._plan, name=self._name)
        line.users += 1
        return line

    async def give_back(self, url: str) -> None:
        """Close a line that nobody uses any more."""
        line = self._lines[url]
        line.users -= 1
        if not line.users:
            del self._lines[url]
            await line.drop()
