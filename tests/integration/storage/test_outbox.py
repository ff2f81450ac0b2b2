"""The outbox: shared by nodes, woken by notifications."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from hub.ports.records import Change, Hint
from hub.storage.unit_of_work import PgUnitOfWork


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


async def put(uow: PgUnitOfWork, count: int) -> list[UUID]:
    refs = [uuid4() for _ in range(count)]
    async with uow.begin() as tx:
        await tx.record(Change(hints=[Hint(topic="inbox", ref=ref) for ref in refs]))
    return refs


async def test_hints_come_out_in_the_order_in_which_they_were_put_in(uow: PgUnitOfWork) -> None:
    refs = await put(uow, 5)
    async with uow.begin() as tx:
        assert [row.hint.ref for row in await tx.outbox.take(3)] == refs[:3]


async def test_two_nodes_never_take_the_same_hint(uow: PgUnitOfWork) -> None:
    refs = await put(uow, 4)
    async with uow.begin() as one, uow.begin() as other:
        first = [row.hint.ref for row in await one.outbox.take(3)]
        second = [row.hint.ref for row in await other.outbox.take(3)]
    assert first + second == refs


async def test_hints_of_a_node_that_died_are_taken_by_another(uow: PgUnitOfWork) -> None:
    refs = await put(uow, 2)
    with pytest.raises(RuntimeError):
        async with uow.begin() as tx:
            rows = await tx.outbox.take(10)
            await tx.outbox.delete([row.id for row in rows])
            raise RuntimeError
    async with uow.begin() as tx:
        assert [row.hint.ref for row in await tx.outbox.take(10)] == refs


async def test_hints_of_a_transaction_that_failed_were_never_there(uow: PgUnitOfWork, pool: Any) -> None:
    with pytest.raises(RuntimeError):
        async with uow.begin() as tx:
            await tx.record(Change(hints=[Hint(topic="inbox", ref=uuid4())]))
            raise RuntimeError
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize("count", [1, 200, 201, 2000])
async def test_a_notification_names_the_systems_or_everybody(
    uow: PgUnitOfWork, database_url: str, count: int
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = await asyncpg.connect(database_url)
    try:
        await listening.add_listener("hub_inbox", lambda *args: heard.put_nowait(str(args[3])))
        ids = [uuid4() for _ in range(count)]
        async with uow.begin() as tx:
            await tx.outbox.notify(ids)
            assert heard.empty()
        payload = await asyncio.wait_for(heard.get(), 20)
    finally:
        await listening.close()
    assert payload == ("*" if count > 200 else ",".join(map(str, ids)))
