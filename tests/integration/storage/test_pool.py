"""The pool refuses servers that forget, and gives connections that do not wait for ever."""

from __future__ import annotations

import asyncpg
import pytest

from hub.ports.unit_of_work import DatabaseUnavailable
from hub.storage.pool import DatabaseUnfit, create_pool
from tests.support.postgres import TestServer


async def setting(pool: asyncpg.Pool[asyncpg.Record], name: str) -> str:
    value = await pool.fetchval("SELECT current_setting($1)", name)
    assert isinstance(value, str)
    return value


async def test_a_connection_has_time_limits_on_the_server(empty_database_url: str) -> None:
    pool = await create_pool(
        empty_database_url, size=1, application_name="t", statement_timeout_s=3, lock_timeout_s=1
    )
    async with pool:
        assert await setting(pool, "statement_timeout") == "3s"
        assert await setting(pool, "lock_timeout") == "1s"
        assert await setting(pool, "idle_in_transaction_session_timeout") == "30s"
        assert await setting(pool, "application_name") == "t"
        assert await setting(pool, "TimeZone") == "UTC"


async def test_json_travels_as_values(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    value = {"tên": "Sở Nội vụ", "số": [1, 2.5, None, True]}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value
    assert await pool.fetchval("SELECT ($1::jsonb)->>'tên'", value) == "Sở Nội vụ"


async def test_a_database_that_forgets_commits_is_refused(
    postgres_server: TestServer, empty_database_url: str
) -> None:
    name = empty_database_url.split("@/")[1].split("?", maxsplit=1)[0]
    await postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with pytest.raises(DatabaseUnfit, match="synchronous_commit = off") as caught:
        await create_pool(empty_database_url, size=2, application_name="t")
    assert "synchronous_commit = off" in caught.value.vi


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        await create_pool("postgresql://nobody@/none?host=/nonexistent", size=1, application_name="t")


async def test_a_wrong_password_is_unavailable_and_not_told(empty_database_url: str) -> None:
    wrong = empty_database_url.replace("lienthong:", "lienthong:x")
    with pytest.raises(DatabaseUnavailable) as caught:
        await create_pool(wrong, size=1, application_name="t")
    assert "lienthong" not in str(caught.value)
