"""Pains of those who run exchange hubs (13, 15, 17), each turned into a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.services import quiet_inboxes
from hub.storage.unit_of_work import PgUnitOfWork
from tests.support.hub import B_NEW, B_SECOND, A, B, C, FaultyPool, HubUnderTest, Peer, hub_on
from tests.support.messages import letter


@pytest.fixture
async def counted(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[HubUnderTest, FaultyPool]]:
    """A hub whose statements are counted, and whose memory of empty inboxes is not checked by itself."""
    pools: list[FaultyPool] = []

    def watch(pool: Any) -> FaultyPool:
        pools.append(FaultyPool(pool))
        return pools[0]

    monkeypatch.setattr(quiet_inboxes, "CHECK_AFTER_S", 3600.0)
    async with hub_on(database_url, tmp_path, watch=watch) as made:
        yield made, pools[0]


@asynccontextmanager
async def listening(hub: HubUnderTest) -> AsyncIterator[None]:
    """Let the node hear announcements for the length of the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(hub.motions.listen())
        while not await hub.pool.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"):
            pass
        yield
        task.cancel()


async def test_pain_13_polls_of_an_empty_inbox_ask_the_database_nothing(
    counted: tuple[HubUnderTest, FaultyPool],
) -> None:
    hub, pool = counted
    b = await hub.system("DMS B", B)
    async with listening(hub):
        assert await b.inbox(wait="1") == []  # by now the connection that listens has been noted
        assert await b.inbox() == []
        before = len(pool.statements)
        for _ in range(50):
            assert await b.inbox() == []
        assert len(pool.statements) == before


async def test_pain_13_what_comes_is_seen_although_the_inbox_was_known_to_be_empty(
    counted: tuple[HubUnderTest, FaultyPool],
) -> None:
    hub, _ = counted
    a, b = await hub.system("DMS A", A), await hub.system("DMS B", B)
    async with listening(hub):
        assert await b.inbox(wait="1") == []
        await a.accepted(letter(A, B))
        await hub.settle()
        assert len(await b.inbox(wait="20")) == 1


async def test_pain_13_a_client_that_polls_without_end_is_told_to_wait_and_the_others_are_not(
    database_url: str, tmp_path: Path
) -> None:
    async with hub_on(database_url, tmp_path, limits={"empty_polls_per_minute": 20}) as hub:
        b, c = await hub.system("DMS B", B), await hub.system("DMS C", C)
        answers = [await b.call("GET", "/api/v1/inbox") for _ in range(30)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert {answer.code for answer in refused} == {"rate_limited"}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert await c.inbox() == []
        assert (await b.call("GET", "/api/v1/inbox", params={"wait": "1"})).status == 200


async def test_pain_15_what_a_dead_node_had_begun_is_done_by_another(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B))
    (task_id,) = await hub.column("SELECT id FROM task")
    async with PgUnitOfWork(hub.pool).begin() as tx:
        assert await tx.tasks.claim(task_id, owner="a node that died", lease=timedelta(seconds=60))
    await hub.settle()
    assert await b.inbox() == []
    await hub.later(minutes=2)
    await hub.settle()
    assert len(await b.take_all()) == 1
    assert (await a.show(sent.document_id))["deliveries"][0]["state"] == "confirmed"


async def test_pain_15_no_state_of_a_delivery_lasts_for_ever_without_anybody_acting(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, [B, C]))
    await hub.settle()
    await b.lease(await b.only())
    for _ in range(5):
        await hub.later(hours=24)
        await hub.sweep()
    states = {d["state"] for d in (await a.show(sent.document_id))["deliveries"]}
    assert states == {"undeliverable"}
    assert [e["kind"] for e in await a.evidence(sent.document_id)] == ["non_delivery", "non_delivery"]


async def test_pain_17_one_unit_under_its_old_and_its_new_code_gets_a_letter_once(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    body = letter(A, [B, B_NEW, B_SECOND, C])
    await a.accepted(body)
    await hub.settle()
    offers = await b.inbox()
    assert sorted((o["unit"], tuple(o["addressed_as"])) for o in offers) == [
        (B, (B, B_NEW)),
        (B_SECOND, (B_SECOND,)),
    ]
    assert await b.take_all() == [body, body]
