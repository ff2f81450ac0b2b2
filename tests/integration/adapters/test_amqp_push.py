"""Envelopes through a real RabbitMQ: the contract, consumers that give back for ever."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import aio_pika
import orjson
import pytest

from adapters.amqp_push.returned import ReturnedEnvelopes
from adapters.amqp_push.topology import DELIVERY_LIMIT
from hub.services.registry import RegistryError
from tests.support.amqp_recipient import LASTS, AmqpRecipient, make_user
from tests.support.exit_contract import SYSTEM, ExitContract, give, send, send_and_push, state_of
from tests.support.hub import B, HubUnderTest, Peer, hub_on
from tests.support.push import about, due_in
from tests.support.rabbit import SERVER, Rabbit, RabbitNode
from tests.support.tcp_line import TcpLine

pytestmark = pytest.mark.needs(SERVER)


@pytest.fixture(scope="module")
def hub_user(rabbit_node: RabbitNode) -> None:
    make_user(rabbit_node)


@pytest.fixture
async def recipient(rabbit: Rabbit, hub_user: None) -> AsyncIterator[AmqpRecipient]:
    line = TcpLine(target=rabbit.node.port)
    await line.mend()
    made = AmqpRecipient(rabbit, line)
    yield made
    await line.cut()
    await made.clear()


class TestAmqpPush(ExitContract):
    @pytest.fixture
    async def counterpart(self, recipient: AmqpRecipient, tmp_path: Path) -> AmqpRecipient:
        return recipient


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, recipient: AmqpRecipient) -> AsyncIterator[HubUnderTest]:
    async with hub_on(database_url, tmp_path / "hub", exits=[recipient.kind()]) as made:
        yield made


@pytest.fixture
async def b(hub: HubUnderTest, recipient: AmqpRecipient) -> Peer:
    peer = await hub.system(SYSTEM, B)
    await give(hub, recipient)
    await recipient.attach(hub, peer)
    return peer


@asynccontextmanager
async def watching(hub: HubUnderTest, recipient: AmqpRecipient) -> AsyncIterator[asyncio.Queue[str]]:
    """The hub watches for envelopes that nobody took; the queue tells why each one came back."""
    told: asyncio.Queue[str] = asyncio.Queue()

    async def come_back(delivery_id: UUID, token: int, why: str) -> None:
        await hub.pushing.service.come_back(delivery_id, token, why)
        told.put_nowait(why)

    returned = ReturnedEnvelopes(recipient.rabbit.url, plan=recipient.plan, come_back=come_back)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(returned.run())
        try:
            yield told
        finally:
            watch.cancel()


async def nack_for_ever(recipient: AmqpRecipient) -> int:
    """Give every envelope back until none comes any more; return how often that was."""
    given_back = 0
    channel = await recipient.rabbit.channel()
    queue = await channel.get_queue(recipient.queue)
    while (message := await queue.get(fail=False)) is not None:
        await message.nack(requeue=True)
        given_back += 1
        assert given_back < 100, "a hot loop"
    return given_back


async def test_a_consumer_that_gives_back_for_ever_is_an_alert_and_a_back_off_and_never_a_loss(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    sent = await send(hub, a)
    async with watching(hub, recipient) as told:
        for attempt in (1, 2, 3):
            await hub.push()
            assert await state_of(hub, sent) == "handed_over"
            assert await nack_for_ever(recipient) <= DELIVERY_LIMIT + 1
            assert await told.get() == "delivery_limit"
            assert await state_of(hub, sent) == "queued"
            assert about(await due_in(hub, sent), 10 * 2 ** (attempt - 1))
            await hub.later(minutes=1)
    await hub.push()
    assert [each.delivery_id for each in await recipient.received()] == [sent.delivery_id]
    assert await state_of(hub, sent) == "confirmed"


async def test_an_envelope_that_the_consumer_throws_away_comes_back_too(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    sent = await send(hub, a)
    async with watching(hub, recipient) as told:
        await hub.push()
        (message,) = await recipient.envelopes()
        await message.reject(requeue=False)
        assert await told.get() == "rejected"
    assert await state_of(hub, sent) == "queued"


async def test_a_message_of_somebody_else_among_the_returned_harms_nothing(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    sent = await send_and_push(hub, a)
    async with watching(hub, recipient) as told:
        channel = await recipient.rabbit.channel()
        dead = await channel.get_exchange(recipient.plan.dead.name)
        strange: list[Any] = [
            {},
            {"delivery_id": "x", "lease_token": 1},
            {"delivery_id": 7, "lease_token": "x"},
        ]
        for headers in strange:
            await dead.publish(aio_pika.Message(b"", headers=headers), "")
        (message,) = await recipient.envelopes()
        await message.reject(requeue=False)
        assert await told.get() == "rejected"
    assert await state_of(hub, sent) == "queued"


async def test_an_envelope_says_what_is_needed_and_no_word_of_a_person(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    sent = await send_and_push(hub, a)
    (message,) = await recipient.envelopes()
    said = orjson.loads(message.body)
    inbox = f"https://truc.example.vn/api/v1/inbox/{sent.delivery_id}"
    assert said["delivery_id"] == message.correlation_id == sent.delivery_id
    assert (said["lease_token"], said["attempt"], said["unit"]) == (1, 1, B)
    assert said["document"]["id"] == sent.document_id
    assert said["document"]["sha256"] == hashlib.sha256(sent.body).hexdigest()
    assert said["document"]["size"] == len(sent.body)
    assert said["fetch"] == f"{inbox}/content?lease_token=1"
    assert (said["confirm"], said["reject"]) == (f"{inbox}/confirm", f"{inbox}/reject")
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.expiration == LASTS.total_seconds()
    assert "chuyển đổi số" not in message.body.decode()
    assert sent.body not in message.body


async def test_a_queue_that_was_deleted_is_made_again_and_nothing_is_lost(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    first = await send(hub, a)
    await hub.push()
    async with recipient.rabbit.connection.channel() as channel:
        await channel.queue_delete(recipient.queue)
    second = await send(hub, a)
    await hub.push()
    assert await state_of(hub, second) == "queued"
    await hub.later(minutes=62)
    await hub.sweep()
    await hub.push()
    assert {each.delivery_id for each in await recipient.received()} == {
        first.delivery_id,
        second.delivery_id,
    }


async def test_a_queue_with_other_arguments_is_a_failure_that_names_it(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    async with recipient.rabbit.connection.channel() as channel:
        await channel.declare_queue(recipient.queue, durable=True)
    sent = await send_and_push(hub, a)
    failed = await hub.pushing.adapters.test(SYSTEM)
    assert failed is not None
    assert failed.code == "queue_conflict"
    assert recipient.queue in failed.text
    assert await state_of(hub, sent) == "queued"


@pytest.mark.parametrize("name", ["work", "dead", "events", "verify.urgent", "out-dead"])
async def test_no_queue_of_the_hubs_own_is_given_to_a_recipient(
    hub: HubUnderTest, b: Peer, recipient: AmqpRecipient, name: str
) -> None:
    with pytest.raises(RegistryError, match="queue"):
        settings: dict[str, str | None] = {"queue": f"{recipient.rabbit.prefix}.{name}"}
        await hub.pushing.adapters.configure(SYSTEM, settings=settings)


async def test_without_any_broker_the_adapter_says_what_is_missing(
    hub: HubUnderTest, b: Peer, recipient: AmqpRecipient
) -> None:
    await hub.pushing.adapters.remove_secret(SYSTEM, "url")
    failed = await hub.pushing.adapters.test(SYSTEM)
    assert failed is not None
    assert "RabbitMQ" in failed.text


async def test_a_user_of_one_recipient_reads_its_own_queue_and_nothing_else(
    hub: HubUnderTest, a: Peer, b: Peer, recipient: AmqpRecipient
) -> None:
    control = recipient.rabbit.node.control
    name = f"nhan-{recipient.rabbit.prefix}"
    await asyncio.to_thread(control, "add_user", name, "mat-khau")
    await asyncio.to_thread(control, "set_permissions", name, "^$", "^$", f"^{re.escape(recipient.queue)}$")
    await send(hub, a)
    await hub.push()
    url = f"amqp://{name}:mat-khau@127.0.0.1:{recipient.rabbit.node.port}/"
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(recipient.queue, ensure=False)
        message = await queue.get()
        assert message is not None
        await message.nack()
        for other in (recipient.plan.dead_queue.name, "amq.gen-khac"):
            refused = await connection.channel()
            with pytest.raises(aio_pika.exceptions.ChannelClosed):
                await (await refused.get_queue(other, ensure=False)).get()
        writing = await connection.channel()
        with pytest.raises(aio_pika.exceptions.ChannelClosed):
            exchange = await writing.get_exchange(recipient.plan.out.name, ensure=False)
            await exchange.publish(aio_pika.Message(b"x"), recipient.queue)
    await asyncio.to_thread(control, "delete_user", name)
