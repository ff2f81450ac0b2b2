"""Envelopes through a real RabbitMQ: the contract, consumers that give back for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.amqp_recipient import AmqpRecipient, make_user
from tests.support.exit_contract import ExitContract
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
    async def counterpart(self, recipient: AmqpRecipient, tmp_path: Path) -> AmqpRecipient:  # type: ignore[override]  # a fixture
        return recipient
