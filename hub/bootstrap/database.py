"""The database of a node or of a command: given by DSN, or embedded in the home folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import structlog

from hub.config import Settings
from hub.config.reasons import system_reason
from hub.embedded.errors import HomeUnusable
from hub.embedded.postgres import EmbeddedPostgres
from hub.storage.migrate import check, migrate
from hub.storage.pool import create_pool

log = structlog.get_logger(__name__)

HOME_MODE = 0o700
# A directory of a hundred thousand agencies is replaced by a few statements.
COMMAND_STATEMENT_S = 120.0


class SchemaOutdated(Exception):
    """The database lacks migrations of this version: run `lienthong migrate` first."""


def prepare_home(settings: Settings) -> None:
    """Make the home folder (0700) where it is missing. Raises HomeUnusable."""
    try:
        settings.home.mkdir(mode=HOME_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(settings.home, system_reason(error)) from error


@asynccontextmanager
async def borrowed_pool(
    settings: Settings, *, name: str = "lienthong-command"
) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """Yield connections for a command, beside a node or without one.

    The embedded PostgreSQL of the home folder is started for the length of the block where none runs, and
    migrated; a given database is taken as it is.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            dsn = await stack.enter_async_context(EmbeddedPostgres.borrow(settings.home))
            await migrate(dsn)
        else:
            dsn = settings.database_url.get_secret_value()
        pool = await create_pool(dsn, size=2, application_name=name, statement_timeout_s=COMMAND_STATEMENT_S)
        stack.push_async_callback(pool.close)
        yield pool


@asynccontextmanager
async def open_database(settings: Settings, *, upgrade: bool) -> AsyncIterator[str]:
    """Yield the DSN of a database with the schema of this version.

    The embedded PostgreSQL is started in the home folder if no other is set, and always migrated; a
    given one is migrated only if `upgrade` says so.

    Raises:
        SchemaOutdated, MigrationError, DatabaseUnfit, DatabaseUnavailable, EmbeddedPostgresError.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is None:
            prepare_home(settings)
            postgres = EmbeddedPostgres(settings.home)
            dsn = await stack.enter_async_context(postgres)
            await stack.enter_async_context(supervised(postgres))
            upgrade = True
        else:
            dsn = settings.database_url.get_secret_value()
        if upgrade:
            for applied in await migrate(dsn):
                log.info("migration_applied", name=applied.name)
        elif (await check(dsn)).pending:
            raise SchemaOutdated
        yield dsn


@asynccontextmanager
async def supervised(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    # A server that ends by itself is started again under the same DSN; one that cannot be ends the node.
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(postgres.keep_running(), name="keep-postgres")
        try:
            yield
        finally:
            watch.cancel()
