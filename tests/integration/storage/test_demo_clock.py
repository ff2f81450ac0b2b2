"""The clock that the demo may move: in its own database alone, and never in production."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.bootstrap.clock import ClockRefused, open_demo_clock, refuse_shifted_clock
from hub.config import Settings, load_settings
from hub.storage.pool import create_pool
from tests.support.hub import A, HubUnderTest
from tests.support.messages import letter

OWN = ("DMS A", "DMS B")
A_DAY = timedelta(days=1)


def settings_of(folder: Path, dsn: str, *, production: bool = False) -> Settings:
    """The settings of a hub on this database."""
    return load_settings(environment={}, home=folder, database_url=dsn, production=production)


async def offset(hub: HubUnderTest) -> timedelta:
    """By how much the hub's clock is set off."""
    found: timedelta = await hub.pool.fetchval("SELECT clock_offset FROM hub_clock")
    return found


async def test_the_clock_is_set_on_and_put_back_at_the_end(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    async with open_demo_clock(settings_of(tmp_path, database_url), OWN) as clock:
        await clock.forward(A_DAY)
        await clock.forward(A_DAY)
        assert await offset(hub) == 2 * A_DAY
    assert await offset(hub) == timedelta(0)


async def test_what_a_killed_demo_has_left_is_put_right_at_the_next_start(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_url)
    async with open_demo_clock(settings, OWN):
        pass
    await hub.later(days=3)
    async with open_demo_clock(settings, OWN):
        assert await offset(hub) == timedelta(0)


async def test_leases_and_tasks_of_the_time_that_never_was_are_over_when_the_clock_is_put_back(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    a, b = await hub.system("DMS A", A), await hub.system("DMS B", "000.00.02.H09")
    async with open_demo_clock(settings_of(tmp_path, database_url), OWN) as clock:
        await clock.forward(A_DAY)
        await a.accepted(letter(A, "000.00.02.H09"))
        await hub.settle()
        await b.lease(await b.only())
        await a.accepted(letter(A, "000.00.02.H09", number=2))
    await hub.sweep()
    await hub.settle()
    assert len(await b.take_all()) == 2
    late = datetime.now(UTC) + timedelta(minutes=1)
    assert await hub.pool.fetchval("SELECT count(*) FROM task WHERE due_at > $1", late) == 0


async def test_a_database_that_knows_other_systems_is_not_the_demos(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    await hub.system("QLVB thật", A)
    with pytest.raises(ClockRefused, match="not_a_demo"):
        async with open_demo_clock(settings_of(tmp_path, database_url), OWN):
            pass


async def test_a_database_stays_the_demos_when_somebody_connects_a_system_to_it(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_url)
    async with open_demo_clock(settings, OWN):
        await hub.system("QLVB của em", A)
    async with open_demo_clock(settings, OWN) as clock:
        await clock.forward(A_DAY)
        assert await offset(hub) == A_DAY


async def test_a_clock_is_not_moved_once_the_mark_is_gone(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    async with open_demo_clock(settings_of(tmp_path, database_url), OWN) as clock:
        await hub.pool.execute("COMMENT ON TABLE hub_clock IS NULL")
        with pytest.raises(ClockRefused, match="not_a_demo"):
            await clock.forward(A_DAY)
    assert await offset(hub) == timedelta(0)


async def test_production_is_no_place_for_the_demo(
    hub: HubUnderTest, database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(ClockRefused, match="not_a_demo"):
        async with open_demo_clock(settings_of(tmp_path, database_url, production=True), OWN):
            pass


@pytest.mark.parametrize("production", [True, False])
async def test_production_refuses_a_database_whose_clock_is_set_off(
    hub: HubUnderTest, database_url: str, tmp_path: Path, production: bool
) -> None:
    await hub.later(hours=1)
    settings = settings_of(tmp_path, database_url, production=production)
    pool = await create_pool(database_url, size=2, application_name="test")
    try:
        if production:
            with pytest.raises(ClockRefused, match="clock_shifted"):
                await refuse_shifted_clock(settings, pool)
        else:
            await refuse_shifted_clock(settings, pool)
    finally:
        await pool.close()
