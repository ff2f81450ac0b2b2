"""The history of the directory: who changed which unit, when, from what to what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from hub.domain.directory import Agency, AgencyCode, CodeScheme, Level, Succession, UnitState
from hub.domain.submission import MessageKind
from hub.ports.directory import (
    ChangedUnit,
    DirectoryChangeRow,
    NewDirectoryChange,
    OpenMail,
    StrandedDelivery,
)
from hub.storage.connection import Connection
from hub.storage.rows import count_of

PORTION: Final = 5_000
KEEP = """
INSERT INTO directory_change (order_id, position, kind, unit_id, by, before, after)
SELECT $1, n.position, $2, n.unit_id, $3, n.before, n.after
FROM unnest($4::integer[], $5::text[], $6::jsonb[], $7::jsonb[]) AS n(position, unit_id, before, after)
"""
HISTORY = """
SELECT order_id, kind, by, at, before, after FROM directory_change
WHERE unit_id = $1 ORDER BY at DESC, order_id DESC, position LIMIT $2
"""
RECENT = """
SELECT order_id, kind, by, at, before, after FROM directory_change
ORDER BY at DESC, order_id DESC, position LIMIT $1
"""
OPEN_MAIL = """
SELECT unit_id, count(*) AS deliveries, count(parked_until) AS parked FROM delivery
WHERE unit_id = ANY($1::text[])
  AND state IN ('awaiting_verification', 'held', 'queued', 'leased', 'handed_over')
GROUP BY unit_id
"""

STRANDED = """
SELECT id, kind, unit_id FROM delivery
WHERE unit_id = ANY($1::text[]) AND state IN ('held', 'queued') AND id <> ALL($2::uuid[])
ORDER BY id LIMIT $3
"""
MOVE_STATUS = """
UPDATE delivery SET unit_id = $2, system_id = $3
WHERE id = $1 AND kind = 'status' AND state IN ('held', 'queued')
"""


class DirectoryHistory:
    """The part of `DirectoryRepo` that keeps and reads changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, change: NewDirectoryChange) -> None:
        """Keep what an order did, in portions: none of its statements takes long."""
        for start in range(0, len(change.units), PORTION):
            units = change.units[start : start + PORTION]
            await self._connection.execute(
                KEEP,
                change.order_id,
                change.kind,
                change.by,
                list(range(start, start + len(units))),
                [unit.unit_id for unit in units],
                [to_json(unit.before) for unit in units],
                [to_json(unit.after) for unit in units],
            )

    async def history(self, unit_id: str | None, limit: int) -> tuple[DirectoryChangeRow, ...]:
        """Return the changes of a unit, or of all, newest first."""
        rows = (
            await self._connection.fetch(RECENT, limit)
            if unit_id is None
            else await self._connection.fetch(HISTORY, unit_id, limit)
        )
        return tuple(
            DirectoryChangeRow(
                order_id=row["order_id"],
                kind=row["kind"],
                by=row["by"],
                at=row["at"],
                unit=ChangedUnit(before=from_json(row["before"]), after=from_json(row["after"])),
            )
            for row in rows
        )

    async def open_mail(self, units: Sequence[str]) -> dict[str, OpenMail]:
        """Return what has not ended at units, where there is something."""
        rows = await self._connection.fetch(OPEN_MAIL, list(units))
        return {row["unit_id"]: OpenMail(deliveries=row["deliveries"], parked=row["parked"]) for row in rows}

    async def stranded(
        self, units: Sequence[str], skip: Sequence[UUID], limit: int
    ) -> tuple[StrandedDelivery, ...]:
        """Return deliveries at these units that wait and are held by nobody, oldest first."""
        return tuple(
            StrandedDelivery(id=row["id"], kind=MessageKind(row["kind"]), unit_id=row["unit_id"])
            for row in await self._connection.fetch(STRANDED, list(units), list(skip), limit)
        )

    async def move_status(self, delivery_id: UUID, unit_id: str, system_id: UUID) -> bool:
        """Give a waiting status to another unit and its system."""
        done = await self._connection.execute(MOVE_STATUS, delivery_id, unit_id, system_id)
        return count_of(done) == 1


def to_json(agency: Agency | None) -> dict[str, object] | None:
    """Return an agency as it is kept in the history."""
    if agency is None:
        return None
    return {
        "unit_id": agency.unit_id,
        "name": agency.name,
        "level": agency.level.value,
        "parent": agency.parent,
        "state": agency.state.value,
        "retired_on": _day(agency.retired_on),
        "system": None if agency.system_id is None else str(agency.system_id),
        "codes": [[c.code, c.scheme.value, _day(c.valid_from), _day(c.valid_to)] for c in agency.codes],
        "successors": [[s.unit_id, s.default, _day(s.from_date)] for s in agency.successors],
    }


def from_json(value: dict[str, Any] | None) -> Agency | None:
    """Return an agency from the history."""
    if value is None:
        return None
    return Agency(
        unit_id=value["unit_id"],
        name=value["name"],
        level=Level(value["level"]),
        parent=value["parent"],
        state=UnitState(value["state"]),
        retired_on=_date(value["retired_on"]),
        system_id=None if value["system"] is None else UUID(value["system"]),
        codes=tuple(
            AgencyCode(
                code=code, scheme=CodeScheme(scheme), valid_from=_date(valid_from), valid_to=_date(valid_to)
            )
            for code, scheme, valid_from, valid_to in value["codes"]
        ),
        successors=tuple(
            Succession(unit_id=unit_id, default=default, from_date=_date(from_date))
            for unit_id, default, from_date in value["successors"]
        ),
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
