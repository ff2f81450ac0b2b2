"""What every Broker keeps to; a test class per implementation inherits it and gives `broker`.

Rows stand beside the broker, as they do in the product: whoever gets a hint claims its row, and a row that
is not due is left alone without a word. No test waits for a time to pass; each waits for what must happen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from hub.ports.broker import Broker, BrokerUnavailable
from hub.ports.records import Hint

NORMAL, URGENT = "verify.normal", "verify.urgent"
PATIENCE_S = 30.0
SWEEP_EVERY_S = 0.05


async def no_gate() -> None:
    """Let a handler go on at once."""


@dataclass(slots=True)
class Rows:
    """Rows as the database holds them: due until claimed, gone once done."""

    due: dict[UUID, str] = field(default_factory=dict)
    claimed: set[UUID] = field(default_factory=set)
    done: Counter[UUID] = field(default_factory=Counter)
    at_work: int = 0
    most_at_work: int = 0
    gate: Callable[[], Awaitable[None]] = no_gate
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def new(self, count: int = 1, topic: str = NORMAL) -> list[Hint]:
        """Make rows that are due and return the hints at them."""
        hints = [Hint(topic=topic, ref=uuid4()) for _ in range(count)]
        self.due |= {hint.ref: topic for hint in hints}
        return hints

    async def due_rows(self, topic: str, limit: int) -> Sequence[UUID]:
        """Return rows of a topic that are due and not claimed."""
        return [row for row, of in self.due.items() if of == topic and row not in self.claimed][:limit]

    async def work(self, row: UUID) -> None:
        """Claim a row and do it, through the gate; silent if it is not due."""
        if row not in self.due or row in self.claimed:
            return
        self.claimed.add(row)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        self._changed.set()
        try:
            await self.gate()
            del self.due[row]
            self.done[row] += 1
        finally:
            self.claimed.discard(row)
            self.at_work -= 1
            self._changed.set()

    async def reach(self, state: Callable[[], bool]) -> None:
        """Wait until the rows are in a state."""
        async with asyncio.timeout(PATIENCE_S):
            while not state():
                self._changed.clear()
                await self._changed.wait()

    async def are_done(self, hints: Iterable[Hint]) -> None:
        """Wait until these rows are done."""
        wanted = {hint.ref for hint in hints}
        await self.reach(lambda: wanted <= self.done.keys())


@asynccontextmanager
async def consuming(
    broker: Broker, rows: Rows, *topics: str, concurrency: int = 4
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Let rows be worked on for the time of the context."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(broker.consume(topic, rows.work, concurrency=concurrency))
            for topic in topics or (NORMAL,)
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()


async def sweep_until_done(broker: Broker, rows: Rows, hints: Sequence[Hint]) -> None:
    """Publish again what is due, as the sweeper does, until all is done."""

    async def sweep() -> None:
        while True:
            with suppress(BrokerUnavailable):
                await broker.publish([h for h in hints if h.ref in rows.due and h.ref not in rows.claimed])
            await asyncio.sleep(SWEEP_EVERY_S)

    async with asyncio.TaskGroup() as group:
        sweeping = group.create_task(sweep())
        await rows.are_done(hints)
        sweeping.cancel()


class BrokerContract:
    """The contract; `wipe` makes the broker forget all that it knows, behind its back."""

    async def wipe(self, broker: Broker) -> None:
        raise NotImplementedError

    @pytest.fixture
    def rows(self) -> Rows:
        return Rows()

    async def test_a_topic_that_was_dropped_is_made_anew_by_its_next_hint(
        self, broker: Broker, rows: Rows
    ) -> None:
        await broker.publish(rows.new())
        await broker.drop(NORMAL)
        assert await broker.waiting(NORMAL) == 0
        await broker.drop(NORMAL)
        hints = rows.new()
        await broker.publish(hints)
        async with consuming(broker, rows):
            await rows.are_done(hints)

    async def test_a_published_hint_reaches_the_handler(self, broker: Broker, rows: Rows) -> None:
        async with consuming(broker, rows):
            await broker.publish(hints := rows.new())
            await rows.are_done(hints)

    async def test_what_was_published_before_anyone_consumed_arrives(
        self, broker: Broker, rows: Rows
    ) -> None:
        await broker.publish(hints := rows.new(3))
        async with consuming(broker, rows):
            await rows.are_done(hints)

    async def test_publishing_nothing_is_no_error(self, broker: Broker) -> None:
        await broker.publish([])

    async def test_a_batch_arrives_whole(self, broker: Broker, rows: Rows) -> None:
        async with consuming(broker, rows, NORMAL, URGENT):
            hints = [*rows.new(150), *rows.new(50, URGENT)]
            await broker.publish(hints)
            await rows.are_done(hints)

    async def test_hints_may_repeat_and_the_row_is_done_once(self, broker: Broker, rows: Rows) -> None:
        hints = rows.new(5)
        async with consuming(broker, rows):
            await asyncio.gather(*(broker.publish([*hints, *hints]) for _ in range(3)))
            await rows.are_done(hints)
            await broker.publish([*hints, *(last := rows.new())])
            await rows.are_done(last)
        assert set(rows.done.values()) == {1}

    async def test_a_hint_at_a_row_that_is_not_due_is_dropped(self, broker: Broker, rows: Rows) -> None:
        async with consuming(broker, rows, concurrency=1):
            await broker.publish([Hint(topic=NORMAL, ref=uuid4()), *(hints := rows.new())])
            await rows.are_done(hints)
        assert rows.done.keys() == {hint.ref for hint in hints}

    async def test_a_handler_that_raises_does_not_stop_the_topic(self, broker: Broker, rows: Rows) -> None:
        failures = iter([RuntimeError("a fault of one row"), ValueError("and of another")])

        async def fail_twice() -> None:
            if failure := next(failures, None):
                raise failure

        rows.gate = fail_twice
        async with consuming(broker, rows, concurrency=1):
            await broker.publish(rows.new(4))
            await rows.reach(lambda: len(rows.done) >= 2)

    async def test_a_slow_row_holds_up_nobody_else(self, broker: Broker, rows: Rows) -> None:
        slow = asyncio.Event()
        first = iter([slow.wait])

        async def first_waits() -> None:
            if wait := next(first, None):
                await wait()

        rows.gate = first_waits
        async with consuming(broker, rows, concurrency=2):
            await broker.publish(hints := rows.new(12))
            await rows.reach(lambda: len(rows.done) == 11)
            slow.set()
            await rows.are_done(hints)

    async def test_topics_do_not_wait_for_one_another(self, broker: Broker, rows: Rows) -> None:
        stuck = asyncio.Event()
        rows.gate = lambda: no_gate() if done_urgent() else stuck.wait()  # type: ignore[assignment,return-value]
        urgent: list[Hint] = []

        def done_urgent() -> bool:
            return any(hint.ref in rows.claimed for hint in urgent)

        async with consuming(broker, rows, NORMAL, URGENT, concurrency=2):
            await broker.publish(normal := rows.new(6))
            await rows.reach(lambda: rows.at_work == 2)
            await broker.publish(urgent := rows.new(6, URGENT))
            await rows.are_done(urgent)
            stuck.set()
            await rows.are_done(normal)

    async def test_no_more_are_worked_on_at_once_than_asked_for(self, broker: Broker, rows: Rows) -> None:
        full = asyncio.Event()
        rows.gate = full.wait  # type: ignore[assignment]
        async with consuming(broker, rows, concurrency=3):
            await broker.publish(hints := rows.new(12))
            await rows.reach(lambda: rows.at_work == 3)
            full.set()
            await rows.are_done(hints)
        assert rows.most_at_work == 3

    async def test_what_a_cancelled_consumer_left_comes_to_the_next(self, broker: Broker, rows: Rows) -> None:
        never = asyncio.Event()
        rows.gate = never.wait  # type: ignore[assignment]
        await broker.publish(hints := rows.new(4))
        async with consuming(broker, rows, concurrency=2):
            await rows.reach(lambda: rows.at_work == 2)
        assert rows.at_work == 0
        rows.gate = no_gate
        async with consuming(broker, rows, concurrency=2):
            await rows.are_done(hints)

    async def test_two_consumers_share_a_topic(self, broker: Broker, rows: Rows) -> None:
        both = asyncio.Event()
        rows.gate = both.wait  # type: ignore[assignment]
        async with consuming(broker, rows, NORMAL, NORMAL, concurrency=2):
            await broker.publish(hints := rows.new(12))
            await rows.reach(lambda: rows.at_work == 4)
            both.set()
            await rows.are_done(hints)
        assert set(rows.done.values()) == {1}

    async def test_wiped_in_mid_flight_and_swept_everything_arrives(self, broker: Broker, rows: Rows) -> None:
        gate = asyncio.Semaphore(5)
        rows.gate = gate.acquire  # type: ignore[assignment]
        async with consuming(broker, rows, NORMAL, URGENT, concurrency=2):
            hints = [*rows.new(20), *rows.new(20, URGENT)]
            await broker.publish(hints)
            await rows.reach(lambda: len(rows.done) == 5)
            await self.wipe(broker)
            rows.gate = no_gate
            for _ in range(4):
                gate.release()  # those at work when it happened
            await sweep_until_done(broker, rows, hints)
        assert set(rows.done.values()) == {1}
