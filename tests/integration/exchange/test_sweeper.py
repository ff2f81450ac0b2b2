"""What runs out is put right: leases, deadlines, alerts, neglected tasks; and hints may all be lost."""

from __future__ import annotations

import asyncio

import pytest

from hub.broker.in_process import InProcessBroker
from hub.ports.broker import BrokerUnavailable
from tests.support.hub import FAILED, A, B, C, HubUnderTest, Peer
from tests.support.messages import letter, number_of


async def one(hub: HubUnderTest, column: str) -> object:
    (value,) = await hub.column(f"SELECT {column} FROM delivery")
    return value


async def test_an_expired_lease_is_offered_again_and_on_record(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    delivery_id = await b.only()
    await b.lease(delivery_id)
    await hub.sweep()
    assert await b.inbox() == []
    await hub.later(minutes=6)
    await hub.sweep()
    assert await b.only() == delivery_id
    assert "lease_expired" in await a.kinds(sent.document_id)


@pytest.mark.parametrize(("priority", "alert_h", "end_h"), [(0, 8, 72), (1, 2, 24), (2, 1, 12), (3, 0.25, 4)])
async def test_a_late_delivery_alerts_once_and_ends_with_evidence(
    hub: HubUnderTest, a: Peer, b: Peer, priority: int, alert_h: float, end_h: float
) -> None:
    sent = await a.accepted(letter(A, B, priority=priority))
    await hub.settle()
    await hub.later(hours=alert_h - 0.1)
    await hub.sweep()
    assert "deadline_alerted" not in await a.kinds(sent.document_id)
    await hub.later(hours=0.2)
    for _ in range(3):
        await hub.sweep()
    assert (await a.kinds(sent.document_id)).count("deadline_alerted") == 1
    assert await a.evidence(sent.document_id) == []
    await hub.later(hours=end_h - alert_h)
    for _ in range(3):
        await hub.sweep()
    assert await one(hub, "state") == "undeliverable"
    assert len(await a.evidence(sent.document_id)) == 1
    assert (await a.kinds(sent.document_id)).count("delivery_undeliverable") == 1
    assert await b.inbox() == []


async def test_a_held_delivery_meets_its_deadline_too(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    hub.verifier.verdict = FAILED
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    await hub.later(hours=73)
    await hub.sweep()
    assert await one(hub, "state") == "undeliverable"
    assert len(await a.evidence(sent.document_id)) == 1


async def test_what_awaits_its_verification_is_not_ended_by_a_deadline(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    await a.accepted(letter(A, B))
    await hub.later(hours=100)
    await hub.sweep()
    assert await one(hub, "state") == "awaiting_verification"


async def test_who_holds_a_lease_at_the_deadline_may_still_confirm_under_it(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    sent = await a.accepted(letter(A, B, priority=3))
    await hub.settle()
    delivery_id = await b.only()
    await hub.later(hours=3.9)
    token = await b.lease(delivery_id, seconds=3600)
    await hub.later(hours=0.5)
    await hub.sweep()
    assert (await b.act(delivery_id, "confirm", lease_token=token)).status == 200
    assert await a.evidence(sent.document_id) == []


async def test_a_confirmed_delivery_is_never_alerted_or_ended(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    sent = await a.accepted(letter(A, B))
    await hub.settle()
    await b.take_all()
    before = await a.kinds(sent.document_id)
    await hub.later(days=10)
    await hub.sweep()
    assert await a.kinds(sent.document_id) == before


async def test_more_rows_than_a_batch_are_all_put_right(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.settle()
    await hub.pool.execute(
        """INSERT INTO delivery (id, document_id, kind, unit_id, system_id, addressed_as, state, lane,
                                 created_at, lease_token, lease_until, alert_at, deadline_at)
           SELECT gen_random_uuid(), document_id, kind, unit_id, system_id, addressed_as, 'leased', lane,
                  created_at, 1, hub_now() - interval '1 min', alert_at, deadline_at
           FROM delivery, generate_series(1, 250)"""
    )
    await hub.sweep()
    assert await hub.column("SELECT DISTINCT state FROM delivery") == ["queued"]


async def test_two_nodes_that_sweep_at_once_put_each_row_right_once(
    hub: HubUnderTest, a: Peer, b: Peer, c: Peer
) -> None:
    for n in range(10):
        await a.accepted(letter(A, [B, C], number=n))
    await hub.settle()
    await hub.later(hours=73)
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(hub.motions.sweeper.passed_deadlines())
    await hub.sweep()
    assert await hub.count("evidence") == 20
    assert await hub.column("SELECT count(*) FROM event WHERE kind = 'delivery_undeliverable'") == [20]


async def test_a_task_whose_hint_was_lost_is_announced_again(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.pool.execute("DELETE FROM outbox")
    rung: list[str] = []

    async def publish(hints: object) -> None:
        rung.extend(hint.topic for hint in hints)  # type: ignore[attr-defined]

    hub.motions.sweeper._broker.publish = publish  # type: ignore[method-assign]
    await hub.motions.sweeper.sweep()
    assert rung == []
    await hub.later(seconds=31)
    await hub.motions.sweeper.sweep()
    assert rung == ["verify.normal"]


async def test_a_backlog_does_not_keep_the_sweeper_turning(hub: HubUnderTest, a: Peer, b: Peer) -> None:
    await a.accepted(letter(A, B))
    await hub.later(minutes=1)
    assert await hub.motions.sweeper.sweep() == 0


async def test_hints_stay_in_the_outbox_while_the_broker_is_away(
    hub: HubUnderTest, a: Peer, b: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a.accepted(letter(A, B))
    with monkeypatch.context() as broken:

        async def away(_hints: object) -> None:
            raise BrokerUnavailable("the test cut the line")

        broken.setattr(hub.motions.pump._broker, "publish", away)
        with pytest.raises(BrokerUnavailable):
            await hub.motions.pump.pump()
    assert await hub.count("outbox") == 1
    assert await hub.motions.pump.pump() == 1
    assert await hub.count("outbox") == 0


async def test_a_broker_that_is_wiped_in_mid_flight_loses_nothing(
    hub: HubUnderTest, a: Peer, b: Peer
) -> None:
    verification, wiped = hub.motions.verification, 0
    due = hub.motions.pump._broker._due_rows  # type: ignore[attr-defined]
    begun = asyncio.Event()

    async def slowly() -> None:
        begun.set()
        await asyncio.sleep(0)

    hub.verifier.during = slowly
    for n in range(12):
        await a.accepted(letter(A, B, number=n, priority=n % 2))
        await hub.motions.pump.pump()
    while await hub.count("task"):
        broker = InProcessBroker(due)
        begun.clear()
        async with asyncio.TaskGroup() as group:
            consumers = [
                group.create_task(broker.consume(f"verify.{lane}", verification.work, concurrency=2))
                for lane in ("urgent", "normal")
            ]
            if wiped < 3:
                # The consumers die with what they had in hand; their leases run out.
                await begun.wait()
                wiped += 1
            else:
                async with asyncio.timeout(60):
                    while await hub.count("task"):
                        await broker.publish([])
            for consumer in consumers:
                consumer.cancel()
        await hub.later(minutes=2)
    offered = {offer["document_no"] for offer in await b.inbox()}
    assert offered == {number_of(A, n) for n in range(12)}
    assert await hub.column("SELECT count(*) FROM event WHERE kind = 'verification_finished'") == [12]
