"""The exit of `amqp-push`: an envelope in the recipient's queue, confirmed by the broker.

That is a hand-over, not a confirmation: the delivery stays handed over until the recipient has fetched the
document and confirmed by the API, under the token of the envelope, or until its lease runs out and the next
envelope follows, under the same delivery id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog

from adapters.amqp_push.envelope import envelope
from adapters.amqp_push.line import Line, Lines, Unroutable
from hub.broker.declaring import TopologyConflict
from hub.ports.broker import BrokerUnavailable
from hub.ports.exits import Delivered, Failed, Outcome, Parcel

log = structlog.get_logger(__name__)


class AmqpPushExit:
    """Implements `Exit`."""

    groups_recipients = False

    def __init__(
        self,
        lines: Lines,
        url: str,
        *,
        queue: str,
        hub_url: str,
        lasts: timedelta,
        timeout_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._lines, self._url = lines, url
        self._line: Line | None = lines.borrow(url)
        self._queue = queue
        self._hub_url = hub_url
        self._lasts = lasts
        self._timeout_s = timeout_s
        self._clock = clock

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Publish the envelope of one delivery."""
        message = envelope(parcel, hub_url=self._hub_url, now=self._clock(), lasts=self._lasts)
        failure = await self._tried(
            lambda line: line.publish(self._queue, message, timeout_s=self._timeout_s)
        )
        return failure or Delivered(confirmed=False, reference=message.message_id)

    async def probe(self) -> Failed | None:
        """Reach the broker and declare the queue."""
        return await self._tried(lambda line: line.declare(self._queue))

    async def close(self) -> None:
        """Give the line back."""
        line, self._line = self._line, None
        if line is not None:
            await self._lines.give_back(self._url)

    async def _tried(self, call: Callable[[Line], Awaitable[None]]) -> Failed | None:
        line = self._line
        if line is None:
            return Failed(code="closed", peer_fault=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                await call(line)
        except Unroutable:
            return Failed(code="queue_refuses", text=f"the queue {self._queue} is gone or full")
        except TopologyConflict as error:
            return Failed(
                code="queue_conflict", text=f"{error.name} exists with other arguments: {error.detail}"
            )
        except TimeoutError:
            await line.drop()
            return Failed(code="no_answer", text="the broker did not confirm within the time limit")
        except BrokerUnavailable as error:
            await line.drop()
            return Failed(code="broker_unavailable", text=str(error))
        return None
