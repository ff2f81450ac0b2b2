"""What administrators' commands need, without a node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.services import make_kit, make_registry
from hub.bootstrap.values import make_ids, suffixes_of
from hub.config import Settings
from hub.embedded.postgres import EmbeddedPostgres
from hub.ports.unit_of_work import UnitOfWork
from hub.services.decisions import DecisionService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.registry import RegistryService
from hub.storage.migrate import migrate
from hub.storage.pool import create_pool
from hub.storage.unit_of_work import PgUnitOfWork

# A directory of a hundred thousand agencies is replaced by a few statements.
COMMAND_STATEMENT_S: Final = 120.0


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[RegistryService]:
    """Yield what administrators' commands need: systems, keys and the directory, without a node."""
    async with AsyncExitStack() as stack:
        uow = await _rows(settings, stack)
        yield make_registry(settings, uow, make_ids())


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[DecisionService]:
    """Yield what people decide about single deliveries, without a node: a running one acts on it."""
    async with AsyncExitStack() as stack:
        uow = await _rows(settings, stack)
        blobs = open_blobs(settings)
        stack.callback(blobs.close)
        yield DecisionService(make_kit(settings, uow, blobs), DirectorySnapshot(uow, suffixes_of(settings)))


@asynccontextmanager
async def open_rows(settings: Settings) -> AsyncIterator[UnitOfWork]:
    """Yield the rows alone, for commands that only read them."""
    async with AsyncExitStack() as stack:
        yield await _rows(settings, stack)


async def _rows(settings: Settings, stack: AsyncExitStack) -> PgUnitOfWork:
    if settings.database_url is None:
        dsn = await stack.enter_async_context(EmbeddedPostgres.borrow(settings.home))
        await migrate(dsn)
    else:
        dsn = settings.database_url.get_secret_value()
    pool = await create_pool(
        dsn, size=2, application_name="lienthong-command", statement_timeout_s=COMMAND_STATEMENT_S
    )
    stack.push_async_callback(pool.close)
    return PgUnitOfWork(pool)
