"""Systems and keys, and what the database says when it cannot go on."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.domain import apikeys
from hub.domain.directory_orders import OrderRefused
from hub.ports.records import Change, Hint, SystemRecord
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.services.registry import RegistryError
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import A, B, FaultyPool, HubUnderTest


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


def dms(name: str, **fields: Any) -> SystemRecord:
    made = SystemRecord(
        id=uuid4(),
        name=name,
        adapter="rest-pull",
        dialects=("a", "b"),
        policy=(("on_failed", "hold"), ("on_missing", "warn")),
        active=True,
    )
    return dataclasses.replace(made, **fields)


async def test_a_system_comes_back_as_it_was_put_in(uow: PgUnitOfWork) -> None:
    one, other = dms("B"), dms("A", policy=(), active=False)
    async with uow.begin() as tx:
        await tx.systems.add(one)
        await tx.systems.add(other)
        assert await tx.systems.get(one.id) == await tx.systems.by_name("B") == one
        assert await tx.systems.all() == (other, one)
        assert await tx.systems.many([one.id, uuid4()]) == {one.id: one}
        assert await tx.systems.get(uuid4()) is None


async def test_of_a_key_only_its_digest_is_kept(hub: HubUnderTest) -> None:
    made = await hub.registry.add_system("DMS A", units=[A])
    dump = await hub.column("SELECT t::text FROM api_key t")
    key = apikeys.parse(made.text)
    assert key is not None
    assert key.secret not in dump[0]
    assert await hub.column("SELECT digest FROM api_key") == [apikeys.digest(key)]


async def test_a_new_key_lets_the_old_ones_end_after_a_grace_and_never_later_than_they_would(
    hub: HubUnderTest,
) -> None:
    await hub.registry.add_system("DMS A")
    hub.registry._key_grace = timedelta(days=1)
    await hub.registry.new_key("DMS A")
    (first,) = await hub.column("SELECT expires_at FROM api_key WHERE expires_at IS NOT NULL")
    hub.registry._key_grace = timedelta(days=7)
    await hub.registry.new_key("DMS A")
    ends = await hub.column("SELECT expires_at FROM api_key ORDER BY expires_at NULLS LAST")
    assert len(ends) == 3
    assert (ends[0], ends[1] > first, ends[2]) == (first, True, None)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (lambda r: r.add_system("DMS A"), "system_exists"),
        (lambda r: r.add_system("C", units=["000.00.98.H09"]), "agency_unknown"),
        (lambda r: r.add_system("C", units=[B, A]), "agency_taken"),
        (lambda r: r.new_key("nobody"), "system_unknown"),
        (lambda r: r.revoke_key("nothing"), "key_unknown"),
    ],
)
async def test_an_order_that_cannot_be_carried_out_changes_nothing(
    hub: HubUnderTest, order: Any, code: str
) -> None:
    await hub.registry.add_system("DMS A", units=[A])
    before = [await hub.count(table) for table in ("system", "api_key")]
    with pytest.raises((RegistryError, OrderRefused)) as caught:
        await order(hub.registry)
    refused: Any = caught.value
    assert refused.code == code
    assert refused.vi
    assert [await hub.count(table) for table in ("system", "api_key")] == before
    assert await hub.column("SELECT unit_id FROM agency WHERE system_id IS NOT NULL") == [A]


# ---------------------------------------------------------------------------- the unit of work


async def test_a_deadlock_is_a_reason_to_try_again(uow: PgUnitOfWork, pool: Any) -> None:
    await pool.execute("CREATE TABLE lockable (id int PRIMARY KEY); INSERT INTO lockable VALUES (1), (2)")
    met = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with uow.begin() as tx:
            for number in (first, second):
                await tx.systems._connection.execute("SELECT FROM lockable WHERE id = $1 FOR UPDATE", number)
                if number == first:
                    await met.wait()

    outcomes = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["DatabaseUnavailable", "NoneType"]


async def test_a_lock_held_too_long_is_a_reason_to_try_again(uow: PgUnitOfWork, pool: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE log_head SET seq = seq")
        with pytest.raises(DatabaseUnavailable):
            async with uow.begin() as tx:
                await tx.systems._connection.execute("SET LOCAL lock_timeout = '10ms'")
                await tx.systems._connection.execute("SELECT FROM log_head FOR UPDATE")


async def test_a_read_only_server_is_a_reason_to_try_again(uow: PgUnitOfWork) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with uow.begin() as tx:
            await tx.systems._connection.execute("SET TRANSACTION READ ONLY")
            await tx.systems.add(dms("A"))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_line_cut_during_commit_leaves_the_outcome_open(pool: Any, when: str) -> None:
    faulty = FaultyPool(pool)
    faulty.fail_commit = when
    with pytest.raises(CommitUnknown):
        async with PgUnitOfWork(faulty).begin() as tx:  # type: ignore[arg-type]
            await tx.systems.add(dms("A"))
    assert await pool.fetchval("SELECT count(*) FROM system") == (1 if when == "after" else 0)


async def test_a_full_pool_is_a_reason_to_try_again(
    pool: Any, uow: PgUnitOfWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.storage.unit_of_work.ACQUIRE_TIMEOUT_S", 0.01)
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    try:
        for opened in (uow.begin, uow.read):
            with pytest.raises(DatabaseUnavailable):
                async with opened():
                    pass
    finally:
        for connection in held:
            await pool.release(connection)


async def test_an_error_in_the_block_undoes_it_and_comes_out_as_it_was(uow: PgUnitOfWork, pool: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with uow.begin() as tx:
            await tx.systems.add(dms("A"))
            raise ZeroDivisionError
    assert await pool.fetchval("SELECT count(*) FROM system") == 0


async def test_the_bell_rings_only_after_a_commit_that_wrote_news(pool: Any) -> None:
    rung: list[int] = []
    uow = PgUnitOfWork(pool, on_commit=lambda: rung.append(1))
    async with uow.begin() as tx:
        await tx.systems.add(dms("A"))
    assert rung == []
    async with uow.begin() as tx:
        await tx.record(Change(hints=[Hint(topic="inbox", ref=uuid4())]))
        assert rung == []
    assert rung == [1]
