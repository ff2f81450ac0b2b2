"""Both brokers, held to the same promises."""

from __future__ import annotations

import pytest

from hub.broker.amqp import AmqpBroker
from hub.broker.in_process import InProcessBroker
from hub.ports.broker import Broker
from tests.support.broker_contract import BrokerContract, Rows
from tests.support.rabbit import SERVER, Rabbit


class TestInProcessBroker(BrokerContract):
    @pytest.fixture
    def broker(self, rows: Rows) -> Broker:
        return InProcessBroker(rows.due_rows)

    async def wipe(self, broker: Broker) -> None:
        assert isinstance(broker, InProcessBroker)
        for bell in broker._bells.values():
            bell.clear()


@pytest.mark.needs(SERVER)
class TestAmqpBroker(BrokerContract):
    @pytest.fixture
    def broker(self, rabbit: Rabbit, amqp: AmqpBroker) -> Broker:
        self.rabbit = rabbit
        return amqp

    async def wipe(self, broker: Broker) -> None:
        await self.rabbit.wipe()
