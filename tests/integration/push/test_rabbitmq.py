"""The lanes of peers over a real RabbitMQ: hints by queue, retries announced, lost hints made good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from hub.broker.amqp import AmqpBroker
from hub.observability.failpoints import Failpoints
from hub.services.outbox_pump import OutboxPump
from hub.storage.unit_of_work import PgUnitOfWork
from hub.workers.push import PushLanes
from tests.support.exit_contract import send
from tests.support.exit_fake import FakePeer
from tests.support.hub import HubUnderTest, Peer
from tests.support.process import until
from tests.support.rabbit import SERVER, Rabbit

pytestmark = pytest.mark.needs(SERVER)


@asynccontextmanager
async def running(hub: HubUnderTest, rabbit: Rabbit) -> AsyncIterator[OutboxPump]:
    broker = AmqpBroker(rabbit.url, prefix=rabbit.prefix)
    await broker.start()
    hub.pushing.service._broker = broker
    pump = OutboxPump(PgUnitOfWork(hub.pool), broker, Failpoints(None))
    try:
        async with asyncio.TaskGroup() as group:
            lanes = group.create_task(PushLanes(hub.pushing.service, broker, places=4).run())
            try:
                yield pump
            finally:
                lanes.cancel()
    finally:
        await broker.stop()
        async with rabbit.connection.channel() as channel:
            for (system_id,) in await hub.pool.fetch("SELECT id FROM system"):
                for lane in ("urgent", "normal"):
                    await channel.queue_delete(f"{rabbit.prefix}.deliver.{system_id}.{lane}")


async def all_confirmed(hub: HubUnderTest) -> bool | None:
    return await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"] or None


async def test_hints_come_by_queue_and_a_retry_is_announced_when_its_time_has_come(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, rabbit: Rabbit
) -> None:
    peer.up = False
    sent = [await send(hub, a) for _ in range(3)]
    async with running(hub, rabbit) as pump:
        while await pump.pump():
            pass

        async def tried() -> bool | None:
            return await hub.pool.fetchval("SELECT min(attempts) FROM delivery") or None

        await until(tried, within_s=60, what="all tried")
        peer.up = True
        await hub.later(seconds=61)
        await until(lambda: all_confirmed(hub), within_s=60, what="all confirmed")
    assert {taken.delivery_id for taken in peer.taken} == {each.delivery_id for each in sent}


async def test_hints_that_are_lost_with_the_broker_are_announced_again(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, rabbit: Rabbit
) -> None:
    sent = [await send(hub, a) for _ in range(3)]
    await hub.pool.execute("DELETE FROM outbox")
    async with running(hub, rabbit):
        await until(lambda: all_confirmed(hub), within_s=60, what="all confirmed")
    assert sorted(taken.delivery_id for taken in peer.taken) == sorted(each.delivery_id for each in sent)


async def test_queues_of_systems_that_are_pushed_to_no_more_are_deleted(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.workers.push.STRAYS_EVERY", 1)
    await send(hub, a)
    system_id = b.caller.system_id
    urgent, normal = (f"{rabbit.prefix}.deliver.{system_id}.{lane}" for lane in ("urgent", "normal"))

    async def gone() -> bool | None:
        return not (await exists(rabbit, urgent) or await exists(rabbit, normal)) or None

    async with running(hub, rabbit):
        await until(lambda: all_confirmed(hub), within_s=60, what="confirmed")
        assert await exists(rabbit, urgent)
        assert await exists(rabbit, normal)
        await hub.pool.execute("UPDATE system SET adapter = 'rest-pull' WHERE id = $1", system_id)
        await until(gone, within_s=60, what="no queue")


async def exists(rabbit: Rabbit, queue: str) -> bool:
    """Whether the broker has a queue of this name."""
    channel = await rabbit.connection.channel()
    try:
        await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        return False  # and the channel is closed by that
    await channel.close()
    return True
