"""What RabbitMQ is told and what it does, beyond what every broker keeps to."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from aio_pika import Connection, Message
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPConnectionError, ChannelNotFoundEntity
from structlog.testing import capture_logs

from hub.broker import connection
from hub.broker.amqp import AmqpBroker
from hub.broker.declaring import TopologyConflict, declare, missing_from
from hub.broker.topology import make_plan
from hub.ports.broker import BrokerUnavailable
from hub.ports.records import Hint
from tests.support.broker_contract import NORMAL, PATIENCE_S, URGENT, Rows, consuming
from tests.support.rabbit import SERVER, Rabbit, free_port

pytestmark = pytest.mark.needs(SERVER)


def hint(topic: str = NORMAL) -> Hint:
    return Hint(topic=topic, ref=uuid4())


async def test_a_hint_is_a_persistent_message_with_the_row_alone(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    await amqp.publish([sent := hint()])
    async with rabbit.connection.channel() as channel:
        queue = await channel.get_queue(rabbit.plan.queue(NORMAL).name)
        message = await queue.get(no_ack=True)
    assert (message.body, message.routing_key) == (str(sent.ref).encode(), NORMAL)
    assert message.delivery_mode == 2
    assert message.message_id is not None
    assert message.message_id.startswith(str(sent.ref))
    assert message.headers.keys() <= {"x-delivery-count"}


async def test_hints_that_wait_are_counted(amqp: AmqpBroker) -> None:
    await amqp.publish([hint(), hint(), hint(URGENT)])
    assert (await amqp.waiting(NORMAL), await amqp.waiting(URGENT)) == (2, 1)


async def test_declaring_again_changes_nothing(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    await amqp.publish([hint()])
    async with rabbit.connection.channel() as channel:
        await declare(channel, rabbit.plan)
        await declare(channel, rabbit.plan)
    assert await amqp.waiting(NORMAL) == 1


async def test_the_queue_of_a_new_lane_is_made_when_its_first_hint_comes(
    amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    topic = f"deliver.{uuid4()}.normal"
    await amqp.publish([hint(topic)])
    assert await amqp.waiting(topic) == 1
    async with rabbit.connection.channel() as channel:
        await channel.queue_delete(rabbit.plan.queue(topic).name)


async def test_outsiders_can_listen_to_events(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    async with rabbit.connection.channel() as channel:
        own = await channel.declare_queue(exclusive=True)
        await own.bind(rabbit.plan.events.name, "H09-2.*")
        events = await channel.get_exchange(rabbit.plan.events.name)
        await events.publish(Message(b"{}"), "H09-2.delivery_confirmed", timeout=5)
        assert (await own.get(no_ack=True)).routing_key == "H09-2.delivery_confirmed"


# ---------------------------------------------------------------------- what cannot be published


async def test_a_hint_that_no_queue_takes_is_told_and_the_next_attempt_mends_it(
    amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    await amqp.publish([hint()])
    async with rabbit.connection.channel() as channel:
        await channel.queue_delete(rabbit.plan.queue(NORMAL).name)
    lost = hint()
    with pytest.raises(BrokerUnavailable, match="1 of 2"):
        await amqp.publish([lost, hint(URGENT)])
    await amqp.publish([lost])
    assert await amqp.waiting(NORMAL) == 1


async def test_one_row_published_twice_at_once_is_told_twice_that_no_queue_takes_it(
    amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    await amqp.publish([hint()])
    async with rabbit.connection.channel() as channel:
        await channel.queue_delete(rabbit.plan.queue(NORMAL).name)
    same = hint()
    exchange = await amqp._ready_for({NORMAL})
    outcomes = await asyncio.gather(
        *(amqp._publish_one(exchange, same) for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, Exception) for outcome in outcomes)


async def test_a_hint_that_the_queue_refuses_is_told(rabbit: Rabbit) -> None:
    async with rabbit.connection.channel() as channel:
        await declare(channel, rabbit.plan)
        await channel.queue_delete(rabbit.plan.queue(NORMAL).name)
    broker = AmqpBroker(rabbit.url, prefix=rabbit.prefix)
    try:
        await broker.publish([hint(URGENT)])
        async with rabbit.connection.channel() as channel:
            await channel.queue_delete(rabbit.plan.queue(NORMAL).name)
            queue = await channel.declare_queue(
                rabbit.plan.queue(NORMAL).name,
                durable=True,
                arguments={"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"},
            )
            await queue.bind(rabbit.plan.work.name, NORMAL)
        broker._declared.add(NORMAL)
        with pytest.raises(BrokerUnavailable, match="hints"):
            for _ in range(200):  # the broker takes a few before it notices
                await broker.publish([hint()])
    finally:
        await broker.stop()


async def test_a_topic_that_is_no_lane_is_told(amqp: AmqpBroker) -> None:
    with pytest.raises(BrokerUnavailable, match="no lane"):
        await amqp.publish([hint("nowhere")])
    await amqp.publish([hint()])


@pytest.mark.parametrize(
    "url",
    [
        f"amqp://lienthong:s3cret@127.0.0.1:{free_port()}/",  # nobody listens
        "amqp://lienthong:s3cret@localhost:{port}/",  # not this password
        "amqp://lienthong:{password}@127.0.0.1:{port}/nowhere",  # no such virtual host
        "amqp://127.0.0.1:notaport/",
        "amqps://lienthong:{password}@127.0.0.1:{port}/",  # no TLS there
    ],
)
async def test_a_broker_that_cannot_be_reached_is_told_and_keeps_no_node_from_starting(
    rabbit: Rabbit, url: str
) -> None:
    node = rabbit.node
    filled = url.replace("{password}", node.password).replace("{port}", str(node.port))
    broker = AmqpBroker(filled, prefix=rabbit.prefix)
    with capture_logs() as logs:
        await broker.start()
        with pytest.raises(BrokerUnavailable):
            await broker.publish([hint()])
        with pytest.raises(BrokerUnavailable):
            await broker.waiting(NORMAL)
    await broker.stop()
    assert logs[0]["event"] == "broker_away_at_start"
    assert node.password not in repr(logs)
    assert "s3cret" not in repr(logs)


async def test_a_line_that_could_not_be_made_is_closed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Noted(Connection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(connection, "Connection", Noted)
    with pytest.raises(AMQPConnectionError):
        await connection.connect("amqp://127.0.0.1:9/", name="nobody there")
    assert [each.is_closed for each in made] == [True]


async def test_a_broker_that_does_not_answer_is_given_up(
    rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.broker.connection.CONNECT_TIMEOUT_S", 0.1)
    lines: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, line: lines.append(line), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    broker = AmqpBroker(f"amqp://127.0.0.1:{port}/", prefix=rabbit.prefix)
    with pytest.raises(BrokerUnavailable, match="TimeoutError"):
        await broker.publish([hint()])
    await broker.stop()
    for line in lines:
        line.close()
        await line.wait_closed()
    silent.close()


# ---------------------------------------------------------------------- queues of somebody else


async def other_queue(rabbit: Rabbit) -> str:
    name = rabbit.plan.queue(NORMAL).name
    async with rabbit.connection.channel() as channel:
        await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    return name


async def test_a_queue_with_other_arguments_is_named_with_what_differs(rabbit: Rabbit) -> None:
    name = await other_queue(rabbit)
    broker = AmqpBroker(rabbit.url, prefix=rabbit.prefix)
    with pytest.raises(TopologyConflict, match="x-") as caught:
        await broker.start()
    assert caught.value.name == name
    with pytest.raises(BrokerUnavailable, match=name):
        await broker.publish([hint()])
    await broker.stop()


async def test_an_exchange_of_another_kind_is_named(rabbit: Rabbit) -> None:
    async with rabbit.connection.channel() as channel:
        await channel.declare_exchange(rabbit.plan.work.name, "fanout", durable=True)
    with pytest.raises(TopologyConflict) as caught:
        await AmqpBroker(rabbit.url, prefix=rabbit.prefix).start()
    assert caught.value.name == rabbit.plan.work.name


async def test_looking_whether_the_topology_fits_makes_nothing(rabbit: Rabbit) -> None:
    names = rabbit.plan.names
    assert set(await missing_from(rabbit.connection, rabbit.plan)) == names
    assert set(await missing_from(rabbit.connection, rabbit.plan)) == names
    with pytest.raises(ChannelNotFoundEntity):
        await rabbit.waiting(rabbit.plan.dead_queue.name)
    async with rabbit.connection.channel() as channel:
        await declare(channel, rabbit.plan)
    assert await missing_from(rabbit.connection, rabbit.plan) == []


async def test_looking_finds_a_queue_with_other_arguments(rabbit: Rabbit) -> None:
    name = await other_queue(rabbit)
    with pytest.raises(TopologyConflict) as caught:
        await missing_from(rabbit.connection, rabbit.plan)
    assert caught.value.name == name


# ---------------------------------------------------------------------- consuming


async def test_no_more_than_twice_as_many_are_fetched_as_are_worked_on(
    amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    rows, full = Rows(), asyncio.Event()
    rows.gate = full.wait  # type: ignore[assignment]
    hints = rows.new(20)
    async with consuming(amqp, rows, concurrency=3):
        await amqp.publish(hints)
        await rows.reach(lambda: rows.at_work == 3)
        assert await amqp.waiting(NORMAL) >= 20 - 2 * 3
        full.set()
        await rows.are_done(hints)


async def test_what_is_no_hint_is_logged_and_dropped(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    rows = Rows()
    async with rabbit.connection.channel() as channel:
        work = await channel.get_exchange(rabbit.plan.work.name)
        await work.publish(Message("không phải mã".encode()), NORMAL)
    with capture_logs() as logs:
        async with consuming(amqp, rows, concurrency=1):
            await amqp.publish(hints := rows.new())
            await rows.are_done(hints)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["hint_unreadable"]


async def test_a_handler_that_raises_leaves_no_hint_behind(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    rows = Rows()
    failures = iter([RuntimeError("a fault")])

    async def fail_once() -> None:
        if failure := next(failures, None):
            raise failure

    rows.gate = fail_once
    async with consuming(amqp, rows, concurrency=1):
        await amqp.publish(hints := rows.new(2))
        await rows.are_done(hints[1:])
    # The last may have been cut off before it was acknowledged; the one that failed may not lie there.
    async with rabbit.connection.channel() as channel:
        queue = await channel.get_queue(rabbit.plan.queue(NORMAL).name)
        left = await queue.get(fail=False, no_ack=True)
    assert left is None or left.body != str(hints[0].ref).encode()


# ---------------------------------------------------------------------- dead letters


async def give_back(message: AbstractIncomingMessage) -> None:
    """Take a hint and give it back, as a broker sees it when a node dies."""
    await message.nack(requeue=True)


async def test_a_hint_given_back_too_often_alerts_and_its_row_is_due_again(
    amqp: AmqpBroker, rabbit: Rabbit
) -> None:
    await amqp.publish([sent := hint()])
    due: asyncio.Queue[UUID] = asyncio.Queue()
    with capture_logs() as logs:
        async with rabbit.connection.channel() as channel, asyncio.TaskGroup() as group:
            queue = await channel.get_queue(rabbit.plan.queue(NORMAL).name)
            await queue.consume(give_back)
            watching = group.create_task(amqp.watch_dead_letters(due.put))
            async with asyncio.timeout(PATIENCE_S):
                assert await due.get() == sent.ref
            watching.cancel()
    (alert,) = [entry for entry in logs if entry["event"] == "hint_dead_lettered"]
    assert (alert["log_level"], alert["topic"], alert["ref"]) == ("error", NORMAL, str(sent.ref))
    assert alert["reason"] == "delivery_limit"
    assert await amqp.waiting(NORMAL) == 0


async def test_a_row_that_cannot_be_made_due_does_not_end_the_watch(amqp: AmqpBroker, rabbit: Rabbit) -> None:
    seen: asyncio.Queue[UUID] = asyncio.Queue()

    async def no_database(row: UUID) -> None:
        seen.put_nowait(row)
        raise RuntimeError("the database is away")

    async with rabbit.connection.channel() as channel:
        dead = await channel.get_exchange(rabbit.plan.dead.name)
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(amqp.watch_dead_letters(no_database))
            for sent in (hint(), hint()):
                await dead.publish(Message(str(sent.ref).encode()), sent.topic)
                async with asyncio.timeout(PATIENCE_S):
                    assert await seen.get() == sent.ref
            watching.cancel()


def test_a_hub_has_its_names_from_its_prefix() -> None:
    assert AmqpBroker("amqp://localhost/", prefix="tinh-a")._plan == make_plan("tinh-a")
