"""A connection whose failures are told apart from everybody else's.

Inside a transaction a use case may read a file or call a peer; their errors must not look like the
database's. So what the driver raises is translated where the driver is called, and what else leaves a block
goes on as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage.connection import Connection
from hub.storage.pool import DatabaseUnfit

# What the driver raises when the server is away, starting, stopping or out of connections.
UNREACHABLE: Final = (
    # A server that has become a standby: a failover is under way.
    DatabaseUnfit,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.InterfaceError,
    # A server that died said so on an idle connection: the driver finds itself in the wrong state.
    asyncpg.exceptions.InternalClientError,
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.AdminShutdownError,
    asyncpg.exceptions.CrashShutdownError,
    asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.exceptions.DiskFullError,
    asyncpg.exceptions.OutOfMemoryError,
    asyncpg.exceptions.QueryCanceledError,
    asyncpg.exceptions.LockNotAvailableError,
    # The server has undone the transaction for another's sake, or has become a standby: the same call again.
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the driver raises for a server that is away into DatabaseUnavailable."""
    try:
        yield
    except UNREACHABLE as error:
        raise DatabaseUnavailable(str(error)) from error


class Guarded:
    """A connection with the calls that repositories make, each translating its own failures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.transaction = connection.transaction

    async def execute(self, sql: str, *arguments: Any, **options: Any) -> str:
        """As the driver's."""
        with translated():
            status: str = await self._connection.execute(sql, *arguments, **options)
            return status

    async def executemany(self, sql: str, rows: Any, **options: Any) -> None:
        """As the driver's."""
        with translated():
            await self._connection.executemany(sql, rows, **options)

    async def fetch(self, sql: str, *arguments: Any, **options: Any) -> list[asyncpg.Record]:
        """As the driver's."""
        with translated():
            rows: list[asyncpg.Record] = await self._connection.fetch(sql, *arguments, **options)
            return rows

    async def fetchrow(self, sql: str, *arguments: Any, **options: Any) -> asyncpg.Record | None:
        """As the driver's."""
        with translated():
            row: asyncpg.Record | None = await self._connection.fetchrow(sql, *arguments, **options)
            return row

    async def fetchval(self, sql: str, *arguments: Any, **options: Any) -> Any:
        """As the driver's."""
        with translated():
            return await self._connection.fetchval(sql, *arguments, **options)
