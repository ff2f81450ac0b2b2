"""What is queued for a pushed system has a task, whoever queued it and however."""

from __future__ import annotations

from uuid import UUID

from hub.domain.adapters import PULL_ADAPTERS, is_pushed
from hub.domain.directory import UnitState
from hub.ports.exits import Failed, Parcel, Rejected
from tests.support.exit_contract import send, state_of
from tests.support.exit_fake import FakePeer
from tests.support.hub import DOUBTFUL, FAILED, A, B, C, HubUnderTest, Peer
from tests.support.messages import letter, status, update
from tests.support.push import hints, pushed, tasks

CONFIGURED = {"limit_s": "0.05"}


class TestTasksFollow:
    async def test_a_queued_delivery_has_a_task_under_its_own_id_and_a_hint(
        self, hub: HubUnderTest, a: Peer, b: Peer
    ) -> None:
        await a.accepted(letter(A, B))
        assert await hints(hub) == []
        for task_id in await hub.column("SELECT id FROM task WHERE kind = 'verify'"):
            await hub.motions.verification.work(task_id)
        (delivery_id,) = await hub.column("SELECT id FROM delivery")
        assert await tasks(hub) == [str(delivery_id)]
        assert await hints(hub) == [("normal", str(delivery_id))]

    async def test_a_system_that_fetches_has_no_push_tasks(self, hub: HubUnderTest, a: Peer, c: Peer) -> None:
        await a.accepted(letter(A, C))
        await hub.settle()
        assert await tasks(hub) == []

    async def test_a_status_is_queued_at_once_and_pushed_like_a_document(
        self, hub: HubUnderTest, b: Peer, c: Peer, peer: FakePeer
    ) -> None:
        await b.accepted(letter(B, C, number=7))
        await hub.settle()
        await c.take_all()
        await c.accepted(status(C, "01", about=(B, 7)))
        await hub.push()
        assert [str(p.document.kind) for p in peer.parcels] == ["status"]

    async def test_what_is_held_gets_its_task_when_it_is_released(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        hub.verifier.verdict = FAILED
        sent = await send(hub, a)
        assert await state_of(hub, sent) == "held"
        assert await tasks(hub) == []
        await hub.decisions.release(UUID(sent.delivery_id), by="Lan", reason="đã gọi điện")
        assert await tasks(hub) == [sent.delivery_id]
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_what_was_rejected_is_pushed_again_when_it_is_sent_again(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(Rejected(code="no", text="không nhận"))
        sent = await send(hub, a)
        await hub.push()
        assert await state_of(hub, sent) == "rejected"
        await hub.decisions.resend(UUID(sent.delivery_id), by="Lan", reason="gửi lại")
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"
        assert [p.attempt for p in peer.parcels] == [1, 1]
        assert len({p.delivery_ids for p in peer.parcels}) == 1

    async def test_a_withdrawn_delivery_leaves_no_task(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        order = {"reason": "gửi nhầm", "at": "2026-11-02T01:00:00Z"}
        answer = await a.call("POST", f"/api/v1/documents/{sent.document_id}/recall", json=order)
        assert answer.status == 200, answer.raw
        assert await state_of(hub, sent) == "withdrawn"
        await hub.push()
        assert peer.parcels == []
        assert sent.delivery_id not in await tasks(hub)

    async def test_a_system_that_comes_to_be_pushed_to_takes_its_open_deliveries_along(
        self, hub: HubUnderTest, a: Peer, c: Peer, peer: FakePeer
    ) -> None:
        await a.accepted(letter(A, C))
        await hub.settle()
        await hub.pushing.adapters.configure("DMS C", adapter="fake", settings=CONFIGURED)
        await hub.pushing.adapters.put_secret("DMS C", "password", b"first")
        await hub.push()
        assert len(peer.taken) == 1

    async def test_a_system_that_fetches_again_finds_its_open_deliveries_in_its_inbox(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await hub.pushing.adapters.configure("DMS B", adapter="rest-pull")
        assert await tasks(hub) == []
        await hub.push()
        assert peer.parcels == []
        assert (await b.take(await b.only())).raw == sent.body

    async def test_a_failed_attempt_that_ends_after_that_leaves_no_task(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def change(_parcel: Parcel) -> None:
            await hub.pushing.adapters.configure("DMS B", adapter="rest-pull")

        peer.during = change
        peer.answers.append(Failed(code="away"))
        sent = await send(hub, a)
        await hub.push()
        assert await state_of(hub, sent) == "queued"
        assert await tasks(hub) == []
        assert await b.only() == sent.delivery_id

    async def test_a_unit_that_another_system_speaks_for_takes_its_deliveries_along(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, other: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await pushed(hub, "DMS mới", adapter="other")
        await hub.registry.release([B])
        await hub.registry.assign("DMS mới", [B])
        await hub.push()
        assert (len(peer.parcels), [t.delivery_id for t in other.taken]) == (0, [sent.delivery_id])

    async def test_what_is_leased_by_hand_is_not_pushed_until_the_lease_ends(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await b.lease(sent.delivery_id)
        await hub.push()
        assert peer.parcels == []
        await hub.later(minutes=6)
        await hub.sweep()
        await hub.push()
        assert [p.attempt for p in peer.parcels] == [2]

    async def test_the_list_of_adapters_is_the_same_in_sql_and_in_code(
        self, hub: HubUnderTest, b: Peer
    ) -> None:
        for name in (*PULL_ADAPTERS, "webhook", "amqp-push", "folder", "sftp", "national"):
            await hub.pool.execute("UPDATE system SET adapter = $1", name)
            assert await hub.column("SELECT DISTINCT pushed FROM system") == [is_pushed(name)]


class TestOrder:
    async def test_what_refers_to_another_waits_until_that_is_handed_over(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        first = await send(hub, a)
        await a.accepted(update(A, B, number=1))
        await hub.settle()
        peer.answers.append(Failed(code="busy", peer_fault=False))
        await hub.push()
        assert [str(p.document.id) for p in peer.parcels] == [first.document_id]
        await hub.later(seconds=11)
        await hub.push()
        assert [p.document.doc_type for p in peer.parcels] == [0, 0, 2]

    async def test_a_locked_unit_gets_nothing_until_it_is_unlocked(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        await hub.registry.set_unit_state(B, UnitState.LOCKED)
        await hub.push()
        assert peer.parcels == []
        await hub.registry.set_unit_state(B, UnitState.ACTIVE)
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_a_locked_system_gets_nothing_until_it_is_unlocked(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await hub.registry.set_system_active("DMS B", active=False)
        sent = await send(hub, a)
        assert await hints(hub) == []
        await hub.push()
        assert peer.parcels == []
        await hub.registry.set_system_active("DMS B", active=True)
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_a_parked_status_is_pushed_once_its_document_is_known(
        self, hub: HubUnderTest, b: Peer, c: Peer, peer: FakePeer
    ) -> None:
        await c.accepted(status(C, "01", about=(B, 7)))
        await hub.settle()
        await hub.push()
        assert peer.parcels == []
        await b.accepted(letter(B, C, number=7))
        await hub.settle()
        await hub.sweep()
        await hub.push()
        assert [str(p.document.kind) for p in peer.parcels] == ["status"]

    async def test_a_warning_of_verification_keeps_nothing_from_being_pushed(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        hub.verifier.verdict = DOUBTFUL
        await send(hub, a)
        await hub.push()
        assert len(peer.taken) == 1
