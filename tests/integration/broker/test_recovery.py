"""RabbitMQ is stopped, killed, emptied: what the outbox holds survives, and everything is worked off.

The rows are real ones in PostgreSQL, moved by the product's own pump, sweeper and repositories; the work
itself is to delete the task.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.broker.amqp import AmqpBroker
from hub.observability.failpoints import Failpoints
from hub.ports.broker import BrokerUnavailable
from hub.services.dead_letters import DeadLetters
from hub.services.outbox_pump import OutboxPump
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.broker_contract import NORMAL, URGENT
from tests.support.hub import HubUnderTest
from tests.support.process import until
from tests.support.rabbit import SERVER, Rabbit

pytestmark = pytest.mark.needs(SERVER)

LEASE = timedelta(seconds=60)
NEW_TASK = """
WITH made AS (
    INSERT INTO task (id, kind, lane, document_id, due_at, created_at)
    VALUES ($1, 'verify', $2, $1, hub_now(), hub_now())
)
INSERT INTO outbox (topic, ref) VALUES ('verify.' || $2, $1)
"""


@dataclass(slots=True)
class Work:
    """Tasks in the database and who works them off."""

    pool: asyncpg.Pool[asyncpg.Record]
    uow: PgUnitOfWork
    broker: AmqpBroker
    pump: OutboxPump
    done: Counter[UUID] = field(default_factory=Counter)
    refused: int = 0

    async def add(self, count: int) -> None:
        """Accept something: tasks, and the hints at them in the outbox."""
        rows = [(uuid4(), ("urgent", "normal")[n % 2]) for n in range(count)]
        await self.pool.executemany(NEW_TASK, rows)

    async def count(self, table: str) -> int:
        """Return the number of rows."""
        rows: int = await self.pool.fetchval(f"SELECT count(*) FROM {table}")
        return rows

    async def do(self, task_id: UUID) -> None:
        """Claim a task and finish it; silent if it is not due."""
        async with self.uow.begin() as tx:
            task = await tx.tasks.claim(task_id, owner="test", lease=LEASE)
        if task is None:
            return
        async with self.uow.begin() as tx:
            assert await tx.tasks.finish(task)
        self.done[task_id] += 1

    async def pump_for_ever(self) -> None:
        """Publish what the outbox holds, as the product's loop does."""
        while True:
            try:
                pumped = await self.pump.pump()
            except BrokerUnavailable:
                self.refused += 1
                pumped = 0
            if not pumped:
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Pump and consume for the time of the context."""
        async with asyncio.TaskGroup() as group:
            going = [
                group.create_task(self.pump_for_ever()),
                *(
                    group.create_task(self.broker.consume(topic, self.do, concurrency=2))
                    for topic in (NORMAL, URGENT)
                ),
            ]
            try:
                yield
            finally:
                for task in going:
                    task.cancel()

    async def reach(self, state: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until the database is in a state."""

        async def look() -> bool | None:
            return await state() or None

        await until(look, within_s=45, what=what)

    async def finished(self) -> bool:
        """Say whether nothing is left to do."""
        return not await self.count("outbox") and not await self.count("task")


@pytest.fixture
async def work(pool: asyncpg.Pool[asyncpg.Record], amqp: AmqpBroker) -> Work:
    uow = PgUnitOfWork(pool)
    return Work(pool=pool, uow=uow, broker=amqp, pump=OutboxPump(uow, amqp, Failpoints(None)))


async def test_stopped_and_started_again_under_load_everything_is_done_once(
    work: Work, rabbit: Rabbit
) -> None:
    await work.add(300)
    async with work.going_on():
        await work.reach(lambda: _is(len(work.done) >= 20), "work under way")
        await asyncio.to_thread(rabbit.node.stop)
        await work.add(100)
        refused = work.refused
        await work.reach(lambda: _is(work.refused > refused), "the pump noticing")
        assert await work.count("outbox") >= 100
        rabbit.node.launch()
        await work.reach(work.finished, "all done")
    assert len(work.done) == 400
    assert set(work.done.values()) == {1}


async def test_emptied_while_it_was_down_the_sweeper_brings_back_what_was_hinted_at(
    work: Work, rabbit: Rabbit, hub: HubUnderTest
) -> None:
    await work.add(50)
    while await work.pump.pump():  # confirmed by a broker that will know nothing of it
        pass
    await asyncio.to_thread(rabbit.node.kill)
    await asyncio.to_thread(rabbit.node.wipe)
    await work.add(50)
    rabbit.node.launch()
    sweeper = hub.motions.sweeper
    sweeper._broker = work.broker
    async with work.going_on():
        await work.reach(lambda: _is(len(work.done) >= 50), "what was still in the outbox done")
        assert await work.count("task") == 50
        await hub.later(seconds=31)
        await sweeper.neglected_tasks()
        await work.reach(work.finished, "all done")
    assert set(work.done.values()) == {1}


async def _is(state: bool) -> bool:
    return state


async def test_rows_whose_hints_still_wait_are_not_hinted_at_again(work: Work, hub: HubUnderTest) -> None:
    await work.add(4)
    await work.pump.pump()
    await hub.later(seconds=31)
    sweeper = hub.motions.sweeper
    sweeper._broker = work.broker
    assert await sweeper.neglected_tasks() == 0
    assert (await work.broker.waiting(NORMAL), await work.broker.waiting(URGENT)) == (2, 2)


async def test_a_lane_that_the_broker_does_not_serve_holds_up_no_other(
    work: Work, hub: HubUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = work.broker.waiting

    async def waiting(topic: str) -> int:
        if topic == URGENT:
            raise BrokerUnavailable("its queue has no leader")
        return await served(topic)

    monkeypatch.setattr(work.broker, "waiting", waiting)
    await work.add(2)
    await hub.pool.execute("DELETE FROM outbox")
    await hub.later(seconds=31)
    sweeper = hub.motions.sweeper
    sweeper._broker = work.broker
    with pytest.raises(BrokerUnavailable, match="no leader"):
        await sweeper.neglected_tasks()
    assert await served(NORMAL) == 1


async def test_rows_hinted_at_again_do_not_keep_the_sweeper_from_pausing(hub: HubUnderTest) -> None:
    await hub.pool.execute(NEW_TASK, uuid4(), "normal")
    await hub.later(seconds=31)
    assert await hub.motions.sweeper.neglected_tasks() == 1
    assert await hub.motions.sweeper.sweep() == 0


async def test_a_lost_urgent_hint_is_found_behind_many_normal_rows(hub: HubUnderTest) -> None:
    for lane in (*["normal"] * 120, "urgent"):
        await hub.pool.execute(NEW_TASK, uuid4(), lane)
    await hub.later(seconds=31)
    async with PgUnitOfWork(hub.pool).read() as query:
        hints = await query.tasks.neglected(timedelta(seconds=30), 100)
    assert hints[0].topic == URGENT
    assert len(hints) == 100


@pytest.mark.parametrize(("lease", "hinted"), [(None, 1), (LEASE, 0)])
async def test_a_dead_letter_makes_its_row_due_unless_somebody_works_on_it(
    hub: HubUnderTest, lease: timedelta | None, hinted: int
) -> None:
    row = uuid4()
    await hub.pool.execute(NEW_TASK, row, "normal")
    await hub.pool.execute("DELETE FROM outbox")
    await hub.pool.execute(
        "UPDATE task SET due_at = hub_now() + interval '1 hour', lease_until = hub_now() + $1", lease
    )
    await DeadLetters(PgUnitOfWork(hub.pool)).make_due(row)
    assert await hub.count("outbox") == hinted
    assert len(await hub.column("SELECT id FROM task WHERE due_at <= hub_now()")) == hinted


async def test_a_dead_letter_of_a_row_that_is_done_makes_nothing(hub: HubUnderTest) -> None:
    await DeadLetters(PgUnitOfWork(hub.pool)).make_due(uuid4())
    assert await hub.count("outbox") == 0
