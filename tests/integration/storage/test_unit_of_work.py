"""Only the database's own failures are taken for its absence."""

from __future__ import annotations

from typing import Any

import pytest

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage.unit_of_work import PgUnitOfWork


@pytest.fixture
def uow(pool: Any) -> PgUnitOfWork:
    return PgUnitOfWork(pool)


@pytest.mark.parametrize("kind", [OSError, TimeoutError, ConnectionResetError])
async def test_what_a_block_raises_of_its_own_goes_on_as_it_is(
    uow: PgUnitOfWork, kind: type[OSError]
) -> None:
    with pytest.raises(kind):
        async with uow.begin():
            raise kind("of a file")
    with pytest.raises(kind):
        async with uow.read():
            raise kind("of a peer")


async def test_a_statement_that_takes_too_long_is_the_databases_failure(uow: PgUnitOfWork, pool: Any) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with uow.begin() as tx:
            await tx.outbox._connection.execute("SELECT pg_sleep(5)", timeout=0.05)
    with pytest.raises(DatabaseUnavailable):
        async with uow.read() as query:
            await query.outbox._connection.execute("SELECT pg_sleep(5)", timeout=0.05)


async def test_a_connection_that_is_cut_is_the_databases_failure(uow: PgUnitOfWork, pool: Any) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with uow.begin() as tx:
            own = await tx.outbox._connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", own)
            await tx.intake.now()
