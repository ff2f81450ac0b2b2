"""The relay's rows: polling under a row lease, packages, messages by content, states of what was sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from hub.domain.adapters import NATIONAL
from hub.ports.national import MessageType, SentPackage, Word
from hub.ports.records import DeliveryRecord, SystemRecord
from hub.ports.relay import (
    MessageKey,
    PackageRecord,
    PackageState,
    RelayState,
    RoundEnd,
)
from hub.storage.connection import Connection
from hub.storage.rows import DELIVERY_COLUMNS, SYSTEM_COLUMNS, count_of, delivery, prefixed, system

EXCHANGES = f"SELECT {SYSTEM_COLUMNS} FROM system WHERE adapter = $1 AND state = 'active' ORDER BY name"
_STATE = (
    "system_id, lease_token, hub_now() AS now, due_at, failures, last_error, last_failed_at, last_ok_at, "
    "last_mail_at, silent_since, silence_told_at, high_water, sent_due_at, directory_due_at, directory_at, "
    "directory_note"
)
MAKE_STATE = "INSERT INTO relay_state (system_id) VALUES ($1) ON CONFLICT DO NOTHING"
CLAIM = f"""
UPDATE relay_state SET lease_owner = $2, lease_token = lease_token + 1, lease_until = hub_now() + $3
WHERE system_id = $1 AND due_at <= hub_now() AND (lease_until IS NULL OR lease_until < hub_now())
RETURNING {_STATE}
"""
RENEW = "UPDATE relay_state SET lease_until = hub_now() + $3 WHERE system_id = $1 AND lease_token = $2"
# What breaks a silence is mail; the alarm is said once per silence.
END_ROUND = """
UPDATE relay_state SET
    lease_owner = NULL, lease_until = NULL, due_at = hub_now() + $3, last_error = $4,
    failures = CASE WHEN $4::text IS NULL THEN 0 ELSE failures + 1 END,
    last_failed_at = CASE WHEN $4::text IS NULL THEN last_failed_at ELSE hub_now() END,
    last_ok_at = CASE WHEN $4::text IS NULL THEN hub_now() ELSE last_ok_at END,
    last_mail_at = CASE WHEN $5 THEN hub_now() ELSE last_mail_at END,
    silent_since = CASE WHEN $5 THEN hub_now() ELSE silent_since END,
    silence_told_at = CASE WHEN $5 THEN NULL ELSE silence_told_at END,
    high_water = coalesce($6, high_water)
WHERE system_id = $1 AND lease_token = $2
"""
SILENCE_TOLD = "UPDATE relay_state SET silence_told_at = hub_now() WHERE system_id = $1 AND lease_token = $2"
SENT_LOOKED = "UPDATE relay_state SET sent_due_at = hub_now() + $3 WHERE system_id = $1 AND lease_token = $2"
DIRECTORY_LOOKED = """
UPDATE relay_state SET directory_due_at = hub_now() + $2, directory_note = $3,
                       directory_at = CASE WHEN $4 THEN hub_now() ELSE directory_at END
WHERE system_id = $1
"""
STATE = f"SELECT {_STATE} FROM relay_state WHERE system_id = $1"
_PACKAGE = (
    "system_id, package_id, message_type, state, to_tell, told, code, from_code, to_code, document_id, "
    "blob_id, sha256, size, attempts, due_at, first_seen_at"
)
PACKAGES = f"SELECT {_PACKAGE} FROM relay_package WHERE system_id = $1 AND package_id = ANY($2::text[])"
PACKAGE = f"SELECT {_PACKAGE} FROM relay_package WHERE package_id = $1 ORDER BY first_seen_at LIMIT 1"
PUT = """
INSERT INTO relay_package (system_id, package_id, message_type, state, to_tell, told, code, from_code,
                           to_code, document_id, blob_id, sha256, size, attempts, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, hub_now() + $15)
ON CONFLICT (system_id, package_id) DO UPDATE
SET state = excluded.state, to_tell = excluded.to_tell, told = excluded.told, code = excluded.code,
    document_id = excluded.document_id, blob_id = excluded.blob_id, sha256 = excluded.sha256,
    size = excluded.size, attempts = excluded.attempts, due_at = excluded.due_at, changed_at = hub_now()
"""
OWED = f"""
SELECT {_PACKAGE} FROM relay_package
WHERE system_id = $1 AND to_tell IS NOT NULL AND told IS DISTINCT FROM to_tell
ORDER BY changed_at LIMIT $2
"""
TOLD = """
UPDATE relay_package SET told = $3, code = coalesce($4, code), changed_at = hub_now()
WHERE system_id = $1 AND package_id = $2
"""
KEPT = f"""
SELECT {_PACKAGE} FROM relay_package WHERE state IN ('held', 'quarantined')
ORDER BY first_seen_at LIMIT $1
"""
COUNTS = "SELECT state, count(*) AS number FROM relay_package WHERE system_id = $1 GROUP BY state"
RELEASED = f"""
SELECT {_PACKAGE} FROM relay_package
WHERE system_id = $1 AND state = 'waiting' AND blob_id IS NOT NULL AND due_at <= hub_now()
ORDER BY first_seen_at LIMIT $2
"""
FORGET = """
DELETE FROM relay_package
WHERE state IN ('taken', 'dropped', 'waiting') AND blob_id IS NULL AND told IS NOT DISTINCT FROM to_tell
  AND changed_at < hub_now() - $1::interval
"""
FORGET_MESSAGES = "DELETE FROM relay_message WHERE accepted_at < hub_now() - $1::interval"
FORGET_SENT = "DELETE FROM relay_sent WHERE seen_at < hub_now() - $1::interval"
_KEY = (
    "system_id = $1 AND kind = $2 AND from_unit = $3 AND document_no = $4 AND change = $5 "
    "AND content_sha256 = $6"
)
KNOWN = f"SELECT document_id FROM relay_message WHERE {_KEY}"
NOTE = """
INSERT INTO relay_message (system_id, kind, from_unit, document_no, change, content_sha256, document_id,
                           accepted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""
ADD_DELIVERY = """
INSERT INTO delivery (id, document_id, kind, unit_id, system_id, addressed_as, state, lane, waits_for,
                      parked_until, created_at, alert_at, deadline_at, business_state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
SENT_CHANGED = """
INSERT INTO relay_sent (system_id, reference, code, state)
SELECT DISTINCT ON (n.reference, n.code) $1::uuid, n.reference, n.code, n.state
FROM unnest($2::text[], $3::text[], $4::text[]) AS n(reference, code, state)
ON CONFLICT (system_id, reference, code) DO UPDATE SET state = excluded.state, seen_at = hub_now()
WHERE relay_sent.state <> excluded.state
RETURNING reference, code, state
"""
NOTE_REFERENCE = """
INSERT INTO relay_reference (system_id, reference, delivery_id) SELECT $1, $2, unnest($3::uuid[])
ON CONFLICT DO NOTHING
"""
DELIVERIES_SENT = f"""
SELECT {prefixed(DELIVERY_COLUMNS, "d")} FROM relay_reference r JOIN delivery d ON d.id = r.delivery_id
WHERE r.system_id = $1 AND r.reference = $2 ORDER BY d.id
"""
MADE_AGENCIES = "SELECT unit_id FROM relay_agency WHERE system_id = $1"
NOTE_AGENCIES = """
INSERT INTO relay_agency (system_id, unit_id) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING
"""
FORGET_REFERENCES = "DELETE FROM relay_reference WHERE noted_at < hub_now() - $1::interval"


class PgRelay:
    """Implements `RelayRepo`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def way_out(self) -> SystemRecord | None:
        """Return the system that is the way out of the province."""
        return next(iter(await self.exchanges()), None)

    async def exchanges(self) -> tuple[SystemRecord, ...]:
        """Return all active systems of adapter `national`."""
        return tuple(system(row) for row in await self._connection.fetch(EXCHANGES, NATIONAL))

    async def claim(self, system_id: UUID, *, owner: str, lease: timedelta) -> RelayState | None:
        """Take the poll of an exchange if it is due and nobody polls."""
        await self._connection.execute(MAKE_STATE, system_id)
        row = await self._connection.fetchrow(CLAIM, system_id, owner, lease)
        return None if row is None else RelayState(**dict(row))

    async def renew(self, state: RelayState, lease: timedelta) -> bool:
        """Prolong the lease; False if it was lost."""
        return await self._held(RENEW, state, lease)

    async def end_round(self, state: RelayState, end: RoundEnd) -> bool:
        """Write down how a round went and let go; False if the lease was lost."""
        return await self._held(END_ROUND, state, end.next_in, end.error, end.mail, end.high_water)

    async def silence_told(self, state: RelayState) -> None:
        """Note that the silence was alarmed."""
        await self._held(SILENCE_TOLD, state)

    async def sent_looked(self, state: RelayState, again_in: timedelta) -> None:
        """Note that the sent lists were read."""
        await self._held(SENT_LOOKED, state, again_in)

    async def directory_looked(self, system_id: UUID, again_in: timedelta, note: str, *, done: bool) -> None:
        """Note that the exchange's directory was read, and what came of it."""
        await self._connection.execute(DIRECTORY_LOOKED, system_id, again_in, note, done)

    async def state(self, system_id: UUID) -> RelayState | None:
        """Return where polling stands."""
        row = await self._connection.fetchrow(STATE, system_id)
        return None if row is None else RelayState(**dict(row))

    async def packages(self, system_id: UUID, ids: Collection[str]) -> Mapping[str, PackageRecord]:
        """Return the known ones of these packages."""
        rows = await self._connection.fetch(PACKAGES, system_id, list(ids))
        return {row["package_id"]: _package(row) for row in rows}

    async def package(self, package_id: str, *, lock: bool = False) -> PackageRecord | None:
        """Return a package by the exchange's id."""
        row = await self._connection.fetchrow(PACKAGE + (" FOR UPDATE" if lock else ""), package_id)
        return None if row is None else _package(row)

    async def put(self, package: PackageRecord, *, again_in: timedelta | None = None) -> None:
        """Write a package, new or changed."""
        p = package
        await self._connection.execute(
            PUT,
            *(p.system_id, p.package_id, p.message_type.value, p.state.value, p.to_tell, p.told, p.code),
            *(p.from_code, p.to_code, p.document_id, p.blob_id, p.sha256, p.size, p.attempts),
            again_in or timedelta(0),
        )

    async def owed(self, system_id: UUID, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages of which the exchange has not been told."""
        return tuple(_package(row) for row in await self._connection.fetch(OWED, system_id, limit))

    async def told(self, system_id: UUID, package_id: str, word: Word, *, refused: str | None = None) -> None:
        """Note what the exchange was told, and the code if it would not have it."""
        await self._connection.execute(TOLD, system_id, package_id, word.value, refused)

    async def kept(self, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages that wait for a person."""
        return tuple(_package(row) for row in await self._connection.fetch(KEPT, limit))

    async def released(self, system_id: UUID, limit: int) -> tuple[PackageRecord, ...]:
        """Return packages that a person has given back to be taken in again."""
        return tuple(_package(row) for row in await self._connection.fetch(RELEASED, system_id, limit))

    async def forget(self, older_than: timedelta) -> int:
        """Forget what is settled and older than that; return how many rows."""
        done = 0
        for sql in (FORGET, FORGET_MESSAGES, FORGET_SENT, FORGET_REFERENCES):
            done += count_of(await self._connection.execute(sql, older_than))
        return done

    async def counts(self, system_id: UUID) -> Mapping[str, int]:
        """Return the number of packages by state."""
        rows = await self._connection.fetch(COUNTS, system_id)
        return {row["state"]: row["number"] for row in rows}

    async def known(self, keys: Sequence[MessageKey]) -> UUID | None:
        """Return the document that a message from outside became under one of these keys."""
        for key in keys:
            found: UUID | None = await self._connection.fetchval(KNOWN, *_values(key))
            if found is not None:
                return found
        return None

    async def note(self, key: MessageKey, document_id: UUID, at: datetime) -> bool:
        """Note a message; waits for a racing transaction that notes the same. False if it is known."""
        return count_of(await self._connection.execute(NOTE, *_values(key), document_id, at)) == 1

    async def add_deliveries(self, deliveries: Sequence[DeliveryRecord]) -> None:
        """Add deliveries to a document that was taken in before."""
        await self._connection.executemany(
            ADD_DELIVERY,
            [
                (
                    *(d.id, d.document_id, d.kind.value, d.unit_id, d.system_id, list(d.addressed_as)),
                    *(d.state.value, d.lane.value, d.waits_for, d.parked_until, d.created_at),
                    *(d.alert_at, d.deadline_at, d.business_state),
                )
                for d in deliveries
            ],
        )

    async def sent_changed(self, system_id: UUID, packages: Sequence[SentPackage]) -> tuple[SentPackage, ...]:
        """Write the states of sent packages; return those that changed."""
        rows = await self._connection.fetch(
            SENT_CHANGED,
            system_id,
            [p.reference for p in packages],
            [p.to_code for p in packages],
            [p.state for p in packages],
        )
        return tuple(SentPackage(reference=r["reference"], to_code=r["code"], state=r["state"]) for r in rows)

    async def note_reference(self, system_id: UUID, reference: str, delivery_ids: Collection[UUID]) -> None:
        """Note the exchange's id of what it took."""
        await self._connection.execute(NOTE_REFERENCE, system_id, reference, list(delivery_ids))

    async def deliveries_sent(self, system_id: UUID, reference: str) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries that went out under the exchange's id."""
        rows = await self._connection.fetch(DELIVERIES_SENT, system_id, reference)
        return tuple(delivery(row) for row in rows)

    async def made_agencies(self, system_id: UUID) -> frozenset[str]:
        """Return the units of the directory that came from this exchange's."""
        rows = await self._connection.fetch(MADE_AGENCIES, system_id)
        return frozenset(row["unit_id"] for row in rows)

    async def note_agencies(self, system_id: UUID, unit_ids: Collection[str]) -> None:
        """Note units that came from this exchange's directory."""
        await self._connection.execute(NOTE_AGENCIES, system_id, list(unit_ids))

    async def _held(self, sql: str, state: RelayState, *arguments: object) -> bool:
        done = await self._connection.execute(sql, state.system_id, state.lease_token, *arguments)
        return count_of(done) == 1


def _values(key: MessageKey) -> tuple[object, ...]:
    return (key.system_id, key.kind, key.from_unit, key.document_no, key.change, key.content_sha256)


def _package(row: asyncpg.Record) -> PackageRecord:
    return PackageRecord(
        system_id=row["system_id"],
        package_id=row["package_id"],
        message_type=MessageType(row["message_type"]),
        state=PackageState(row["state"]),
        to_tell=None if row["to_tell"] is None else Word(row["to_tell"]),
        told=None if row["told"] is None else Word(row["told"]),
        code=row["code"],
        from_code=row["from_code"],
        to_code=row["to_code"],
        document_id=row["document_id"],
        blob_id=row["blob_id"],
        sha256=row["sha256"],
        size=row["size"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        first_seen_at=row["first_seen_at"],
    )
