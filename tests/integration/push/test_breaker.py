"""The breaker of a peer: in the database, for all nodes, and nothing is published while it is open."""

from __future__ import annotations

from typing import Any

from hub.ports.exits import Delivered, Failed
from tests.support.exit_contract import Sent, send
from tests.support.exit_fake import FakePeer
from tests.support.hub import A, B, HubUnderTest, Peer, at_once
from tests.support.messages import letter
from tests.support.push import Publishing, hints


async def paused(hub: HubUnderTest, a: Peer, peer: FakePeer) -> list[Sent]:
    """Six letters for a peer that is down: five were tried, and it is left alone."""
    peer.up = False
    sent = [await send(hub, a) for _ in range(6)]
    await hub.push()
    return sent


class TestBreaker:
    async def test_after_five_failures_in_a_row_the_peer_is_left_alone_and_it_is_on_record(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        sent = await paused(hub, a, peer)
        assert await hub.pool.fetchval("SELECT sum(attempts) FROM delivery") == 5
        (state,) = await hub.pushing.adapters.peers()
        assert (state.name, state.breaker.state, state.last_code) == ("DMS B", "open", "connection_refused")
        kinds = [kind for each in sent for kind in await a.kinds(each.document_id)]
        assert kinds.count("peer_paused") == 1

    async def test_while_it_is_open_nothing_is_published(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await paused(hub, a, peer)
        while await hub.motions.pump.pump():
            pass
        await hub.pool.execute("DELETE FROM outbox")
        await hub.later(seconds=30)
        await a.accepted(letter(A, B, number=77))
        for task_id in await hub.column("SELECT id FROM task WHERE kind = 'verify'"):
            await hub.motions.verification.work(task_id)
        assert await hints(hub) == []
        published: list[Any] = []
        hub.pushing.service._broker = Publishing(published)  # type: ignore[assignment]
        await hub.pushing.service.announce()
        await hub.sweep()
        assert published == []
        await hub.later(seconds=31)
        await hub.pushing.service.announce()
        assert published != []

    async def test_after_a_minute_one_probe_is_let_through_and_if_it_fails_a_minute_more(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await paused(hub, a, peer)
        await hub.later(seconds=61)
        await hub.push()
        assert await hub.pool.fetchval("SELECT sum(attempts) FROM delivery") == 6
        await hub.later(seconds=59)
        await hub.push()
        assert await hub.pool.fetchval("SELECT sum(attempts) FROM delivery") == 6

    async def test_two_nodes_let_one_probe_through_together(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await paused(hub, a, peer)
        await hub.later(minutes=10)
        (system_id,) = await hub.column("SELECT id FROM system WHERE name = 'DMS B'")
        due = await hub.column("SELECT id FROM task")
        await at_once(*(hub.pushing.service.work(system_id, each) for each in due))
        assert await hub.pool.fetchval("SELECT sum(attempts) FROM delivery") == 6

    async def test_a_success_closes_it_and_what_backed_off_goes_at_once(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.up = False
        sent = [await send(hub, a) for _ in range(6)]
        for _ in range(4):
            await hub.push()
            await hub.later(seconds=61)
        peer.up = True
        await hub.push()
        assert await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"]
        assert await hub.pushing.adapters.peers() == ()
        kinds = [kind for each in sent for kind in await a.kinds(each.document_id)]
        assert kinds.count("peer_resumed") == 1

    async def test_a_success_in_between_starts_the_count_anew(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        bad: list[Any] = [Failed(code="http_500")] * 4
        peer.answers += [*bad, Delivered(confirmed=True), *bad]
        for _ in range(9):
            await send(hub, a)
        await hub.push()
        assert await hub.column("SELECT state FROM peer") == ["closed"]

    async def test_faults_of_documents_do_not_open_it(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.answers += [Failed(code="http_413", peer_fault=False)] * 8
        for _ in range(8):
            await send(hub, a)
        await hub.push()
        assert await hub.column("SELECT state FROM peer") == ["closed"]

    async def test_a_probe_that_fails_by_a_fault_of_its_document_lets_the_next_probe(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await paused(hub, a, peer)
        peer.up = True
        peer.answers.append(Failed(code="http_413", peer_fault=False))
        await hub.later(minutes=2)
        await hub.push()
        assert await hub.column("SELECT state FROM peer") == ["closed"]

    async def test_new_settings_are_tried_at_once(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        peer.password = b"second"
        for _ in range(6):
            await send(hub, a)
        await hub.push()
        assert await hub.column("SELECT state FROM peer") == ["open"]
        await hub.pushing.adapters.put_secret("DMS B", "password", b"second")
        await hub.push()
        assert await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"]

    async def test_an_operator_may_have_it_tried_at_once(
        self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer
    ) -> None:
        await paused(hub, a, peer)
        peer.up = True
        assert await hub.pushing.adapters.retry_now("DMS B") == 5
        await hub.push()
        assert await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"]

    async def test_what_waits_is_measured(self, hub: HubUnderTest, a: Peer, b: Peer, peer: FakePeer) -> None:
        await paused(hub, a, peer)
        await hub.later(seconds=50)
        await hub.pushing.service.measure()
        text = hub.services.metrics.render().decode()
        assert "lienthong_pushes_waiting 6.0" in text
        assert "lienthong_peers_paused 1.0" in text
        assert 'lienthong_pushes_total{adapter="fake",outcome="connection_refused"} 5.0' in text
