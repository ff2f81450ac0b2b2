"""Envelopes that came back: given back by the recipient's consumer too often, or rejected by it.

They decide nothing. The delivery is queued again with its back-off, somebody is alerted, and if the same goes
on until the deadline, the deadline ends it. Envelopes that merely grew old say nothing: their leases have run
out by themselves. If the row cannot be moved now, the lease runs out too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog
from aio_pika.abc import AbstractIncomingMessage

from adapters.amqp_push.envelope import read_headers
from adapters.amqp_push.topology import OutPlan
from hub.broker.connection import Link
from hub.broker.consuming import Consumption

log = structlog.get_logger(__name__)

EXPIRED: Final = "expired"
# Makes a delivery that was handed over under a token due again; the last argument says why.
ComeBack = Callable[[UUID, int, str], Awaitable[None]]


class ReturnedEnvelopes:
    """Watches the queue of envelopes that nobody took."""

    def __init__(self, url: str, *, plan: OutPlan, come_back: ComeBack, node: str = "lienthong") -> None:
        self._link = Link(url, name=f"{node} returned", plan=plan)
        self._queue = plan.dead_queue
        self._come_back = come_back

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            await Consumption(self._link, self._queue, self._take).run(1)
        finally:
            await self._link.drop()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        found = read_headers(message.headers)
        reason = str(message.headers.get("x-first-death-reason"))
        if found is None:
            log.error("returned_envelope_unreadable", message_id=message.message_id)
            return
        if reason == EXPIRED:
            return
        delivery_id, token = found
        log.error(
            "envelope_returned",
            delivery_id=str(delivery_id),
            queue=str(message.headers.get("x-first-death-queue")),
            reason=reason,
        )
        await self._come_back(delivery_id, token, reason)
