"""The in-process broker: a dispatcher over the same task rows, with no state of its own.

Publishing only rings a bell; the consumer then asks the database which rows of its topic are due. So it
behaves as any broker does that loses everything at a restart: nothing is lost, because the rows decide.
A slow fallback poll finds what was published by other nodes or before this one started. A slow row takes
one place of its topic and holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import structlog

from hub.ports.broker import HintHandler
from hub.ports.records import Hint
from hub.ports.unit_of_work import DatabaseUnavailable

log = structlog.get_logger(__name__)

FALLBACK_POLL_S: Final = 1.0
# Due rows of peers are announced every second, all in one query: hundreds of peers need not ask each.
PEER_POLL_S: Final = 30.0
PEER_TOPICS: Final = "deliver."

# Returns the ids of rows of a topic that are due, at most as many as asked for.
DueRows = Callable[[str, int], Awaitable[Sequence[UUID]]]


class InProcessBroker:
    """Implements `Broker` without a broker."""

    def __init__(self, due_rows: DueRows) -> None:
        self._due_rows = due_rows
        self._bells: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def publish(self, hints: Sequence[Hint]) -> None:
        """Ring the bell of each topic."""
        for hint in hints:
            self._bells[hint.topic].set()

    async def consume(self, topic: str, handler: HintHandler, *, concurrency: int) -> None:
        """Work through the rows of a topic that are due, again whenever the bell rings."""
        bell = self._bells[topic]
        running: set[UUID] = set()
        poll_s = PEER_POLL_S if topic.startswith(PEER_TOPICS) else FALLBACK_POLL_S

        async def work(row: UUID) -> None:
            try:
                await handler(row)
            except Exception:
                # The row keeps its lease and comes back when that ends: a fault of one row is not
                # the end of its topic.
                log.exception("hint_handler_failed", topic=topic, ref=str(row))
            finally:
                running.discard(row)
                bell.set()

        async with asyncio.TaskGroup() as group:
            while True:
                bell.clear()
                fresh = await self._fresh(topic, running, concurrency)
                for row in fresh:
                    running.add(row)
                    group.create_task(work(row), name=f"{topic}:{row}")
                if not fresh:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(poll_s):
                            await bell.wait()

    async def waiting(self, topic: str) -> int:  # noqa: ARG002 (of the port)
        """Return 0: no hints are held here."""
        return 0

    async def drop(self, topic: str) -> None:
        """Forget the bell of a topic."""
        self._bells.pop(topic, None)

    async def watch_dead_letters(self, make_due: HintHandler) -> None:  # noqa: ARG002 (of the port)
        """Wait until cancelled: no hint is ever given back here."""
        await asyncio.Event().wait()

    async def _fresh(self, topic: str, running: set[UUID], concurrency: int) -> list[UUID]:
        free = concurrency - len(running)
        if free <= 0:
            return []
        try:
            # A row just started may not be leased yet: ask for as many more and leave those out.
            rows = await self._due_rows(topic, concurrency)
        except DatabaseUnavailable:
            log.warning("due_rows_unavailable", topic=topic)
            return []
        return [row for row in rows if row not in running][:free]
