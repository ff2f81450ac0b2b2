"""The memory of empty lists: right until a bell rings, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest

from hub.ports.unit_of_work import DatabaseUnavailable, UnitOfWork
from hub.services import nothing_new
from hub.services.nothing_new import NothingNew
from tests.support.clock import StillClock, stop_clock_of

ONE, OTHER = UUID(int=1), UUID(int=2)


class Bell:
    """A wake-up that a test rings."""

    def __init__(self) -> None:
        self.was_rung = False
        self.closed = False

    async def wait(self, _seconds: float) -> bool:
        raise AssertionError("nobody waits here")

    def rung(self) -> bool:
        was, self.was_rung = self.was_rung, False
        return was

    def close(self) -> None:
        self.closed = True


class Bells:
    """Wake-ups by system."""

    def __init__(self) -> None:
        self.of: dict[UUID, Bell] = {}

    def subscribe(self, system_id: UUID) -> Bell:
        return self.of.setdefault(system_id, Bell())

    def wake_everybody(self) -> None:
        for bell in self.of.values():
            bell.was_rung = True


class Database:
    """Says which systems have anything open; notes every question."""

    def __init__(self) -> None:
        self.open: set[UUID] = set()
        self.asked: list[set[UUID]] = []
        self.down = False
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    @property
    def packages(self) -> Database:
        return self

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Database]:
        if self.down:
            raise DatabaseUnavailable
        yield self

    async def systems_with_open(self, system_ids: Collection[UUID]) -> set[UUID]:
        self.asked.append(set(system_ids))
        found = self.open & set(system_ids)
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    return stop_clock_of(nothing_new, monkeypatch)


@pytest.fixture
def memory(database: Database, bells: Bells, clock: StillClock) -> NothingNew:
    return NothingNew(cast(UnitOfWork, cast(Any, database)), bells)


def find_empty(memory: NothingNew, system: UUID = ONE, name: str = "documents") -> None:
    memory.found_empty(system, name, memory.begin(system))


async def test_a_list_that_nobody_has_read_is_not_known_to_be_empty(memory: NothingNew) -> None:
    assert not await memory.is_empty(ONE, "documents")


async def test_a_list_found_empty_stays_empty(memory: NothingNew, database: Database) -> None:
    find_empty(memory)
    assert await memory.is_empty(ONE, "documents")
    assert database.asked == []


async def test_each_list_is_remembered_by_itself(memory: NothingNew) -> None:
    find_empty(memory)
    assert not await memory.is_empty(ONE, "statuses")
    assert not await memory.is_empty(OTHER, "documents")


async def test_a_bell_ends_the_memory_of_all_lists_of_its_system(memory: NothingNew, bells: Bells) -> None:
    find_empty(memory)
    find_empty(memory, name="statuses")
    find_empty(memory, OTHER)
    bells.of[ONE].was_rung = True
    assert not await memory.is_empty(ONE, "documents")
    assert not await memory.is_empty(ONE, "statuses")
    assert await memory.is_empty(OTHER, "documents")


async def test_a_bell_during_the_reading_keeps_it_from_being_remembered(
    memory: NothingNew, bells: Bells
) -> None:
    begun = memory.begin(ONE)
    bells.of[ONE].was_rung = True
    memory.found_empty(ONE, "documents", begun)
    assert not await memory.is_empty(ONE, "documents")


async def test_a_bell_during_the_reading_counts_though_another_call_has_heard_it_first(
    memory: NothingNew, bells: Bells
) -> None:
    begun = memory.begin(ONE)
    bells.of[ONE].was_rung = True
    assert not await memory.is_empty(ONE, "statuses")
    memory.found_empty(ONE, "documents", begun)
    assert not await memory.is_empty(ONE, "documents")


async def test_after_a_while_one_question_for_all_who_ask_lengthens_the_memory(
    memory: NothingNew, database: Database, clock: StillClock
) -> None:
    for system in (ONE, OTHER):
        find_empty(memory, system)
        assert await memory.is_empty(system, "documents")
    for _ in range(3):
        clock.now += nothing_new.REMEMBERED_S
        assert await memory.is_empty(ONE, "documents")
        assert await memory.is_empty(OTHER, "documents")
    assert database.asked == [{ONE, OTHER}] * 3


async def test_what_came_without_a_bell_is_found_by_that_question(
    memory: NothingNew, database: Database, clock: StillClock
) -> None:
    find_empty(memory)
    find_empty(memory, OTHER)
    assert await memory.is_empty(OTHER, "documents")
    database.open = {ONE}
    clock.now += nothing_new.REMEMBERED_S
    assert not await memory.is_empty(ONE, "documents")
    assert await memory.is_empty(OTHER, "documents")


async def test_a_system_that_asks_no_more_is_not_asked_about(
    memory: NothingNew, database: Database, clock: StillClock
) -> None:
    find_empty(memory)
    find_empty(memory, OTHER)
    clock.now += nothing_new.REMEMBERED_S
    assert await memory.is_empty(ONE, "documents")
    assert database.asked == [{ONE}]


async def test_a_bell_while_the_question_is_asked_wins(
    memory: NothingNew, database: Database, bells: Bells, clock: StillClock
) -> None:
    async def ring() -> None:
        bells.of[ONE].was_rung = True

    find_empty(memory)
    database.meanwhile = ring
    clock.now += nothing_new.REMEMBERED_S
    assert not await memory.is_empty(ONE, "documents")


async def test_without_a_database_nothing_is_known(
    memory: NothingNew, database: Database, clock: StillClock
) -> None:
    find_empty(memory)
    database.down = True
    clock.now += nothing_new.REMEMBERED_S
    assert not await memory.is_empty(ONE, "documents")


async def test_a_memory_that_is_full_forgets_all_and_lets_go(
    memory: NothingNew, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nothing_new, "SYSTEMS_MOST", 1)
    find_empty(memory)
    find_empty(memory, OTHER)
    assert bells.of[ONE].closed
    assert not await memory.is_empty(ONE, "documents")
    assert await memory.is_empty(OTHER, "documents")
