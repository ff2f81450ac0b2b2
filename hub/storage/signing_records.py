"""Records of what was done with signing keys."""

from __future__ import annotations

from uuid import UUID

from asyncpg import Record

from hub.ports.signing import SigningAction
from hub.ports.signing_records import SigningBegun, SigningEnded, SigningRecord, SigningResult
from hub.storage.connection import Connection

BEGIN = """
INSERT INTO signing_record (id, system_id, system_name, api_key, action, key_name, files)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
END = "UPDATE signing_record SET ended_at = hub_now(), result = $2, reason = $3, made = $4 WHERE id = $1"
NEWEST = """
SELECT id, system_id, system_name, api_key, action, key_name, files, begun_at, ended_at, result, reason, made
FROM signing_record
WHERE ($1::text IS NULL OR system_name = $1) AND ($2::bytea IS NULL OR made = $2 OR $2 = ANY(files))
ORDER BY begun_at DESC, id DESC LIMIT $3
"""


class PgSigningRecords:
    """Implements `SigningRecordRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, record: SigningBegun) -> None:
        """Write a row."""
        await self._connection.execute(
            BEGIN,
            record.id,
            record.system_id,
            record.system_name,
            record.api_key,
            record.action.value,
            record.key_name,
            list(record.files),
        )

    async def end(self, record_id: UUID, ended: SigningEnded) -> None:
        """Write how it ended."""
        await self._connection.execute(END, record_id, ended.result.value, ended.reason, ended.made)

    async def newest(
        self, *, system_name: str | None, digest: bytes | None, limit: int
    ) -> tuple[SigningRecord, ...]:
        """Return rows, newest first."""
        rows = await self._connection.fetch(NEWEST, system_name, digest, limit)
        return tuple(_row(row) for row in rows)


def _row(row: Record) -> SigningRecord:
    return SigningRecord(
        begun=SigningBegun(
            id=row["id"],
            system_id=row["system_id"],
            system_name=row["system_name"],
            api_key=row["api_key"],
            action=SigningAction(row["action"]),
            key_name=row["key_name"],
            files=tuple(row["files"]),
        ),
        begun_at=row["begun_at"],
        ended=SigningEnded(result=SigningResult(row["result"]), reason=row["reason"], made=row["made"]),
        ended_at=row["ended_at"],
    )
