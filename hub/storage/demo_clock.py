"""The hub's clock as the demo may move it: in a database of its own alone.

Everything that the hub does by time asks `hub_now()`, which is the server's clock and an offset in a row.
The demo moves the offset to let deadlines pass without waiting. A database is the demo's once it is marked,
and it is marked only while no system is registered but the demo's own. Every move asks for the mark in the
same statement: where it is missing, nothing is changed.

Putting the clock back brings back also what was arranged for later in the time that never was: polls, leases
and tasks are due again at once. What has happened keeps its times.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

import asyncpg

from hub.storage.connection import Connection

MARK: Final = "lienthong demo: the clock of this database may be moved"
FOREIGN: Final = "SELECT EXISTS (SELECT FROM system WHERE name <> ALL($1::text[]))"
IS_MARKED: Final = f"obj_description('hub_clock'::regclass) IS NOT DISTINCT FROM '{MARK}'"
SET_MARK: Final = f"COMMENT ON TABLE hub_clock IS '{MARK}'"
MOVE: Final = f"UPDATE hub_clock SET clock_offset = clock_offset + $1 WHERE {IS_MARKED} RETURNING true"
PUT_BACK: Final = (
    f"UPDATE hub_clock SET clock_offset = '0' WHERE {IS_MARKED} AND clock_offset <> '0' RETURNING true"
)
ARRANGED: Final = (
    (
        "UPDATE relay_state SET due_at = least(due_at, hub_now()), "
        "lease_until = least(lease_until, hub_now()), sent_due_at = least(sent_due_at, hub_now()), "
        "directory_due_at = least(directory_due_at, hub_now())"
    ),
    "UPDATE relay_package SET due_at = least(due_at, hub_now()) WHERE due_at > hub_now()",
    "UPDATE folder_watch SET due_at = least(due_at, hub_now()), lease_until = least(lease_until, hub_now())",
    "UPDATE task SET due_at = least(due_at, hub_now()), lease_until = least(lease_until, hub_now())",
    "UPDATE peer SET retry_at = least(retry_at, hub_now())",
    (
        "UPDATE delivery SET lease_until = hub_now() WHERE state IN ('leased', 'handed_over') "
        "AND lease_until > hub_now()"
    ),
)


class PgDemoClock:
    """The clock over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, own: Collection[str]) -> bool:
        """Mark the database as the demo's; False if it is another hub's: it knows systems not of `own`."""
        if await self._connection.fetchval(f"SELECT {IS_MARKED}"):
            return True
        if await self._connection.fetchval(FOREIGN, list(own)):
            return False
        try:
            await self._connection.execute(SET_MARK)
        except asyncpg.InsufficientPrivilegeError:
            return False
        return True

    async def move(self, by: timedelta) -> bool:
        """Set the clock on; False if the database is not the demo's: then nothing has changed."""
        return bool(await self._connection.fetchval(MOVE, by))

    async def put_back(self) -> None:
        """Let the clock be the server's again; what was arranged for later is due now."""
        async with self._connection.transaction():
            if not await self._connection.fetchval(PUT_BACK):
                return
            for statement in ARRANGED:
                await self._connection.execute(statement)
