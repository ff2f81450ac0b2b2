"""Tasks as rows: one holder at a time, fenced by its token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.domain.deadlines import Lane
from hub.ports.records import Change, NewTask
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import at_once

MINUTE = timedelta(minutes=1)


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


@pytest.fixture
async def task(uow: PgUnitOfWork) -> UUID:
    return await add(uow)


async def add(uow: PgUnitOfWork, lane: Lane = Lane.NORMAL) -> UUID:
    task_id = uuid4()
    async with uow.begin() as tx:
        await tx.record(Change(tasks=[NewTask(id=task_id, kind="verify", lane=lane, document_id=uuid4())]))
    return task_id


async def claim(uow: PgUnitOfWork, task_id: UUID, owner: str = "a") -> Any:
    async with uow.begin() as tx:
        return await tx.tasks.claim(task_id, owner=owner, lease=MINUTE)


async def later(pool: Any, **delta: float) -> None:
    await pool.execute("UPDATE hub_clock SET clock_offset = clock_offset + $1", timedelta(**delta))


async def test_of_many_that_claim_at_once_one_gets_the_task(uow: PgUnitOfWork, task: UUID) -> None:
    claimed = await at_once(*(claim(uow, task) for _ in range(8)))
    assert len([each for each in claimed if each is not None]) == 1


async def test_each_claim_counts_an_attempt_and_raises_the_token(
    pool: Any, uow: PgUnitOfWork, task: UUID
) -> None:
    for number in (1, 2, 3):
        held = await claim(uow, task)
        assert (held.attempts, held.lease_token, held.lane) == (number, number, Lane.NORMAL)
        await later(pool, minutes=2)


async def test_a_leased_task_is_not_due_until_its_lease_ends(
    pool: Any, uow: PgUnitOfWork, task: UUID
) -> None:
    await claim(uow, task)
    async with uow.read() as query:
        assert await query.tasks.due("verify", "normal", 10) == ()
        await later(pool, minutes=2)
        assert await query.tasks.due("verify", "normal", 10) == (task,)


async def test_tasks_are_due_by_kind_and_lane_oldest_first(pool: Any, uow: PgUnitOfWork) -> None:
    first, urgent, second = await add(uow), await add(uow, Lane.URGENT), await add(uow)
    async with uow.read() as query:
        assert await query.tasks.due("verify", "normal", 10) == (first, second)
        assert await query.tasks.due("verify", "normal", 1) == (first,)
        assert await query.tasks.due("verify", "urgent", 10) == (urgent,)
        assert await query.tasks.due("relay", "normal", 10) == ()


@pytest.mark.parametrize("action", ["renew", "finish", "postpone"])
async def test_who_lost_the_lease_writes_nothing(
    pool: Any, uow: PgUnitOfWork, task: UUID, action: str
) -> None:
    old = await claim(uow, task)
    await later(pool, minutes=2)
    new = await claim(uow, task, "b")
    before = await pool.fetchrow("SELECT * FROM task")
    for held, expected in ((old, False), (new, True)):
        async with uow.begin() as tx:
            match action:
                case "renew":
                    done = await tx.tasks.renew(held, MINUTE)
                case "finish":
                    done = await tx.tasks.finish(held)
                case _:
                    done = await tx.tasks.postpone(held, delay=MINUTE, error="x")
        assert done is expected
        if not expected:
            assert await pool.fetchrow("SELECT * FROM task") == before


async def test_a_task_put_off_is_due_later_and_was_not_tried(
    pool: Any, uow: PgUnitOfWork, task: UUID
) -> None:
    held = await claim(uow, task)
    async with uow.begin() as tx:
        await tx.tasks.postpone(held, delay=MINUTE, error="blob store away")
    assert await claim(uow, task) is None
    await later(pool, minutes=2)
    assert (await claim(uow, task)).attempts == 1


async def test_a_node_that_starts_again_ends_the_leases_of_its_former_life_alone(
    pool: Any, uow: PgUnitOfWork
) -> None:
    mine, others = await add(uow), await add(uow)
    await claim(uow, mine, "a")
    await claim(uow, others, "b")
    async with uow.begin() as tx:
        assert await tx.tasks.take_back("a") == 1
    async with uow.read() as query:
        assert await query.tasks.due("verify", "normal", 10) == (mine,)
    assert (await claim(uow, mine)).lease_token == 2


async def test_a_task_is_neglected_only_when_it_has_been_due_for_long_without_a_lease(
    pool: Any, uow: PgUnitOfWork, task: UUID
) -> None:
    async with uow.read() as query:
        assert await query.tasks.neglected(timedelta(seconds=30), 10) == ()
        await later(pool, seconds=31)
        (hint,) = await query.tasks.neglected(timedelta(seconds=30), 10)
        assert (hint.topic, hint.ref) == ("verify.normal", task)
        await claim(uow, task)
        assert await query.tasks.neglected(timedelta(seconds=30), 10) == ()


async def test_the_backlog_tells_how_many_wait_and_how_long_the_oldest_has_been_due(
    pool: Any, uow: PgUnitOfWork
) -> None:
    async with uow.read() as query:
        assert await query.tasks.backlog("verify") == (0, 0.0)
        put_off = await add(uow)
        await later(pool, minutes=5)
        held = await claim(uow, put_off)
        async with uow.begin() as tx:
            await tx.tasks.postpone(held, delay=MINUTE, error="x")
        assert await query.tasks.backlog("verify") == (1, 0.0)
        await add(uow)
        await later(pool, seconds=30)
        waiting, oldest = await query.tasks.backlog("verify")
    assert (waiting, 30 <= oldest < 60) == (2, True)
