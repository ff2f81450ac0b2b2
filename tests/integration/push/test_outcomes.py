"""What becomes of each outcome of an attempt, and of recipients that go together."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from hub.domain.directory import UnitState
from hub.ports.exits import Failed, Parcel, Rejected
from tests.support.exit_contract import send, send_and_push, state_of
from tests.support.exit_fake import FakePeer
from tests.support.hub import B_SECOND, A, B, HubUnderTest, Peer
from tests.support.messages import letter, unprefixed
from tests.support.push import about, due_in, tasks


class TestOutcomes:
    async def test_a_confirmed_hand_over_is_on_record_with_its_attempt(
        self, hub: HubUnderTest, a: Peer, b: Peer
    ) -> None:
        sent = await send_and_push(hub, a)
        answer = await a.call("GET", f"/api/v1/documents/{sent.document_id}/timeline")
        told = {e["kind"]: e["data"] for e in answer.json["events"] if e["kind"].startswith("delivery_")}
        for kind in ("delivery_leased", "delivery_handed_over", "delivery_confirmed"):
            assert told[kind]["attempt"] == 1
            assert told[kind]["adapter"] == "fake"

    async def test_waits_double_up_to_the_cap(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        waits = (10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600)
        for expected in waits:
            peer.answers.append(Failed(code="away", peer_fault=False))
            await hub.push()
            wait = await due_in(hub, sent)
            assert about(wait, expected), (wait, expected)
            await hub.later(seconds=expected)
        assert [p.attempt for p in peer.parcels] == list(range(1, len(waits) + 1))

    async def test_a_failure_is_on_record_with_its_code_and_when_it_goes_on(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(Failed(code="http_500", text="lỗi\x00 máy chủ\nhai dòng"))
        sent = await send_and_push(hub, a)
        answer = await a.call("GET", f"/api/v1/documents/{sent.document_id}/timeline")
        (event,) = [e for e in answer.json["events"] if e["kind"] == "delivery_attempt_failed"]
        assert event["data"]["problem"] == "http_500"
        assert event["data"]["attempt"] == 1
        assert "due_at" in event["data"]
        assert event["reason"] is None, "what the peer said is no business of the sender"
        answer = await b.call("GET", f"/api/v1/documents/{sent.document_id}/timeline")
        (event,) = [e for e in answer.json["events"] if e["kind"] == "delivery_attempt_failed"]
        assert event["reason"] == "lỗi máy chủ hai dòng"

    @pytest.mark.parametrize("code", ["mã lạ", "", "x" * 65, "a b"])
    async def test_a_code_that_is_none_is_not_lost_over(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, code: str
    ) -> None:
        peer.answers += [Failed(code=code), Rejected(code=code, text="")]
        sent = await send_and_push(hub, a)
        await hub.later(minutes=1)
        await hub.push()
        assert await state_of(hub, sent) == "rejected"

    async def test_what_the_peer_asks_for_is_waited_if_it_is_longer(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(Failed(code="http_503", retry_after=timedelta(minutes=20)))
        sent = await send_and_push(hub, a)
        assert about(await due_in(hub, sent), 1200)

    async def test_no_peer_puts_a_document_off_for_days(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(Failed(code="http_503", retry_after=timedelta(days=30)))
        sent = await send_and_push(hub, a)
        assert about(await due_in(hub, sent), 3600)

    async def test_an_exit_that_raises_is_a_failure_of_this_document_alone(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(RuntimeError("không ngờ"))
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "queued"
        assert await hub.column("SELECT failures FROM peer") == [0]
        await hub.later(minutes=1)
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_a_damaged_original_never_reaches_the_peer_and_is_kept(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await send(hub, a)
        (blob,) = [p for p in (hub.folder / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 100]
        blob.chmod(0o600)
        blob.write_bytes(b"x" * blob.stat().st_size)
        await hub.push()
        assert peer.taken == []
        assert await state_of(hub, sent) == "queued"

    async def test_an_adapter_that_is_not_set_up_keeps_its_deliveries(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await hub.pushing.adapters.remove_secret("DMS B", "password")
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "queued"
        await hub.pushing.adapters.put_secret("DMS B", "password", b"first")
        await hub.push()
        assert await state_of(hub, sent) == "confirmed"

    async def test_a_kind_that_breaks_its_promise_keeps_its_deliveries(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("không ngờ")

        sent = await send(hub, a)
        with monkeypatch.context() as patch:
            patch.setattr(hub.pushing.adapters, "build", broken)
            await hub.push()
        assert await state_of(hub, sent) == "queued"
        assert "delivery_attempt_failed" in await a.kinds(sent.document_id)

    async def test_an_adapter_that_this_node_does_not_know_keeps_its_deliveries(
        self, hub: HubUnderTest, a: Peer, b: Peer
    ) -> None:
        await hub.pool.execute("UPDATE system SET adapter = 'tu-mai-sau' WHERE name = 'DMS B'")
        sent = await send_and_push(hub, a)
        assert await state_of(hub, sent) == "queued"
        assert "delivery_attempt_failed" in await a.kinds(sent.document_id)

    async def test_a_recipient_that_cannot_read_the_dialect_gets_the_rendition_and_both_digests(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        body = unprefixed(letter(A, B))
        await a.accepted(body)
        await hub.settle()
        await hub.push()
        (parcel,) = peer.parcels
        assert parcel.content.is_rendition
        assert parcel.content.original_sha256 == hashlib.sha256(body).digest()
        assert parcel.content.sha256 == hashlib.sha256(peer.taken[0].body).digest()
        assert peer.taken[0].body != body


class TestGroups:
    @pytest.fixture
    def peer(self) -> FakePeer:
        return FakePeer(groups=True)

    async def test_all_recipients_of_a_document_go_in_one_hand_over(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        answer = await a.accepted(letter(A, [B, B_SECOND]))
        await hub.settle()
        await hub.push()
        (parcel,) = peer.parcels
        assert set(parcel.unit_ids) == {B, B_SECOND}
        assert len(parcel.delivery_ids) == len(parcel.addressed_as) == 2
        assert await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"]
        assert (await a.kinds(answer.document_id)).count("delivery_confirmed") == 2
        assert await tasks(hub) == []

    async def test_a_failure_puts_all_of_them_off(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers.append(Failed(code="away"))
        await a.accepted(letter(A, [B, B_SECOND]))
        await hub.settle()
        await hub.push()
        assert len(await tasks(hub)) == 2
        await hub.later(seconds=11)
        await hub.push()
        assert [len(p.delivery_ids) for p in peer.parcels] == [2, 2]

    async def test_another_document_goes_by_itself(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        for number in (1, 2):
            await a.accepted(letter(A, [B, B_SECOND], number=number))
        await hub.settle()
        await hub.push()
        assert [len(p.delivery_ids) for p in peer.parcels] == [2, 2]

    async def test_who_is_not_ready_is_left_out(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await a.accepted(letter(A, [B, B_SECOND]))
        await hub.settle()
        await hub.registry.set_unit_state(B_SECOND, UnitState.LOCKED)
        await hub.push()
        assert [p.unit_ids for p in peer.parcels] == [(B,)]


class TestExits:
    async def test_an_exit_is_kept_between_parcels_and_built_anew_with_new_settings(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        for _ in range(3):
            await send(hub, a)
        await hub.push()
        assert (peer.opened, peer.closed) == (1, 0)
        await hub.pushing.adapters.configure("DMS B", settings={"limit_s": "2"})
        await send(hub, a)
        await hub.push()
        assert (peer.opened, peer.closed) == (2, 1)
        await hub.pushing.service.close()
        assert peer.closed == 2

    async def test_an_exit_in_use_is_closed_after_its_last_parcel(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        async def change(_parcel: Parcel) -> None:
            peer.during = None
            await hub.pushing.adapters.configure("DMS B", settings={"limit_s": "2"})
            await send(hub, a)
            await hub.push()
            assert peer.closed == 0

        peer.during = change
        await send(hub, a)
        await hub.push()
        assert (peer.opened, peer.closed, len(peer.taken)) == (2, 1, 2)
