"""A broker of the product on the test run's RabbitMQ."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.broker.amqp import AmqpBroker
from tests.support.rabbit import Rabbit


@pytest.fixture
async def amqp(rabbit: Rabbit) -> AsyncIterator[AmqpBroker]:
    """A broker that is connected."""
    broker = AmqpBroker(rabbit.url, prefix=rabbit.prefix)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()
