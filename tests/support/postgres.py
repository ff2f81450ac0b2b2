"""PostgreSQL for tests: one server per run, one database per test.

The server is the product's own embedded one (the same launcher, the same account and options), in memory
where there is room, so that durable settings cost nothing. The schema is migrated once into a template;
`CREATE DATABASE … TEMPLATE` gives each test its own copy. A run that was killed leaves a server behind: the
next run finds its slot, takes it over and clears it. LIENTHONG_TEST_DATABASE_URL (a superuser's DSN) puts
another server in its place.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import asyncpg
import pytest

from hub.embedded import EmbeddedPostgres, EmbeddedPostgresError
from hub.embedded.errors import BinariesMissing, HomeInUse
from hub.storage.migrate import migrate
from hub.storage.pool import create_pool
from tests.support.shared import REPOSITORY

T = TypeVar("T")
SLOTS = 16
ROOM_BYTES = 1024**3
ROLE = "lienthong"


@dataclass(frozen=True, slots=True)
class TestServer:
    """A server that makes databases for tests."""

    __test__ = False

    admin_dsn: str
    role_dsn: Callable[[str], str]
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def database(self, template: str = "template0") -> AsyncIterator[str]:
        """Make a database for the time of the context; gives its DSN as the hub's ordinary role."""
        name = f"test_{os.getpid()}_{next(self._names)}"
        await self.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE {template}")
        try:
            yield self.role_dsn(name)
        finally:
            await self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def execute(self, statement: str) -> None:
        """Run one statement as the superuser."""
        admin = await asyncpg.connect(self.admin_dsn, timeout=30)
        try:
            await admin.execute(statement)
        finally:
            await admin.close()


def _run(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine outside any test's event loop."""
    with asyncio.Runner() as runner:
        return runner.run(work)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    """The server of this test run."""
    given = os.environ.get("LIENTHONG_TEST_DATABASE_URL")
    if given:
        yield _run(_given_server(given))
        return
    embedded, home = _claim_slot()
    try:
        admin = embedded.admin_dsn
        hub_dsn = _HUB_DSN[home]
        yield TestServer(admin, lambda name: re.sub(r"@/\w+\?", f"@/{name}?", hub_dsn))
    finally:
        _run(embedded.stop())
        shutil.rmtree(home, ignore_errors=True)


_HUB_DSN: dict[Path, str] = {}


def _claim_slot() -> tuple[EmbeddedPostgres, Path]:
    base = Path("/dev/shm")
    if not base.is_dir() or shutil.disk_usage(base).free < ROOM_BYTES:
        base = Path(tempfile.gettempdir())
    name = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
    for slot in range(SLOTS):
        home = base / f"lienthong-test-{os.geteuid()}-{name}-{slot}"
        home.mkdir(mode=0o700, exist_ok=True)
        if home.is_symlink() or home.stat().st_uid != os.geteuid():
            continue
        embedded = EmbeddedPostgres(home)
        try:
            _HUB_DSN[home] = _run(_fresh(embedded))
        except HomeInUse:
            continue
        except BinariesMissing as error:
            pytest.skip(f"no PostgreSQL: {error}")
        except EmbeddedPostgresError:
            shutil.rmtree(home, ignore_errors=True)  # what a killed run left; once more from nothing
            _HUB_DSN[home] = _run(embedded.start())
        return embedded, home
    raise RuntimeError(f"{SLOTS} test runs at once: is a killed one still there?")


async def _fresh(embedded: EmbeddedPostgres) -> str:
    dsn = await embedded.start()
    await _clear(embedded.admin_dsn)
    return dsn


async def _clear(admin_dsn: str) -> None:
    """Drop what a killed run left in a server that is now ours."""
    admin = await asyncpg.connect(admin_dsn, timeout=30)
    try:
        for row in await admin.fetch(r"SELECT datname FROM pg_database WHERE datname LIKE 'test\_%'"):
            await admin.execute(f"DROP DATABASE {row['datname']} WITH (FORCE)")
    finally:
        await admin.close()


async def _given_server(admin_dsn: str) -> TestServer:
    password = hashlib.sha256(os.urandom(32)).hexdigest()
    admin = await asyncpg.connect(admin_dsn, timeout=30)
    try:
        exists = await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE)
        verb = "ALTER" if exists else "CREATE"
        await admin.execute(f"{verb} ROLE {ROLE} LOGIN NOSUPERUSER PASSWORD '{password}'")
    finally:
        await admin.close()
    host = re.sub(r"^postgres(ql)?://([^@/]*@)?", "", admin_dsn)
    return TestServer(
        admin_dsn,
        lambda name: f"postgresql://{ROLE}:{quote(password)}@" + re.sub(r"/[^?]*", f"/{name}", host, count=1),
    )


@pytest.fixture(scope="session")
def database_template(postgres_server: TestServer) -> str:
    """The name of a migrated database that is only copied."""
    name = f"test_template_{os.getpid()}"

    async def make() -> None:
        await postgres_server.execute(f"CREATE DATABASE {name} OWNER {ROLE} TEMPLATE template0")
        await migrate(postgres_server.role_dsn(name))

    _run(make())
    return name


@pytest.fixture
async def database_url(postgres_server: TestServer, database_template: str) -> AsyncIterator[str]:
    """A fresh migrated database of this test's own."""
    async with postgres_server.database(database_template) as dsn:
        yield dsn


@pytest.fixture
async def empty_database_url(postgres_server: TestServer) -> AsyncIterator[str]:
    """A fresh database without any table."""
    async with postgres_server.database() as dsn:
        yield dsn


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """A pool on a fresh migrated database."""
    opened = await create_pool(database_url, size=8, application_name="test")
    try:
        yield opened
    finally:
        await opened.close()
