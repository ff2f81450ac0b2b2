"""`lienthong doctor`: looks at everything a node needs and says how to mend what is wrong."""

from __future__ import annotations

import shutil

import asyncpg

from hub.cli.doctor_broker import broker
from hub.cli.doctor_storage import blobs
from hub.cli.findings import Finding
from hub.config import Settings
from hub.embedded.errors import EmbeddedPostgresError
from hub.embedded.postgres import EmbeddedPostgres
from hub.ports.unit_of_work import DatabaseUnavailable
from hub.services.rules import IntakeFloor
from hub.storage.migrate import MigrationError, check
from hub.storage.pool import DatabaseUnfit, create_pool
from hub.storage.unit_of_work import PgUnitOfWork
from signing.errors import SigningError
from signing.trust import TrustStore


async def examine(settings: Settings) -> list[Finding]:
    """Look at home, disk, database, schema, rows, broker and trust; never raises for what it finds."""
    findings = [_home(settings), _disk(settings), *await blobs(settings)]
    try:
        if settings.database_url is not None:
            findings += await _database(settings.database_url.get_secret_value())
        else:
            async with EmbeddedPostgres.borrow(settings.home) as dsn:
                findings += await _database(dsn)
    except EmbeddedPostgresError as error:
        findings.append(Finding(what="PostgreSQL", ok=False, vi=error.vi, en=error.en))
    findings += await broker(settings)
    findings.append(_trust(settings))
    return findings


def _home(settings: Settings) -> Finding:
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding(
            what="LIENTHONG_HOME",
            ok=False,
            vi=f"không ghi được vào {home}: {error.strerror}. Chọn thư mục khác hoặc sửa quyền.",
            en=f"{home} cannot be written: choose another folder or mend its permissions",
        )
    return Finding(what="LIENTHONG_HOME", ok=True, vi=str(home))


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(settings.home if settings.home.exists() else "/")
    limits = settings.limits
    floor = IntakeFloor(disk_share=limits.disk_free_ratio, disk_bytes=limits.disk_free_bytes).disk_floor(
        usage.total
    )
    if usage.free < floor:
        return Finding(
            what="Đĩa / disk",
            ok=False,
            vi=f"còn {usage.free // 10**6} MB, dưới mức {floor // 10**6} MB: văn bản thường sẽ bị từ chối.",
            en="free space is under the floor: documents of the normal lane are refused until there is more",
        )
    return Finding(what="Đĩa / disk", ok=True, vi=f"còn {usage.free // 10**9} GB")


def _trust(settings: Settings) -> Finding:
    folder = settings.trust_path
    what = "Chứng thư CA / trust"
    try:
        anchors = TrustStore.from_folder(folder).anchors if folder.is_dir() else ()
    except (SigningError, ValueError, OSError) as error:
        return Finding(
            what=what,
            ok=False,
            vi=f"không đọc được {folder} ({error}). Bỏ tệp hỏng ra khỏi thư mục.",
            en=f"{folder} cannot be read ({error}): take the broken file out",
        )
    if not anchors:
        return Finding(
            what=what,
            ok=False,
            vi=f"chưa có chứng thư CA tin cậy nào trong {folder}: mọi chữ ký sẽ “chưa đủ căn cứ kết luận”.",
            en=f"no trusted CA certificate in {folder}: every signature will be INDETERMINATE",
        )
    return Finding(what=what, ok=True, vi=f"{len(anchors)} CA gốc trong {folder}")


async def _database(dsn: str) -> list[Finding]:
    try:
        state = await check(dsn)
    except (DatabaseUnfit, MigrationError) as error:
        return [Finding(what="PostgreSQL", ok=False, vi=error.vi, en=error.en)]
    except DatabaseUnavailable:
        return [
            Finding(
                what="PostgreSQL",
                ok=False,
                vi="không kết nối được. Kiểm tra LIENTHONG_DATABASE_URL và máy chủ.",
                en="cannot be reached: check LIENTHONG_DATABASE_URL and the server",
            )
        ]
    if state.pending:
        return [
            Finding(
                what="Lược đồ / schema",
                ok=False,
                vi=f"thiếu {len(state.pending)} bước nâng cấp. Chạy `lienthong migrate`.",
                en="migrations are pending: run `lienthong migrate`",
            )
        ]
    return [
        Finding(what="PostgreSQL", ok=True, vi=f"{len(state.applied)} bước nâng cấp đã áp dụng"),
        *await _rows(dsn),
    ]


async def _rows(dsn: str) -> list[Finding]:
    pool: asyncpg.Pool[asyncpg.Record] = await create_pool(dsn, size=2, application_name="lienthong-doctor")
    try:
        async with PgUnitOfWork(pool).read() as query:
            orphans = {family: n for family, n in (await query.housekeeping.orphans()).items() if n}
            misplaced = await query.housekeeping.misplaced_rows()
    finally:
        await pool.close()
    findings = []
    if orphans:
        listed = ", ".join(f"{family}: {rows}" for family, rows in orphans.items())
        findings.append(
            Finding(
                what="Dữ liệu / rows",
                ok=False,
                vi=f"có dòng không còn văn bản gốc ({listed}): khôi phục từ bản sao lưu cùng thời điểm.",
                en=f"rows without their document ({listed}): restore from one consistent backup",
            )
        )
    if misplaced:
        findings.append(
            Finding(
                what="Dữ liệu / rows",
                ok=False,
                vi=f"{misplaced} dòng nằm ngoài phân vùng tháng: đồng hồ máy chủ đã sai.",
                en=f"{misplaced} rows in default partitions: a clock was wrong",
            )
        )
    return findings or [Finding(what="Dữ liệu / rows", ok=True, vi="nhất quán")]
