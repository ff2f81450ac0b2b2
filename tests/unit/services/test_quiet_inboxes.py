"""What a node remembers of empty inboxes: nothing that came is missed for longer than the check takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services import quiet_inboxes
from hub.services.quiet_inboxes import CHECK_AFTER_S, QuietInboxes
from tests.support.clock import StillClock, stop_clock_of

S, T = UUID(int=1), UUID(int=2)


class Database:
    """Answers which systems have something queued; counts the questions."""

    def __init__(self) -> None:
        self.queued: set[UUID] = set()
        self.asked: list[set[UUID]] = []
        self.away = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """Open a connection."""
        if self.away:
            raise DatabaseUnavailable("away")
        yield self

    @property
    def deliveries(self) -> Database:
        """The repository of deliveries."""
        return self

    async def systems_with_queued(self, system_ids: Collection[UUID]) -> set[UUID]:
        """Those with anything queued."""
        self.asked.append(set(system_ids))
        return self.queued & set(system_ids)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    return stop_clock_of(quiet_inboxes, monkeypatch)


@pytest.fixture
def database(clock: StillClock) -> Database:
    return Database()


@pytest.fixture
def quiet(database: Database) -> QuietInboxes:
    made: Any = QuietInboxes(database)  # type: ignore[arg-type]
    made.listening(True)
    return made  # type: ignore[no-any-return]


def look(quiet: QuietInboxes, *systems: UUID) -> None:
    """Look into inboxes and find nothing."""
    for system in systems:
        quiet.found_nothing(system, quiet.mark(system))


async def test_an_inbox_that_was_empty_costs_no_question(quiet: QuietInboxes, database: Database) -> None:
    look(quiet, S)
    for _ in range(1000):
        assert await quiet.has_nothing(S)
    assert database.asked == []


async def test_what_is_announced_is_looked_for(quiet: QuietInboxes) -> None:
    look(quiet, S, T)
    quiet.announced(S)
    assert not await quiet.has_nothing(S)
    assert await quiet.has_nothing(T)


async def test_an_announcement_during_the_look_wins(quiet: QuietInboxes) -> None:
    mark = quiet.mark(S)
    quiet.announced(S)
    quiet.found_nothing(S, mark)
    assert not await quiet.has_nothing(S)


async def test_an_announcement_for_everybody_during_the_look_wins(quiet: QuietInboxes) -> None:
    quiet.announced(S)
    mark = quiet.mark(S)
    quiet.everybody()
    quiet.found_nothing(S, mark)
    assert not await quiet.has_nothing(S)


async def test_a_lost_announcement_heals_with_one_question_for_all(
    quiet: QuietInboxes, database: Database, clock: StillClock
) -> None:
    look(quiet, S, T)
    database.queued = {S}
    clock.now += CHECK_AFTER_S
    assert not await quiet.has_nothing(S)
    assert await quiet.has_nothing(T)
    assert database.asked == [{S, T}]


async def test_nothing_is_remembered_while_nobody_listens(quiet: QuietInboxes) -> None:
    look(quiet, S)
    quiet.listening(False)
    assert not await quiet.has_nothing(S)
    look(quiet, S)
    assert not await quiet.has_nothing(S)


async def test_a_database_that_is_away_is_not_an_empty_inbox(
    quiet: QuietInboxes, database: Database, clock: StillClock
) -> None:
    look(quiet, S)
    database.away = True
    clock.now += CHECK_AFTER_S
    assert not await quiet.has_nothing(S)
