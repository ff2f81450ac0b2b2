"""All peers of a node at once: who never answers, answers late or refuses delays nobody but himself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.ports.exits import Parcel, Rejected
from tests.support.exit_fake import FakePeer
from tests.support.hub import ALONE, B_SECOND, A, B, C, HubUnderTest, Peer, hub_on
from tests.support.messages import letter
from tests.support.process import until
from tests.support.push import pushed

PLACES = 4
EACH = 6


class Arrivals:
    """Tells a test when a peer has got as many parcels as it waits for."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    async def note(self, _parcel: Parcel) -> None:
        self._changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
def peers() -> dict[str, FakePeer]:
    return {name: FakePeer(adapter=name) for name in ("never", "late", "refusing", "well")}


@pytest.fixture
async def hub(database_url: str, tmp_path: Path, peers: dict[str, FakePeer]) -> AsyncIterator[HubUnderTest]:
    async with hub_on(database_url, tmp_path, exits=[p.kind() for p in peers.values()]) as made:
        for (name, _), unit in zip(peers.items(), (B, B_SECOND, C, ALONE), strict=True):
            await pushed(made, name, unit, adapter=name)
        yield made


@asynccontextmanager
async def running(hub: HubUnderTest) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        lanes = group.create_task(hub.pushing.lanes.run())
        try:
            yield
        finally:
            lanes.cancel()


def units() -> Iterator[str]:
    yield from (B, B_SECOND, C, ALONE)


async def test_a_peer_that_never_answers_one_that_answers_late_and_one_that_refuses_delay_nobody_else(
    hub: HubUnderTest, a: Peer, peers: dict[str, FakePeer]
) -> None:
    arrivals, answer = Arrivals(), asyncio.Event()

    async def never(parcel: Parcel) -> None:
        await arrivals.note(parcel)
        await asyncio.Event().wait()

    async def late(parcel: Parcel) -> None:
        await arrivals.note(parcel)
        await answer.wait()

    peers["never"].during, peers["late"].during = never, late
    peers["refusing"].during = peers["well"].during = arrivals.note
    peers["refusing"].answers += [Rejected(code="no", text="không nhận")] * EACH
    # Theirs are older than the others' in every lane.
    for unit in units():
        for number in range(EACH):
            priority = 2 * (number % 2)
            await a.accepted(letter(A, unit, number=f"{unit[8]}{number}", priority=priority))
    await hub.settle()
    async with running(hub):
        await arrivals.until(lambda: len(peers["well"].parcels) == EACH)
        await arrivals.until(lambda: len(peers["refusing"].parcels) == EACH)
        await arrivals.until(lambda: len(peers["never"].parcels) == len(peers["late"].parcels) == PLACES)
        answer.set()
        await arrivals.until(lambda: len(peers["late"].parcels) == EACH)
    states = await hub.pool.fetch("SELECT s.name, d.state, count(*) FROM delivery d JOIN system s"
                                  " ON s.id = d.system_id GROUP BY 1, 2 ORDER BY 1, 2")  # fmt: skip
    # Each of them held no more than its own places; what the node was at when it stopped is queued again.
    assert [tuple(row) for row in states if row["name"] == "never"] == [("never", "queued", EACH)]
    assert len(peers["never"].parcels) == PLACES
    assert {p.document.id for p in peers["well"].parcels}.isdisjoint(
        p.document.id for p in peers["never"].parcels
    )


async def test_a_system_that_comes_to_be_pushed_to_is_served_and_one_that_is_not_any_more_is_left(
    hub: HubUnderTest, a: Peer, peers: dict[str, FakePeer]
) -> None:
    arrivals, begun = Arrivals(), asyncio.Event()

    async def hang(parcel: Parcel) -> None:
        begun.set()
        await asyncio.Event().wait()

    peers["well"].during, peers["never"].during = arrivals.note, hang
    await hub.pushing.adapters.configure("well", adapter="rest-pull")
    await a.accepted(letter(A, ALONE, number=1))
    await a.accepted(letter(A, B, number=2))
    await hub.settle()
    async with running(hub):
        await begun.wait()
        assert peers["well"].parcels == []
        await hub.pushing.adapters.configure("well", adapter="well", settings={"limit_s": "1"})
        await arrivals.until(lambda: len(peers["well"].parcels) == 1)
        await hub.pushing.adapters.configure("never", adapter="rest-pull")

        async def given_back() -> bool | None:
            states = await hub.column("SELECT state FROM delivery WHERE unit_id = $1", B)
            return True if states == ["queued"] else None

        await until(given_back, within_s=60, what="given back")
    assert await hub.count("task") == 0


async def test_a_retry_is_announced_when_its_time_has_come(
    hub: HubUnderTest, a: Peer, peers: dict[str, FakePeer]
) -> None:
    arrivals = Arrivals()
    well = peers["well"]
    well.during = arrivals.note
    well.up = False
    await a.accepted(letter(A, ALONE))
    await hub.settle()
    await hub.push()
    await hub.pool.execute("DELETE FROM outbox")
    well.up = True
    async with running(hub):
        await hub.later(seconds=11)
        await arrivals.until(lambda: len(well.parcels) == 1)
