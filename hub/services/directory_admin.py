"""Changing the directory: looked at first, then carried out, kept with who and when.

Every change is a plan made on the directory as it is: a whole file (`Import`) or one order (`Order`). A
preview says what differs and what lies open at the units concerned; carrying out makes the same plan again
under the lock of the directory's version, so that nothing is done that was not seen: if somebody changed the
directory in between, it is refused (`directory_moved`). The change, its history and the new version are one
transaction; nodes see it within a second. Documents that are accepted already go on: what waits at a unit
that has ended is redirected to its successor from that day (`hub.services.succession`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta, timezone
from typing import Final
from uuid import UUID

from hub.domain.directory import Agency, Directory
from hub.domain.directory_diff import DirectoryDiff, compare
from hub.domain.directory_orders import (
    AddCode,
    AddUnit,
    EndCode,
    Order,
    OrderRefused,
    Rename,
    Reopen,
    Retire,
    SetState,
    plan,
)
from hub.domain.ids import Uuid7Factory, normalise_code
from hub.ports.directory import ChangedUnit, DirectoryChangeRow, NewDirectoryChange, OpenMail
from hub.ports.unit_of_work import Transaction, UnitOfWork

LISTED_LOST: Final = 10
HISTORY_MOST: Final = 1_000
LOCAL: Final = timezone(timedelta(hours=7))
"""Days of the directory are days in Vietnam (no summer time since 1975)."""

IMPORT: Final = "import"
_KINDS: Final[Mapping[type, str]] = {
    Rename: "rename",
    AddUnit: "add",
    AddCode: "code_add",
    EndCode: "code_end",
    Reopen: "reopen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A whole directory in place of the one there is; known units keep their systems."""

    agencies: tuple[Agency, ...]
    drop_connected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do. `version` is the directory's on which it was planned."""

    diff: DirectoryDiff
    mail: Mapping[str, OpenMail]
    systems: Mapping[UUID, str]
    version: int
    before: Directory


class DirectoryAdmin:
    """Looks at and carries out changes of the directory."""

    def __init__(self, uow: UnitOfWork, ids: Uuid7Factory, province_suffixes: frozenset[str]) -> None:
        self._uow = uow
        self._ids = ids
        self._suffixes = province_suffixes

    async def preview(self, change: Import | Order) -> Preview:
        """Say what a change would do. Raises OrderRefused as `carry_out`."""
        async with self._uow.begin() as query:
            version = await query.directory.version()
            before = await query.directory.load(self._suffixes)
            diff = await self._diff(query, before, change)
            names = {system.id: system.name for system in await query.systems.all()}
            mail = await query.directory.open_mail(diff.concerned)
            return Preview(diff=diff, mail=mail, systems=names, version=version, before=before)

    async def carry_out(self, change: Import | Order, *, by: str, version: int | None = None) -> Directory:
        """Carry a change out and return the new directory.

        Args:
            by: the name of whoever orders it, for the history.
            version: that of the preview; None carries out whatever the directory is by now.

        Raises:
            OrderRefused: `directory_moved`, `agency_connected`, or what `plan` says.
        """
        async with self._uow.begin() as tx:
            locked = await tx.directory.lock()
            if version is not None and version != locked:
                raise OrderRefused("directory_moved")
            before = await tx.directory.load(self._suffixes)
            diff = await self._diff(tx, before, change)
            if isinstance(change, Import):
                _refuse_lost(diff, drop=change.drop_connected)
                await tx.directory.replace(change.agencies)
                kind = IMPORT
            else:
                await tx.directory.put([u.after for u in diff.units if u.after is not None])
                kind = kind_of(change)
            await self._keep(tx, diff, kind=kind, by=by)
            return _changed(before, diff)

    async def assign(self, tx: Transaction, unit: Agency, system_id: UUID | None, *, by: str) -> None:
        """Say in a transaction which system speaks for a unit, and keep that."""
        if unit.system_id == system_id:
            return
        await tx.directory.assign(unit.unit_id, system_id)
        diff = compare([unit], [replace(unit, system_id=system_id)])
        await self._keep(tx, diff, kind="release" if system_id is None else "assign", by=by)

    async def history(self, code: str | None) -> tuple[DirectoryChangeRow, ...]:
        """Return the changes of the unit that has or had a code, newest first; of all without a code.

        Raises OrderRefused `agency_unknown`: there is and was no such unit.
        """
        async with self._uow.read() as query:
            if code is None:
                return await query.directory.history(None, HISTORY_MOST)
            unit = (await query.directory.load(self._suffixes)).by_code(code)
            # A unit that an import has removed is known by its canonical code alone.
            unit_id = normalise_code(code) if unit is None else unit.unit_id
            found = await query.directory.history(unit_id, HISTORY_MOST)
        if unit is None and not found:
            raise OrderRefused("agency_unknown", code=code)
        return found

    async def today(self) -> date:
        """Return the day in Vietnam by the hub's clock."""
        async with self._uow.read() as query:
            return await today(query)

    async def _diff(self, query: Transaction, before: Directory, change: Import | Order) -> DirectoryDiff:
        if isinstance(change, Import):
            return compare(before, change.agencies, keep_systems=True)
        changed = plan(before, change, await today(query))
        touched = [unit for agency in changed if (unit := before.unit(agency.unit_id)) is not None]
        return compare(touched, changed)

    async def _keep(self, tx: Transaction, diff: DirectoryDiff, *, kind: str, by: str) -> None:
        if not diff:
            return
        units = tuple(ChangedUnit(before=u.before, after=u.after) for u in diff.units)
        await tx.directory.keep(
            NewDirectoryChange(order_id=self._ids.new(), kind=kind, by=by.strip(), units=units)
        )


async def today(query: Transaction) -> date:
    """Return the day in Vietnam by the hub's clock."""
    return (await query.systems.now()).astimezone(LOCAL).date()


def _changed(before: Directory, diff: DirectoryDiff) -> Directory:
    units = {agency.unit_id: agency for agency in before}
    for unit in diff.units:
        if unit.after is None:
            del units[unit.unit_id]
        else:
            units[unit.unit_id] = unit.after
    return Directory(units.values(), province_suffixes=before.province_suffixes)


def kind_of(order: Order) -> str:
    """Return under which word an order stands in the history."""
    if isinstance(order, Retire):
        return "retire" if len(order.codes) == 1 and len(order.successors) < 2 else _many(order)
    if isinstance(order, SetState):
        return "lock" if order.locked else "unlock"
    return _KINDS[type(order)]


def _many(order: Retire) -> str:
    return "merge" if len(order.codes) > 1 else "split"


def _refuse_lost(diff: DirectoryDiff, *, drop: bool) -> None:
    lost = [agency.unit_id for agency in diff.removed if agency.system_id is not None]
    if lost and not drop:
        raise OrderRefused("agency_connected", code=", ".join(lost[:LISTED_LOST]))
