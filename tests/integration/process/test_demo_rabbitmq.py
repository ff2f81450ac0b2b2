"""The whole scenario as a province runs it: PostgreSQL by DSN and RabbitMQ, no embedded default."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.process import DEMO_S, Home, lienthong, new_folder
from tests.support.rabbit import SERVER, Rabbit

pytestmark = pytest.mark.needs(SERVER)


async def test_the_demo_passes_on_rabbitmq_and_a_given_postgresql(rabbit: Rabbit, database_url: str) -> None:
    env = {
        "LIENTHONG_DATABASE_URL": database_url,
        "LIENTHONG_BROKER_URL": rabbit.url,
        "LIENTHONG_BROKER_PREFIX": rabbit.prefix,
    }
    with new_folder() as folder:
        home = Home(path=folder / "h")
        done = await asyncio.to_thread(
            lienthong, "demo", "--once", "--port", "0", home=home.path, env=env, within_s=DEMO_S
        )
        assert done.code == 0, done.out + done.err
        assert "Traceback" not in done.err
        assert home.database_processes == ()
    for queue in rabbit.plan.queues:
        await rabbit.waiting(queue.name)  # it is there: the hub has used this broker


async def test_a_queue_of_somebody_else_keeps_the_hub_from_starting_with_a_sentence(
    rabbit: Rabbit, database_url: str
) -> None:
    name = rabbit.plan.queue("verify.urgent").name
    async with rabbit.connection.channel() as channel:
        await channel.declare_queue(name, durable=True)
    env = {
        "LIENTHONG_DATABASE_URL": database_url,
        "LIENTHONG_BROKER_URL": rabbit.url,
        "LIENTHONG_BROKER_PREFIX": rabbit.prefix,
    }
    with new_folder() as folder:
        done = await asyncio.to_thread(lienthong, "serve", "--port", "0", home=folder / "h", env=env)
    assert done.code != 0
    assert name in done.err
    assert "[broker_topology_conflict]" in done.err
    assert "Traceback" not in done.err
