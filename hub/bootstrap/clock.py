"""The hub's clock: never set off in production, moved by the demo alone, in a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from hub.bootstrap.database import borrowed_pool
from hub.config import Settings
from hub.storage.demo_clock import PgDemoClock
from hub.storage.examination import Examination


class ClockRefused(Exception):
    """The clock is not what it must be, or may not be moved: a stable code, and what to do."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        super().__init__(f"{code}: {en}")
        self.code, self.vi, self.en = code, vi, en


async def refuse_shifted_clock(settings: Settings, pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """In production, refuse a database whose clock is set off. Raises ClockRefused `clock_shifted`."""
    if not settings.production:
        return
    async with pool.acquire() as connection:
        _, shifted = await Examination(connection).clock()
    if shifted:
        raise ClockRefused(
            "clock_shifted",
            f"Đồng hồ của trục bị dời {shifted} (bảng hub_clock): không chạy thật với cơ sở dữ liệu này. "
            "`lienthong doctor` cho biết cách chỉnh lại, nếu chắc đây không phải bản thử.",
            f"The hub's clock is set off by {shifted} (table hub_clock): not in production. If this is no "
            "database of a demo, `lienthong doctor` says how to put it right.",
        )


class DemoClock:
    """The clock of a demo's database."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def forward(self, by: timedelta) -> None:
        """Set the clock on. Raises ClockRefused `not_a_demo`: the database has become another's."""
        async with self._pool.acquire() as connection:
            if not await PgDemoClock(connection).move(by):
                raise _not_a_demo()

    async def put_back(self) -> None:
        """Let the clock be the server's again."""
        async with self._pool.acquire() as connection:
            await PgDemoClock(connection).put_back()


@asynccontextmanager
async def open_demo_clock(settings: Settings, own: Collection[str]) -> AsyncIterator[DemoClock]:
    """Yield the clock of the demo's database, put right before and after; a killed demo leaves it set off.

    Args:
        own: the names of the demo's systems; a database that knows others is not the demo's.

    Raises:
        ClockRefused: `not_a_demo`, also for whatever is set up for production.
    """
    if settings.production:
        raise _not_a_demo()
    async with borrowed_pool(settings, name="lienthong-demo") as pool:
        async with pool.acquire() as connection:
            if not await PgDemoClock(connection).claim(own):
                raise _not_a_demo()
        clock = DemoClock(pool)
        await clock.put_back()
        try:
            yield clock
        finally:
            await clock.put_back()


def _not_a_demo() -> ClockRefused:
    return ClockRefused(
        "not_a_demo",
        "Cơ sở dữ liệu này là của một trục thật (LIENTHONG_PRODUCTION, hoặc có phần mềm khác đã đăng ký): "
        "bản thử không chạy ở đây. Dùng thư mục khác bằng --home, hoặc cơ sở dữ liệu khác.",
        "This is a real hub's database (LIENTHONG_PRODUCTION, or other systems are registered): the demo "
        "does not play here. Give it another folder with --home, or another database.",
    )
