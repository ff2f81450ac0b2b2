"""The in-process broker: rings bells, keeps nothing, survives its handlers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from hub.broker.in_process import InProcessBroker
from hub.ports.records import Hint
from hub.ports.unit_of_work import DatabaseUnavailable

TOPIC = "verify.normal"


class Rows:
    """Due rows in memory; a row is due until it has been handled."""

    def __init__(self, *numbers: int) -> None:
        self.due = [UUID(int=n) for n in numbers]
        self.failures = 0
        self.done = asyncio.Event()

    async def __call__(self, topic: str, limit: int) -> Sequence[UUID]:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable("the test cut the line")
        return self.due[:limit] if topic == TOPIC else []

    async def finish(self, row: UUID) -> None:
        """Handle a row."""
        self.due.remove(row)
        if not self.due:
            self.done.set()


@asynccontextmanager
async def consuming(
    broker: InProcessBroker, handler: Callable[[UUID], Awaitable[None]], *, concurrency: int = 2
) -> AsyncIterator[None]:
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(broker.consume(TOPIC, handler, concurrency=concurrency))
        yield
        task.cancel()


async def test_rows_that_were_due_before_anybody_rang_are_found() -> None:
    rows = Rows(1, 2, 3)
    async with consuming(InProcessBroker(rows), rows.finish):
        await rows.done.wait()


async def test_never_more_than_the_given_number_run_at_once_and_none_twice() -> None:
    rows, running, most = Rows(*range(1, 20)), 0, 0
    seen: list[UUID] = []

    async def handle(row: UUID) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        seen.append(row)
        await asyncio.sleep(0)
        running -= 1
        await rows.finish(row)

    async with consuming(InProcessBroker(rows), handle, concurrency=3):
        await rows.done.wait()
    assert most == 3
    assert len(seen) == len(set(seen)) == 19


async def test_one_slow_row_holds_up_no_other() -> None:
    rows, gate = Rows(*range(1, 10)), asyncio.Event()

    async def handle(row: UUID) -> None:
        if row.int == 1:
            await gate.wait()
        await rows.finish(row)
        if len(rows.due) == 1:
            gate.set()

    async with consuming(InProcessBroker(rows), handle):
        await rows.done.wait()


async def test_a_fault_of_one_row_is_not_the_end_of_its_topic() -> None:
    rows = Rows(1, 2, 3)

    async def handle(row: UUID) -> None:
        await rows.finish(row)
        if row.int == 1:
            raise ValueError

    async with consuming(InProcessBroker(rows), handle):
        await rows.done.wait()


async def test_a_ring_wakes_a_consumer_that_has_nothing_to_do() -> None:
    rows, hint = Rows(), Hint(topic=TOPIC, ref=UUID(int=1))
    broker = InProcessBroker(rows)
    async with consuming(broker, rows.finish):
        await asyncio.sleep(0)
        rows.due.append(hint.ref)
        await broker.publish([Hint(topic="relay.normal", ref=hint.ref), hint])
        await rows.done.wait()


async def test_a_database_that_is_away_for_a_while_is_asked_again() -> None:
    rows = Rows(1)
    rows.failures = 1
    broker = InProcessBroker(rows)
    async with consuming(broker, rows.finish):
        await broker.publish([Hint(topic=TOPIC, ref=UUID(int=1))])
        await rows.done.wait()
