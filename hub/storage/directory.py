"""The directory of agencies in the database: loaded whole, replaced whole or unit by unit, searched.

Every change bumps `directory_version` in its own transaction; nodes reload their snapshot by it. What
the directory was at the time of a document is known by the snapshot digest in its receipt.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from hub.domain.directory import (
    Agency,
    AgencyCode,
    CodeScheme,
    Directory,
    Level,
    Succession,
    UnitState,
)
from hub.ports.records import AgencyRow
from hub.storage.directory_history import PORTION, DirectoryHistory
from hub.storage.rows import count_of

T = TypeVar("T")

VERSION = "SELECT version FROM directory_version"
BUMP = "UPDATE directory_version SET version = version + 1"
# One statement, one moment: a directory replaced meanwhile is seen whole, before or after. Three plain scans:
# nothing in it depends on what the planner knows of a directory that has just been replaced.
LOAD = """
SELECT 0 AS part, unit_id, 0 AS position, name AS one, level AS two, parent, state, retired_on AS first,
       NULL::date AS last, system_id, false AS is_default FROM agency
UNION ALL
SELECT 1, unit_id, position, code, scheme, NULL, NULL, valid_from, valid_to, NULL, false FROM agency_code
UNION ALL
SELECT 2, unit_id, position, successor, NULL, NULL, NULL, from_date, NULL, NULL, is_default
FROM agency_successor
"""
PUT_AGENCIES = """
INSERT INTO agency (unit_id, name, level, parent, state, retired_on, system_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::uuid[])
ON CONFLICT (unit_id) DO UPDATE
SET name = excluded.name, level = excluded.level, parent = excluded.parent, state = excluded.state,
    retired_on = excluded.retired_on, system_id = coalesce(excluded.system_id, agency.system_id)
"""
DROP_OTHERS = "DELETE FROM agency WHERE unit_id <> ALL($1::text[])"
CLEAR_CODES = "DELETE FROM agency_code"
CLEAR_SUCCESSORS = "DELETE FROM agency_successor"
CLEAR_CODES_OF = "DELETE FROM agency_code WHERE unit_id = ANY($1::text[])"
CLEAR_SUCCESSORS_OF = "DELETE FROM agency_successor WHERE unit_id = ANY($1::text[])"
ANALYZE = "ANALYZE agency, agency_code, agency_successor"
LOCK = "SELECT version FROM directory_version FOR UPDATE"
PUT_CODES = """
INSERT INTO agency_code (unit_id, code, scheme, valid_from, valid_to, position)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[], $6::integer[])
"""
PUT_SUCCESSORS = """
INSERT INTO agency_successor (unit_id, successor, is_default, from_date, position)
SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::date[], $5::integer[])
"""
# What has not been fetched yet goes with the unit: nobody but its own system may see its mail.
ASSIGN = """
WITH moved AS (
    UPDATE delivery SET system_id = $2
    WHERE unit_id = $1 AND system_id <> $2 AND state IN ('awaiting_verification', 'held', 'queued')
    RETURNING 1
), woken AS (
    INSERT INTO outbox (topic, ref) SELECT 'inbox', $2 FROM moved LIMIT 1
)
UPDATE agency SET system_id = $2 WHERE unit_id = $1
"""
SET_STATE = "UPDATE agency SET state = $2 WHERE unit_id = $1"
SEARCH = """
SELECT a.unit_id, a.name, a.level, a.parent, a.state, s.name AS system_name,
       array(SELECT c.code FROM agency_code c WHERE c.unit_id = a.unit_id ORDER BY c.position) AS codes
FROM agency a LEFT JOIN system s ON s.id = a.system_id
WHERE $1 = '' OR a.name ILIKE '%' || $1 || '%' OR a.unit_id ILIKE '%' || $1 || '%'
   OR EXISTS (SELECT FROM agency_code c WHERE c.unit_id = a.unit_id AND c.code ILIKE '%' || $1 || '%')
ORDER BY a.unit_id LIMIT $2 OFFSET $3
"""


class PgDirectory(DirectoryHistory):
    """Implements `DirectoryRepo`."""

    async def version(self) -> int:
        """Return the number of the directory's last change."""
        number: int = await self._connection.fetchval(VERSION)
        return number

    async def load(self, province_suffixes: frozenset[str]) -> Directory:
        """Return the whole directory as an immutable snapshot, built in a thread: it may be large."""
        rows = await self._connection.fetch(LOAD)
        return await asyncio.to_thread(_directory, rows, province_suffixes)

    async def replace(self, agencies: Sequence[Agency]) -> None:
        """Put these agencies in place of the directory; known units keep their system."""
        execute = self._connection.execute
        await execute(CLEAR_CODES)
        await execute(CLEAR_SUCCESSORS)
        await execute(DROP_OTHERS, [a.unit_id for a in agencies])
        await self._put(agencies)

    async def put(self, agencies: Sequence[Agency]) -> None:
        """Add these agencies or put them in place of what they were; all others stay."""
        units = [a.unit_id for a in agencies]
        await self._connection.execute(CLEAR_CODES_OF, units)
        await self._connection.execute(CLEAR_SUCCESSORS_OF, units)
        await self._put(agencies)

    async def lock(self) -> int:
        """Keep others from changing the directory until the transaction ends; return its version."""
        number: int = await self._connection.fetchval(LOCK)
        return number

    async def _put(self, agencies: Sequence[Agency]) -> None:
        # In portions: a large directory is no statement that takes long.
        for start in range(0, len(agencies), PORTION):
            await self._put_some(agencies[start : start + PORTION])
        await self._connection.execute(BUMP)
        if len(agencies) > PORTION:
            # Plans for the directory that was would be slow for the one that is, until somebody looks.
            await self._connection.execute(ANALYZE)

    async def _put_some(self, agencies: Sequence[Agency]) -> None:
        execute = self._connection.execute
        await execute(
            PUT_AGENCIES,
            [a.unit_id for a in agencies],
            [a.name for a in agencies],
            [a.level.value for a in agencies],
            [a.parent for a in agencies],
            [a.state.value for a in agencies],
            [a.retired_on for a in agencies],
            [a.system_id for a in agencies],
        )
        codes = [(a.unit_id, c, place) for a in agencies for place, c in enumerate(a.codes)]
        await execute(
            PUT_CODES,
            [unit for unit, _, _ in codes],
            [c.code for _, c, _ in codes],
            [c.scheme.value for _, c, _ in codes],
            [c.valid_from for _, c, _ in codes],
            [c.valid_to for _, c, _ in codes],
            [place for _, _, place in codes],
        )
        after = [(a.unit_id, s, place) for a in agencies for place, s in enumerate(a.successors)]
        await execute(
            PUT_SUCCESSORS,
            [unit for unit, _, _ in after],
            [s.unit_id for _, s, _ in after],
            [s.default for _, s, _ in after],
            [s.from_date for _, s, _ in after],
            [place for _, _, place in after],
        )

    async def assign(self, unit_id: str, system_id: UUID | None) -> bool:
        """Say which system speaks for a unit."""
        return await self._change(ASSIGN, unit_id, system_id)

    async def set_state(self, unit_id: str, state: str) -> bool:
        """Set a unit active or locked."""
        return await self._change(SET_STATE, unit_id, state)

    async def search(self, text: str, *, limit: int, offset: int) -> tuple[AgencyRow, ...]:
        """Return agencies whose code or name contains `text`."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        rows = await self._connection.fetch(SEARCH, escaped, limit, offset)
        return tuple(
            AgencyRow(
                unit_id=row["unit_id"],
                name=row["name"],
                level=row["level"],
                parent=row["parent"],
                state=UnitState(row["state"]),
                codes=tuple(row["codes"]),
                system_name=row["system_name"],
            )
            for row in rows
        )

    async def _change(self, sql: str, *arguments: object) -> bool:
        changed = count_of(await self._connection.execute(sql, *arguments)) == 1
        if changed:
            await self._connection.execute(BUMP)
        return changed


def _directory(rows: Sequence[asyncpg.Record], province_suffixes: frozenset[str]) -> Directory:
    units: list[asyncpg.Record] = []
    codes: defaultdict[str, list[tuple[int, AgencyCode]]] = defaultdict(list)
    heirs: defaultdict[str, list[tuple[int, Succession]]] = defaultdict(list)
    for row in rows:
        match row["part"]:
            case 0:
                units.append(row)
            case 1:
                codes[row["unit_id"]].append((row["position"], _code(row)))
            case _:
                heirs[row["unit_id"]].append((row["position"], _heir(row)))
    agencies = [
        Agency(
            unit_id=row["unit_id"],
            name=row["one"],
            level=Level(row["two"]),
            parent=row["parent"],
            codes=_in_order(codes.get(row["unit_id"], [])),
            state=UnitState(row["state"]),
            successors=_in_order(heirs.get(row["unit_id"], [])),
            retired_on=row["first"],
            system_id=row["system_id"],
        )
        for row in units
    ]
    return Directory(agencies, province_suffixes=province_suffixes)


def _code(row: asyncpg.Record) -> AgencyCode:
    return AgencyCode(
        code=row["one"], scheme=CodeScheme(row["two"]), valid_from=row["first"], valid_to=row["last"]
    )


def _heir(row: asyncpg.Record) -> Succession:
    return Succession(unit_id=row["one"], default=row["is_default"], from_date=row["first"])


def _in_order(placed: list[tuple[int, T]]) -> tuple[T, ...]:
    return tuple(item for _, item in sorted(placed, key=lambda each: each[0]))
