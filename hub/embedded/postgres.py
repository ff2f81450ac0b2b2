"""A private PostgreSQL for a hub without a database of its own. [design section 3, "Embedded default"]

`start()` makes the cluster on the first call, starts its server or takes over one that still runs, and
returns the DSN of the hub's role (owner of its database, not a superuser). `stop()` shuts the server down.

- *Who may connect*: nobody but this account and root can reach the socket (0700 folder, no TCP at all), and
  even they need a random password (scram-sha-256). The server runs under an account of its own when we are
  root (`account`).
- *Durability* is set on the command line, where no file in the cluster can turn it off.
- *One hub to a home*: an flock, held for life and let go by the kernel, however the hub ends.
- *Hub killed*: the server goes on; the next start finds its postmaster (pid file, name and working directory
  must agree: a reused pid is not mistaken for it) and takes it over, or shuts it down if it does not answer.
- *Postmaster killed, or power cut*: its back ends see it and leave; then the server starts and recovers.
- *Power cut while the cluster is made*: `cluster` tells.
- *Server ends under a running hub* (out of memory, a mistaken kill): `keep_running()` starts it again under
  the same DSN; the pool reconnects.
- *Ctrl-C, exit, error*: `stop()`; nothing is left running.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
import structlog

from hub.config.reasons import system_reason
from hub.embedded import process
from hub.embedded.account import Account, choose_account
from hub.embedded.binaries import Binaries, find_binaries
from hub.embedded.cluster import ClusterFolder, Credentials
from hub.embedded.errors import DiskFull, EmbeddedPostgresError, HomeInUse, HomeUnusable, StartFailed

ADMIN: Final = "lienthong_admin"
HUB: Final = "lienthong"
DATABASE: Final = "lienthong"

INITDB_TIMEOUT_S: Final = 300.0
START_TIMEOUT_S: Final = 300.0  # recovery after a power cut replays up to max_wal_size
ADOPT_TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 5.0
STOP_FAST_S: Final = 30.0
STOP_IMMEDIATE_S: Final = 15.0
ORPHANS_TIMEOUT_S: Final = 15.0
BORROW_TIMEOUT_S: Final = 60.0
RESTARTS_MAX: Final = 5  # within RESTARTS_WINDOW_S: then something is wrong that a restart does not mend
RESTARTS_WINDOW_S: Final = 60.0
POLL_S: Final = 0.02
LOG_TAIL_BYTES: Final = 4_000

SERVER_OPTIONS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": "5432",  # only names the socket
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "superuser_reserved_connections": "3",
    "shared_buffers": "64MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "min_wal_size": "80MB",
    "max_parallel_workers_per_gather": "0",  # the hub's queries are short; saves shared memory segments
    # Not /dev/shm: it may be tiny in a container, and systemd empties it when an ordinary user logs out.
    "dynamic_shared_memory_type": "mmap",
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    # Errors are the hub's to log: their text, detail and statement may hold what must not be in a log.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "cluster_name": "lienthong",
}


class EmbeddedPostgres:
    """The private PostgreSQL of one home."""

    def __init__(self, home: Path, *, options: Mapping[str, str] | None = None) -> None:
        """Prepare; nothing happens before `start`. `options` are server options for tests."""
        self._folder = ClusterFolder(home)
        self._options = {**SERVER_OPTIONS, **(options or {})}
        self._log = structlog.get_logger(__name__).bind(home=str(home))
        self._lock: int | None = None
        self._account: Account | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._admin_dsn: str | None = None

    @property
    def admin_dsn(self) -> str:
        """The DSN of the superuser, for maintenance; only while started."""
        if self._admin_dsn is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return self._admin_dsn

    async def start(self) -> str:
        """Start or take over the server; return the hub's DSN. Raises EmbeddedPostgresError."""
        if self._lock is not None:
            raise RuntimeError("already started")
        try:
            return await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
                raise self._translated(error) from error
            raise

    async def keep_running(self) -> None:
        """Start the server again whenever it ends by itself; until cancelled or stopped.

        Raises EmbeddedPostgresError when it cannot, or ends again and again.
        """
        ends: list[float] = []
        while True:
            with process.held(process.postmaster_pid(self._folder.data) or 0) as pidfd:
                if pidfd is not None:
                    await process.ended(pidfd, None)
            if self._lock is None or self._account is None:
                return
            ends = [*(end for end in ends if time.monotonic() - end < RESTARTS_WINDOW_S), time.monotonic()]
            self._log.error("postgres_ended", times=len(ends))
            if len(ends) > RESTARTS_MAX:
                raise StartFailed("it ends again and again", "", self._folder.log)
            if self._child is not None:
                self._child.wait()
                self._child = None
            await self._served(self._account, self._folder.credentials())

    async def stop(self) -> None:
        """Shut the server down and let go of the home; does nothing if not started."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            await self._shut_down()
        finally:
            self._admin_dsn = None
            self._account = None
            os.close(lock)

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @classmethod
    @asynccontextmanager
    async def borrow(cls, home: Path) -> AsyncIterator[str]:
        """Give the DSN for a short task: of the server of a running hub, else of one started for the task."""
        server = cls(home)
        try:
            dsn = await server.start()
        except HomeInUse:
            deadline = time.monotonic() + BORROW_TIMEOUT_S
            while (running := await running_dsn(home)) is None:
                if time.monotonic() > deadline:
                    raise  # somebody is there, and has no server
                await asyncio.sleep(POLL_S * 5)
            yield running
            return
        try:
            yield dsn
        finally:
            await server.stop()

    # ------------------------------------------------------------------ start

    async def _start(self) -> str:
        folder = self._folder
        self._lock = folder.lock()
        account = choose_account(folder.data)
        folder.open_to(account)
        credentials = folder.credentials()
        socket = await self._adopted(credentials)
        if socket is None:
            socket = await self._served(account, credentials)
        self._account = account
        self._admin_dsn = _dsn(ADMIN, credentials.admin, socket, "postgres")
        await _ensure_database(self._admin_dsn, credentials.hub)
        return _dsn(HUB, credentials.hub, socket, DATABASE)

    async def _served(self, account: Account, credentials: Credentials) -> Path:
        """Start a server, on a cluster made now if there is none; returns its socket folder."""
        folder = self._folder
        major = folder.major if folder.exists else None
        binaries = await asyncio.to_thread(find_binaries, account, major=major)
        if not folder.exists:
            await self._make_cluster(binaries, account, credentials)
        await self._orphans_gone()
        socket = folder.socket_folder(account)
        await self._launch(binaries, account, socket, credentials)
        return socket

    async def _adopted(self, credentials: Credentials) -> Path | None:
        """Take over a server that outlived its hub; returns its socket folder, None if there is none."""
        pid = process.postmaster_pid(self._folder.data)
        if pid is None or not process.works_in(pid, self._folder.data):
            return None
        socket = self._folder.known_socket_folder()
        with process.held(pid) as pidfd:
            if pidfd is None:
                return None
            if socket is not None and await _answers(
                _dsn(ADMIN, credentials.admin, socket, "postgres"), pidfd, ADOPT_TIMEOUT_S
            ):
                self._log.info("postgres_adopted", pid=pid)
                return socket
            self._log.warning("postgres_not_answering", pid=pid, then="shut down and started again")
            await self._end(pidfd)
        return None

    async def _make_cluster(self, binaries: Binaries, account: Account, credentials: Credentials) -> None:
        started = time.monotonic()
        self._folder.new_draft(account)
        # The password reaches initdb through memory that has no name, never through a file or an argument.
        secret = os.memfd_create("initdb", os.MFD_CLOEXEC)
        try:
            os.write(secret, credentials.admin.encode() + b"\n")
            os.fchmod(secret, 0o600)
            if account.drop:
                os.fchown(secret, account.uid, account.gid)
            await self._run_initdb(binaries, account, secret)
        finally:
            os.close(secret)
        self._folder.finish_draft()
        self._log.info(
            "postgres_cluster_made", version=binaries.version, elapsed_s=round(time.monotonic() - started, 3)
        )

    async def _run_initdb(self, binaries: Binaries, account: Account, secret: int) -> None:
        # PostgreSQL 17 brings its own C.UTF-8: lower() of Vietnamese letters without the system's locales.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        options = [
            f"--username={ADMIN}",
            f"--pwfile=/proc/self/fd/{secret}",
            "--auth-local=scram-sha-256",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--data-checksums",
            "--no-instructions",
            *(locale if binaries.major >= 17 else ("--locale=C.UTF-8",)),
        ]

        def command(cluster: str) -> list[str]:
            return [binaries.program("initdb"), f"--pgdata={cluster}", *options]

        log = self._folder.open_log()
        try:
            mark = os.fstat(log).st_size
            child = process.spawn(
                command, cluster=self._folder.draft, account=account, log=log, keep=(secret,)
            )
        finally:
            os.close(log)
        try:
            with process.held(child.pid) as pidfd:
                if pidfd is not None and not await process.ended(pidfd, INITDB_TIMEOUT_S):
                    raise self._failure("initdb does not end", mark)
        finally:
            child.kill()
            child.wait()
        if child.returncode != 0:
            raise self._failure(f"initdb ended with {child.returncode}", mark)

    async def _orphans_gone(self) -> None:
        """Wait until nothing of an earlier server works in the cluster; clear a misleading pid file."""
        data = self._folder.data
        deadline = time.monotonic() + ORPHANS_TIMEOUT_S
        while left := process.processes_in(data):
            if time.monotonic() > deadline:
                raise StartFailed(f"processes {left} of an earlier server do not end", "", self._folder.log)
            await asyncio.sleep(POLL_S)
        pid = process.postmaster_pid(data)
        if pid is not None and process.exists(pid):
            # The number is somebody else's now, or a zombie's; the server would take that for a postmaster.
            (data / "postmaster.pid").unlink()
            self._log.warning("postgres_stale_pid_file", pid=pid)
        self._folder.clear_socket()  # its lock file would mislead the server in the same way

    async def _launch(
        self, binaries: Binaries, account: Account, socket: Path, credentials: Credentials
    ) -> None:
        started = time.monotonic()
        # Relative to the cluster, so that it works under folders which the server's account cannot search.
        inside = "../run" if socket.parent == self._folder.root else str(socket)
        options = {**self._options, "unix_socket_directories": inside}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

        def command(cluster: str) -> list[str]:
            return [binaries.program("postgres"), "-D", cluster, *settings]

        log = self._folder.open_log()
        try:
            mark = os.fstat(log).st_size
            self._child = process.spawn(command, cluster=self._folder.data, account=account, log=log)
        finally:
            os.close(log)
        dsn = _dsn(ADMIN, credentials.admin, socket, "postgres")
        with process.held(self._child.pid) as pidfd:
            if pidfd is None or not await _answers(dsn, pidfd, START_TIMEOUT_S):
                raise self._failure("it ended or does not answer", mark)
        self._log.info(
            "postgres_started",
            version=binaries.version,
            account=account.name,
            pid=self._child.pid,
            elapsed_s=round(time.monotonic() - started, 3),
        )

    # ------------------------------------------------------------------ stop

    async def _shut_down(self) -> None:
        data = self._folder.data
        pid = self._child.pid if self._child is not None else process.postmaster_pid(data)
        if pid is not None and (self._child is not None or process.works_in(pid, data)):
            with process.held(pid) as pidfd:
                if pidfd is not None:
                    await self._end(pidfd)
        if self._child is not None:
            self._child.wait()
            self._child = None
        socket = self._folder.known_socket_folder()
        if socket is not None and not process.processes_in(data):
            self._folder.drop_socket_folder(socket)

    async def _end(self, pidfd: int) -> None:
        """Ask for a fast shutdown, then insist; the next start recovers either way."""
        process.send(pidfd, signal.SIGINT)
        if await process.ended(pidfd, STOP_FAST_S):
            return
        self._log.warning("postgres_stop_immediate", after_s=STOP_FAST_S)
        process.send(pidfd, signal.SIGQUIT)
        process.send(pidfd, signal.SIGCONT)  # a stopped process takes no other signal
        if not await process.ended(pidfd, STOP_IMMEDIATE_S):
            raise StartFailed("an earlier server does not end", "", self._folder.log)

    def _failure(self, what: str, mark: int) -> EmbeddedPostgresError:
        """Explain a failure by what the log got since `mark`."""
        with self._folder.log.open("rb") as file:
            file.seek(mark)
            tail = file.read()[-LOG_TAIL_BYTES:].decode(errors="replace")
        if os.strerror(errno.ENOSPC) in tail:
            return DiskFull(self._folder.root)
        return StartFailed(what, tail, self._folder.log)

    def _translated(self, error: Exception) -> EmbeddedPostgresError:
        root = self._folder.root
        if isinstance(error, asyncpg.DiskFullError) or getattr(error, "errno", 0) in {
            errno.ENOSPC,
            errno.EDQUOT,
        }:
            return DiskFull(root)
        if isinstance(error, OSError) and not isinstance(error, TimeoutError):
            return HomeUnusable(Path(str(error.filename or root)), system_reason(error))
        return StartFailed(
            "it does not do as it is told", f"{type(error).__name__}: {error}", self._folder.log
        )


async def running_dsn(home: Path) -> str | None:
    """Return the hub's DSN of the server that runs in `home`, None if none does. Touches nothing."""
    folder = ClusterFolder(home)
    pid = process.postmaster_pid(folder.data)
    socket = folder.known_socket_folder()
    if pid is None or socket is None or not process.works_in(pid, folder.data):
        return None
    dsn = _dsn(HUB, folder.credentials().hub, socket, DATABASE)
    return dsn if await _connects(dsn) else None


def _dsn(role: str, password: str, socket: Path, database: str) -> str:
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?host={quote(str(socket), safe='/')}"


async def _answers(dsn: str, pidfd: int, within_s: float) -> bool:
    """Wait until the server takes a connection; False if it ends or time is up."""
    deadline = time.monotonic() + within_s
    while not process.is_over(pidfd) and time.monotonic() < deadline:
        if await _connects(dsn):
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _connects(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, ssl=False)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False  # not there yet, starting, or shutting down
    await connection.close(timeout=CONNECT_TIMEOUT_S)
    return True


async def _ensure_database(admin_dsn: str, password: str) -> None:
    """Make the hub's role and database where missing; any step may be the last before a power cut."""
    admin = await asyncpg.connect(admin_dsn, timeout=30, ssl=False)
    try:
        if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", HUB):
            # The password is our own urlsafe token: letters, digits, "-" and "_" alone.
            await admin.execute(f"CREATE ROLE {HUB} LOGIN NOSUPERUSER PASSWORD '{password}'")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await admin.execute(f"CREATE DATABASE {DATABASE} OWNER {HUB}")
    finally:
        await admin.close(timeout=10)
