"""What `lienthong doctor` says about RabbitMQ."""

from __future__ import annotations

from pathlib import Path

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from hub.broker.amqp import AmqpBroker
from hub.cli.doctor_broker import _numbers, broker
from hub.cli.findings import Finding
from hub.config import load_settings
from tests.support.broker_contract import NORMAL
from tests.support.rabbit import SERVER, Rabbit, free_port

needs_rabbit = pytest.mark.needs(SERVER)


async def only(folder: Path, url: str | None, prefix: str = "lienthong") -> Finding:
    settings = load_settings(environment={}, home=folder, broker_url=url, broker_prefix=prefix)
    (finding,) = await broker(settings)
    return finding


async def test_no_broker_is_well(tmp_path: Path) -> None:
    assert (await only(tmp_path, None)).ok


@needs_rabbit
async def test_a_broker_not_used_yet_is_well_and_looking_makes_nothing(
    rabbit: Rabbit, tmp_path: Path
) -> None:
    found = await only(tmp_path, rabbit.url, rabbit.prefix)
    assert found.ok
    assert "sẽ được tạo" in found.vi
    with pytest.raises(ChannelNotFoundEntity):
        await rabbit.waiting(rabbit.plan.dead_queue.name)


@needs_rabbit
async def test_a_broker_in_use_is_well_and_tells_its_version(
    rabbit: Rabbit, amqp: AmqpBroker, tmp_path: Path
) -> None:
    found = await only(tmp_path, rabbit.url, rabbit.prefix)
    assert found.ok
    assert found.vi[0].isdecimal()
    assert "sẽ được tạo" not in found.vi


@needs_rabbit
async def test_a_queue_with_other_arguments_is_named_with_what_to_do(rabbit: Rabbit, tmp_path: Path) -> None:
    name = rabbit.plan.queue(NORMAL).name
    async with rabbit.connection.channel() as channel:
        await channel.declare_queue(name, durable=True)
    found = await only(tmp_path, rabbit.url, rabbit.prefix)
    assert not found.ok
    assert name in found.vi
    assert "inequivalent arg" in found.en


async def test_a_broker_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    found = await only(tmp_path, f"amqp://hub:s3cret@127.0.0.1:{free_port()}/")
    assert not found.ok
    assert "LIENTHONG_BROKER_URL" in found.vi
    assert "s3cret" not in found.vi + found.en


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("3.10.8", (3, 10, 8)), ("3.9.29", (3, 9, 29)), ("4.1.0-beta.2", (4, 1, 0)), ("?", (3, 10))],
)
def test_versions_are_compared_as_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert _numbers(version) == numbers
