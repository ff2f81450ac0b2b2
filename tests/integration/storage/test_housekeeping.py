"""The janitor: partitions ahead of time, old keys, rows out of place, blobs without a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import A, B, HubUnderTest, Peer
from tests.support.messages import letter


async def test_there_are_partitions_for_the_next_three_months_whenever_one_looks(
    pool: Any,
) -> None:
    uow = PgUnitOfWork(pool)
    for _ in range(3):
        await pool.execute("UPDATE hub_clock SET clock_offset = clock_offset + interval '90 days'")
        async with uow.begin() as tx:
            await tx.housekeeping.ensure_partitions()
            assert await tx.housekeeping.ensure_partitions() == 0
        ahead = await pool.fetch(
            """SELECT to_regclass('event_' || to_char(date_trunc('month', hub_now() AT TIME ZONE 'UTC')
                                                      + make_interval(months => i), 'YYYY_MM')) AS part
               FROM generate_series(0, 3) i"""
        )
        assert all(row["part"] for row in ahead)


async def test_rows_of_a_wrong_clock_are_kept_and_counted(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    async with hub.motions.housekeeping._uow.read() as query:
        assert await query.housekeeping.misplaced_rows() == 0
        await hub.pool.execute(
            "INSERT INTO event (id, kind, document_id, body, at) VALUES ($1, 'x', $2, '', hub_now())",
            uuid4(),
            uuid4(),
        )
        assert await query.housekeeping.misplaced_rows() == 1
        assert (await query.housekeeping.orphans())["event"] == 1


async def test_a_hub_leaves_no_row_without_its_parent(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    await b.take_all()
    async with hub.motions.housekeeping._uow.read() as query:
        assert set((await query.housekeeping.orphans()).values()) == {0}


async def test_keys_answer_for_duplicates_for_400_days(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    body = letter(A, B)
    first = await a.send(body, Idempotency_Key="k")
    await hub.later(days=399)
    await hub.motions.housekeeping.tidy()
    assert (await a.send(body, Idempotency_Key="k")).raw == first.raw
    await hub.later(days=2)
    await hub.motions.housekeeping.tidy()
    assert await hub.count("intake_key") == await hub.count("idempotency_key") == 0


@pytest.mark.parametrize("age", [timedelta(hours=23), timedelta(hours=25)])
async def test_a_blob_without_a_row_is_removed_when_it_is_a_day_old(
    hub: HubUnderTest, a: Peer, b: Peer, age: timedelta
) -> None:
    await a.accepted(letter(A, B))
    kept = await hub.stored_blobs()
    spool = await hub.blobs.new_spool()
    (spool / "x").write_bytes(b"x")
    orphan = uuid4()
    await hub.blobs.put(orphan, spool / "x")
    await hub.blobs.drop_spool(spool)
    await hub.motions.housekeeping.remove_orphan_blobs(datetime.now(UTC) + age)
    assert await hub.stored_blobs() == (kept if age > timedelta(hours=24) else kept | {orphan})


async def test_rows_of_a_wrong_clock_keep_nobody_from_starting(pool: Any) -> None:
    await pool.execute(
        "INSERT INTO event (id, kind, document_id, body, at)"
        " VALUES (uuid7_floor(now() + interval '5 months'), 'x', gen_random_uuid(), '', now())"
    )
    await pool.execute("UPDATE hub_clock SET clock_offset = interval '3 months'")
    async with PgUnitOfWork(pool).begin() as tx:
        assert await tx.housekeeping.ensure_partitions() == 0
        assert await tx.housekeeping.misplaced_rows() == 1
