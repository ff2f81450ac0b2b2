"""What every exit promises, as one class of tests: `class TestFolder(ExitContract)`.

A subclass brings the recipient's side as a fixture `counterpart`: something real (a server, a folder, a
consumer) behind the `Counterpart` protocol. The rest is a whole hub in process, on which nothing moves by
itself: `hub.settle()` verifies, `hub.push()` makes every attempt that is due, `hub.later()` moves its clock.

A counterpart that answers after the hand-over (a folder, a queue) refuses and dawdles then; `unanswered` says
where a delivery stands meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from hub.ports.exits import ExitKind
from tests.support.hub import A, B, C, HubUnderTest, Peer, hub_on
from tests.support.messages import PDF, letter

SYSTEM: Final = "DMS B"


@dataclass(frozen=True, kw_only=True)
class Received:
    """One hand-over as the recipient sees it, whole: a repeat under the same id is one more."""

    delivery_id: str
    body: bytes
    facts: dict[str, str] = field(default_factory=dict)


class Counterpart(Protocol):
    """The recipient's side of an exit. Waits, where it must, for events and never for a time."""

    adapter: str
    confirms: bool
    """Whether a hand-over is a confirmation; else the counterpart confirms by the API when it takes it in."""
    unanswered: str
    """Where a delivery stands that was handed over and not answered: the state, as the database has it."""

    def kind(self) -> ExitKind:
        """Return the kind of exit that leads here."""

    def settings(self) -> dict[str, str]:
        """Return the adapter's settings, with time limits of fractions of a second."""

    def secrets(self) -> dict[str, bytes]:
        """Return the secrets that it accepts now."""

    async def attach(self, hub: HubUnderTest, system: Peer) -> None:
        """Learn how to reach the hub as the recipient's system (to fetch and confirm)."""

    async def received(self) -> list[Received]:
        """Return all that was handed over so far, in order; confirms it where `confirms` is False."""

    async def stop(self) -> None:
        """Be away, as after a crash: nothing is taken, nothing that was taken is lost."""

    async def start(self) -> None:
        """Be back."""

    async def refuse_next(self, reason: str) -> None:
        """Refuse the next document for good."""

    async def stall_next(self) -> None:
        """Take the next document and do not answer in time."""

    async def change_secret(self) -> None:
        """Change the password, key or certificate: what `secrets` and `settings` gave before is void."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A document on its way to the counterpart."""

    document_id: str
    delivery_id: str
    body: bytes


class ExitContract:
    """What an exit promises."""

    @pytest.fixture
    async def counterpart(self, tmp_path: Path) -> AsyncIterator[Any]:
        """The recipient's side; brought by the subclass."""
        raise NotImplementedError
        yield  # noqa: PT022 (makes it what the subclass brings)

    @pytest.fixture
    async def hub(
        self, database_url: str, tmp_path: Path, counterpart: Counterpart
    ) -> AsyncIterator[HubUnderTest]:
        """A hub that knows this exit."""
        async with hub_on(database_url, tmp_path / "hub", exits=[counterpart.kind()]) as made:
            yield made

    @pytest.fixture
    async def b(self, hub: HubUnderTest, counterpart: Counterpart) -> Peer:
        """The recipient's system, which is pushed to."""
        peer = await hub.system(SYSTEM, B)
        await give(hub, counterpart)
        await counterpart.attach(hub, peer)
        return peer

    async def test_a_document_arrives_whole_and_once_under_the_id_of_its_delivery(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        sent = await send(hub, a)
        await hub.push()
        await hub.push()
        assert await arrived(counterpart) == [(sent.delivery_id, sent.body)]
        assert await state_of(hub, sent) == "confirmed"
        assert "delivery_handed_over" in await a.kinds(sent.document_id)
        assert await hub.count("task") == 0

    async def test_a_large_document_arrives_byte_by_byte(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        sent = await send(hub, a, padding=3_000_000)
        await hub.push()
        assert await arrived(counterpart) == [(sent.delivery_id, sent.body)]

    async def test_a_failed_attempt_is_repeated_under_the_same_id(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.stop()
        sent = await send(hub, a)
        await hub.push()
        assert await state_of(hub, sent) == "queued"
        assert "delivery_attempt_failed" in await a.kinds(sent.document_id)
        await counterpart.start()
        await hub.later(hours=1)
        await hub.push()
        assert await arrived(counterpart) == [(sent.delivery_id, sent.body)]
        assert await state_of(hub, sent) == "confirmed"

    async def test_a_peer_that_refuses_ends_the_delivery_with_its_reason(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.refuse_next("Không thuộc thẩm quyền")
        sent = await send(hub, a)
        await hub.push()
        assert await arrived(counterpart) == []
        await hub.later(hours=2)
        await hub.push()
        assert await state_of(hub, sent) == "rejected"
        assert await hub.count("task") == 0
        answer = await a.call("GET", f"/api/v1/documents/{sent.document_id}/timeline")
        assert "Không thuộc thẩm quyền" in answer.raw.decode()

    async def test_a_peer_that_answers_too_late_gets_it_again_under_the_same_id(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.stall_next()
        sent = await send(hub, a)
        await hub.push()
        assert set(await arrived(counterpart)) == {(sent.delivery_id, sent.body)}
        assert await state_of(hub, sent) == counterpart.unanswered
        await hub.later(hours=1)
        await hub.sweep()
        await hub.push()
        found = await arrived(counterpart)
        assert found == [(sent.delivery_id, sent.body)] * 2
        assert await state_of(hub, sent) == "confirmed"

    async def test_after_the_peer_changed_its_secret_only_the_new_one_gets_through(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        first = await send(hub, a)
        await hub.push()
        await counterpart.change_secret()
        second = await send(hub, a)
        await hub.push()
        assert await state_of(hub, second) == "queued"
        await give(hub, counterpart)
        await hub.push()
        assert await arrived(counterpart) == [
            (first.delivery_id, first.body),
            (second.delivery_id, second.body),
        ]
        assert await state_of(hub, second) == "confirmed"

    async def test_a_peer_that_was_away_gets_all_that_has_gathered_once(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.stop()
        sent = [await send(hub, a) for _ in range(7)]
        await hub.push()
        assert await hub.column("SELECT state FROM peer") == ["open"]
        failed = await hub.pool.fetchval("SELECT sum(attempts) FROM delivery")
        assert failed == 5
        await counterpart.start()
        await hub.push()
        assert await arrived(counterpart) == []
        await hub.later(hours=1)
        await hub.push()
        found = await arrived(counterpart)
        assert sorted(found) == sorted((s.delivery_id, s.body) for s in sent)
        assert await hub.column("SELECT DISTINCT state FROM delivery") == ["confirmed"]
        assert await hub.column("SELECT state FROM peer") == ["closed"]

    async def test_a_hub_that_dies_before_it_has_recorded_a_hand_over_repeats_it_under_the_same_id(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        sent = await send(hub, a)
        with dying(hub), pytest.raises(Died):
            await hub.push()
        assert await state_of(hub, sent) == "leased"
        await hub.later(minutes=2)
        await hub.sweep()
        await hub.push()
        assert set(await arrived(counterpart)) == {(sent.delivery_id, sent.body)}
        assert await state_of(hub, sent) == "confirmed"
        assert (await a.kinds(sent.document_id)).count("delivery_confirmed") == 1

    async def test_a_test_of_the_way_says_whether_the_peer_is_there(
        self, hub: HubUnderTest, b: Peer, counterpart: Counterpart
    ) -> None:
        assert await hub.pushing.adapters.test(SYSTEM) is None
        await counterpart.stop()
        assert await hub.pushing.adapters.test(SYSTEM) is not None
        await counterpart.start()
        assert await hub.pushing.adapters.test(SYSTEM) is None

    async def test_a_test_of_the_way_sees_a_secret_that_is_no_longer_accepted(
        self, hub: HubUnderTest, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.change_secret()
        assert await hub.pushing.adapters.test(SYSTEM) is not None

    async def test_a_peer_that_is_away_delays_nobody_else(
        self, hub: HubUnderTest, a: Peer, b: Peer, c: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.stop()
        await send(hub, a)
        other = letter(A, C, number=99)
        await a.accepted(other)
        await hub.settle()
        await hub.push()
        assert await c.take_all() == [other]

    async def test_a_deadline_ends_what_never_arrives_with_evidence(
        self, hub: HubUnderTest, a: Peer, b: Peer, counterpart: Counterpart
    ) -> None:
        await counterpart.stop()
        sent = await send(hub, a)
        await hub.push()
        await hub.later(hours=73)
        await hub.push()
        await hub.sweep()
        assert await state_of(hub, sent) == "undeliverable"
        assert len(await a.evidence(sent.document_id)) == 1
        assert await hub.count("task") == 0


class Died(BaseException):
    """The hub's process has ended here, as by SIGKILL: nothing after this happens."""


class dying:  # noqa: N801 (reads as a statement)
    """In this block the hub dies between a hand-over and its record."""

    def __init__(self, hub: HubUnderTest) -> None:
        self._service: Any = hub.pushing.service
        self._before = self._service._failpoints

    def hit(self, name: str) -> None:
        """Die."""
        if name == "after_handover_before_record":
            raise Died

    def __enter__(self) -> None:
        self._service._failpoints = self

    def __exit__(self, *_: object) -> None:
        self._service._failpoints = self._before


async def give(hub: HubUnderTest, counterpart: Counterpart) -> None:
    """Set the recipient's system up with the counterpart's settings and secrets as they are now."""
    adapters = hub.pushing.adapters
    await adapters.configure(SYSTEM, adapter=counterpart.adapter, settings=counterpart.settings())
    for name, value in counterpart.secrets().items():
        await adapters.put_secret(SYSTEM, name, value)


async def send(hub: HubUnderTest, a: Peer, *, padding: int = 0) -> Sent:
    """Send a letter from A to B and let it be verified."""
    number = 1 + await hub.count("document")
    body = letter(A, B, number=number, files=(("cong-van.pdf", PDF + os.urandom(padding)),))
    answer = await a.accepted(body)
    await hub.settle()
    (delivery_id,) = await hub.column("SELECT id FROM delivery WHERE document_id = $1", answer.document_id)
    return Sent(document_id=answer.document_id, delivery_id=str(delivery_id), body=body)


async def send_and_push(hub: HubUnderTest, a: Peer) -> Sent:
    """Send a letter from A to B and let the hub push once."""
    sent = await send(hub, a)
    await hub.push()
    return sent


async def arrived(counterpart: Counterpart) -> list[tuple[str, bytes]]:
    """What the recipient has, in order."""
    return [(each.delivery_id, each.body) for each in await counterpart.received()]


async def state_of(hub: HubUnderTest, sent: Sent) -> str:
    """Where the delivery stands."""
    (state,) = await hub.column("SELECT state FROM delivery WHERE id = $1", sent.delivery_id)
    return str(state)
