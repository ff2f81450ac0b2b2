"""Connections to PostgreSQL: checked, bounded, never waiting for ever.

Every connection, whenever it is made, is looked at before it is used: a server that may lose what it has
committed (fsync, full_page_writes or synchronous_commit off), is too old, stores another encoding or only
reads is refused, not warned about. [design invariant 1] Time limits hold on the server (statement, lock,
idle in transaction) and, for a network that swallows packets, on this side (`COMMAND_GRACE_S` later).
"""

from __future__ import annotations

from typing import Any, Final

import asyncpg
import orjson

from hub.ports.unit_of_work import DatabaseUnavailable

OLDEST_VERSION: Final = 15
STATEMENT_TIMEOUT_S: Final = 5.0
LOCK_TIMEOUT_S: Final = 2.0
IDLE_IN_TRANSACTION_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 10.0
COMMAND_GRACE_S: Final = 5.0
IDLE_CONNECTION_S: Final = 300.0

_FITNESS: Final = """
SELECT current_setting('server_version_num')::int / 10000 AS version,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS standby
"""


class DatabaseUnfit(Exception):
    """The database may lose what it has acknowledged, or cannot be used; `problems` name each reason."""

    code = "database_unfit"

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        listed = "; ".join(problems)
        self.vi = (
            f"Máy chủ PostgreSQL không đủ điều kiện: {listed}. Hãy sửa cấu hình máy chủ rồi khởi động lại."
        )
        self.en = (
            f"the PostgreSQL server is not fit for this hub: {listed}; correct its settings and start again"
        )


class _HubConnection(asyncpg.Connection):  # not generic at run time
    """A pooled connection that needs no cleaning between uses.

    The hub keeps nothing in a session: no LISTEN, no advisory lock, no SET, no cursor outside a transaction
    on pooled connections. An open transaction is rolled back by the driver all the same. This saves a round
    trip for every use of a connection.
    """

    def get_reset_query(self) -> str:
        """Nothing to reset."""
        return ""


async def create_pool(
    dsn: str,
    *,
    size: int,
    application_name: str,
    statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> asyncpg.Pool[asyncpg.Record]:
    """Open a pool of at most `size` connections. Raises DatabaseUnfit or DatabaseUnavailable."""
    pool = asyncpg.create_pool(
        dsn,
        min_size=min(2, size),
        max_size=size,
        max_inactive_connection_lifetime=IDLE_CONNECTION_S,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=statement_timeout_s + COMMAND_GRACE_S,
        init=_prepare,
        connection_class=_HubConnection,
        server_settings={
            "application_name": application_name,
            "timezone": "UTC",
            "statement_timeout": _milliseconds(statement_timeout_s),
            "lock_timeout": _milliseconds(lock_timeout_s),
            "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_S),
            # A client that vanished must not keep its locks until the statement ends.
            "client_connection_check_interval": "10s",
        },
    )
    try:
        return await pool
    except DatabaseUnfit:
        pool.terminate()
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        pool.terminate()
        raise DatabaseUnavailable(type(error).__name__) from error


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await check_fitness(connection)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


async def check_fitness(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Raise DatabaseUnfit unless the server keeps what it acknowledges and speaks what the hub speaks."""
    row = await connection.fetchrow(_FITNESS)
    assert row is not None
    problems = [
        f"{name} = off" for name in ("fsync", "full_page_writes", "synchronous_commit") if row[name] == "off"
    ]
    if row["version"] < OLDEST_VERSION:
        problems.append(f"PostgreSQL {row['version']} < {OLDEST_VERSION}")
    if row["encoding"] != "UTF8":
        problems.append(f"server_encoding = {row['encoding']}")
    if row["standby"]:
        problems.append("read-only standby")
    if problems:
        raise DatabaseUnfit(tuple(problems))


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)  # 1: the version of jsonb's binary form


def _decode_jsonb(value: bytes) -> Any:
    return orjson.loads(memoryview(value)[1:])


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
