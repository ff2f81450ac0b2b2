"""What tests of delivery by push ask of a hub: a system that is pushed to, its tasks, hints, waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.exit_contract import Sent
from tests.support.hub import HubUnderTest, Peer


async def pushed(hub: HubUnderTest, name: str, *units: str, adapter: str = "fake") -> Peer:
    made = await hub.pushed_to(name, *units, adapter=adapter)
    await hub.pushing.adapters.put_secret(name, "password", b"first")
    return made


async def tasks(hub: HubUnderTest) -> list[str]:
    return [str(each) for each in await hub.column("SELECT id FROM task ORDER BY id")]


async def hints(hub: HubUnderTest) -> list[tuple[str, str]]:
    rows = await hub.pool.fetch("SELECT topic, ref FROM outbox WHERE topic LIKE 'deliver.%' ORDER BY id")
    return [(row["topic"].rpartition(".")[2], str(row["ref"])) for row in rows]


async def due_in(hub: HubUnderTest, sent: Sent) -> timedelta:
    row = await hub.pool.fetchrow(
        "SELECT due_at - hub_now() AS wait FROM task WHERE id = $1", sent.delivery_id
    )
    assert row is not None
    wait: timedelta = row["wait"]
    return wait


def about(wait: timedelta, seconds: float) -> bool:
    # What has passed between two statements on a busy machine.
    return timedelta(seconds=seconds - 10) < wait <= timedelta(seconds=seconds)


class Publishing:
    """A broker that notes what is published."""

    def __init__(self, published: list[Any]) -> None:
        self._published = published

    async def waiting(self, topic: str) -> int:
        """Nothing."""
        return 0

    async def publish(self, hints: Any) -> None:
        """Note."""
        self._published += hints
