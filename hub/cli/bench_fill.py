"""A database as it stands after years: so many deliveries, made by SQL, to be asked what a hub asks all day.

Five deliveries in two messages: a letter to four units and a status about it. They are spread evenly over
twelve months, and so over the partitions. Nearly all have ended; the newest wait, are held or leased, as on
any morning. Each delivery has its four events, all numbered but the newest hundred. One system takes part in
the very first letter alone: a quiet one, whose cursor has the whole log before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

MONTHS: Final = 12
SYSTEMS: Final = 200
UNITS_PER_LETTER: Final = 4
PER_PAIR: Final = UNITS_PER_LETTER + 1
CHUNK: Final = 20_000  # letters in one statement
FRESH_EVENTS: Final = 100
QUIET: Final = SYSTEMS

# The id of the n-th row of a family: a UUIDv7 of its moment, unique, rising with n.
_ROW_ID: Final = """
CREATE OR REPLACE FUNCTION pg_temp.row_id(moment timestamptz, family integer, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
            || lpad(to_hex(family), 3, '0') || '8' || lpad(to_hex(n), 15, '0'))::uuid
    $$;
CREATE OR REPLACE FUNCTION pg_temp.system_of(n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE OR REPLACE FUNCTION pg_temp.unit_of(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$ SELECT '000.' || lpad((n / 100)::text, 2, '0') || '.'
                                        || lpad((n % 100)::text, 2, '0') || '.H09' $$;
"""
_SYSTEMS: Final = """
INSERT INTO system (id, name) SELECT pg_temp.system_of(n), 'bench ' || n FROM generate_series(1, $1) n
"""
_AGENCIES: Final = """
INSERT INTO agency (unit_id, name, level, state, system_id)
SELECT pg_temp.unit_of(n), 'Cơ quan ' || n, 'department', 'active', pg_temp.system_of(n)
FROM generate_series(1, $1) n
"""
# $1 first letter of the chunk, $2 the first of the next, $3 the first letter's moment, $4 time between two,
# $5 how many systems write to each other; who sends letter n is at n, who receives it at the places after.
_LETTERS: Final = """
CREATE TEMP TABLE letter ON COMMIT DROP AS
SELECT n, $3::timestamptz + $4::interval * n AS at, pg_temp.row_id($3 + $4 * n, 1, n) AS id,
       CASE WHEN n = 0 THEN $6::integer ELSE 1 + n % $5 END AS sender
FROM generate_series($1::bigint, $2::bigint - 1) n
"""
_DOCUMENTS: Final = """
INSERT INTO document (id, kind, system_id, from_unit, from_code, document_no, doc_type, status_code,
                      refers_to, priority, lane, sha256, size, blob_id, dialect, needs_repair, verified_at,
                      indication, accepted_at)
SELECT l.id, 'document', pg_temp.system_of(l.sender), pg_temp.unit_of(l.sender), pg_temp.unit_of(l.sender),
       pg_temp.unit_of(l.sender) || ',' || l.n || '/BENCH', 0, NULL, NULL, 0,
       CASE l.n % 10 WHEN 0 THEN 'urgent' ELSE 'normal' END, sha256(l.n::text::bytea), 200000, l.id,
       'qcvn-prefixed', false, l.at, 'TOTAL-PASSED', l.at
FROM letter l
UNION ALL
SELECT pg_temp.row_id(l.at, 2, l.n), 'status', pg_temp.system_of(1 + (l.n + 1) % $1),
       pg_temp.unit_of(1 + (l.n + 1) % $1), pg_temp.unit_of(1 + (l.n + 1) % $1),
       pg_temp.unit_of(l.sender) || ',' || l.n || '/BENCH', NULL, '01', l.id, 0, 'normal',
       sha256(('s' || l.n)::bytea), 2000, pg_temp.row_id(l.at, 2, l.n), 'qcvn-prefixed', false, NULL, NULL,
       l.at
FROM letter l
"""
_TEXTS: Final = """
INSERT INTO document_text (document_id, salt, code, subject, from_name, promulgated, type_name, description)
SELECT l.id, sha256(l.n::text::bytea), l.n || '/BENCH', 'V/v đo tốc độ ' || l.n, 'Cơ quan ' || l.sender,
       '2026/01/01', 'Công văn', '' FROM letter l
"""
_KEYS: Final = """
WITH given AS (
    INSERT INTO document_key (unit_id, document_no, change_kind, version_no, sha256, document_id, accepted_at)
    SELECT d.from_unit, d.document_no, 'new', 1, d.sha256, d.id, d.accepted_at
    FROM document d JOIN letter l ON l.id = d.id
)
INSERT INTO intake_key (system_id, kind, sha256, recipients_sha256, document_id, accepted_at)
SELECT d.system_id, d.kind, d.sha256, d.sha256, d.id, d.accepted_at
FROM document d JOIN letter l ON l.id = d.id
"""
# How an end is drawn: most are confirmed; of the newest letters ($2 from here on) one place waits, one is
# held now and then, one is leased.
_DELIVERIES: Final = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT pg_temp.row_id(l.at, 3, l.n * 5 + p) AS id, l.id AS document_id, 'document' AS kind,
       1 + (l.n + p) % $1 AS place, l.at, l.n,
       CASE WHEN l.n >= $2 AND p = 1 THEN 'queued'
            WHEN l.n >= $2 AND p = 2 AND l.n % 10 = 0 THEN 'held'
            WHEN l.n >= $2 AND p = 3 THEN 'leased'
            WHEN (l.n * 5 + p) % 200 = 7 THEN 'undeliverable'
            WHEN (l.n * 5 + p) % 200 = 8 THEN 'rejected'
            ELSE 'confirmed' END AS state
FROM letter l CROSS JOIN generate_series(1, 4) p
UNION ALL
SELECT pg_temp.row_id(l.at, 3, l.n * 5), pg_temp.row_id(l.at, 2, l.n), 'status', l.sender, l.at, l.n,
       'confirmed'
FROM letter l
"""
_DELIVER: Final = """
INSERT INTO delivery (id, document_id, kind, unit_id, system_id, addressed_as, state, lane, attempts,
                      lease_token, lease_until, created_at, alert_at, deadline_at, handed_over_at, ended_at,
                      business_state)
SELECT m.id, m.document_id, m.kind, pg_temp.unit_of(m.place), pg_temp.system_of(m.place),
       ARRAY[pg_temp.unit_of(m.place)], m.state, CASE m.n % 10 WHEN 0 THEN 'urgent' ELSE 'normal' END,
       1, 1, CASE m.state WHEN 'leased' THEN hub_now() + interval '5 minutes' END, m.at,
       hub_now() + interval '8 hours', hub_now() + interval '72 hours', m.at + interval '1 second',
       CASE WHEN m.state IN ('confirmed', 'undeliverable', 'rejected') THEN m.at + interval '2 seconds' END,
       CASE m.kind WHEN 'document' THEN 'sent' END
FROM made m
"""
_EVENTS: Final = """
INSERT INTO event (id, kind, document_id, delivery_id, system_id, unit_id, body, at, seq)
SELECT pg_temp.row_id(m.at, 4, (m.n * 8 + e.step) * 8 + (m.place % 8)), e.kind, m.document_id, m.id,
       pg_temp.system_of(m.place), pg_temp.unit_of(m.place), convert_to(repeat('x', 200), 'UTF8'), m.at,
       row_number() OVER (ORDER BY m.id, e.step) + $1
FROM (SELECT *, row_number() OVER (PARTITION BY n ORDER BY id) AS of_letter FROM made) m
CROSS JOIN (VALUES (1, 'delivery_queued'), (2, 'delivery_leased'), (3, 'delivery_handed_over'),
                   (4, 'delivery_confirmed')) e (step, kind)
"""
_FRESH: Final = """
INSERT INTO event (id, kind, document_id, delivery_id, system_id, unit_id, body, at)
SELECT pg_temp.row_id(hub_now(), 5, n), 'delivery_replayed', d.document_id, d.id, d.system_id, d.unit_id,
       convert_to('x', 'UTF8'), hub_now()
FROM generate_series(1, $1) n, (SELECT * FROM delivery ORDER BY id DESC LIMIT 1) d
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was made, two systems to ask as, and the newest letter with its last delivery and unit."""

    letters: int
    deliveries: int
    events: int
    numbered: int
    busy: UUID
    quiet: UUID
    newest: UUID
    newest_letter: UUID
    newest_unit: str
    first_at: datetime


async def fill(connection: asyncpg.Connection[asyncpg.Record], deliveries: int) -> Filled:
    """Fill an empty, migrated database and gather statistics; the caller has no time limit set."""
    letters = max(1, deliveries // PER_PAIR)
    start = datetime.now(UTC) - timedelta(days=30 * MONTHS)
    step = timedelta(days=30 * MONTHS) / (letters + 1)
    await connection.execute(_ROW_ID)
    await connection.execute(
        "SELECT ensure_partitions(($1::timestamptz AT TIME ZONE 'UTC')::date, $2)", start, MONTHS + 2
    )
    await connection.execute(_SYSTEMS, SYSTEMS)
    await connection.execute(_AGENCIES, SYSTEMS)
    writing = SYSTEMS - 1
    numbered = 0
    for first in range(0, letters, CHUNK):
        async with connection.transaction():
            after = min(first + CHUNK, letters)
            await connection.execute(_LETTERS, first, after, start, step, writing, QUIET)
            await connection.execute(_DOCUMENTS, writing)
            for statement in (_TEXTS, _KEYS):
                await connection.execute(statement)
            await connection.execute(_DELIVERIES, writing, letters - letters // 100)
            await connection.execute(_DELIVER)
            numbered += int((await connection.execute(_EVENTS, numbered)).rpartition(" ")[2])
    await connection.execute(_FRESH, FRESH_EVENTS)
    await connection.execute("UPDATE log_head SET seq = $1", numbered)
    await connection.execute("VACUUM ANALYZE")
    row = await connection.fetchrow(
        "SELECT id, document_id, unit_id FROM delivery WHERE kind = 'document' ORDER BY id DESC LIMIT 1"
    )
    assert row is not None  # there is at least one letter
    return Filled(
        letters=letters,
        deliveries=letters * PER_PAIR,
        events=numbered + FRESH_EVENTS,
        numbered=numbered,
        busy=await connection.fetchval("SELECT pg_temp.system_of(2)"),
        quiet=await connection.fetchval("SELECT pg_temp.system_of($1)", QUIET),
        newest=row["id"],
        newest_letter=row["document_id"],
        newest_unit=row["unit_id"],
        first_at=start,
    )
