"""Outsiders hear of every numbered event, at least once, also when the broker was away meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from aio_pika.abc import AbstractQueue

from hub.broker.amqp import AmqpBroker
from hub.ports.broker import BrokerUnavailable, Notice
from hub.services.event_publisher import EventPublisher
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter
from tests.support.rabbit import SERVER, Rabbit

pytestmark = pytest.mark.needs(SERVER)


async def heard(queue: AbstractQueue) -> list[tuple[str, Any]]:
    """Routing key and content of all that lies in a queue."""
    found = []
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        found.append((message.routing_key or "", orjson.loads(message.body)))
    return found


async def tell_all(publisher: EventPublisher) -> None:
    while await publisher.tell():
        pass


async def test_every_numbered_event_is_told_under_its_agency(
    hub: HubUnderTest, a: Peer, b: Peer, amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    async with rabbit.connection.channel() as channel:
        everything = await channel.declare_queue(exclusive=True)
        await everything.bind(rabbit.plan.events.name, "#")
        of_b = await channel.declare_queue(exclusive=True)
        await of_b.bind(rabbit.plan.events.name, f"{B}.#")
        await a.accepted(letter(A, B))
        await hub.settle()
        await b.take_all()
        await hub.settle()
        await tell_all(EventPublisher(PgUnitOfWork(hub.pool), amqp))
        notices = await heard(everything)
        stored = await hub.pool.fetch("SELECT seq, kind, unit_id FROM event ORDER BY seq")
        assert sorted((n["seq"], n["kind"], n["agency"]) for _, n in notices) == [tuple(r) for r in stored]
        assert all(key == f"{n['agency']}.{n['kind']}" for key, n in notices)
        own = {n["kind"] for _, n in await heard(of_b)}
        assert {"delivery_queued", "delivery_confirmed"} <= own
        assert "document_accepted" not in own


async def test_what_happens_while_nobody_can_be_told_is_told_later(
    hub: HubUnderTest, a: Peer, b: Peer, amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    uow = PgUnitOfWork(hub.pool)
    await a.accepted(letter(A, B))
    await hub.settle()
    with pytest.raises(BrokerUnavailable):
        await EventPublisher(uow, Away(amqp)).tell()
    assert await hub.pool.fetchval("SELECT seq FROM event_cursor") == 0
    async with rabbit.connection.channel() as channel:
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(rabbit.plan.events.name, "#")
        await tell_all(EventPublisher(uow, amqp))
        assert len(await heard(queue)) == await hub.count("event")


async def test_one_node_tells_at_a_time(hub: HubUnderTest, a: Peer, b: Peer, amqp: AmqpBroker) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    async with hub.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM event_cursor FOR UPDATE")
        assert await EventPublisher(PgUnitOfWork(hub.pool), amqp).tell() == 0


async def test_who_connects_a_broker_later_is_not_told_the_past(
    hub: HubUnderTest, a: Peer, b: Peer, amqp: AmqpBroker
) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    uow = PgUnitOfWork(hub.pool)
    await EventPublisher(uow, None).tell()
    assert await EventPublisher(uow, amqp).tell() == 0


class Away:
    """Tells everything and then loses the confirmations."""

    def __init__(self, broker: AmqpBroker) -> None:
        self._broker = broker

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Publish, and raise all the same."""
        await self._broker.tell(notices)
        raise BrokerUnavailable("confirmations lost")
