"""`lienthong doctor`: looks at everything a node needs and says how to mend what is wrong."""

from __future__ import annotations

import asyncpg

from hub.bootstrap.blobs import open_blobs
from hub.bootstrap.values import suffixes_of
from hub.cli import doctor_rows as rows
from hub.cli.doctor_broker import broker
from hub.cli.doctor_folders import folders
from hub.cli.doctor_node import node
from hub.cli.doctor_storage import blobs
from hub.cli.findings import Finding, well, wrong
from hub.config import Settings
from hub.domain.directory import Directory
from hub.embedded.errors import EmbeddedPostgresError
from hub.embedded.postgres import EmbeddedPostgres
from hub.ports.blobs import BlobStoreError
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.directory_admin import LOCAL
from hub.storage.examination import Examination
from hub.storage.migrate import MigrationError, check
from hub.storage.pool import DatabaseUnfit, create_pool
from hub.storage.unit_of_work import PgTransaction

STATEMENT_S = 60.0
POSTGRES = "PostgreSQL"
ROWS = "Dữ liệu / rows"


async def examine(settings: Settings) -> list[Finding]:
    """Look at the machine, the stores, the database and the broker; never raises for what it finds."""
    findings = [*node(settings), *await blobs(settings)]
    try:
        if settings.database_url is not None:
            findings += await _database(settings, settings.database_url.get_secret_value())
        else:
            async with EmbeddedPostgres.borrow(settings.home) as dsn:
                findings += await _database(settings, dsn)
    except EmbeddedPostgresError as error:
        findings.append(wrong(POSTGRES, error.code, error.vi, error.en))
    return findings + await broker(settings)


async def _database(settings: Settings, dsn: str) -> list[Finding]:
    try:
        state = await check(dsn)
    except (DatabaseUnfit, MigrationError) as error:
        return [wrong(POSTGRES, error.code, error.vi, error.en)]
    except DatabaseUnavailable:
        return [_unreachable()]
    if state.pending:
        return [
            wrong(
                "Lược đồ / schema",
                "schema_outdated",
                f"thiếu {len(state.pending)} bước nâng cấp. Chạy `lienthong migrate`.",
                "migrations are pending: run `lienthong migrate`",
                mend="lienthong migrate",
            )
        ]
    applied = len(state.applied)
    findings = [well(POSTGRES, f"{applied} bước nâng cấp đã áp dụng", f"{applied} migrations applied")]
    try:
        return findings + await _rows(settings, dsn)
    except (DatabaseUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return [*findings, _unreachable()]


def _unreachable() -> Finding:
    return wrong(
        POSTGRES,
        "database_unavailable",
        "không kết nối được. Kiểm tra LIENTHONG_DATABASE_URL và máy chủ.",
        "cannot be reached: check LIENTHONG_DATABASE_URL and the server",
        mend="pg_isready",
    )


async def _rows(settings: Settings, dsn: str) -> list[Finding]:
    pool = await create_pool(
        dsn, size=2, application_name="lienthong-doctor", statement_timeout_s=STATEMENT_S
    )
    try:
        async with pool.acquire() as connection:
            query, asked = PgTransaction(connection), Examination(connection)
            directory = await query.directory.load(suffixes_of(settings))
            now = await query.systems.now()
            return [
                await rows.clock(asked),
                await rows.nodes(asked, settings),
                *await _consistency(query),
                *await rows.tasks(asked),
                *await folders(query),
                *await rows.peers(asked),
                *await rows.directory(asked, directory, now.astimezone(LOCAL).date()),
                *rows.systems(await _systems(query, asked, directory), settings, now),
                *await _bodies(settings, asked),
            ]
    finally:
        await pool.close()


async def _systems(query: PgTransaction, asked: Examination, directory: Directory) -> list[rows.SystemFacts]:
    waiting = await asked.open_deliveries()
    units: dict[object, int] = {}
    for agency in directory:
        units[agency.system_id] = units.get(agency.system_id, 0) + 1
    return [
        rows.SystemFacts(
            system=system,
            keys=await query.systems.keys_of(system.id),
            units=units.get(system.id, 0),
            open_deliveries=waiting.get(system.id, 0),
        )
        for system in await query.systems.all()
    ]


async def _consistency(query: PgTransaction) -> list[Finding]:
    orphans = {family: n for family, n in (await query.housekeeping.orphans()).items() if n}
    misplaced = await query.housekeeping.misplaced_rows()
    findings = []
    if orphans:
        listed = ", ".join(f"{family}: {count}" for family, count in orphans.items())
        findings.append(
            wrong(
                ROWS,
                "rows_without_document",
                f"có dòng không còn văn bản gốc ({listed}): khôi phục từ bản sao lưu cùng thời điểm.",
                f"rows without their document ({listed}): restore from one consistent backup",
            )
        )
    if misplaced:
        findings.append(
            wrong(
                ROWS,
                "rows_misplaced",
                f"{misplaced} dòng nằm ngoài phân vùng tháng: đồng hồ máy chủ đã sai.",
                f"{misplaced} rows in default partitions: a clock was wrong",
            )
        )
    return findings or [well(ROWS, "nhất quán", "consistent")]


async def _bodies(settings: Settings, asked: Examination) -> list[Finding]:
    try:
        store = open_blobs(settings)
    except BlobStoreError:
        return []  # told with the store itself
    try:
        return await rows.bodies(asked, store)
    except BlobStoreError as error:
        return [wrong(rows.BODIES, error.code, f"kho tệp lỗi: {error}.", str(error))]
    finally:
        store.close()
