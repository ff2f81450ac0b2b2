"""Keys that were right a moment ago: remembered for seconds, renewed together, never longer than that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from hub.domain import apikeys
from hub.domain.binding import Peer
from hub.domain.problems import Refusal
from hub.ports.records import KeyRecord, SystemRecord
from hub.ports.unit_of_work import UnitOfWork
from hub.services import access
from hub.services.access import AccessService, Caller
from tests.support.clock import StillClock, stop_clock_of

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
HERE = Peer(address="192.0.2.1", certificate_sha256=None)


class Keys:
    """The table of keys; notes every question."""

    def __init__(self) -> None:
        self.rows: dict[str, KeyRecord] = {}
        self.asked: list[set[str]] = []
        self.noted: list[set[str]] = []

    def add(self, number: int) -> str:
        """Add a key with a system of its own; returns what its client sends."""
        key = apikeys.make(os.urandom(16), os.urandom(32))
        self.rows[key.key_id] = KeyRecord(
            key_id=key.key_id,
            digest=apikeys.digest(key),
            usable=True,
            expired=False,
            system=SystemRecord(
                id=UUID(int=number),
                name=f"system {number}",
                adapter="rest-pull",
                dialects=(),
                policy=(),
                active=True,
            ),
            looked_at=NOW,
            use_unnoted=False,
        )
        return f"Bearer {key.text}"

    def change(self, sent: str, **how: Any) -> None:
        """Change what the table says of a key."""
        key_id = id_of(sent)
        self.rows[key_id] = replace(self.rows[key_id], **how)

    async def keys(self, key_ids: Collection[str]) -> tuple[KeyRecord, ...]:
        self.asked.append(set(key_ids))
        await asyncio.sleep(0)  # others may run while the database answers
        return tuple(self.rows[key_id] for key_id in key_ids if key_id in self.rows)

    async def note_use(self, key_ids: Collection[str]) -> None:
        self.noted.append(set(key_ids))


def id_of(sent: str) -> str:
    """Return the id in what a client sends."""
    key = apikeys.parse(sent.removeprefix("Bearer "))
    assert key is not None
    return key.key_id


class Query:
    """The one repository that is needed."""

    def __init__(self, keys: Keys) -> None:
        self.systems = keys


class Work:
    """Opens readings."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Query]:
        yield Query(self._keys)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    return stop_clock_of(access, monkeypatch)


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def service(keys: Keys, clock: StillClock) -> AccessService:
    return AccessService(cast(UnitOfWork, cast(Any, Work(keys))))


async def test_a_key_that_was_right_a_moment_ago_costs_no_question(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one = keys.add(1)
    first = await service.authenticate(one, HERE)
    clock.now += access.REMEMBERED_S - 0.1
    assert await service.authenticate(one, HERE) is first
    assert len(keys.asked) == 1


async def test_a_key_revoked_meanwhile_is_refused_when_its_time_is_up(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one = keys.add(1)
    await service.authenticate(one, HERE)
    keys.change(one, usable=False)
    clock.now += access.REMEMBERED_S
    assert await refused(service, one) == "unauthenticated"
    assert await refused(service, one) == "unauthenticated"


async def test_a_key_that_has_expired_meanwhile_says_so(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one = keys.add(1)
    await service.authenticate(one, HERE)
    keys.change(one, expired=True)
    clock.now += access.REMEMBERED_S
    assert await refused(service, one) == "key_expired"


async def test_keys_in_use_are_renewed_with_the_first_whose_time_is_up(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    sent = [keys.add(number) for number in range(5)]
    for _ in range(2):
        for each in sent:
            await service.authenticate(each, HERE)
        clock.now += 1
    clock.now += access.REMEMBERED_S - 2
    keys.asked.clear()
    for each in sent:
        await service.authenticate(each, HERE)
    assert keys.asked == [set(keys.rows)]


async def test_a_key_that_nobody_uses_any_more_is_not_asked_for(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one, idle = keys.add(1), keys.add(2)
    await service.authenticate(idle, HERE)
    await service.authenticate(one, HERE)
    clock.now += access.REMEMBERED_S
    await service.authenticate(one, HERE)
    assert keys.asked[-1] == {id_of(one)}


async def test_one_that_was_revoked_is_refused_though_another_renewed_it(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one, other = keys.add(1), keys.add(2)
    await in_use(service, one, other)
    keys.change(other, usable=False)
    clock.now += access.REMEMBERED_S
    await service.authenticate(one, HERE)
    assert await refused(service, other) == "unauthenticated"


async def test_what_changed_at_a_system_is_seen_after_the_renewal_by_another(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one, other = keys.add(1), keys.add(2)
    await in_use(service, one, other)
    key_id = id_of(other)
    renamed = replace(keys.rows[key_id].system, name="renamed")
    keys.rows[key_id] = replace(keys.rows[key_id], system=renamed)
    clock.now += access.REMEMBERED_S
    await service.authenticate(one, HERE)
    caller = await service.authenticate(other, HERE)
    assert caller.system.name == "renamed"


async def test_many_calls_at_once_ask_once(service: AccessService, keys: Keys, clock: StillClock) -> None:
    sent = [keys.add(number) for number in range(20)]
    await in_use(service, *sent)
    clock.now += access.REMEMBERED_S
    keys.asked.clear()
    callers: list[Caller] = await asyncio.gather(*(service.authenticate(each, HERE) for each in sent))
    assert [caller.key_id for caller in callers] == [id_of(each) for each in sent]
    assert len(keys.asked) == 1


async def test_the_use_of_keys_renewed_together_is_noted_together(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one, other = keys.add(1), keys.add(2)
    await in_use(service, one, other)
    keys.change(one, use_unnoted=True)
    keys.change(other, use_unnoted=True, usable=False)
    clock.now += access.REMEMBERED_S
    await service.authenticate(one, HERE)
    assert keys.noted == [{id_of(one)}]


async def test_the_right_id_with_another_secret_is_refused_while_the_key_is_remembered(
    service: AccessService, keys: Keys, clock: StillClock
) -> None:
    one = keys.add(1)
    await service.authenticate(one, HERE)
    await service.authenticate(one, HERE)
    forged = apikeys.ApiKey(key_id=id_of(one), secret=keys.add(2)[-43:])
    assert await refused(service, f"Bearer {forged.text}") == "unauthenticated"


async def in_use(service: AccessService, *sent: str) -> None:
    """Let these keys be known, and used since they were looked up."""
    for each in (*sent, *sent):
        await service.authenticate(each, HERE)


async def refused(service: AccessService, sent: str) -> str:
    """Return the code with which a key is refused."""
    with pytest.raises(Refusal) as caught:
        await service.authenticate(sent, HERE)
    return caught.value.code
