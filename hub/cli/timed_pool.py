"""A database pool that keeps what each transaction sends and how long the answers take."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

CALLS: Final = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval"})


@dataclass(slots=True)
class Unit:
    """One use of a connection: statements, and seconds waited for the server, BEGIN and COMMIT included.

    `transaction` tells reads outside one from the rest; BEGIN and COMMIT are not among the statements.
    """

    statements: int = 0
    seconds: float = 0.0
    transaction: bool = False


class TimedPool:
    """Stands before a pool; `units` are in the order in which connections were taken."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self.units: list[Unit] = []

    @asynccontextmanager
    async def acquire(self, **options: Any) -> AsyncIterator[Any]:
        """Give a connection that is timed."""
        unit = Unit()
        self.units.append(unit)
        async with self._pool.acquire(**options) as connection:
            yield _Timed(unit, connection)


class _Timed:
    def __init__(self, unit: Unit, connection: Any) -> None:
        self._unit = unit
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in CALLS:
            return found

        async def timed(*arguments: Any, **options: Any) -> Any:
            self._unit.statements += 1
            return await _timed(self._unit, lambda: found(*arguments, **options))

        return timed

    def transaction(self, **options: Any) -> _TimedTransaction:
        self._unit.transaction = True
        return _TimedTransaction(self._unit, self._connection.transaction(**options))


class _TimedTransaction:
    def __init__(self, unit: Unit, transaction: Any) -> None:
        self._unit = unit
        self._transaction = transaction

    async def start(self) -> None:
        await _timed(self._unit, self._transaction.start)

    async def commit(self) -> None:
        await _timed(self._unit, self._transaction.commit)

    async def rollback(self) -> None:
        await _timed(self._unit, self._transaction.rollback)

    async def __aenter__(self) -> None:
        await self.start()

    async def __aexit__(self, kind: object, *_: object) -> None:
        await (self.commit() if kind is None else self.rollback())


async def _timed(unit: Unit, call: Callable[[], Awaitable[Any]]) -> Any:
    began = time.perf_counter()
    try:
        return await call()
    finally:
        unit.seconds += time.perf_counter() - began
