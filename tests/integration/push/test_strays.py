"""Nothing lies where nobody offers it: units, systems and adapters change while deliveries are under way."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from hub.ports.exits import Failed, Parcel
from hub.storage.directory import ASSIGN
from tests.support.exit_contract import send, state_of
from tests.support.exit_fake import FakePeer
from tests.support.hub import A, B, C, HubUnderTest, Peer
from tests.support.messages import letter, update
from tests.support.push import pushed, tasks


async def test_what_waits_for_a_redirected_delivery_is_pushed(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer, peer: FakePeer
) -> None:
    first = await send(hub, a)
    await a.accepted(update(A, B, number=1))
    await hub.settle()
    await hub.decisions.redirect(UUID(first.delivery_id), to=C, by="Lan", reason="gửi nhầm")
    await hub.push()
    assert [p.document.doc_type for p in peer.parcels] == [2]


async def test_a_unit_that_moves_to_another_pushed_system_during_a_failing_attempt_is_pushed_there(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, other: FakePeer
) -> None:
    await pushed(hub, "DMS mới", adapter="other")

    async def move(_parcel: Parcel) -> None:
        await hub.registry.release([B])
        await hub.registry.assign("DMS mới", [B])

    peer.during = move
    peer.answers.append(Failed(code="away"))
    sent = await send(hub, a)
    await hub.push()
    await hub.later(seconds=11)
    await hub.push()
    assert (len(peer.parcels), [t.delivery_id for t in other.taken]) == (1, [sent.delivery_id])


async def test_what_was_queued_while_its_system_came_to_be_pushed_to_gets_its_task(
    hub: HubUnderTest, a: Peer, c: Peer, peer: FakePeer
) -> None:
    await a.accepted(letter(A, C))
    async with hub.pool.acquire() as connection:
        # The switch has begun and looked at what is queued; the delivery is queued before it commits.
        switch = connection.transaction()
        await switch.start()
        await connection.execute("UPDATE system SET adapter = 'fake' WHERE name = 'DMS C'")
        await hub.settle()
        await switch.commit()
    assert await tasks(hub) == []
    await hub.pushing.adapters.put_secret("DMS C", "password", b"first")
    assert await hub.pushing.service.find_strays() == 1
    assert await hub.pushing.service.find_strays() == 0
    await hub.push()
    assert len(peer.taken) == 1


async def test_what_was_queued_for_a_system_while_its_unit_moved_to_another_goes_there(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, other: FakePeer
) -> None:
    await pushed(hub, "DMS mới", adapter="other")
    sent = await send(hub, a)
    await b.lease(sent.delivery_id)
    async with hub.pool.acquire() as connection:
        # The move has begun and passed over what is leased; the lease ends before it commits.
        move = connection.transaction()
        await move.start()
        await _assign(connection, "DMS mới")
        await hub.later(minutes=6)
        await hub.sweep()
        await move.commit()
    assert await state_of(hub, sent) == "queued"
    await hub.push()
    assert (peer.taken, other.taken) == ([], [])
    await hub.pushing.service.find_strays()
    await hub.push()
    assert (peer.taken, [t.delivery_id for t in other.taken]) == ([], [sent.delivery_id])


async def _assign(connection: asyncpg.pool.PoolConnectionProxy, name: str) -> None:
    system_id = await connection.fetchval("SELECT id FROM system WHERE name = $1", name)
    await connection.execute(ASSIGN, B, system_id)


async def test_an_exit_that_could_not_be_built_is_built_when_the_cause_is_gone(
    hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
) -> None:
    peer.unusable = "ca_file: there is no such file here"
    sent = await send(hub, a)
    await hub.push()
    assert peer.parcels == []
    peer.unusable = None
    await hub.later(minutes=2)
    await hub.push()
    assert await state_of(hub, sent) == "confirmed"
