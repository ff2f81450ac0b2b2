"""PostgreSQL behind the `UnitOfWork` port.

`begin()` takes a connection, opens a transaction (READ COMMITTED: every claim is a compare-and-set
or a row lock, so no stronger level is needed) and commits at the end of the block. Errors of the
driver are translated here and in `guarded`, and nowhere else: a pool or server that cannot be reached is
`DatabaseUnavailable`, while what a block raises of files and peers goes on as it is; a connection that
broke during COMMIT is `CommitUnknown`, because the server may have committed before the answer was lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

import asyncpg

from hub.ports.records import Change
from hub.ports.unit_of_work import CommitUnknown, DatabaseUnavailable
from hub.storage.connection import Connection
from hub.storage.deliveries import PgDeliveries
from hub.storage.directory import PgDirectory
from hub.storage.documents import PgDocuments
from hub.storage.events import PgEvents
from hub.storage.folders import PgFolders
from hub.storage.guarded import UNREACHABLE, Guarded
from hub.storage.housekeeping import PgHousekeeping
from hub.storage.intake import PgIntake
from hub.storage.outbox import PgOutbox
from hub.storage.packages import PgPackages
from hub.storage.peers import PgPeers
from hub.storage.record import record
from hub.storage.relay import PgRelay
from hub.storage.secrets import PgSecrets
from hub.storage.signatures import PgCertificates, PgVerdicts
from hub.storage.signing_records import PgSigningRecords
from hub.storage.systems import PgSystems
from hub.storage.tasks import PgTasks

ACQUIRE_TIMEOUT_S = 5.0


class PgTransaction:
    """The repositories over one connection."""

    def __init__(self, connection: Connection) -> None:
        connection = cast(Connection, Guarded(connection))
        self.intake = PgIntake(connection)
        self.documents = PgDocuments(connection)
        self.deliveries = PgDeliveries(connection)
        self.events = PgEvents(connection)
        self.tasks = PgTasks(connection)
        self.outbox = PgOutbox(connection)
        self.systems = PgSystems(connection)
        self.directory = PgDirectory(connection)
        self.housekeeping = PgHousekeeping(connection)
        self.secrets = PgSecrets(connection)
        self.folders = PgFolders(connection)
        self.peers = PgPeers(connection)
        self.relay = PgRelay(connection)
        self.packages = PgPackages(connection)
        self.certificates = PgCertificates(connection)
        self.verdicts = PgVerdicts(connection)
        self.signings = PgSigningRecords(connection)

        self._connection = connection
        self.has_news = False

    async def record(self, change: Change) -> None:
        """Write a state change with all that goes with it; whoever works on events and hints is woken."""
        await record(self._connection, change)
        self.has_news = self.has_news or bool(change.events or change.hints)


class PgUnitOfWork:
    """Opens transactions on a pool."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], *, on_commit: Callable[[], None] | None = None
    ) -> None:
        """Work on `pool`; `on_commit` is called after commits that wrote events or hints."""
        self._pool = pool
        self._on_commit = on_commit

    def begin(self) -> AbstractAsyncContextManager[PgTransaction]:
        """Open a transaction. If the process dies inside the block, nothing of it has happened."""
        return self._begin()

    def read(self) -> AbstractAsyncContextManager[PgTransaction]:
        """Open a connection without a transaction, for reading."""
        return self._read()

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[PgTransaction]:
        committing = committed = False
        inside: BaseException | None = None
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    repositories = PgTransaction(connection)
                    yield repositories
                except BaseException as error:
                    inside = error
                    await _roll_back(transaction, connection)
                    raise
                committing = True
                await transaction.commit()
                committed = True
                if self._on_commit is not None and repositories.has_news:
                    self._on_commit()
        except UNREACHABLE as error:
            if error is inside and isinstance(error, OSError):
                raise  # of a file or a peer: the database's own are translated where they arise
            if committed:
                # The connection broke while it was given back: what was to be done is done.
                return
            if committing:
                raise CommitUnknown(str(error)) from error
            raise DatabaseUnavailable(str(error)) from error

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[PgTransaction]:
        inside: BaseException | None = None
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                try:
                    yield PgTransaction(connection)
                except BaseException as error:
                    inside = error
                    raise
        except UNREACHABLE as error:
            if error is inside and isinstance(error, OSError):
                raise
            raise DatabaseUnavailable(str(error)) from error


async def _roll_back(transaction: asyncpg.transaction.Transaction, connection: Connection) -> None:
    # A dead connection has rolled back already; the first error is the one to tell.
    if connection.is_closed():
        return
    try:
        await transaction.rollback()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        return
