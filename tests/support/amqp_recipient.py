"""A recipient on RabbitMQ, real: takes envelopes from its queue, fetches by the API, confirms."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import aio_pika
import orjson
from aio_pika.abc import AbstractIncomingMessage

from adapters.amqp_push.kind import AmqpPushKind
from adapters.amqp_push.topology import OutPlan
from tests.support.exit_contract import Received
from tests.support.hub import HubUnderTest, Peer
from tests.support.rabbit import Rabbit, RabbitNode
from tests.support.tcp_line import HOST, TcpLine

LASTS: Final = timedelta(hours=1)
HUB_USER: Final = "hub"
FIRST_PASSWORD: Final = secrets.token_hex(8)


def make_user(node: RabbitNode) -> None:
    """Make the hub's user on a recipient's broker; every control call takes some two seconds."""
    node.control("add_user", HUB_USER, FIRST_PASSWORD)
    node.control("set_permissions", HUB_USER, ".*", ".*", ".*")


@dataclass
class AmqpRecipient:
    """The counterpart of the contract; the hub reaches the broker by a line of its own, as its own user."""

    rabbit: Rabbit
    line: TcpLine
    adapter: str = "amqp-push"
    confirms: bool = False
    unanswered: str = "handed_over"
    password: str = FIRST_PASSWORD
    taken: list[Received] = field(default_factory=list)
    dropped: int = 0
    reasons: list[str] = field(default_factory=list)
    late: int = 0
    system: Peer | None = None

    @property
    def queue(self) -> str:
        """The recipient's queue."""
        return f"{self.rabbit.prefix}.out.b"

    @property
    def plan(self) -> OutPlan:
        """What the adapter makes."""
        return OutPlan(prefix=self.rabbit.prefix)

    def kind(self) -> AmqpPushKind:
        """The kind of exit that leads here."""
        return AmqpPushKind(
            broker_url=None, prefix=self.rabbit.prefix, hub_url="https://truc.example.vn", lasts=LASTS
        )

    def settings(self) -> dict[str, str]:
        """Its settings."""
        return {"queue": self.queue, "timeout_s": "5"}

    def secrets(self) -> dict[str, bytes]:
        """The address with the hub's user and password."""
        return {"url": f"amqp://{HUB_USER}:{self.password}@{HOST}:{self.line.port}/".encode()}

    async def attach(self, hub: HubUnderTest, system: Peer) -> None:
        """Learn how to fetch and confirm."""
        self.system = system

    async def clear(self) -> None:
        """Take everything away that was made."""
        if self.password != FIRST_PASSWORD:
            await self._set_password(FIRST_PASSWORD)
        async with self.rabbit.connection.channel() as channel:
            for queue in (self.queue, self.plan.dead_queue.name):
                await channel.queue_delete(queue)
            for exchange in self.plan.exchanges:
                await channel.exchange_delete(exchange.name)

    async def envelopes(self) -> list[AbstractIncomingMessage]:
        """Take all envelopes that wait, without acknowledging them."""
        channel = await self.rabbit.channel()
        try:
            queue = await channel.get_queue(self.queue)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return []
        found = []
        while (message := await queue.get(fail=False)) is not None:
            found.append(message)
        return found

    async def received(self) -> list[Received]:
        """Take in what waits: fetch, confirm (or reject), acknowledge."""
        for message in await self.envelopes():
            await self.take_in(orjson.loads(message.body))
            await message.ack()
        return self.taken

    async def take_in(self, envelope: dict[str, Any]) -> None:
        """Do what a recipient does with an envelope; one whose lease has passed on is dropped."""
        assert self.system is not None
        delivery_id, token = str(envelope["delivery_id"]), int(envelope["lease_token"])
        assert envelope["fetch"].endswith(f"/api/v1/inbox/{delivery_id}/content?lease_token={token}")
        if self.reasons:
            answer = await self.system.act(
                delivery_id, "reject", lease_token=token, reason=self.reasons.pop(0)
            )
            assert answer.status == 200, answer.raw
            return
        fetched = await self.system.content(delivery_id, token)
        if fetched.status == 409:
            self.dropped += 1
            return
        assert fetched.status == 200, fetched.raw
        if self.late:
            self.late -= 1
        else:
            confirmed = await self.system.act(delivery_id, "confirm", lease_token=token)
            assert confirmed.status == 200, confirmed.raw
        self.taken.append(Received(delivery_id=delivery_id, body=fetched.raw))

    async def stop(self) -> None:
        """Be away: the line is cut."""
        await self.line.cut()

    async def start(self) -> None:
        """Be back."""
        await self.line.mend()

    async def refuse_next(self, reason: str) -> None:
        """Reject the next document."""
        self.reasons.append(reason)

    async def stall_next(self) -> None:
        """Take the next envelope, fetch its document and confirm nothing."""
        self.late += 1

    async def change_secret(self) -> None:
        """Change the password of the hub's user, and break what was opened with the old one."""
        self.password = secrets.token_hex(8)
        await self._set_password(self.password)
        await self.line.cut()
        await self.line.mend()

    async def _set_password(self, password: str) -> None:
        await asyncio.to_thread(self.rabbit.node.control, "change_password", HUB_USER, password)
