"""Plain SQL migrations: `migrations/NNNN_{pre|post}_name.sql`, applied once each, in order.

- `pre` fits the code that runs now as well as the code to come: it is applied before the new nodes start.
  `post` takes away what only old code needs: it is applied when no old node is left. So a node starts on a
  database with `pre` migrations that it does not know, and refuses one with an unknown `post`.
- One migration is one transaction, together with the row that records it: the process may die anywhere, and
  the next run goes on with the first that is not recorded. Hence no COMMIT and no CONCURRENTLY in a file.
- Nodes that start at once queue behind an advisory lock; the second finds nothing left to do.
- A file that was applied must never change: its SHA-256 is recorded and compared at each start. Line ends are
  normalised first, a checkout may have turned them.

MigrationError            code, vi, en
├── BadMigrationFiles     names, numbers or contents that cannot be a history
├── ChecksumChanged       an applied file reads differently now
├── DatabaseTooNew        the database was made by later code
├── MigrationFailed       PostgreSQL refused a statement; nothing of that file was applied
└── MigrationBusy         another node holds the lock for too long
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from importlib.resources.abc import Traversable
from typing import ClassVar, Final, Literal

import asyncpg
import structlog

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage.pool import CONNECT_TIMEOUT_S, check_fitness

Phase = Literal["pre", "post"]

ADVISORY_LOCK: Final = 0x6C69_656E_7468_6F6E  # "lienthon" in ASCII
WAIT_FOR_OTHERS: Final = "120s"
WAIT_FOR_TABLES: Final = (
    "10s"  # a migration that must wait longer would make every other query wait behind it
)

_FILE: Final = re.compile(r"(\d{4})_(pre|post)_([a-z0-9_]+)\.sql")
# What PostgreSQL would do outside the transaction, or end it with.
# BEGIN alone on a line opens a PL/pgSQL block and is fine.
_UNTRANSACTIONAL: Final = re.compile(
    r"^\s*(COMMIT|ROLLBACK|BEGIN|START\s+TRANSACTION)\s*;|\bCONCURRENTLY\b", re.MULTILINE | re.IGNORECASE
)

_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number     integer PRIMARY KEY,
    phase      text NOT NULL CHECK (phase IN ('pre', 'post')),
    name       text NOT NULL,
    sha256     bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    elapsed_ms integer NOT NULL
)
"""
_APPLIED: Final = (
    "SELECT number, phase, name, sha256, applied_at, elapsed_ms FROM schema_migration ORDER BY number"
)
_RECORD: Final = """
INSERT INTO schema_migration (number, phase, name, sha256, elapsed_ms) VALUES ($1, $2, $3, $4, $5)
RETURNING applied_at
"""

_log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The schema cannot be brought to what the code needs."""

    code: ClassVar[str] = "migration_error"

    def __init__(self, *, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


class BadMigrationFiles(MigrationError):
    """Names, numbers or contents that cannot be a history."""

    code = "migration_files_bad"

    def __init__(self, problem: str) -> None:
        super().__init__(
            vi=f"Các tệp SQL nâng cấp không hợp lệ: {problem}. Hãy cài lại phần mềm.",
            en=f"the migration files are not in order: {problem}",
        )


class ChecksumChanged(MigrationError):
    """An applied file reads differently now."""

    code = "migration_checksum_changed"

    def __init__(self, migration: Migration) -> None:
        super().__init__(
            vi=f"Tệp {migration.file_name} đã áp dụng vào cơ sở dữ liệu nhưng nội dung nay đã khác. "
            "Hãy cài lại đúng phiên bản phần mềm; thay đổi mới phải nằm trong tệp mới.",
            en=f"{migration.file_name} was applied and reads differently now: reinstall the right version; "
            "a change belongs in a new file",
        )
        self.migration = migration


class DatabaseTooNew(MigrationError):
    """The database was made by later code."""

    code = "database_too_new"

    def __init__(self, unknown: Sequence[AppliedMigration]) -> None:
        names = ", ".join(f"{one.number:04}_{one.phase}_{one.name}" for one in unknown)
        super().__init__(
            vi=f"Cơ sở dữ liệu đã được nâng cấp bởi phiên bản mới hơn ({names}). "
            "Hãy cài phiên bản phần mềm đó.",
            en=f"the database was upgraded by a later version ({names}): install that version",
        )
        self.unknown = tuple(unknown)


class MigrationFailed(MigrationError):
    """PostgreSQL refused a statement; nothing of that file was applied."""

    code = "migration_failed"

    def __init__(self, migration: Migration, reason: str) -> None:
        super().__init__(
            vi=f"Không áp dụng được {migration.file_name}: {reason}. "
            "Chưa có thay đổi nào của tệp này được ghi.",
            en=f"{migration.file_name} could not be applied: {reason}; nothing of it was",
        )
        self.migration = migration


class MigrationBusy(MigrationError):
    """Another node holds the lock for too long."""

    code = "migration_busy"

    def __init__(self) -> None:
        super().__init__(
            vi=f"Một nút khác đang nâng cấp cơ sở dữ liệu quá {WAIT_FOR_OTHERS}. Hãy chờ rồi chạy lại.",
            en=f"another node has been upgrading the database for over {WAIT_FOR_OTHERS}: "
            "wait, then run again",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of the code."""

    number: int
    phase: Phase
    name: str
    sql: str
    sha256: bytes

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.number:04}_{self.phase}_{self.name}.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration:
    """One row of the database."""

    number: int
    phase: Phase
    name: str
    sha256: bytes
    applied_at: datetime
    elapsed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaState:
    """What the database has, what the code has beyond it, and what only the database knows."""

    applied: tuple[AppliedMigration, ...]
    pending: tuple[Migration, ...]
    unknown: tuple[AppliedMigration, ...]


async def migrate(
    dsn: str, *, through: Phase = "post", folder: Traversable | None = None
) -> list[AppliedMigration]:
    """Apply what is pending; return what was applied now, nothing if the schema is up to date.

    Args:
        dsn: the database.
        through: "pre" leaves the last `post` migrations for when no old node is left.
        folder: the files; the product's own by default.

    Raises: MigrationError, DatabaseUnfit, DatabaseUnavailable.
    """
    files = load(folder)
    with _translated():
        connection = await _connect(dsn)
        try:
            await check_fitness(connection)
            await _lock(connection)
            await connection.execute(_LEDGER)
            state = _compare(files, await _applied(connection))
            wanted = _wanted(state.pending, through)
            return [await _apply(connection, migration) for migration in wanted]
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)  # lets go of the advisory lock


async def check(dsn: str, *, folder: Traversable | None = None) -> SchemaState:
    """Compare database and code without changing anything.

    Raises: ChecksumChanged, DatabaseTooNew, BadMigrationFiles, DatabaseUnfit, DatabaseUnavailable.
    """
    files = load(folder)
    with _translated():
        connection = await _connect(dsn)
        try:
            await check_fitness(connection)
            exists = await connection.fetchval("SELECT to_regclass('schema_migration') IS NOT NULL")
            return _compare(files, await _applied(connection) if exists else ())
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_S)


def load(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read the migrations of the code: each number once.

    A number may be missing: numbers are given out before the work is done, and not all of it ends in one.
    """
    source = folder if folder is not None else resources.files("hub.storage") / "migrations"
    found = sorted(
        (_parsed(entry) for entry in source.iterdir() if entry.name.endswith(".sql")),
        key=lambda one: one.number,
    )
    numbers = [migration.number for migration in found]
    if len(set(numbers)) != len(numbers):
        raise BadMigrationFiles(f"numbers must differ and are {numbers}")
    return tuple(found)


def _parsed(entry: Traversable) -> Migration:
    name = _FILE.fullmatch(entry.name)
    if name is None:
        raise BadMigrationFiles(f"{entry.name} is not called NNNN_pre_name.sql or NNNN_post_name.sql")
    sql = entry.read_bytes().replace(b"\r\n", b"\n").decode()
    if _UNTRANSACTIONAL.search(re.sub(r"--.*", "", sql)):
        raise BadMigrationFiles(f"{entry.name} has a statement that cannot be part of its one transaction")
    phase: Phase = "pre" if name[2] == "pre" else "post"
    return Migration(
        number=int(name[1]), phase=phase, name=name[3], sql=sql, sha256=hashlib.sha256(sql.encode()).digest()
    )


def _compare(files: Sequence[Migration], applied: Sequence[AppliedMigration]) -> SchemaState:
    known = {migration.number: migration for migration in files}
    for row in applied:
        migration = known.get(row.number)
        if migration is not None and migration.sha256 != row.sha256:
            raise ChecksumChanged(migration)
    unknown = tuple(row for row in applied if row.number not in known)
    if any(row.phase == "post" for row in unknown):
        raise DatabaseTooNew(unknown)
    done = {row.number for row in applied}
    pending = tuple(migration for migration in files if migration.number not in done)
    last = max(done, default=0)
    if any(migration.number < last for migration in pending):
        raise BadMigrationFiles(f"{pending[0].file_name} is older than what was applied last, {last:04}")
    return SchemaState(applied=tuple(applied), pending=pending, unknown=unknown)


def _wanted(pending: Sequence[Migration], through: Phase) -> tuple[Migration, ...]:
    """With "pre", everything up to the last `pre`: an earlier `post` belongs to a release that is over."""
    if through == "post":
        return tuple(pending)
    last = max((migration.number for migration in pending if migration.phase == "pre"), default=0)
    return tuple(migration for migration in pending if migration.number <= last)


async def _connect(dsn: str) -> asyncpg.Connection[asyncpg.Record]:
    settings = {"application_name": "lienthong migrate", "timezone": "UTC", "client_min_messages": "warning"}
    return await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings)


async def _lock(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute(f"SET lock_timeout = '{WAIT_FOR_OTHERS}'; SET statement_timeout = 0")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
    except asyncpg.LockNotAvailableError:
        raise MigrationBusy from None
    await connection.execute(f"SET lock_timeout = '{WAIT_FOR_TABLES}'")


async def _applied(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[AppliedMigration, ...]:
    return tuple(AppliedMigration(**dict(row)) for row in await connection.fetch(_APPLIED))


async def _apply(connection: asyncpg.Connection[asyncpg.Record], migration: Migration) -> AppliedMigration:
    started = time.monotonic()
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            elapsed_ms = round((time.monotonic() - started) * 1000)
            applied_at: datetime = await connection.fetchval(
                _RECORD, migration.number, migration.phase, migration.name, migration.sha256, elapsed_ms
            )
    except asyncpg.PostgresError as error:
        raise MigrationFailed(migration, f"{error.sqlstate} {error}") from error
    _log.info("migration_applied", migration=migration.file_name, elapsed_ms=elapsed_ms)
    return AppliedMigration(
        number=migration.number,
        phase=migration.phase,
        name=migration.name,
        sha256=migration.sha256,
        applied_at=applied_at,
        elapsed_ms=elapsed_ms,
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable(type(error).__name__) from error
