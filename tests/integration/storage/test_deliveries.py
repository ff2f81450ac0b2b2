"""Deliveries as rows: written back whole, offered in order, locked by one at a time."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from uuid import UUID

import pytest

from hub.domain.business import BusinessState
from hub.domain.transport import DeliveryState
from hub.ports.records import Change, DeliveryRecord
from tests.support.hub import A, B, C, HubUnderTest, Peer
from tests.support.messages import letter

THEN = datetime(2026, 11, 2, 3, 4, 5, 678_901, tzinfo=UTC)


async def row(hub: HubUnderTest, delivery_id: UUID) -> DeliveryRecord:
    async with hub.motions.housekeeping._uow.read() as query:
        found = await query.deliveries.get(delivery_id)
    assert found is not None
    return found


@pytest.fixture
async def deliveries(hub: HubUnderTest, a: Peer, b: Peer, c: Peer) -> list[UUID]:
    await a.accepted(letter(A, [B, C]))
    return await hub.column("SELECT id FROM delivery ORDER BY id")


async def test_a_changed_delivery_comes_back_as_it_was_written(
    hub: HubUnderTest, deliveries: list[UUID]
) -> None:
    first, second = [await row(hub, each) for each in deliveries]
    changed = dataclasses.replace(
        first,
        state=DeliveryState.CONFIRMED,
        decision="deliver_with_warning",
        reasons=("signature_indeterminate", "no_document_file"),
        waits_for=second.id,
        parked_until=THEN,
        attempts=7,
        lease_token=2**40,
        lease_until=THEN,
        alert_at=THEN,
        deadline_at=None,
        handed_over_at=THEN,
        ended_at=THEN,
        business_state=BusinessState.RECALL_REQUESTED,
        business_before=BusinessState.ACCEPTED,
    )
    async with hub.motions.housekeeping._uow.begin() as tx:
        await tx.record(Change(deliveries=[changed]))
    assert await row(hub, first.id) == changed
    assert await row(hub, second.id) == second
    async with hub.motions.housekeeping._uow.begin() as tx:
        await tx.record(Change(deliveries=[first]))
    assert await row(hub, first.id) == first


async def test_every_state_and_business_state_can_be_stored(
    hub: HubUnderTest, deliveries: list[UUID]
) -> None:
    record = await row(hub, deliveries[0])
    for state in DeliveryState:
        for business in (None, *BusinessState):
            changed = dataclasses.replace(record, state=state, business_state=business)
            async with hub.motions.housekeeping._uow.begin() as tx:
                await tx.record(Change(deliveries=[changed]))
            assert await row(hub, record.id) == changed


async def test_deliveries_of_a_document_come_in_the_order_of_their_ids(
    hub: HubUnderTest, deliveries: list[UUID]
) -> None:
    document = (await row(hub, deliveries[0])).document_id
    async with hub.motions.housekeeping._uow.begin() as tx:
        assert [d.id for d in await tx.deliveries.lock_of_document(document)] == deliveries
        assert [d.id for d in await tx.deliveries.of_document(document)] == deliveries


async def test_what_waits_for_a_row_that_does_not_exist_is_not_offered(
    hub: HubUnderTest, b: Peer, deliveries: list[UUID]
) -> None:
    await hub.settle()
    assert len(await b.inbox()) == 1
    await hub.pool.execute("UPDATE delivery SET waits_for = gen_random_uuid()")
    assert await b.inbox() == []


async def test_sweeps_skip_what_another_has_locked(hub: HubUnderTest, deliveries: list[UUID]) -> None:
    await hub.settle()
    await hub.later(hours=73)
    uow = hub.motions.housekeeping._uow
    async with uow.begin() as one:
        held = await one.deliveries.lock_overdue(1)
        async with uow.begin() as other:
            rest = await other.deliveries.lock_overdue(10)
    assert {d.id for d in (*held, *rest)} == set(deliveries)
    assert len(rest) == 1
