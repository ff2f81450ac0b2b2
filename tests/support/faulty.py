"""A pool of database connections that counts statements and breaks where a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg


class FaultyPool:
    """A pool that counts statements and breaks where a test says.

    `fail_at` breaks the n-th statement from now that is sent inside a transaction; `fail_commit` breaks
    COMMIT, before or after the server has done it.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self.statements: list[str] = []
        self.transactions: list[list[str]] = []
        self.fail_at: int | None = None
        self.fail_commit: str | None = None

    @asynccontextmanager
    async def acquire(self, **options: Any) -> AsyncIterator[Any]:
        """Give a connection that is watched."""
        async with self._pool.acquire(**options) as connection:
            yield _Watched(self, connection)


class _Watched:
    def __init__(self, pool: FaultyPool, connection: Any) -> None:
        self._pool = pool
        self._connection = connection
        self._open: list[str] | None = None

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}:
            return found

        async def watched(sql: str, *arguments: Any, **options: Any) -> Any:
            if self._open is not None:
                self._open.append(sql)
                if self._pool.fail_at is not None:
                    self._pool.fail_at -= 1
                    if self._pool.fail_at == 0:
                        self._pool.fail_at = None
                        raise asyncpg.ConnectionDoesNotExistError("the test cut the line")
            self._pool.statements.append(sql)
            return await found(sql, *arguments, **options)

        return watched

    def transaction(self) -> Any:
        self._open = []
        self._pool.transactions.append(self._open)
        return _WatchedTransaction(self._pool, self._connection.transaction())


class _WatchedTransaction:
    def __init__(self, pool: FaultyPool, transaction: Any) -> None:
        self._pool = pool
        self._transaction = transaction
        self.start, self.rollback = transaction.start, transaction.rollback

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, *_rest: object) -> None:
        await (self.commit() if kind is None else self.rollback())

    async def commit(self) -> None:
        when, self._pool.fail_commit = self._pool.fail_commit, None
        if when == "before":
            await self._transaction.rollback()
            raise asyncpg.ConnectionDoesNotExistError("the test cut the line")
        await self._transaction.commit()
        if when == "after":
            raise asyncpg.ConnectionDoesNotExistError("the test cut the line")
