"""Answers that come late or never: lost leases, passed deadlines, stopped nodes, silent recipients."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from hub.ports.exits import Failed, Parcel
from hub.ports.unit_of_work import DatabaseUnavailable
from tests.support.exit_contract import send, send_and_push, state_of
from tests.support.exit_fake import FakePeer
from tests.support.hub import HubUnderTest, Peer, at_once
from tests.support.push import about, due_in, tasks


class TestLateAndLost:
    async def test_an_answer_after_the_lease_was_lost_still_confirms(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def wait(_parcel: Parcel) -> None:
            peer.during = None
            await hub.later(minutes=2)
            await hub.sweep()

        peer.during = wait
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "confirmed"
        assert await tasks(hub) == []
        assert (await a.kinds(sent.document_id)).count("delivery_confirmed") == 1

    async def test_of_two_answers_to_two_attempts_one_confirms(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def again(_parcel: Parcel) -> None:
            peer.during = None
            await hub.later(minutes=2)
            await hub.sweep()
            await hub.push()

        peer.during = again
        sent = await send_and_push(hub, a)
        assert [t.delivery_id for t in peer.taken] == [sent.delivery_id] * 2
        assert (await a.kinds(sent.document_id)).count("delivery_confirmed") == 1
        assert await tasks(hub) == []

    async def test_a_failure_under_a_lost_lease_changes_nothing(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def again(_parcel: Parcel) -> None:
            peer.during = None
            await hub.later(minutes=2)
            await hub.sweep()
            await hub.push()
            peer.answers.append(Failed(code="late"))

        peer.during = again
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "confirmed"
        assert await tasks(hub) == []

    async def test_a_confirmation_after_the_deadline_corrects_the_evidence(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def wait(_parcel: Parcel) -> None:
            await hub.later(hours=80)
            await hub.sweep()

        peer.during = wait
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "confirmed"
        assert "delivery_confirmed_late" in await a.kinds(sent.document_id)
        assert len(await a.evidence(sent.document_id)) == 1

    async def test_nothing_is_handed_over_after_its_deadline(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await hub.later(hours=73)
        await hub.push()
        assert peer.parcels == []
        await hub.sweep()
        assert await state_of(hub, sent) == "undeliverable"

    async def test_of_many_workers_one_makes_the_attempt(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        (system_id,) = await hub.column("SELECT id FROM system WHERE name = 'DMS B'")
        work = hub.pushing.service.work
        await at_once(*(work(system_id, UUID(sent.delivery_id)) for _ in range(8)))
        assert len(peer.parcels) == 1

    async def test_a_node_that_stops_gives_back_what_it_was_at(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        begun = asyncio.Event()

        async def hang(_parcel: Parcel) -> None:
            begun.set()
            await asyncio.Event().wait()

        peer.during = hang
        sent = await send(hub, a)
        async with asyncio.TaskGroup() as group:
            attempt = group.create_task(hub.push())
            await begun.wait()
            attempt.cancel()
        assert await state_of(hub, sent) == "queued"
        peer.during = None
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"
        assert [p.attempt for p in peer.parcels] == [1, 2]

    async def test_a_database_that_breaks_while_settling_means_once_more_under_the_same_id(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise DatabaseUnavailable("away")

        sent = await send(hub, a)
        with monkeypatch.context() as patch:
            patch.setattr(hub.pushing.service._settling, "settle", broken)
            await hub.push()
        assert await state_of(hub, sent) == "leased"
        await hub.later(minutes=2)
        await hub.sweep()
        await hub.push()
        assert [t.delivery_id for t in peer.taken] == [sent.delivery_id] * 2
        assert await state_of(hub, sent) == "confirmed"


class TestUnconfirmed:
    @pytest.fixture
    def peer(self) -> FakePeer:
        return FakePeer(confirms=False)

    async def test_a_hand_over_waits_for_the_recipients_word(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "handed_over"
        await hub.later(minutes=30)
        await hub.sweep()
        await hub.push()
        (parcel,) = peer.parcels
        assert (await b.content(sent.delivery_id, parcel.token)).raw == sent.body
        assert (await b.act(sent.delivery_id, "confirm", lease_token=parcel.token)).status == 200
        assert await state_of(hub, sent) == "confirmed"

    async def test_without_a_word_it_is_handed_over_again_under_the_same_id(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send_and_push(hub, a)
        await hub.later(minutes=61)
        await hub.sweep()
        await hub.push()
        assert [p.attempt for p in peer.parcels] == [1, 2]
        assert len({p.delivery_ids for p in peer.parcels}) == 1
        first = peer.parcels[0].token
        assert (await b.act(sent.delivery_id, "confirm", lease_token=first)).status == 200
        assert await state_of(hub, sent) == "confirmed"

    async def test_waiting_for_a_word_does_not_keep_the_sender_from_its_evidence(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await hub.later(hours=71, minutes=50)
        await hub.push()
        assert await state_of(hub, sent) == "handed_over"
        await hub.later(minutes=11)
        await hub.sweep()
        assert await state_of(hub, sent) == "undeliverable"
        assert len(await a.evidence(sent.document_id)) == 1

    async def test_a_recipient_that_is_quicker_than_the_record_keeps_the_long_lease(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def fetch(parcel: Parcel) -> None:
            await b.content(str(parcel.delivery_ids[0]), parcel.token)

        peer.during = fetch
        sent = await send_and_push(hub, a)
        await hub.later(minutes=30)
        await hub.sweep()
        assert await state_of(hub, sent) == "handed_over"
        assert await tasks(hub) == []

    async def test_a_recipient_that_confirms_before_the_record_has_confirmed(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def confirm(parcel: Parcel) -> None:
            await b.act(str(parcel.delivery_ids[0]), "confirm", lease_token=parcel.token)

        peer.during = confirm
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "confirmed"
        assert await tasks(hub) == []

    async def test_what_comes_back_is_due_again_after_its_back_off(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send_and_push(hub, a)
        token = peer.parcels[0].token
        await hub.pushing.service.come_back(UUID(sent.delivery_id), token, "delivery_limit")
        await hub.push()
        assert len(peer.parcels) == 1
        assert await state_of(hub, sent) == "queued"
        assert about(await due_in(hub, sent), 10)
        await hub.later(seconds=11)
        await hub.push()
        assert len(peer.parcels) == 2

    async def test_what_comes_back_after_it_was_confirmed_is_let_be(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send_and_push(hub, a)
        token = peer.parcels[0].token
        await b.act(sent.delivery_id, "confirm", lease_token=token)
        await hub.pushing.service.come_back(UUID(sent.delivery_id), token, "rejected")
        assert await state_of(hub, sent) == "confirmed"

    async def test_what_comes_back_from_an_earlier_hand_over_is_let_be(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send_and_push(hub, a)
        await hub.later(minutes=61)
        await hub.sweep()
        await hub.push()
        await hub.pushing.service.come_back(UUID(sent.delivery_id), peer.parcels[0].token, "rejected")
        assert await state_of(hub, sent) == "handed_over"
