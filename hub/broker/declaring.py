"""Making the topology real: exchanges, queues and bindings, and whether what is there fits.

Declaring is idempotent: what is there with the same arguments stays as it is. What is there with others is
somebody's decision, which no program may undo: `TopologyConflict` says what differs, in the broker's words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed

from hub.broker.topology import ExchangeSpec, Furniture, Plan, QueueSpec


class TopologyConflict(Exception):
    """An exchange or queue exists with arguments that are not ours."""

    code = "broker_topology_conflict"

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


async def declare(channel: AbstractChannel, plan: Furniture) -> None:
    """Declare all that a plan names.

    Raises:
        TopologyConflict: something is there with other arguments; the channel is closed by that.
    """
    for exchange in plan.exchanges:
        await declare_exchange(channel, exchange)
    for queue in plan.queues:
        await declare_queue(channel, queue)


async def declare_exchange(channel: AbstractChannel, spec: ExchangeSpec) -> None:
    """Declare one exchange; raises TopologyConflict."""
    with _conflicts(spec.name):
        await channel.declare_exchange(spec.name, spec.kind, durable=True)


async def declare_queue(channel: AbstractChannel, spec: QueueSpec) -> None:
    """Declare one queue with its binding; raises TopologyConflict."""
    with _conflicts(spec.name):
        queue = await channel.declare_queue(spec.name, durable=True, arguments=dict(spec.arguments))
    await queue.bind(spec.exchange, spec.routing_key)


async def missing_from(connection: AbstractConnection, plan: Plan) -> list[str]:
    """Return what a plan names and the broker lacks, without making it.

    Raises:
        TopologyConflict: something is there with other arguments.
    """
    missing = []
    for exchange in plan.exchanges:
        if await _exists(connection, exchange):
            async with connection.channel() as channel:
                await declare_exchange(channel, exchange)
        else:
            missing.append(exchange.name)
    for queue in plan.queues:
        if await _exists(connection, queue):
            with _conflicts(queue.name):
                async with connection.channel() as channel:
                    await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
        else:
            missing.append(queue.name)
    return missing


async def _exists(connection: AbstractConnection, spec: ExchangeSpec | QueueSpec) -> bool:
    # The broker closes the channel over a name that it does not know: each question has its own.
    try:
        async with connection.channel() as channel:
            if isinstance(spec, ExchangeSpec):
                await channel.declare_exchange(spec.name, spec.kind, passive=True)
            else:
                await channel.declare_queue(spec.name, passive=True)
    except ChannelNotFoundEntity:
        return False
    return True


@contextmanager
def _conflicts(name: str) -> Iterator[None]:
    try:
        yield
    except ChannelPreconditionFailed as error:
        raise TopologyConflict(name, str(error)) from error
