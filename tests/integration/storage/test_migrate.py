from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage import migrate as module
from hub.storage.migrate import (
    BadMigrationFiles,
    ChecksumChanged,
    DatabaseTooNew,
    MigrationBusy,
    MigrationFailed,
    check,
    load,
    migrate,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "0001_pre_first.sql", "CREATE TABLE a (x int);")
    write(tmp_path, "0002_post_second.sql", "CREATE TABLE b (x int);\nCREATE TABLE c (x int);")
    return tmp_path


def write(folder: Path, name: str, sql: str) -> None:
    (folder / name).write_text(sql)


async def tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row["tablename"] for row in rows} - {"schema_migration"}
    finally:
        await connection.close()


async def test_migrations_are_applied_once_and_in_order(empty_database_url: str, folder: Path) -> None:
    applied = await migrate(empty_database_url, folder=folder)
    assert [(one.number, one.phase, one.name) for one in applied] == [
        (1, "pre", "first"),
        (2, "post", "second"),
    ]
    assert await migrate(empty_database_url, folder=folder) == []
    assert await tables(empty_database_url) == {"a", "b", "c"}


async def test_the_product_s_own_migrations_apply(empty_database_url: str) -> None:
    assert [one.number for one in await migrate(empty_database_url)] == [one.number for one in load()]
    assert (await check(empty_database_url)).pending == ()


async def test_looking_changes_nothing(empty_database_url: str, folder: Path) -> None:
    state = await check(empty_database_url, folder=folder)
    assert [migration.file_name for migration in state.pending] == [
        "0001_pre_first.sql",
        "0002_post_second.sql",
    ]
    assert await tables(empty_database_url) == set()


async def test_trailing_post_migrations_can_wait_for_the_old_nodes(
    empty_database_url: str, folder: Path
) -> None:
    applied = await migrate(empty_database_url, through="pre", folder=folder)
    assert [one.number for one in applied] == [1]
    write(folder, "0003_pre_third.sql", "CREATE TABLE d (x int);")
    later = await migrate(empty_database_url, through="pre", folder=folder)
    assert [one.number for one in later] == [2, 3], "a post migration of an earlier release is due"


async def test_a_file_that_changed_after_it_was_applied_is_refused(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder=folder)
    write(folder, "0001_pre_first.sql", "CREATE TABLE a (x bigint);")
    for look in (migrate, check):
        with pytest.raises(ChecksumChanged, match="0001_pre_first"):
            await look(empty_database_url, folder=folder)


async def test_line_ends_turned_by_a_checkout_are_no_change(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_post_second.sql").write_bytes(b"CREATE TABLE b (x int);\r\nCREATE TABLE c (x int);")
    assert await migrate(empty_database_url, folder=folder) == []


async def test_a_database_of_later_code_is_refused(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)
    (folder / "0002_post_second.sql").unlink()
    for look in (migrate, check):
        with pytest.raises(DatabaseTooNew, match="0002_post_second"):
            await look(empty_database_url, folder=folder)


async def test_an_unknown_pre_migration_lets_an_old_node_start(empty_database_url: str, folder: Path) -> None:
    write(folder, "0003_pre_third.sql", "CREATE TABLE d (x int);")
    await migrate(empty_database_url, folder=folder)
    (folder / "0003_pre_third.sql").unlink()
    state = await check(empty_database_url, folder=folder)
    assert [one.number for one in state.unknown] == [3]
    assert await migrate(empty_database_url, folder=folder) == []


async def test_a_migration_that_fails_leaves_nothing_and_the_earlier_ones_stay(
    empty_database_url: str, folder: Path
) -> None:
    write(folder, "0003_pre_bad.sql", "CREATE TABLE d (x int);\nSELECT 1/0;")
    with pytest.raises(MigrationFailed, match="0003_pre_bad.sql.*22012"):
        await migrate(empty_database_url, folder=folder)
    assert await tables(empty_database_url) == {"a", "b", "c"}
    write(folder, "0003_pre_bad.sql", "CREATE TABLE d (x int);")
    assert [one.number for one in await migrate(empty_database_url, folder=folder)] == [3]


async def test_nodes_that_start_at_once_apply_each_migration_once(
    empty_database_url: str, folder: Path
) -> None:
    results = await asyncio.gather(*(migrate(empty_database_url, folder=folder) for _ in range(5)))
    assert sorted(len(applied) for applied in results) == [0, 0, 0, 0, 2]


async def test_a_node_that_upgrades_for_too_long_is_told(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_FOR_OTHERS", "50ms")
    other = await asyncpg.connect(empty_database_url)
    try:
        await other.execute("SELECT pg_advisory_lock($1)", module.ADVISORY_LOCK)
        with pytest.raises(MigrationBusy):
            await migrate(empty_database_url, folder=folder)
    finally:
        await other.close()


async def test_a_server_that_is_not_there_is_unavailable(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await migrate("postgresql://nobody@/none?host=/nonexistent", folder=folder)


async def test_a_file_numbered_before_what_was_applied_is_refused(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder=folder)
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("DELETE FROM schema_migration WHERE number = 1")
    await connection.close()
    with pytest.raises(BadMigrationFiles, match="0001_pre_first.sql is older"):
        await check(empty_database_url, folder=folder)


@pytest.mark.parametrize(
    ("name", "sql", "problem"),
    [
        ("0002_pre_twice.sql", "SELECT 1", "numbers"),
        ("third.sql", "SELECT 1", "not called"),
        ("0003_during_x.sql", "SELECT 1", "not called"),
        ("0003_pre_x.sql", "COMMIT;", "transaction"),
        ("0003_pre_x.sql", "begin ;", "transaction"),
        ("0003_pre_x.sql", "CREATE INDEX concurrently i ON a (x);", "transaction"),
    ],
)
def test_files_that_cannot_be_a_history_are_refused(folder: Path, name: str, sql: str, problem: str) -> None:
    write(folder, name, sql)
    with pytest.raises(BadMigrationFiles, match=problem):
        load(folder)


def test_a_number_may_be_missing(folder: Path) -> None:
    write(folder, "0004_pre_after_a_gap.sql", "SELECT 1")
    assert [migration.number for migration in load(folder)][-1] == 4


def test_a_block_of_plpgsql_and_a_comment_are_no_transaction_statements(folder: Path) -> None:
    write(folder, "0003_pre_x.sql", "-- COMMIT; CONCURRENTLY\nDO $$\nBEGIN\n  NULL;\nEND\n$$;")
    assert len(load(folder)) == 3
