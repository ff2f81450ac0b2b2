"""The pump deletes what was taken, topic by topic; a topic that is not taken holds up no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from hub.observability.failpoints import Failpoints
from hub.ports.broker import BrokerUnavailable
from hub.ports.records import Hint, OutboxRow
from hub.services import outbox_pump
from hub.services.outbox_pump import REST_S, OutboxPump
from tests.support.clock import StillClock, stop_clock_of


class Outbox:
    """The rows, and what was announced."""

    def __init__(self, *topics: str) -> None:
        self.rows = [OutboxRow(id=n, hint=Hint(topic=t, ref=uuid4())) for n, t in enumerate(topics)]
        self.announced: list[UUID] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """Open a transaction."""
        yield self

    @property
    def outbox(self) -> Outbox:
        """The repository."""
        return self

    async def take(self, limit: int, *, without: Sequence[str] = ()) -> tuple[OutboxRow, ...]:
        """The oldest rows."""
        return tuple(r for r in self.rows if r.hint.topic not in without)[:limit]

    async def delete(self, ids: Sequence[int]) -> None:
        """Delete rows."""
        self.rows = [r for r in self.rows if r.id not in ids]

    async def notify(self, system_ids: Sequence[UUID]) -> None:
        """Announce."""
        self.announced += system_ids

    @property
    def topics(self) -> list[str]:
        """The topics of the rows that are left."""
        return [r.hint.topic for r in self.rows]


class Broker:
    """Takes nothing of the topics in `refuses`."""

    def __init__(self, *refuses: str) -> None:
        self.refuses = set(refuses)
        self.calls: list[str] = []

    async def publish(self, hints: Sequence[Hint]) -> None:
        """Take hints of one topic."""
        (topic,) = {hint.topic for hint in hints}
        self.calls.append(topic)
        if topic in self.refuses:
            raise BrokerUnavailable(topic)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    return stop_clock_of(outbox_pump, monkeypatch)


def pump_of(outbox: Outbox, broker: Broker) -> OutboxPump:
    return OutboxPump(outbox, broker, Failpoints(None))  # type: ignore[arg-type]


async def test_what_the_broker_takes_is_deleted_and_the_rest_stays(clock: StillClock) -> None:
    outbox = Outbox("verify.normal", "relay.normal", "verify.normal")
    assert await pump_of(outbox, Broker("relay.normal")).pump() == 2
    assert outbox.topics == ["relay.normal"]


async def test_inboxes_are_announced_while_the_broker_is_away(clock: StillClock) -> None:
    outbox = Outbox("verify.normal", "inbox")
    assert await pump_of(outbox, Broker("verify.normal")).pump() == 1
    assert len(outbox.announced) == 1
    assert outbox.topics == ["verify.normal"]


async def test_if_nothing_is_taken_it_says_so(clock: StillClock) -> None:
    with pytest.raises(BrokerUnavailable):
        await pump_of(Outbox("verify.normal"), Broker("verify.normal")).pump()


async def test_a_topic_that_was_not_taken_rests_and_is_tried_again(clock: StillClock) -> None:
    outbox, broker = Outbox(*["relay.normal"] * 300, "verify.normal"), Broker("relay.normal")
    pump = pump_of(outbox, broker)
    with pytest.raises(BrokerUnavailable):
        await pump.pump()
    assert await pump.pump() == 1
    assert "verify.normal" not in outbox.topics
    broker.refuses.clear()
    clock.now += REST_S
    while await pump.pump():
        pass
    assert outbox.topics == []
