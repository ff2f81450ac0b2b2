"""What administrators' commands need, without a node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.database import borrowed_pool
from hub.bootstrap.services import make_kit, make_registry
from hub.bootstrap.values import make_ids, suffixes_of
from hub.config import Settings
from hub.ports.unit_of_work import UnitOfWork
from hub.services.decisions import DecisionService
from hub.services.directory_snapshot import DirectorySnapshot
from hub.services.registry import RegistryService
from hub.storage.unit_of_work import PgUnitOfWork


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[RegistryService]:
    """Yield what administrators' commands need: systems, keys and the directory, without a node."""
    async with open_rows(settings) as uow:
        yield make_registry(settings, uow, make_ids())


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[DecisionService]:
    """Yield what people decide about single deliveries, without a node: a running one acts on it."""
    async with open_rows(settings) as uow:
        with closing(open_blobs(settings)) as blobs:
            kit = make_kit(settings, uow, blobs)
            yield DecisionService(kit, DirectorySnapshot(uow, suffixes_of(settings)))


@asynccontextmanager
async def open_rows(settings: Settings) -> AsyncIterator[UnitOfWork]:
    """Yield the rows alone, for commands that only read them."""
    async with borrowed_pool(settings) as pool:
        yield PgUnitOfWork(pool)
